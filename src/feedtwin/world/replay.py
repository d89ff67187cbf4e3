"""Replay a run from its journal, and say whether it is the run it claims to be.

The run is executed again from its settings and seed and every step's digest is compared with the
journal. With the full log, every byte of the log is checked first, each logged row is compared with the
re-executed one, and the events are folded back into the twins' tables, which must equal the executed
ones. The bytes of manifest and tables and the registry's digests must be those the journal vouches for.
No model and no network is asked.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feedtwin.bus import Published
from feedtwin.errors import DeterminismError, IntegrityError
from feedtwin.kernels.binding import Kernels
from feedtwin.record.reader import Run
from feedtwin.record.registry import Registry
from feedtwin.schema.batches import EventBatch
from feedtwin.world.closing import file_hashes
from feedtwin.world.counsel import Counsel
from feedtwin.world.folding import flat_batch, fold
from feedtwin.world.running import Progress
from feedtwin.world.segments import Segment, advance, begin, enter
from feedtwin.world.sources import differences, naming_sources
from feedtwin.world.world import World


@dataclass(frozen=True)
class ReplayReport:
    """What a replay compared; it returns only when everything was equal."""

    path: Path
    steps: int
    digest: str
    rows_compared: int
    tables_compared: tuple[str, ...]
    messages: tuple[str, ...]


def segments_of(run: Run) -> list[Segment]:
    """Return the settings of a run over time, from its journal."""
    return [Segment.from_json(one) for one in run.frames[0].payload["segments"]]


def start_step_of(run: Run) -> int:
    """Return the step a run's own record begins with (a fork's is later than 0)."""
    return int(run.frames[0].payload["start_step"])


def replay(
    path: Path, kernels: Kernels, on_progress: Callable[[Progress], None] = lambda progress: None
) -> ReplayReport:
    """Execute a run again and compare.

    Raises:
        IntegrityError: A byte of the journal or the log was changed; names file and record.
        SourceError: Something differs, and a policy's source file is not the one that made the run.
        DeterminismError: A digest, a logged row or a folded table differs.
    """
    run = Run.open(path)
    run.verify()
    segments = segments_of(run)
    with naming_sources(path, segments):
        return _executed_again(run, segments, kernels, on_progress)


def _executed_again(
    run: Run, segments: list[Segment], kernels: Kernels, on_progress: Callable[[Progress], None]
) -> ReplayReport:
    path, start, last = run.path, start_step_of(run), run.last_step
    counsel = Counsel.of_frames(run.frames, is_offline=True)
    world = advance(begin(segments, kernels, counsel), segments, kernels, start)
    folded = None
    logged = None
    rows = _Counter()
    if run.has_events:
        folded = enter(begin(segments, kernels), segments, kernels)
        folded.load_state(world.state(), start, world.digest)
        folded = enter(folded, segments, kernels)
        logged = _flat(run)
        world.recorder = _Comparer(path, logged, folded, rows).on_published
    digests = run.commits

    def report(world: World) -> None:
        on_progress(Progress(world.step_count, last + 1, rows.value, 0.0))

    world = advance(world, segments, kernels, last + 1, digests.get, report)
    tables: tuple[str, ...] = ()
    if folded is not None and logged is not None:
        left = next(logged, None)
        if left is not None:
            raise DeterminismError(
                f"{path}/events/{left.event}: {left.rows} rows at step {left.step} that re-execution does "
                "not give; expected the log to end"
            )
        tables = _compare_tables(world, folded)
    closing = run.closing
    if closing is not None and closing["digest"] != world.digest.hex():
        raise DeterminismError(
            f"{path}/journal, closing record: digest {closing['digest'][:16]}, re-execution gives "
            f"{world.digest.hex()[:16]}"
        )
    verify_outputs(run)
    messages = tuple(differences(path, segments))
    if not closing:
        messages += (f"the run is not finished: compared up to step {last}",)
    return ReplayReport(path, last + 1 - start, world.digest.hex(), rows.value, tables, messages)


def verify_outputs(run: Run) -> None:
    """Check what the journal vouches for beside events: manifest, tables, and the registry's digests.

    Raises:
        IntegrityError: names the file.
    """
    if run.closing is None:
        return
    expected = run.closing["outputs"]
    for name, found in file_hashes(run.path, tuple(expected)).items():
        if found != expected[name]:
            raise IntegrityError(
                f"{run.path / name}: not the file that the run closed with; expected SHA-256 "
                f"{expected[name][:16]}, found {found[:16] or 'no file'}"
            )
    registry = Registry.open(run.path / "registry.sqlite")
    try:
        rows = dict(registry.query("SELECT step, digest FROM steps"))
    finally:
        registry.close()
    for step, digest in run.commits.items():
        if rows.get(step) != digest:
            raise IntegrityError(
                f"{run.path}/registry.sqlite: table steps, step {step}: digest "
                f"{str(rows.get(step))[:16]}; the journal has {digest[:16]}"
            )


class _Counter:
    def __init__(self) -> None:
        self.value = 0


def _flat(run: Run) -> Iterator[EventBatch]:
    for _, step, _, _, event, record_batch in run.batches():
        yield flat_batch(event, step, record_batch)


class _Comparer:
    """Compares what re-execution publishes with the log, and folds the logged rows."""

    def __init__(
        self, path: Path, logged: Iterator[EventBatch], folded: World, rows: _Counter
    ) -> None:
        self._path, self._logged, self._folded, self._rows = path, logged, folded, rows

    def on_published(self, published: Published) -> None:
        """Take the logged counterparts of one published batch."""
        taken = []
        for now in published.batch.logged():
            then = next(self._logged, None)
            if then is None or then.event != now.event or then.step != now.step:
                found = (
                    "the end of the log" if then is None else f"{then.event} at step {then.step}"
                )
                raise DeterminismError(
                    f"{self._path}/events: found {found} where re-execution publishes {now.event} at "
                    f"step {now.step}; expected the same order"
                )
            _compare_rows(self._path, then, now)
            self._rows.value += now.rows
            taken.append(then)
        fold(self._folded, taken)


def _compare_rows(path: Path, then: EventBatch, now: EventBatch) -> None:
    for name, logged in then.columns.items():
        fresh = now.columns[name]
        if len(logged) != len(fresh) or logged.tobytes() != fresh.tobytes():
            same = min(len(logged), len(fresh))
            different = np.nonzero(logged[:same] != fresh[:same])[0]
            row = int(different[0]) if len(different) else same
            raise DeterminismError(
                f"{path}/events/{then.event}, step {then.step}, row {row} of its batch, column {name}: "
                f"found {_value(logged, row)}, re-execution gives {_value(fresh, row)}"
            )


def _value(array: np.ndarray, row: int) -> object:
    return array[row].item() if row < len(array) else "no such row"


def _compare_tables(world: World, folded: World) -> tuple[str, ...]:
    executed, rebuilt = world.state(), folded.state()
    for name, array in executed.items():
        other = rebuilt[name]
        if array.shape != other.shape or array.tobytes() != other.tobytes():
            raise DeterminismError(
                f"fold of the event log: table column {name} differs from the executed one; expected the "
                "log to hold everything that changes it"
            )
    return tuple(executed)
