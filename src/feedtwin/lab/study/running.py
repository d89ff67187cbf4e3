"""Run a study: cells batch by batch through an executor, then the table. A killed study goes on where it was."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Final

from feedtwin.errors import RunFolderError
from feedtwin.lab.machine import usable_cores
from feedtwin.lab.numbers import significant
from feedtwin.lab.statistics.sequential import PILOT
from feedtwin.lab.study.answering import (
    answered,
    degraded_warnings,
    marked_effects,
    marked_levels,
    marked_points,
    marked_readings,
    marks_of,
)
from feedtwin.lab.study.cells import CELLS, Cell, Job, cell_of, unique, wanted_in_windows
from feedtwin.lab.study.correcting import effects_of
from feedtwin.lab.study.curves import curves_of
from feedtwin.lab.study.estimating import (
    CellReadings,
    Cells,
    levels_of,
    over_time_of,
)
from feedtwin.lab.study.executors import Executor, local, refuse_at_import
from feedtwin.lab.study.plan import Study
from feedtwin.lab.study.provenance import calibration, provenance
from feedtwin.lab.study.result import Effect, Reading, StudyResult
from feedtwin.lab.study.tables import STUDY_FILE, write_result
from feedtwin.lab.study.warning import warnings_of
from feedtwin.lab.study.wholeness import why_not_whole
from feedtwin.lab.study.working import clear, do, is_finished, is_run
from feedtwin.record.folder import CACHE, refuse_unwritable
from feedtwin.world.counsel import Counsel

STUDIES: Final = Path("studies")
"""Where studies go by default: `studies/<name>`."""


@dataclass(frozen=True)
class StudyProgress:
    """Where a study is.

    Attributes:
        done: Cells that are finished, those of earlier calls included.
        total: Cells of the study so far; a precision may ask for more.
        reused: Cells that were finished before this call.
        seconds: Seconds since this call began.
    """

    done: int
    total: int
    reused: int
    seconds: float

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take at the pace so far; None before the first cell."""
        ran = self.done - self.reused
        return None if ran <= 0 else (self.total - self.done) * self.seconds / ran


OnStudyProgress = Callable[[StudyProgress], None]


def folder_of(study: Study, out: str | Path | None) -> Path:
    """Return a study's folder: the one given, or `studies/<name>` (`<name>-quick` for a quick look)."""
    if out is not None:
        return Path(out)
    return STUDIES / (f"{study.name}-quick" if study.quick else study.name)


def run_study(
    study: Study,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    on_progress: OnStudyProgress = lambda progress: None,
    offline: bool = False,
) -> StudyResult:
    """Run what is not run yet of a study, and write its tables.

    Args:
        study: The study, checked.
        out: Its folder; `studies/<name>` by default. Finished cells in it are reused.
        workers: Local processes; one per usable core by default. The tables do not depend on it.
        executor: Where cells run instead.
        on_progress: Called when the study begins and after every cell.
        offline: Whether no language model may be asked; a cell whose answers are not all on disk is refused.

    Raises:
        FeedtwinError: A cell cannot be run; what is finished stays. Or the folder is another study's or in use.
    """
    refuse_at_import()
    folder = folder_of(study, out)
    where = executor or local(workers or usable_cores())
    with _held(folder, study):
        run = _Run(study, folder, where, on_progress, offline)
        precision = run.all_batches()
        result = _result(study, folder, run.cells(), precision, run)
        write_result(result)
        _write_claims(result)
    return result


def _write_claims(result: StudyResult) -> None:
    from feedtwin.lab.claims import (
        write_claims,
    )  # they read studies, and a study knows nothing of them

    write_claims(result)


