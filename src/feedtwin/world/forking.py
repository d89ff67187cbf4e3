"""Fork a run: the same past, other settings from a step on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import Kernels
from feedtwin.record.reader import Run
from feedtwin.schema.settings import Settings, assign
from feedtwin.world.counsel import inputs_of
from feedtwin.world.reaching import Reach
from feedtwin.world.replay import segments_of, start_step_of
from feedtwin.world.running import Finished, Progress, RunOptions, restore, start_from
from feedtwin.world.segments import Segment, check_change
from feedtwin.world.sources import recorded_sources


def fork(
    path: Path,
    at: int,
    out: Path,
    sets: Sequence[str],
    steps: int | None,
    log: str,
    kernels: Kernels,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    *,
    cache: Path | None = None,
    offline: bool = False,
    client: Any = None,
) -> Finished:
    """Continue a run from the end of its first `at` steps in a folder of its own.

    Args:
        path: The parent run.
        at: Steps of the parent that are kept, 0 to the steps it has.
        out: The new run folder.
        sets: `path=value` changes from step `at` on; none gives the parent's own future.
        steps: Horizon of the fork; the parent's by default.
        log: Log level of the fork.
        kernels: The kernels to use.
        on_progress: Called after each step.
        cache: As in `RunOptions`; the parent's by default.
        offline: As in `RunOptions`.
        client: As in `RunOptions`.

    Raises:
        SettingsError: `at` is not a step of the parent, or a change cannot be made in a running world.
    """
    run = Run.open(path)
    segments = segments_of(run)
    kept = [one for one in segments if one.from_step <= at] or segments
    settings = changed(kept[-1].settings, sets)
    horizon = int(run.frames[0].payload["steps"]) if steps is None else steps
    options = RunOptions(horizon, log, cache=cache, offline=offline, client=client)
    return branch(path, at, out, settings, options, kernels, tuple(sets), on_progress)


def branch(
    path: Path,
    at: int,
    out: Path,
    settings: Settings,
    options: RunOptions,
    kernels: Kernels,
    changes: Sequence[str] = (),
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Finished:
    """Continue a run under other settings, given whole.

    Args:
        path: The parent run.
        at: Steps of the parent that are kept, 0 to the steps it has.
        out: The new run folder.
        settings: Settings from step `at` on.
        options: Horizon, log level and snapshots of the branch.
        kernels: The kernels to use.
        changes: What the manifest says was changed, as `path=value` texts.
        on_progress: Called after each step.

    Raises:
        SettingsError: `at` is not a step of the parent, or the settings need a world of their own.
    """
    run = Run.open(path)
    segments, first = segments_of(run), start_step_of(run)
    done = run.last_step + 1
    if not first <= at <= done:
        raise SettingsError(
            f"fork --at {at}: {path} has steps {first} to {done}; expected a number among them"
        )
    if options.steps <= at:
        raise SettingsError(
            f"fork --steps {options.steps}: expected more than --at {at}; say how many steps the fork shall have"
        )
    kept = [segment for segment in segments if segment.from_step <= at]
    check_change(kept[-1].settings, settings)
    world, messages = restore(path, segments, kernels, at - 1, run.commits.get)
    if settings != kept[-1].settings:
        kept = [segment for segment in kept if segment.from_step < at or at == 0]
        kept = [Segment(0, settings)] if at == 0 else [*kept, Segment(at, settings)]
    else:
        messages.append(
            f"no setting differs from those of {path}: this fork is the parent's own future, step by step"
        )
    origin = {"run": path.name, "at": at, "digest": world.digest.hex(), "changes": list(changes)}
    reach = Reach.of_run(path).without(changes)
    answers = replace(options, cache=options.cache or reach.cache).cache_of(path)
    # its parent's, wherever the fork lies
    finished = start_from(
        world, kept, out, replace(options, cache=answers), kernels, forked_from=origin,
        inherited=inputs_of(run.frames, before=at), sources=recorded_sources(path),
        reach=replace(reach, cache=answers), on_progress=on_progress,
    )  # fmt: skip
    return Finished(**{**finished.__dict__, "messages": (*messages, *finished.messages)})


def changed(settings: Settings, sets: Sequence[str]) -> Settings:
    """Return settings with `path=value` changes, refusing those that only a new world can express."""
    after = assign(settings, sets)
    check_change(settings, after)
    return after
