"""Run a world into a folder: journal, log, registry, snapshots; and resume it after any end.

A step is committed in this order: event streams to the system, registry transaction, journal record
(synced). A crash anywhere leaves the last journal record as the truth, and `resume` goes back to it.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from feedtwin.bus import Published
from feedtwin.errors import DeterminismError, IntegrityError, RunFolderError, SettingsError
from feedtwin.kernels.binding import Kernels
from feedtwin.record.folder import RunFolder, refuse_existing
from feedtwin.record.journal import Journal, commits
from feedtwin.record.log import EventLog, Log, NullLog, newest_intact
from feedtwin.record.registry import Registry
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.events import EVENTS
from feedtwin.schema.settings import Settings
from feedtwin.world import snapshot
from feedtwin.world.closing import write_tables
from feedtwin.world.manifest import code_hash, first_manifest
from feedtwin.world.segments import Segment, advance, begin, enter
from feedtwin.world.world import World

LOG_LEVELS = ("full", "digest")
SNAPSHOT_EVERY = 24
SNAPSHOTS_KEPT = 3


@dataclass(frozen=True)
class RunOptions:
    """How to run; none of it changes the state."""

    steps: int
    log: str = "full"
    snapshot_every: int = SNAPSHOT_EVERY

    def __post_init__(self) -> None:
        if self.log not in LOG_LEVELS:
            raise SettingsError(
                f"--log: found {self.log!r}, expected one of {', '.join(LOG_LEVELS)}"
            )
        if self.steps < 1:
            raise SettingsError(f"--steps: found {self.steps}, expected at least 1")


@dataclass(frozen=True)
class Progress:
    """Where a run is, for a progress bar."""

    step: int
    steps: int
    impressions: int
    seconds: float


@dataclass(frozen=True)
class Finished:
    """What a run left behind."""

    path: Path
    digest: str
    steps_done: int
    steps: int
    impressions: int
    wall_s: float
    messages: tuple[str, ...]

    @property
    def interrupted(self) -> bool:
        """Whether it stopped before its last step, resumable."""
        return self.steps_done < self.steps


OnProgress = Callable[[Progress], None]


def _quiet(progress: Progress) -> None:
    """Report to nobody."""


def start(
    settings: Settings, path: Path, options: RunOptions, kernels: Kernels,
    on_progress: OnProgress = _quiet,
) -> Finished:  # fmt: skip
    """Run a world from its beginning into a new folder.

    Raises:
        RunFolderError: The folder exists, or the disk refused.
    """
    refuse_existing(path)
    segments = [Segment(0, settings)]
    world = begin(segments, kernels)  # bad settings and bad data fail before a folder exists
    return start_from(world, segments, path, options, kernels, on_progress=on_progress)


def start_from(
    world: World,
    segments: list[Segment],
    path: Path,
    options: RunOptions,
    kernels: Kernels,
    *,
    forked_from: dict[str, Any] | None = None,
    on_progress: OnProgress = _quiet,
) -> Finished:
    """Run on from a world's present state into a new folder."""
    header = {
        "segments": [segment.as_json() for segment in segments],
        "steps": options.steps,
        "log": options.log,
        "snapshot_every": options.snapshot_every,
        "start_step": world.step_count,
        "start_digest": world.digest.hex(),
        "code_hash": code_hash(),
        "settings_hash": segments[-1].settings.digest(),
        "forked_from": forked_from,
    }
    manifest = first_manifest(header, world, segments)
    with RunFolder.create(path, manifest, header) as folder:
        save_snapshot(folder, world)
        log = _open_log(folder, options.log, {})
        registry = Registry.create(folder.registry_path, _run_info(segments[-1].settings))
        journal, _, _ = Journal.recover(folder.journal_path)
        session = _Session(folder, journal, log, registry, header, kernels, segments)
        return session.go(world, on_progress, ())


