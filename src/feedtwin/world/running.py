"""Run a world into a folder: journal, log, registry, snapshots; and resume it after any end.

The last journal record is the truth: `resume` goes back to it, whatever else was written (`execution.py`
says in which order a step is committed).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.kernels.binding import Kernels
from feedtwin.record.folder import RunFolder, refuse_existing
from feedtwin.record.journal import Journal, commits
from feedtwin.record.log import EventLog, Log, NullLog, newest_intact
from feedtwin.record.registry import Registry
from feedtwin.schema.events import EVENTS
from feedtwin.schema.settings import Settings
from feedtwin.world import snapshot
from feedtwin.world.counsel import Counsel, Inputs, uses_models
from feedtwin.world.execution import Execution, save_snapshot
from feedtwin.world.manifest import code_hash, first_manifest
from feedtwin.world.options import (
    LOG_LEVELS,
    SNAPSHOT_EVERY,
    Finished,
    OnProgress,
    Progress,
    RunOptions,
)
from feedtwin.world.reaching import Reach
from feedtwin.world.segments import Segment, advance, begin, enter
from feedtwin.world.sources import Row, differences, naming_sources, record_changes
from feedtwin.world.world import World

__all__ = [
    "LOG_LEVELS",
    "SNAPSHOT_EVERY",
    "Finished",
    "OnProgress",
    "Progress",
    "RunOptions",
    "restore",
    "resume",
    "start",
    "start_from",
]


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
    inherited: Inputs = (),
    sources: Sequence[Row] = (),
    reach: Reach | None = None,
    on_progress: OnProgress = _quiet,
) -> Finished:
    """Run on from a world's present state into a new folder.

    Args:
        world: Where to start from.
        segments: Settings over time.
        path: The new folder.
        options: How to run.
        kernels: The kernels to use.
        forked_from: What a fork keeps of its origin.
        inherited: Input records of the steps before, which a fork's journal begins with.
        sources: Source files of a parent's own policies.
        reach: How language models are reached, as a parent remembers it; by the settings alone if None.
        on_progress: Called after each step.
    """
    reach = reach or Reach(options.cache)
    counsel = Counsel(
        inherited, world.step_count - 1, options.cache_of(path), options.offline, options.client,
        reach=reach, run=quote(str(path)),
    )  # fmt: skip
    counsel.check(segments[-1].settings)
    counsel.check_money(segments[-1].settings)
    header = {
        "segments": [segment.as_json() for segment in segments],
        "steps": options.steps,
        "log": options.log,
        "snapshot_every": options.snapshot_every,
        "tables_at": list(options.tables_at),
        "start_step": world.step_count,
        "start_digest": world.digest.hex(),
        "code_hash": code_hash(),
        "settings_hash": segments[-1].settings.digest(),
        "forked_from": forked_from,
    }
    world.platform.prepare(
        world.step_count
    )  # a policy that fails at once fails before a folder exists
    manifest = first_manifest(header, world, segments, sources)
    if uses_models(segments[-1].settings):
        manifest |= reach.remembered(path)
    with RunFolder.create(path, manifest, header) as folder:
        save_snapshot(folder, world)
        log = _open_log(folder, options.log, {})
        registry = Registry.create(folder.registry_path, _run_info(segments[-1].settings))
        journal, _, _ = Journal.recover(folder.journal_path)
        for step, name, payload in inherited:
            journal.append_input(step, name, payload)
        counsel.journal = journal
        counsel.join(world)
        execution = Execution(folder, journal, log, registry, header, kernels, segments)
        return execution.go(world, on_progress, ())


def resume(
    path: Path,
    kernels: Kernels,
    on_progress: OnProgress = _quiet,
    *,
    cache: Path | None = None,
    offline: bool = False,
    client: Any = None,
    sets: Sequence[str] = (),
) -> Finished:
    """Go on with a run after an interruption or a crash; say what was dropped.

    Args:
        path: The run folder.
        kernels: The kernels to use.
        on_progress: Called after each step.
        cache: As in `RunOptions`; the one that the run remembers by default.
        offline: As in `RunOptions`.
        client: As in `RunOptions`.
        sets: `path=value` texts about the model server (`reaching.REACHING`), remembered from now on.

    Raises:
        SettingsError: One of `sets` is not about the model server.
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
            last_done = max(done, default=-1) + 1
            raise RunFolderError(
                f"{path}: the run is finished ({len(done)} steps); nothing is left to resume. To take it "
                f"further: feedtwin fork {path} --at {last_done} --steps MORE"
            )
        reach = Reach.of_run(path).then(cache, sets, segments[-1].settings)
        answers = RunOptions(int(header["steps"]), cache=reach.cache).cache_of(path)
        counsel = Counsel.of_frames(
            frames, cache=answers, is_offline=offline, client=client, journal=journal, reach=reach,
            run=quote(str(path)),
        )  # fmt: skip
        counsel.check(segments[-1].settings)
        if cache is None and reach.cache is not None and not reach.cache.is_dir():
            messages.append(f"{answers}: the answers that this run keeps are not there (any more)")
        reach.remember(folder)
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
        execution = Execution(folder, journal, log, registry, header, kernels, segments)
        execution.committed = digests
        behind = max(min(intact, registry.last_step), header["start_step"] - 1)
        world, notes = restore(folder, segments, kernels, behind, digests.get, counsel)
        with naming_sources(path, segments):
            world = execution.catch_up(world, intact + 1)
        notes += record_changes(folder, segments, world.step_count)
        return execution.go(world, on_progress, (*messages, *notes))


def restore(
    folder: RunFolder | Path,
    segments: list[Segment],
    kernels: Kernels,
    after_step: int,
    expected: Callable[[int], str | None],
    counsel: Counsel | None = None,
) -> tuple[World, list[str]]:
    """Return the world as it was after `after_step`: nearest sound snapshot, then re-execution.

    Args:
        folder: The run folder.
        segments: Its settings over time.
        kernels: The kernels to use.
        after_step: The last step that is done.
        expected: Digest that the journal has for a step, or None.
        counsel: Who answers what the world asks of language models; the journal, and nobody else, by default.

    Returns:
        The world, and a message per damaged snapshot that was passed over, and per policy whose source file is
        not the recorded one.

    Raises:
        IntegrityError: A sound snapshot does not belong to this run's journal.
        DeterminismError: Re-execution does not reach the journal's digests.
    """
    path = folder.path if isinstance(folder, RunFolder) else folder
    snapshots = path / "snapshots"
    found, damaged = snapshot.latest(snapshots, after_step) if snapshots.exists() else (None, [])
    world = begin(segments, kernels, counsel or Counsel.of_run(path))
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
    with naming_sources(path, segments):
        world = advance(world, segments, kernels, after_step + 1, expected)
    return world, [*damaged, *differences(path, segments)]


def world_batches(done: dict[int, Any], step: int) -> int:
    """Batches published until the end of a committed step."""
    return int(done[step].payload["batches"]) if step in done else 0


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
