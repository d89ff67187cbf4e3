"""Where two runs part: the first event that differs, why, and how the settings differ.

Both runs are executed again from their journals around the first step whose digests differ, so any log
level will do.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feedtwin.bus import Published
from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import Kernels
from feedtwin.record.reader import Run
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.events import EVENTS
from feedtwin.world.replay import segments_of
from feedtwin.world.running import restore
from feedtwin.world.segments import Segment, advance
from feedtwin.world.sources import differences


@dataclass(frozen=True)
class Divergence:
    """The first row in which two runs differ, and what led to it."""

    step: int
    phase: str
    event: str
    row: int
    user: int | None
    column: str
    value_a: object
    value_b: object
    cause: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side."""

    equal: bool
    steps_compared: int
    settings: tuple[tuple[str, object, object], ...]
    divergence: Divergence | None
    notes: tuple[str, ...] = ()
    """What the reader should know of the runs: one that is not finished, a policy whose file is another one."""


def compare(path_a: Path, path_b: Path, kernels: Kernels) -> Comparison:
    """Find the first difference between two runs of the same world.

    Raises:
        SettingsError: The runs have no step in common.
    """
    a, b = Run.open(path_a), Run.open(path_b)
    common = sorted(set(a.commits) & set(b.commits))
    if not common:
        raise SettingsError(f"{path_a} and {path_b} have no committed step in common to compare")
    settings = settings_differences(segments_of(a)[-1], segments_of(b)[-1])
    notes = tuple(note for run in (a, b) for note in _notes(run))
    parted = next((step for step in common if a.commits[step] != b.commits[step]), None)
    if parted is None:
        return Comparison(True, len(common), settings, None, notes)
    events_a = _step_events(a, path_a, parted, kernels)
    events_b = _step_events(b, path_b, parted, kernels)
    return Comparison(
        False,
        common.index(parted),
        settings,
        _first_difference(parted, events_a, events_b, settings),
        notes,
    )


def _notes(run: Run) -> list[str]:
    """What a reader should know of one of the runs."""
    changed = [f"{run.path}: {note}" for note in differences(run.path, segments_of(run))]
    return [*filter(None, [run.unfinished]), *changed]


def settings_differences(a: Segment, b: Segment) -> tuple[tuple[str, object, object], ...]:
    """Return (path, value in a, value in b) of every setting that differs."""
    left, right = _flat(a.settings.model_dump()), _flat(b.settings.model_dump())
    paths = sorted(set(left) | set(right))
    return tuple(
        (path, left.get(path), right.get(path))
        for path in paths
        if left.get(path) != right.get(path)
    )


def _flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    out: dict[str, object] = {}
    for name, value in values.items():
        path = f"{prefix}{name}".removeprefix("parameters.")
        if isinstance(value, dict):
            out |= _flat(value, f"{prefix}{name}.")
        else:
            out[path] = value
    return out


def _step_events(run: Run, path: Path, step: int, kernels: Kernels) -> list[tuple[str, EventBatch]]:
    """Execute a run to `step` and return what it published there, flat, with phases."""
    segments = segments_of(run)
    world, _ = restore(path, segments, kernels, step - 1, run.commits.get)
    published: list[tuple[str, EventBatch]] = []

    def record(one: Published) -> None:
        published.extend((one.phase, flat) for flat in one.batch.logged())

    world.recorder = record
    advance(world, segments, kernels, step + 1)
    return published


def _first_difference(
    step: int,
    a: list[tuple[str, EventBatch]],
    b: list[tuple[str, EventBatch]],
    settings: tuple[tuple[str, object, object], ...],
) -> Divergence:
    for (phase, left), (other_phase, right) in zip(a, b, strict=False):
        if left.event != right.event or phase != other_phase:
            names = f"{left.event} in phase {phase}", f"{right.event} in phase {other_phase}"
            cause = ("one run publishes another event here", *_causes(phase, left, 0, settings))
            return Divergence(step, phase, left.event, 0, None, "event", *names, cause)
        found = _first_row(left, right)
        if found is not None:
            row, column, value_a, value_b = found
            users = left.columns.get("user")
            user = int(users[row]) if users is not None and row < left.rows else None
            cause = _causes(phase, left, row, settings)
            return Divergence(step, phase, left.event, row, user, column, value_a, value_b, cause)
    if len(a) != len(b):
        longer = a if len(a) > len(b) else b
        phase, batch = longer[min(len(a), len(b))]
        cause = _causes(phase, batch, 0, settings)
        return Divergence(
            step, phase, batch.event, 0, None, "rows", batch.rows if longer is a else 0,
            batch.rows if longer is b else 0, cause,
        )  # fmt: skip
    cause = ("the events are equal; a table column differs that no event shows",)
    return Divergence(step, "digest", "-", 0, None, "-", "-", "-", cause)


def _first_row(left: EventBatch, right: EventBatch) -> tuple[int, str, object, object] | None:
    """Row, column and values of the first difference, row by row and then column by column."""
    best: tuple[int, str, object, object] | None = None
    for name, values in left.columns.items():
        other = right.columns[name]
        same = min(len(values), len(other))
        different = np.nonzero(values[:same] != other[:same])[0]
        if len(different) and (best is None or different[0] < best[0]):
            row = int(different[0])
            best = (row, name, values[row].item(), other[row].item())
    if best is None and left.rows != right.rows:
        best = (min(left.rows, right.rows), "rows", left.rows, right.rows)
    return best


_PHASE_READS = {
    "routines": "the promotion policy and the items' totals",
    "decide": "activity, satisfaction and energy of the users",
    "create": "the creators' upload rates and the archetypes",
    "request": "who is in a session",
    "serve": "the recommendation policy, the platform's estimates, stages, ties and seen-stores",
    "learn": "the slates served and the encounter's parameters",
    "execute": "what users chose to follow",
}


def _causes(
    phase: str, batch: EventBatch, row: int, settings: tuple[tuple[str, object, object], ...]
) -> tuple[str, ...]:
    """Say what the event follows from: its phase's inputs, and the settings that differ."""
    lines = [
        f"{EVENTS[batch.event].producer} twin, phase {phase}: reads {_PHASE_READS.get(phase, '-')}"
    ]
    if {"request", "slot"} <= set(batch.columns) and row < batch.rows:
        lines.append(
            f"impression (user {int(batch.user[row])}, request {int(batch.request[row])}, slot "
            f"{int(batch.slot[row])})"
        )
    lines += [f"setting {path}: {a!r} against {b!r}" for path, a, b in settings[:8]]
    if not settings:
        lines.append("no setting differs: code, data or an input of the journal must")
    return tuple(lines)
