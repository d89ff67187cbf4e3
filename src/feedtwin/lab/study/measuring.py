"""What a finished run gives to a study: its wanted numbers, of the whole run or of a part of it, and curves."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from feedtwin.lab.metrics import METRICS, measure
from feedtwin.lab.metrics.metric import read
from feedtwin.lab.metrics.metric import warnings_of as run_warnings
from feedtwin.lab.run_data import LEVELS, Array, RunData, RunLog, read_counts, read_run
from feedtwin.lab.statistics import lorenz
from feedtwin.lab.statistics.distributions import QUANTILES
from feedtwin.lab.study.answering import answers_in
from feedtwin.lab.study.cells import Job
from feedtwin.lab.study.cohorts import members, restricted, with_adoption
from feedtwin.lab.study.distributions import DISTRIBUTIONS
from feedtwin.lab.study.estimating import CellReadings
from feedtwin.lab.study.plan import WHOLE, Cohort, Wanted
from feedtwin.lab.study.since import counted_since, since
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
    past = read_run(job.store / cell.past / "run") if cell.past else None
    data = whole if past is None else since(whole, past)
    begin = cell.at
    values: dict[Wanted, float | None] = {}
    why: dict[Wanted, str] = {}
    parts = _Parts(job, data, Slices(run, whole, past))
    for wanted in job.wanted:
        source = parts.of(wanted.cohort)
        if (wanted.first_step, wanted.last_step) != (0, cell.steps - begin):
            span = (begin + wanted.first_step, begin + wanted.last_step)
            source = parts.of(wanted.cohort, span)
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
        curves=_curves(job, data),
        notes=run_warnings(measure(whole, headlines_only=True)),
        llm_spent_usd=_spent(run),
        answers=answers_in(path),
    )


class _Parts:
    """A run's data by cohort, made once each."""

    def __init__(self, job: Job, data: RunData, slices: "Slices") -> None:
        self._job, self._data, self._slices = job, data, slices
        self._cohorts = {one.name: one for one in job.cohorts}
        self._found: dict[tuple[str, tuple[int, int] | None], RunData] = {}

    def of(self, name: str, span: tuple[int, int] | None = None) -> RunData:
        """Return the data of a cohort, over some steps only if a span is given."""
        key = name, span
        if key not in self._found:
            data = self._data if span is None else self._slices.between(*span)
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


class Slices:
    """A run's totals, tables and events over some of its steps."""

    def __init__(self, run: Run, data: RunData, past: RunData | None) -> None:
        """Keep what slices are cut from.

        Args:
            run: The run.
            data: What it says as a whole.
            past: What the run it branches from says, closed where it branches; None for a run from step 0.
        """
        self._run, self._data, self._past = run, data, past
        self._rows = run.step_metrics().to_pydict()
        self._kept = set(run.frames[0].payload["tables_at"])

    def between(self, first: int, last: int) -> RunData:
        """Return steps `first` to before `last`; without tables where the run did not keep them at both ends.

        Counters of tables are those of these steps; levels (followers, stages) are as they were at their end.
        """
        totals: dict[str, int] = {}
        rows = self._rows
        for step, name, value in zip(rows["step"], rows["name"], rows["value"], strict=True):
            if first <= step < last:
                totals[name] = int(value) if name in LEVELS else totals.get(name, 0) + int(value)
        items, users = self._tables(first, last)
        log = RunLog(self._run, first, last - 1) if self._run.has_events else None
        return replace(
            self._data, totals=totals, items=items, users=users, first_step=first,
            steps=last - first, log=log,
        )  # fmt: skip

    def _tables(self, first: int, last: int) -> tuple[dict[str, Array], dict[str, Array]]:
        ends = {self._data.first_step, self._data.end_step, *self._kept}
        if not {first, last} <= ends:
            return {}, {}
        now = self._at(last)
        return now if first == 0 else counted_since(now, self._at(first))

    def _at(self, steps: int) -> tuple[dict[str, Array], dict[str, Array]]:
        if steps == self._data.end_step:
            return dict(self._data.items), dict(self._data.users)
        if steps == self._data.first_step and self._past is not None:
            return dict(self._past.items), dict(self._past.users)
        return read_counts(self._run.path, steps)


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
