"""Where cells run: one seam, so that a cluster can take the place of local processes."""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import Executor as FuturesExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from feedtwin.errors import RunFolderError, SettingsError

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")
_PARENT_CHECK_S: Final = 1.0
_GUARD: Final = re.compile(r"__name__\s*==")
_UNGUARDED: Final = (
    "{script}: no worker process could start: each one imports this script, and what stands at its top level runs again there. "
    'Expected the call (compare, study, ...) behind a guard: put the line `if __name__ == "__main__":` above it and indent what '
    "follows, or call with workers=1"
)


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
        refuse_at_import()
        context = multiprocessing.get_context("spawn")  # threads and fork do not go together
        has_begun = context.Event()
        pool = ProcessPoolExecutor(
            min(self.workers, len(jobs)),
            mp_context=context,
            initializer=_begin_worker,
            initargs=(os.getpid(), has_begun),
        )
        try:
            yield from _as_they_come(pool, function, jobs, self.workers)
        except BrokenProcessPool as error:
            script = None if has_begun.is_set() else _unguarded_script()
            if script is not None:  # the workers failed while they imported it, before any cell
                raise SettingsError(_UNGUARDED.format(script=script)) from error
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


def refuse_at_import() -> None:
    """Refuse to start work in a worker that is only importing the caller's script.

    Raises:
        SettingsError: This process is such a worker: the script asks for the work at its top level, unguarded.
    """
    import multiprocessing

    # What the standard library looks at before it refuses to start processes from a worker that is not up yet.
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        script = getattr(sys.modules.get("__mp_main__"), "__file__", "the script")
        raise SettingsError(_UNGUARDED.format(script=script))


def _unguarded_script() -> str | None:
    """Return the path of the script that runs, if every worker runs it whole; None without one, or with a guard in it."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    if path is None or not Path(path).is_file():
        return None
    return None if _GUARD.search(Path(path).read_text("utf-8", errors="replace")) else str(path)


def _begin_worker(parent: int, has_begun: Any) -> None:
    """Begin a worker, whose imports are done by now."""
    has_begun.set()
    end_with_parent(parent)


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
