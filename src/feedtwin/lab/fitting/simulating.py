"""One simulated world as a row of patterns: what a worker does."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np

from feedtwin.calibration.ecosystem.fitting import Point
from feedtwin.calibration.ecosystem.patterns import measure
from feedtwin.calibration.ecosystem.seen import Pool, Seen, thinned
from feedtwin.kernels.binding import Kernels, load
from feedtwin.lab.study.executors import Executor
from feedtwin.schema.settings import Settings, resolve
from feedtwin.world.observing import Observed, observe
from feedtwin.world.real import read_world

WORLD: Final = "kuairand"
"""The world whose people and videos are a log's."""
HOURS: Final = 24
"""Steps of a day."""
SettingT = TypeVar("SettingT")
"""What all simulated worlds of a fit have in common."""


@dataclass(frozen=True)
class Setting:
    """What all simulated worlds of a fit have in common.

    Attributes:
        data: folder of the log.
        people: people of each world.
        days: days of the log.
        per_person: impressions per person who appears in the log.
        constants: `ecosystem.*` without the section's name.
        preset: the preset whose encounter acts in the worlds; None for the equations of the world file.
    """

    data: Path
    people: int
    days: int
    per_person: float
    constants: Mapping[str, Any]
    preset: str | None = None


@dataclass(frozen=True)
class Job(Generic[SettingT]):
    """A world to simulate: its place among its wave's points, and what makes it."""

    place: int
    point: Point
    setting: SettingT


def world_settings(setting: Setting, point: Point) -> Settings:
    """The world at a point: here, and only here, a fit's worlds get what is already fitted."""
    return resolve(
        WORLD, users=setting.people, seed=point.seed, sets=[f"data.path={setting.data}"],
        arm={"parameters": dict(point.values)}, preset=setting.preset,
    )  # fmt: skip


def do(job: Job[Setting]) -> tuple[int, dict[str, float]]:
    """Simulate a world, keep of it what a log would hold, and measure that."""
    setting, settings = job.setting, world_settings(job.setting, job.point)
    warmup = int(setting.constants["warmup_days"])
    shown = observe(settings, HOURS * (warmup + setting.days), kernels(), from_step=HOURS * warmup)
    seen = thinned(as_seen(shown, warmup), shown.key, setting.per_person, job.point.seed)
    pool = Pool.of(read_world(settings).catalogue)
    return job.place, measure(seen, pool, setting.days, setting.constants)


def as_seen(shown: Observed, warmup_days: int) -> Seen:
    """A run's impressions as rows of a log; step 0 is midnight."""
    return Seen(
        shown.user.astype(np.int64), shown.step.astype(np.int64) // HOURS - warmup_days,
        shown.step.astype(np.int64) % HOURS, shown.row.astype(np.int64),
        shown.watch_ms / 1000.0, shown.liked,
    )  # fmt: skip


def simulator(
    setting: SettingT,
    executor: Executor,
    work: Callable[[Job[SettingT]], tuple[int, dict[str, float]]],
) -> Callable[[Sequence[Point]], Iterable[tuple[int, Mapping[str, float]]]]:
    """What `fit_ecosystem` simulates with: a function of one world (`do`, or another level's), on an executor's workers."""

    def simulate(points: Sequence[Point]) -> Iterator[tuple[int, Mapping[str, float]]]:
        yield from executor.run(work, [Job(k, point, setting) for k, point in enumerate(points)])

    return simulate


@lru_cache(maxsize=1)
def kernels() -> Kernels:
    """The kernels of this process."""
    return load("auto", 1)