def resume(path: Path, kernels: Kernels, on_progress: OnProgress = _quiet) -> Finished:
    """Go on with a run after an interruption or a crash; say what was dropped.

    Raises:
        IntegrityError: The journal or a stream was altered.
        DeterminismError: Re-execution does not reach the journal's digests.
    """
    with RunFolder.open(path) as folder:
        journal, frames, recovery = Journal.recover(folder.journal_path)
        messages = []
        if recovery.dropped_bytes:
            messages.append(
                f"{folder.journal_path}: dropped {recovery.dropped_bytes} bytes behind record "
                f"{recovery.records - 1}: {recovery.reason}"
            )
        header = frames[0].payload
        segments = [Segment.from_json(one) for one in header["segments"]]
        done = commits(frames)
        if frames[-1].kind == "closed":
            journal.release()
            raise RunFolderError(
                f"{path}: the run is finished ({len(done)} steps); nothing is left to resume. To take it "
                "further, fork it with a larger --steps"
            )
        streams = {step: frame.payload["streams"] for step, frame in done.items()}
        last = max(done, default=header["start_step"] - 1)
        intact = last
        if header["log"] == "full" and done:
            intact = newest_intact(folder.events, streams)
            intact = header["start_step"] - 1 if intact is None else intact
        if intact < last:
            messages.append(
                f"event log reaches step {intact}, the journal {last}: re-executing the rest"
            )
        digests = {step: str(frame.payload["digest"]) for step, frame in done.items()}
        registry = Registry.resume(folder.registry_path, intact, _run_info(segments[-1].settings))
        log = _open_log(folder, header["log"], streams.get(intact, {}), world_batches(done, intact))
        session = _Session(folder, journal, log, registry, header, kernels, segments)
        session.committed = digests
        behind = max(min(intact, registry.last_step), header["start_step"] - 1)
        world, notes = restore(folder, segments, kernels, behind, digests.get)
        world = session.catch_up(world, intact + 1)
        return session.go(world, on_progress, (*messages, *notes))


def restore(
    folder: RunFolder | Path,
    segments: list[Segment],
    kernels: Kernels,
    after_step: int,
    expected: Callable[[int], str | None],
) -> tuple[World, list[str]]:
    """Return the world as it was after `after_step`: nearest sound snapshot, then re-execution.

    Returns:
        The world, and a message per damaged snapshot that was passed over.

    Raises:
        IntegrityError: A sound snapshot does not belong to this run's journal.
        DeterminismError: Re-execution does not reach the journal's digests.
    """
    snapshots = folder.snapshots if isinstance(folder, RunFolder) else folder / "snapshots"
    found, damaged = snapshot.latest(snapshots, after_step) if snapshots.exists() else (None, [])
    world = begin(segments, kernels)
    if found is not None:
        known = expected(found.step)
        if known is not None and known != found.meta["digest"]:
            raise IntegrityError(
                f"{found.path}: record: digest {found.meta['digest'][:16]}, the journal's commit of step "
                f"{found.step} has {known[:16]}; expected the same. The file belongs to another run or step: "
                "remove it, and the run goes on from an older snapshot"
            )
        world.load_state(found.arrays, found.step + 1, bytes.fromhex(found.meta["digest"]))
        world = enter(world, segments, kernels)
    elif after_step + 1 < world.step_count:
        raise IntegrityError(f"{snapshots}: no snapshot at or before step {after_step}")
    return advance(world, segments, kernels, after_step + 1, expected), damaged


def world_batches(done: dict[int, Any], step: int) -> int:
    """Batches published until the end of a committed step."""
    return int(done[step].payload["batches"]) if step in done else 0


def save_snapshot(folder: RunFolder, world: World) -> None:
    """Save the state after the last step done; before the first, only a fork's start is saved."""
    if world.step_count:
        step = world.step_count - 1
        snapshot.save(folder.snapshot_path(step), world.state(), {"digest": world.digest.hex()})


def _run_info(settings: Settings) -> dict[str, str]:
    return {
        "world": settings.world,
        "seed": str(settings.seed),
        "replicate": str(settings.replicate),
    }


def _open_log(folder: RunFolder, level: str, marks: dict[str, Any], batches: int = 0) -> Log:
    if level == "digest":
        return NullLog(batches)
    schemas = {event.name: event.arrow for event in EVENTS.values()}
    return EventLog.resume(folder.events, schemas, marks)


