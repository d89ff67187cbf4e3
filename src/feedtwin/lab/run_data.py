"""What a metric may read: the totals, the closing tables and, where it is kept, the log of one run folder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.lab.language import warnings_about
from feedtwin.record.folder import tables_at
from feedtwin.record.reader import Run

HOURS_PER_DAY: Final = 24
LEVELS: Final = (
    "active_users", "review_backlog", "cascade_depth_max", "cascade_breadth_max", "llm_budget_exceeded",
)  # fmt: skip
"""Names among the step metrics that are levels; all others are increments and add up."""

Array = npt.NDArray[Any]


class Log(Protocol):
    """The events of a run."""

    def has(self, event: str) -> bool:
        """Whether the log keeps an event, by its lower-case name."""
        ...

    def columns(self, query: str) -> dict[str, Array]:
        """Return the answer to a query over events and closing tables, column by column.

        Args:
            query: One SELECT; `STEPS` in it becomes the condition on `step` that metrics must keep to.
        """
        ...


@dataclass(frozen=True)
class RunLog:
    """The event log of a run folder, cut to some steps."""

    run: Run
    first_step: int
    last_step: int

    def has(self, event: str) -> bool:
        """Whether the log keeps an event, by its lower-case name."""
        return event.upper() in self.run.event_names

    def columns(self, query: str) -> dict[str, Array]:
        """Return the answer to a query, column by column; `STEPS` becomes the condition on `step`."""
        steps = f"step BETWEEN {self.first_step} AND {self.last_step}"
        found = self.run.sql(query.replace("STEPS", steps))
        return {name: found.column(name).to_numpy() for name in found.column_names}


@dataclass(frozen=True)
class RunData:
    """One run, as metrics see it.

    Attributes:
        totals: Sum over the steps of each integer total; of a level, its last value.
        items: Columns of the catalogue at the end, (V,) each; empty while a run is open.
        users: Columns of the users at the end, those who left included and those who never joined not,
            (U,) each; empty while a run is open.
        first_step: First step that the totals cover; later than 0 in a fork.
        steps: Number of steps that the totals cover.
        notes: What a reader must know about the horizon of these numbers.
        log: The events, cut to the steps of the totals; None where the run keeps none.
        seed: Root seed of the run; draws of a metric (subsamples) are keyed by it.
        replicate: Replicate of the run.
    """

    totals: Mapping[str, int]
    items: Mapping[str, Array]
    users: Mapping[str, Array]
    first_step: int
    steps: int
    notes: tuple[str, ...] = ()
    log: Log | None = None
    seed: int = 0
    replicate: int = 0

    def __getitem__(self, name: str) -> int:
        """Return a total, 0 where nothing was counted."""
        return int(self.totals.get(name, 0))

    def missing(self, needs: Iterable[str]) -> str:
        """Return why something that a metric needs is not there, or "".

        Args:
            needs: Names as in `Metric.needs`. A total that nobody counted is 0, so none is missing.
        """
        for need in needs:
            kind, _, name = need.partition(".")
            if kind == "log" and self.log is None:
                return "needs the event log (--log full)"
            if kind == "log" and self.log is not None and not self.log.has(name):
                return f"needs {name}, which the log of this run does not have"
            table = {"items": self.items, "users": self.users}.get(kind)
            if name and table is not None and name not in table:
                return f"needs the column {need}, which this run does not have"
        return ""

    def events(self, query: str) -> dict[str, Array]:
        """Return the answer to a query over the log, column by column (see `Log.columns`)."""
        assert self.log is not None, "a metric that reads the log says so in `needs`"
        return self.log.columns(query)

    def of_users(self, column: str, user: Array) -> Array:
        """Return a column of the users table for some user ids, which are no row numbers: sign-ups have high ids.

        A metric that calls this needs `users.user` and the column.

        Raises:
            IntegrityError: The table does not have one of them, though it owns a video.
        """
        known = self.users["user"]
        at = np.searchsorted(known, user)
        strangers = user[(at == len(known)) | (known[np.minimum(at, len(known) - 1)] != user)]
        if len(strangers):
            raise IntegrityError(
                f"tables/users.parquet: no member {int(strangers[0])}, who has videos in items.parquet; expected "
                "everybody who ever posted. The tables are not those of one run"
            )
        return self.users[column][at]

    @property
    def end_step(self) -> int:
        """The step after the last one that the totals cover."""
        return self.first_step + self.steps

    @property
    def is_closed(self) -> bool:
        """Whether the run has its closing tables."""
        return bool(self.items)

    @property
    def days(self) -> float:
        """Simulated days that the totals cover."""
        return self.steps / HOURS_PER_DAY


def read_run(path: str | Path, steps: range | None = None) -> RunData:
    """Read what metrics need from a run folder.

    Args:
        path: The run folder.
        steps: Steps that the totals shall cover, to compare runs over what they have in common; all that
            the run has by default. The tables are those of its end; they are left out if `steps` ends before.

    Raises:
        RunFolderError: There is no run at `path`.
        IntegrityError: A file of it was altered.
    """
    run = Run.open(path)
    rows = run.step_metrics().to_pydict()
    covered = sorted({one for one in rows["step"] if steps is None or one in steps})
    chosen = set(covered)
    totals: dict[str, int] = {}
    for step, name, value in zip(rows["step"], rows["name"], rows["value"], strict=True):
        if step in chosen:
            totals[name] = int(value) if name in LEVELS else totals.get(name, 0) + int(value)
    first = covered[0] if covered else 0
    is_whole = not covered or covered[-1] == run.last_step
    manifest = run.manifest
    return RunData(
        totals=totals,
        items=_columns(run, "items") if is_whole else {},
        users=_joined(_columns(run, "users")) if is_whole else {},
        first_step=first,
        steps=len(covered),
        notes=_notes(run, first),
        log=RunLog(run, first, covered[-1]) if run.has_events and covered else None,
        seed=int(manifest["seed"]),
        replicate=int(manifest["replicate"]),
    )


def read_counts(path: Path, steps: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Read the tables of items and users that a run kept as they were after so many steps.

    Raises:
        RunFolderError: The run kept none then.
    """
    folder = path / tables_at(steps)
    if not folder.is_dir():
        raise RunFolderError(
            f"{folder}: no such folder; expected the tables of users and items after {steps} steps. Run the study again"
        )
    items, users = (_read(folder / f"{name}.parquet") for name in ("items", "users"))
    return items, _joined(users)