class _Run:
    """The cells of one call, batch by batch."""

    def __init__(
        self, study: Study, folder: Path, executor: Executor, on_progress: OnStudyProgress,
        offline: bool,
    ) -> None:  # fmt: skip
        self._study, self._executor, self._on_progress = study, executor, on_progress
        self._store, self._offline = folder / CELLS, offline
        self._threads = max(1, usable_cores() // executor.workers)
        self._began = perf_counter()
        self._found: dict[str, CellReadings] = {}
        self._cells: list[Cell] = []
        self.reused = 0
        self.run_again: list[str] = []
        self._total = 0

    def all_batches(self) -> str:
        """Run until the replicates are done or the precision is reached; say which."""
        plan = self._study.replication
        done = 0
        while done < plan.most:
            until = min(done + plan.batch, plan.most)
            self._batch(range(done, until))
            done = until
            if plan.precision is None:
                continue
            found = self._judged()
            wanted = plan.precision.wanted(found.estimate or 0.0)
            half = None if found.low is None or found.high is None else (found.high - found.low) / 2
            said = (
                f"half-width {_short(half)} after {done} replicates, {_short(wanted)} was declared"
            )
            if half is not None and found.n_effective >= PILOT and half <= wanted:
                return f"{plan.estimand}: precision reached: {said}"
            if done == plan.most:
                return f"{plan.estimand}: precision not reached: {said}; the cap of {plan.most} replicates was reached first"
        return ""

    def cells(self) -> Cells:
        """What every cell gave, arm by arm."""
        return Cells(
            [
                replace(self._found[cell.key], arm=cell.arm, replicate=cell.replicate)
                for cell in self._cells
            ]
        )

    def _judged(self) -> Effect:
        effects = effects_of(self._study, self.cells(), "")
        return next(one for one in effects if one.estimand == self._study.replication.estimand)

    def _batch(self, replicates: range) -> None:
        study = self._study
        cells = [cell_of(study, arm, r) for r in replicates for arm in study.arms]
        pasts = [cell_of(study, "", r) for r in replicates] if study.warmup else []
        jobs = [self._job(cell) for cell in unique(cells)]
        first = {one.read_from for one in study.cohorts.values() if one.read_from}
        past_jobs = [
            Job(cell, self._store, threads=self._threads, offline=self._offline)
            for cell in unique(pasts)
        ]
        needed = {job.cell.key for job in past_jobs if self._was_broken(job)}
        for job in jobs:
            self._was_broken(job)
        finished = [job for job in jobs if is_finished(job)]
        missing = [job for job in jobs if job not in finished]
        needed |= {job.cell.past for job in missing}
        past_jobs = [job for job in past_jobs if job.cell.key in needed and not is_finished(job)]
        self.reused += len(finished)
        self._total += len(jobs) + len(past_jobs)
        for job in finished:
            self._found[job.cell.key] = do(job)
        self._report()
        to_run = {job.cell.arm: job for job in (*past_jobs, *missing) if not is_run(job.folder)}
        for job in to_run.values():
            Counsel(is_offline=self._offline).check(
                job.cell.settings
            )  # without key or server no cell begins
        self._go(past_jobs)
        self._go([job for job in missing if job.cell.arm in first])
        self._go([job for job in missing if job.cell.arm not in first])
        self._cells += cells

    def _was_broken(self, job: Job) -> bool:
        """Clear a cell that cannot be read whole, and remember to say so."""
        why = why_not_whole(job.folder)
        if why:
            clear(job.folder)
            what = f"arm {job.cell.arm}" if job.cell.arm else "shared past"
            self.run_again.append(
                f"cell {job.cell.key} ({what}, replicate {job.cell.replicate}) was not whole and was run again: {why}"
            )
        return bool(why)

    def _go(self, jobs: Sequence[Job]) -> None:
        for found in self._executor.run(do, jobs):
            self._found[found.key] = found
            self._report()

    def _report(self) -> None:
        passed = perf_counter() - self._began
        self._on_progress(StudyProgress(len(self._found), self._total, self.reused, passed))

    def _job(self, cell: Cell) -> Job:
        study = self._study
        used = {wanted.cohort for wanted in study.wanted}
        cohorts = tuple(one for name, one in study.cohorts.items() if name in used)
        others = tuple(
            (one.read_from, cell_of(study, one.read_from, cell.replicate).key)
            for one in cohorts
            if one.read_from
        )
        return Job(
            cell, self._store, (*study.wanted, *wanted_in_windows(study)), cohorts, study.distributions,
            self._threads, others, self._offline,
        )  # fmt: skip


def _short(value: float | None) -> str:
    return "unknown" if value is None else significant(value)


def _result(
    study: Study, folder: Path, cells: Cells, precision: str, run: _Run
) -> StudyResult:  # fmt: skip
    state = calibration(study)
    answers = answered(study, cells)
    marks = marks_of(study, answers)
    effects = marked_effects(effects_of(study, cells, state), study, marks)
    spent = sum({one.key: one.llm_spent_usd for one in cells}.values())
    return StudyResult(
        path=folder,
        effects=effects,
        levels=marked_levels(levels_of(study, cells, state), marks),
        over_time=marked_effects(over_time_of(study, cells, state), study, marks),
        curves=marked_points(curves_of(study, cells, state), study, marks),
        readings=marked_readings(_readings(study, cells), cells, study),
        answers=answers,
        warnings=(*degraded_warnings(answers), *warnings_of(study, cells, effects, precision)),
        provenance=provenance(study, len(cells.replicates), precision, spent),
        reused=run.reused,
        run_again=tuple(run.run_again),
    )


def _readings(study: Study, cells: Cells) -> Iterator[Reading]:
    for arm in study.arms:
        for one in cells.of(arm):
            for wanted in study.wanted:
                value = one.values.get(wanted)
                yield Reading(
                    arm, one.replicate, wanted.metric, wanted.cohort, wanted.first_step,
                    wanted.last_step, None if value is None else float(value),
                    one.why.get(wanted, ""), one.digest, one.key,
                )  # fmt: skip


def refuse_folder(folder: Path, study: Study) -> None:
    """Refuse a folder that a study cannot be run into, before anything is printed or run.

    Raises:
        RunFolderError: It cannot be written, is a file, or is another study's or something else's.
    """
    _refuse_other(folder, study)
    refuse_unwritable(folder)


@contextmanager
def _held(folder: Path, study: Study) -> Iterator[None]:
    """Hold a study's folder for this process; refuse another study's."""
    refuse_folder(folder, study)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RunFolderError(
            f"{folder}: cannot be written: {error.strerror}; expected a folder for the study. Give another with --out"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunFolderError(
                f"{folder}: another process is running this study; wait for it, or give another folder with --out"
            ) from None
        yield
    finally:
        os.close(lock)


def _refuse_other(folder: Path, study: Study) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise RunFolderError(
            f"{folder}: is a file; expected a folder for the study. Give another with --out"
        )
    found = {path.name for path in folder.iterdir()} - {CACHE}  # answers may be there first
    if found and "lock" not in found:
        raise RunFolderError(
            f"{folder}: exists and is no study's folder; expected an empty or new one. Give another with --out"
        )
    try:
        name = json.loads((folder / STUDY_FILE).read_text("utf-8"))["provenance"]["study"]
    except (OSError, ValueError, KeyError):
        return
    if name != study.name:
        raise RunFolderError(
            f"{folder}: holds the study {name!r}; expected {study.name!r}. Give another folder with --out"
        )