class _Session:
    """One process's hold on a run: executes, records, commits."""

    def __init__(
        self,
        folder: RunFolder,
        journal: Journal,
        log: Log,
        registry: Registry,
        header: dict[str, Any],
        kernels: Kernels,
        segments: list[Segment],
    ) -> None:
        self.folder, self.journal, self.log, self.registry = folder, journal, log, registry
        self.header, self.kernels, self.segments = header, kernels, segments
        self.committed: dict[int, str] = {}
        self._stages: list[tuple[np.ndarray, np.ndarray]] = []
        self._batches = log.batches
        self._full = header["log"] == "full"

    def go(self, world: World, on_progress: OnProgress, messages: tuple[str, ...]) -> Finished:
        """Execute to the last step, or to an interrupt; close the run when it is complete."""
        began, steps = perf_counter(), int(self.header["steps"])
        before = world.platform.telemetry.as_dict()["impressions"]
        world.recorder = self._record
        stop = threading.Event()
        with _interruptible(stop):
            while world.step_count < steps and not stop.is_set():
                world = enter(world, self.segments, self.kernels)
                totals = world.platform.telemetry.as_dict()
                world.step()
                self._commit(world, totals)
                met = world.platform.telemetry.as_dict()["impressions"] - before
                on_progress(Progress(world.step_count, steps, met, perf_counter() - began))
        if world.step_count >= steps:
            self._close(world)
        else:
            save_snapshot(self.folder, world)
            self.log.release()
            self.journal.release()
        self.registry.close()
        met = world.platform.telemetry.as_dict()["impressions"] - before
        return Finished(
            self.folder.path, world.digest.hex(), world.step_count, steps, met,
            perf_counter() - began, messages,
        )  # fmt: skip

    def catch_up(self, world: World, to_step: int) -> World:
        """Re-execute steps that the log has and the registry lost; fill the registry only."""
        world.recorder = self._note_stages
        while world.step_count < to_step:
            world = enter(world, self.segments, self.kernels)
            totals = world.platform.telemetry.as_dict()
            world.step()
            self._check_digest(world)
            self._commit_registry(world, totals)
        return world

    def _note_stages(self, published: Published) -> None:
        batch = published.batch
        if isinstance(batch, EventBatch) and batch.event == "EXPOSURE_STAGE_CHANGED":
            self._stages.append((batch.item, batch.to_stage))

    def _record(self, published: Published) -> None:
        batch = published.batch
        self._note_stages(published)
        if not self._full:
            self._batches += 1
            return
        for flat in batch.logged():
            self.log.append(
                self._batches, flat.step, published.phase, published.round, flat.event,
                to_arrow(flat),
            )  # fmt: skip
            self._batches += 1

    def _commit(self, world: World, before: dict[str, int]) -> None:
        step = world.step_count - 1
        marks = self.log.marks()
        self._commit_registry(world, before)
        if step in self.committed:
            self._check_digest(world)
        else:
            digest = world.digest.hex()
            streams = {name: dict(mark) for name, mark in marks.items()}
            self.journal.commit(step, digest, streams=streams, batches=self._batches)
        if world.step_count % int(self.header["snapshot_every"]) == 0:
            save_snapshot(self.folder, world)
            snapshot.prune(self.folder.snapshots, SNAPSHOTS_KEPT)

    def _commit_registry(self, world: World, before: dict[str, int]) -> None:
        step, totals = world.step_count - 1, world.platform.telemetry.as_dict()
        change = {name: value - before[name] for name, value in totals.items()}
        change["active_users"] = totals["active_users"]
        self.registry.commit(
            step, world.digest.hex(), change, batches=self._batches,
            impressions=change["impressions"], stages=self._changed_stages(),
            policies=self._policies(step),
        )  # fmt: skip

    def _check_digest(self, world: World) -> None:
        step = world.step_count - 1
        if self.committed[step] != world.digest.hex():
            raise DeterminismError(
                f"{self.folder.journal_path}: commit of step {step} has digest "
                f"{self.committed[step][:16]}, re-execution gives {world.digest.hex()[:16]}; expected "
                "the same. The code is not the one that made this run (see code_hash in manifest.json)"
            )

    def _changed_stages(self) -> tuple[np.ndarray, np.ndarray] | None:
        if not self._stages:
            return None
        items, stages = (np.concatenate(part) for part in zip(*self._stages, strict=True))
        self._stages = []
        return items, stages

    def _policies(self, step: int) -> list[tuple[str, str, dict[str, Any]]]:
        """The levers in force, written where a segment begins or the run starts."""
        starts = {segment.from_step: segment.settings for segment in self.segments}
        if step == self.header["start_step"]:
            settings = [one for one in self.segments if one.from_step <= step][-1].settings
        elif step in starts:
            settings = starts[step]
        else:
            return []
        from feedtwin.world.build import DEFAULT_POLICIES

        return [
            (lever, settings.policies.get(lever, name), settings.section(lever))
            for lever, name in DEFAULT_POLICIES.items()
        ]

    def _close(self, world: World) -> None:
        save_snapshot(self.folder, world)
        write_tables(self.folder.tables, world, self.registry)
        index = self.log.close()
        manifest = self.folder.read_manifest()
        manifest |= {
            "digest": world.digest.hex(),
            "state": "finished",
            "steps_done": world.step_count,
        }
        self.folder.write_manifest(manifest)
        self.journal.close(world.digest.hex(), index=index)


def to_arrow(batch: Any) -> Any:
    """Return a flat event batch as an Arrow record batch with its `step` column."""
    import pyarrow as pa

    schema = EVENTS[batch.event].arrow
    step = np.full(batch.rows, batch.step, np.uint32)
    arrays = [pa.array(step), *(pa.array(column) for column in batch.columns.values())]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


@contextmanager
def _interruptible(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C ask for a stop at the next step barrier; a second one stops at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
