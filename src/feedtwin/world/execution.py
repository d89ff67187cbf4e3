"""One process's hold on a run: execute, record, commit, until the end or an interrupt.

A step is committed in this order: event streams to the system, registry transaction, journal record
(synced). A crash anywhere leaves the last journal record as the truth.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np

from feedtwin.bus import Published
from feedtwin.errors import DeterminismError, FeedtwinError, RunFolderError
from feedtwin.kernels.binding import Kernels
from feedtwin.policies.interface import entry_of
from feedtwin.record.folder import STOPPED, RunFolder, tables_at
from feedtwin.record.journal import Journal
from feedtwin.record.log import Log
from feedtwin.record.registry import Registry
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import Stage
from feedtwin.schema.events import EVENTS
from feedtwin.twins.platform.telemetry import LEVELS
from feedtwin.world import snapshot
from feedtwin.world.closing import OUTPUTS, file_hashes, write_counts, write_tables
from feedtwin.world.options import Finished, OnProgress, Progress
from feedtwin.world.segments import Segment, enter
from feedtwin.world.world import World

SNAPSHOTS_KEPT = 3


class Execution:
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
        self._trends: list[tuple[int, int, int, float]] = []
        self._batches = log.batches
        self._full = header["log"] == "full"
        self._tables_at = frozenset(header.get("tables_at", ()))

    def go(self, world: World, on_progress: OnProgress, messages: tuple[str, ...]) -> Finished:
        """Execute to the last step, or to an interrupt; close the run when it is complete."""
        began, steps = perf_counter(), int(self.header["steps"])
        before = world.platform.telemetry.as_dict()["impressions"]
        world.recorder = self._record
        stop = threading.Event()
        self._note_stop(None)
        try:
            with _interruptible(stop):
                while world.step_count < steps and not stop.is_set():
                    world = enter(world, self.segments, self.kernels)
                    totals = world.platform.telemetry.as_dict()
                    world.step()
                    self._commit(world, totals)
                    met = world.platform.telemetry.as_dict()["impressions"] - before
                    on_progress(Progress(world.step_count, steps, met, perf_counter() - began))
        except RunFolderError:
            raise  # the disk takes nothing more
        except FeedtwinError as error:
            self._note_stop(f"in step {world.step_count}: {error}")
            raise
        finally:
            if world.adviser is not None:
                world.adviser.close()
        if world.step_count >= steps:
            self._close(world)
        else:
            save_snapshot(self.folder, world)
            self._note_stop(f"before step {world.step_count}: it was interrupted")
            self.log.release()
            self.journal.release()
        self.registry.close()
        met = world.platform.telemetry.as_dict()["impressions"] - before
        return Finished(
            self.folder.path, world.digest.hex(), world.step_count, steps, met,
            perf_counter() - began, messages,
        )  # fmt: skip

    def _note_stop(self, why: str | None) -> None:
        """Write into the manifest why the run stopped before its end; None for one that goes on."""
        manifest = self.folder.read_manifest()
        if manifest.pop(STOPPED, None) != why:
            self.folder.write_manifest(manifest if why is None else {**manifest, STOPPED: why})

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
        if not isinstance(batch, EventBatch):
            return
        if batch.event == "EXPOSURE_STAGE_CHANGED":
            self._stages.append((batch.item, batch.to_stage))
        if isinstance(batch, EventBatch) and batch.event == "TREND_STATE_CHANGED":
            columns = (batch.kind, batch.key, batch.to_lifecycle, batch.velocity)
            self._trends += zip(*(column.tolist() for column in columns), strict=True)
        if batch.event == "VIDEO_CREATED":  # every upload begins with a test audience
            started = np.full(batch.rows, Stage.INITIAL_EXPOSURE, np.uint8)
            self._stages.append((batch.item, started))

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
        if (
            world.step_count in self._tables_at
        ):  # before the commit: a committed step has its tables
            write_counts(self.folder.tables_at(world.step_count), world)
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
        change |= {name: totals[name] for name in LEVELS}
        self.registry.commit(
            step, world.digest.hex(), change, batches=self._batches,
            impressions=change["impressions"], stages=self._changed_stages(),
            policies=self._policies(step), trends=self._changed_trends(), audit=world.audit,
            llm_ledger=() if world.adviser is None else world.adviser.ledger_rows(),
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

    def _changed_trends(self) -> list[tuple[int, int, int, float]]:
        trends, self._trends = self._trends, []
        return trends

    def _policies(self, step: int) -> list[tuple[str, str, dict[str, Any]]]:
        """The levers in force, written where a segment begins or the run starts."""
        starts = {segment.from_step: segment.settings for segment in self.segments}
        if step == self.header["start_step"]:
            settings = [one for one in self.segments if one.from_step <= step][-1].settings
        elif step in starts:
            settings = starts[step]
        else:
            return []
        return [
            (lever, name, settings.section(entry_of(lever, name).section))
            for lever, name in settings.policies.items()
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
        kept = [tables_at(steps) for steps in sorted(self._tables_at)]
        counts = [f"{folder}/{name}.parquet" for folder in kept for name in ("users", "items")]
        outputs = file_hashes(self.folder.path, (*OUTPUTS, *counts))
        self.journal.close(world.digest.hex(), index=index, outputs=outputs)


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


def save_snapshot(folder: RunFolder, world: World) -> None:
    """Save the state after the last step done; before the first, only a fork's start is saved."""
    if world.step_count:
        step = world.step_count - 1
        snapshot.save(folder.snapshot_path(step), world.state(), {"digest": world.digest.hex()})
