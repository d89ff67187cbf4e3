"""What a finished run gives to a study: its wanted numbers, windows of time, and curves."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from feedtwin.lab.metrics import METRICS, measure
from feedtwin.lab.metrics.metric import read
from feedtwin.lab.metrics.metric import warnings_of as run_warnings
from feedtwin.lab.run_data import LEVELS, RunData, RunLog, read_run
from feedtwin.lab.statistics import lorenz
from feedtwin.lab.statistics.distributions import QUANTILES
from feedtwin.lab.study.answering import answers_in
from feedtwin.lab.study.cells import Job
from feedtwin.lab.study.cohorts import members, restricted, with_adoption
from feedtwin.lab.study.distributions import DISTRIBUTIONS
from feedtwin.lab.study.estimating import CellReadings
from feedtwin.lab.study.plan import WHOLE, Cohort, Wanted
from feedtwin.lab.study.since import since
from feedtwin.record.reader import Run

LORENZ_POINTS: Final = (*(round(0.05 * k, 2) for k in range(1, 20)), 0.975, 0.99, 0.999)
"""Population shares at which curves of studies are given; finer at the top, where feeds concentrate."""
MICRO: Final = 1_000_000


def measured(job: Job) -> CellReadings:
    """Return what a job's finished run gives.

    Raises:
        IntegrityError: A file of the run was altered.
    """
    cell = job.cell
    path = job.folder / "run"
    run = Run.open(path)
    whole = read_run(path)
    data = whole
    if cell.past:
        data = since(whole, read_run(job.store / cell.past / "run"))
    begin = cell.at
    values: dict[Wanted, float | None] = {}
    why: dict[Wanted, str] = {}
    parts = _Parts(job, data)
    for wanted in job.wanted:
        source = parts.of(wanted.cohort)
        if (wanted.first_step, wanted.last_step) != (0, cell.steps - begin):
            span = (begin + wanted.first_step, begin + wanted.last_step)
            source = parts.of(wanted.cohort, span, run)
        reading = read(METRICS[wanted.metric], source)
        values[wanted] = reading.value
        if reading.value is None:
            why[wanted] = reading.why
    return CellReadings(
        arm=cell.arm,
        replicate=cell.replicate,
        key=cell.key,
        digest=run.commits[run.last_step],
        values=values,
        why=why,
        windows=_windows(job, run, data),
        curves=_curves(job, data),
        notes=run_warnings(measure(whole, headlines_only=True)),
        llm_spent_usd=_spent(run),
        answers=answers_in(path),
    )


class _Parts:
    """A run's data by cohort, made once each."""

    def __init__(self, job: Job, data: RunData) -> None:
        self._job, self._data = job, data
        self._cohorts = {one.name: one for one in job.cohorts}
        self._found: dict[tuple[str, tuple[int, int] | None], RunData] = {}

    def of(self, name: str, span: tuple[int, int] | None = None, run: Run | None = None) -> RunData:
        """Return the data of a cohort, over some steps only if a span is given."""
        key = name, span
        if key not in self._found:
            data = self._data
            if span is not None:
                assert run is not None
                data = part_of(run, data, *span)
            if name != WHOLE:
                cohort = self._cohorts[name]
                data = restricted(data, cohort, self._members(cohort))
            self._found[key] = data
        return self._found[key]

    def _members(self, cohort: Cohort) -> np.ndarray:
        if cohort.read_from is None:
            return members(with_adoption(self._data), cohort)
        key = dict(self._job.others)[cohort.read_from]
        return members(with_adoption(read_run(self._job.store / key / "run")), cohort)


def part_of(run: Run, data: RunData, first: int, last: int) -> RunData:
    """Return a run's totals and events from step `first` to before `last`, without tables."""
    rows = run.step_metrics().to_pydict()
    totals: dict[str, int] = {}
    for step, name, value in zip(rows["step"], rows["name"], rows["value"], strict=True):
        if first <= step < last:
            totals[name] = int(value) if name in LEVELS else totals.get(name, 0) + int(value)
    log = RunLog(run, first, last - 1) if run.has_events else None
    return replace(
        data, totals=totals, items={}, users={}, first_step=first, steps=last - first, log=log
    )


def _windows(job: Job, run: Run, data: RunData) -> dict[str, tuple[float, ...]]:
    if not job.window_metrics:
        return {}
    begin = job.cell.at
    parts = [part_of(run, data, begin + first, begin + last) for first, last in job.windows]
    out = {}
    for name in job.window_metrics:
        values = [read(METRICS[name], part).value for part in parts]
        out[name] = tuple(float("nan") if value is None else float(value) for value in values)
    return out


def _curves(job: Job, data: RunData) -> dict[tuple[str, str], tuple[float, ...]]:
    out: dict[tuple[str, str], tuple[float, ...]] = {}
    for name in job.distributions:
        amounts = DISTRIBUTIONS[name].amounts(data)
        if amounts is None or not len(amounts):
            continue
        out[name, "quantile"] = tuple(np.quantile(amounts, QUANTILES).tolist())
        out[name, "lorenz"] = tuple(lorenz(amounts, LORENZ_POINTS).tolist())
    return out


def _spent(run: Run) -> float:
    """Money that a run spent on language models, in USD; its ledger is in micro-dollars."""
    if "llm_ledger" not in run.table_names:
        return 0.0
    return sum(run.table("llm_ledger").column("paid_microusd").to_pylist()) / MICRO


def stored_path(folder: Path) -> Path:
    """Where a cell keeps what it gave."""
    return folder / "cell.json"
