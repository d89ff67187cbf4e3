"""How to run a world, where a run is, and what it left behind. None of it changes the state."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedtwin.errors import SettingsError
from feedtwin.record.folder import CACHE

LOG_LEVELS = ("full", "digest")
SNAPSHOT_EVERY = 24


@dataclass(frozen=True)
class RunOptions:
    """How to run; none of it changes the state.

    Attributes:
        steps: Hours to run.
        log: "full" keeps every event, "digest" none.
        snapshot_every: Steps between snapshots.
        cache: Folder with answers of language models; beside the run folder by default.
        offline: Whether no language model may be asked: answers come from journal, cache and stand-ins.
        tables_at: Numbers of steps after which the tables of users and items are kept as they are then, below
            `tables-at/`, beside those of the end.
        client: A client (`llm.clients.Client`) instead of the one that the settings name.
    """

    steps: int
    log: str = "full"
    snapshot_every: int = SNAPSHOT_EVERY
    cache: Path | None = None
    offline: bool = False
    client: Any = None
    tables_at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.log not in LOG_LEVELS:
            raise SettingsError(
                f"--log: found {self.log!r}, expected one of {', '.join(LOG_LEVELS)}"
            )
        if self.snapshot_every < 1:
            raise SettingsError(
                f"--snapshot-every: found {self.snapshot_every}, expected at least 1 step"
            )
        if self.steps < 1:
            raise SettingsError(f"--steps: found {self.steps}, expected at least 1")
        strange = [one for one in self.tables_at if not 0 < one < self.steps]
        if strange:
            raise SettingsError(
                f"tables_at: found {strange[0]}, expected steps between the first and the last of {self.steps}"
            )

    def cache_of(self, path: Path) -> Path:
        """Return the folder of answers for a run at `path`."""
        return path.parent / CACHE if self.cache is None else self.cache


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