def _read(file: Path) -> dict[str, Array]:
    import pyarrow.parquet as pq

    table = pq.read_table(file, page_checksum_verification=True)
    return {column: table.column(column).to_numpy() for column in table.column_names}


def common_steps(a: str | Path, b: str | Path) -> range:
    """Return the steps that both runs committed; empty if there are none."""
    left, right = Run.open(a).commits, Run.open(b).commits
    both = sorted(set(left) & set(right))
    return range(both[0], both[-1] + 1) if both else range(0)


def _columns(run: Run, name: str) -> dict[str, Array]:
    """Columns of a closing table, or none while the run is open."""
    if name not in run.table_names:
        return {}
    table = run.table(name)
    return {column: table.column(column).to_numpy() for column in table.column_names}


def _joined(users: dict[str, Array]) -> dict[str, Array]:
    """The rows of people and accounts that are or were members; ids have gaps before later sign-ups."""
    return {name: values[users["member"] > 0] for name, values in users.items()}


def _notes(run: Run, first: int) -> tuple[str, ...]:
    notes = []
    if first:
        notes.append(
            f"counts and events begin at step {first}; tables of videos and users cover the world from step 0"
        )
    notes += warnings_about(run.path)
    if run.closing is None:
        notes.append(f"{run.unfinished}; metrics of videos and users come when it closes")
    return tuple(notes)
