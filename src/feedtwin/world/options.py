"""How to run a world, where a run is, and what it left behind. None of it changes the state."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from feedtwin.errors import SettingsError

LOG_LEVELS = ("full", "digest")
SNAPSHOT_EVERY = 24


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
        if self.snapshot_every < 1:
            raise SettingsError(
                f"--snapshot-every: found {self.snapshot_every}, expected at least 1 step"
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
