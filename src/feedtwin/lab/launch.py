"""Start a run from a few words: settings, world, kernels, folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np

from feedtwin.errors import RunFolderError, SettingsError
from feedtwin.kernels.binding import Kernels, load
from feedtwin.lab.machine import usable_cores
from feedtwin.record.folder import CACHE, refuse_existing, refuse_unwritable
from feedtwin.schema.settings import DEFAULT_WORLD, Settings, resolve
from feedtwin.world.running import (
    SNAPSHOT_EVERY,
    Finished,
    Progress,
    RunOptions,
    start_from,
)
from feedtwin.world.segments import Segment, begin
from feedtwin.world.world import World

DEFAULT_STEPS: Final = 168
"""One week."""
DEFAULT_SEED: Final = 7
RUNS: Final = Path("runs")
LLM_SOURCES: Final = ("surrogate", "cached", "live")
LLM_TASKS: Final = ("persona", "caption", "campaign", "trend")
"""Tasks that `llm=` switches on: those that cost little. Comments and LLM-driven users are chosen by name."""


@dataclass(frozen=True)
class Prepared:
    """A world that is built and checked, with no file written yet.

    Attributes:
        settings: Everything that determines its state.
        world: The world at step 0.
        path: Where the run folder will be.
        options: Steps, log level, snapshots.
        kernels: Native or NumPy.
        setup_s: Seconds it took to build.
    """

    settings: Settings
    world: World
    path: Path
    options: RunOptions
    kernels: Kernels
    setup_s: float

    @property
    def people(self) -> int:
        """Users who may open the app; the others are accounts that only upload."""
        users = self.world.users.table
        return int(np.count_nonzero((users.activity > 0) & (users.member > 0)))

    @property
    def accounts(self) -> int:
        """Accounts that upload and never open the app."""
        return int(np.count_nonzero(self.world.users.table.member > 0)) - self.people

    @property
    def videos(self) -> int:
        """Videos in the catalogue before the first step."""
        return len(self.world.content.table)

    def go(self, on_progress: Callable[[Progress], None] = lambda progress: None) -> Finished:
        """Run it into its folder.

        Raises:
            RunFolderError: The folder exists, or the disk refused.
        """
        return start_from(
            self.world,
            [Segment(0, self.settings)],
            self.path,
            self.options,
            self.kernels,
            on_progress=on_progress,
        )


def prepare(
    world: str | Path = DEFAULT_WORLD,
    *,
    users: int | None = None,
    steps: int = DEFAULT_STEPS,
    seed: int = DEFAULT_SEED,
    replicate: int = 0,
    sets: Sequence[str] = (),
    preset: str | None = None,
    out: str | Path | None = None,
    threads: int | None = None,
    kernel: str = "auto",
    log: str = "full",
    snapshot_every: int = SNAPSHOT_EVERY,
    script: Sequence[Mapping[str, Any]] = (),
    llm: str | None = None,
    cache: str | Path | None = None,
    offline: bool = False,
    client: Any = None,
) -> Prepared:
    """Resolve settings and build the world; bad input fails here, before anything is written.

    Args:
        world: Name of a world, or path of its YAML file.
        users: Number of users; None for as many as the world has.
        steps: Hours to run.
        seed: Root seed.
        replicate: Replicate; runs of one replicate share their chance.
        sets: `path=value` texts.
        preset: Name of a preset.
        out: The run folder, which must not exist; None chooses a fresh one below `runs/`.
        threads: Threads of the kernels; None for as many as there are usable cores.
        kernel: Which build of the kernels.
        log: "full" keeps every event, "digest" none. The state does not depend on it.
        snapshot_every: Steps between snapshots.
        script: Scripted actions, after those of the world (`schema.script`).
        llm: surrogate, cached or live: switches language models on (`llm_sets`); what `sets` says wins.
        cache: Folder with answers of language models; beside the run folder by default.
        offline: Whether no language model may be asked.
        client: A client of language models instead of the one that the settings name.

    Raises:
        FeedtwinError: A setting, a data file or the folder is not as it must be.
    """
    options = RunOptions(
        steps, log, snapshot_every, None if cache is None else Path(cache), offline, client
    )
    sets = llm_sets(llm, sets)
    settings = resolve(world, users, seed, replicate, sets, preset, script=script, steps=steps)
    path = fresh_path(settings) if out is None else Path(out)
    refuse_existing(path)
    refuse_unwritable(path)
    kernels = load(kernel, usable_cores() if threads is None else threads)
    began = perf_counter()
    built = begin([Segment(0, settings)], kernels)
    return Prepared(settings, built, path, options, kernels, perf_counter() - began)


def llm_sets(source: str | None, sets: Sequence[str]) -> tuple[str, ...]:
    """Return `path=value` texts that switch every task on that is not about single comments or actions.

    Args:
        source: surrogate, cached or live; None switches nothing on.
        sets: Texts that win over them.

    Raises:
        SettingsError: There is no such source.
    """
    if source is None:
        return tuple(sets)
    if source not in LLM_SOURCES:
        raise SettingsError(f"--llm: found {source!r}, expected one of {', '.join(LLM_SOURCES)}")
    told = {text.partition("=")[0].strip() for text in sets}
    tasks = [f"llm.{task}.source={source}" for task in LLM_TASKS]
    levers = ["policies.campaigns=llm", "policies.forecast=llm"]
    wanted = [one for one in (*tasks, *levers) if one.partition("=")[0] not in told]
    return (*wanted, *sets)


def run(
    world: str | Path = DEFAULT_WORLD,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> Finished:
    """Run a world into a new run folder and say where it is.

    Args:
        world: Name of a world, or path of its YAML file.
        on_progress: Called after every step.
        options: As in `prepare`: users, steps, seed, replicate, sets, preset, out, threads, kernel, log,
            snapshot_every, script.
    """
    return prepare(world, **options).go(on_progress)


def answers_of(chosen: Path | None) -> Path | None:
    """Return the folder of answers that a run would find: the one chosen, or where runs keep theirs by default.

    Raises:
        RunFolderError: The one chosen is no folder.
    """
    if chosen is not None and not chosen.is_dir():
        raise RunFolderError(
            f"--llm-cache {chosen}: no such folder; expected answers of earlier runs"
        )
    folder = RUNS / CACHE if chosen is None else chosen
    return folder if folder.is_dir() else None


def fresh_path(settings: Settings) -> Path:
    """Return a path below `runs/` that does not exist: world, seed, replicate, and a number if need be."""
    return numbered(RUNS / f"{settings.world}-s{settings.seed}-r{settings.replicate}")


def numbered(path: Path) -> Path:
    """Return `path`, or the first of `path-2`, `path-3`, ... that does not exist."""
    candidate, k = path, 1
    while candidate.exists() or candidate.is_symlink():
        k += 1
        candidate = path.with_name(f"{path.name}-{k}")
    return candidate
