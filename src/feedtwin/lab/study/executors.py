"""Where cells run: one seam, so that a cluster can take the place of local processes."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import Executor as FuturesExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final, Protocol, TypeVar

from feedtwin.errors import RunFolderError

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")
_PARENT_CHECK_S: Final = 1.0


class Executor(Protocol):
    """Runs jobs somewhere and gives back results as they come, in any order.

    Jobs and results are pickled. A job writes what lasts into the study's folder itself, so an executor that loses
    a job loses that cell only.
    """

    workers: int

    def run(
        self, function: Callable[[JobT], ResultT], jobs: Sequence[JobT]
    ) -> Iterator[ResultT]:  # fmt: skip
        """Yield each job's result; an exception of a job is raised here, and the rest is given up."""
        ...


class InProcess:
    """One after another in this process: simplest to debug."""

    workers = 1

    def run(
        self, function: Callable[[JobT], ResultT], jobs: Sequence[JobT]
    ) -> Iterator[ResultT]:  # fmt: skip
        """Yield each job's result in order."""
        for job in jobs:
            yield function(job)


class LocalProcesses:
    """Several processes on this machine, each with kernels of its own; they end when this one does."""

    def __init__(self, workers: int) -> None:
        assert workers >= 1
        self.workers = workers

    def run(
        self, function: Callable[[JobT], ResultT], jobs: Sequence[JobT]
    ) -> Iterator[ResultT]:  # fmt: skip
        """Yield each job's result as it comes."""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        if not jobs:
            return
        pool = ProcessPoolExecutor(
            min(self.workers, len(jobs)),
            mp_context=multiprocessing.get_context("spawn"),  # threads and fork do not go together
            initializer=end_with_parent,
            initargs=(os.getpid(),),
        )
        try:
            yield from _as_they_come(pool, function, jobs, self.workers)
        except BrokenProcessPool as error:
            raise RunFolderError(
                "a worker process ended in the middle of a cell; expected it to finish. Is memory short? Finished cells "
                "are kept: run the study again, with fewer --workers"
            ) from error
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.terminate()  # cells in flight are lost; everything finished is on disk
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()


class Futures:
    """Any `concurrent.futures` executor, for example a cluster's: Dask's `client.get_executor()`, mpi4py's.

    The study's folder must be one that all workers see.
    """

    def __init__(self, pool: FuturesExecutor, workers: int) -> None:
        self.pool, self.workers = pool, workers

    def run(
        self, function: Callable[[JobT], ResultT], jobs: Sequence[JobT]
    ) -> Iterator[ResultT]:  # fmt: skip
        """Yield each job's result as it comes."""
        yield from _as_they_come(self.pool, function, jobs, self.workers)


def _as_they_come(
    pool: FuturesExecutor,
    function: Callable[[JobT], ResultT],
    jobs: Sequence[JobT],
    workers: int,
) -> Iterator[ResultT]:
    """Keep a few more jobs submitted than there are workers; yield results as they come."""
    waiting = list(reversed(jobs))
    running: set[Future[Any]] = set()
    while waiting or running:
        while waiting and len(running) < workers + 1:
            running.add(pool.submit(function, waiting.pop()))
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


def end_with_parent(parent: int) -> None:
    """End this process soon after its parent, however that died: an orphan would work for nobody."""

    def watch() -> None:
        pause = threading.Event()
        while not pause.wait(_PARENT_CHECK_S):
            if os.getppid() != parent:
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def local(workers: int) -> Executor:
    """Return the default executor: this process for one worker, processes for more."""
    return InProcess() if workers == 1 else LocalProcesses(workers)
