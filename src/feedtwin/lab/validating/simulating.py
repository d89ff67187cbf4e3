"""One world, or one pair, as a row of numbers: what a worker of a report does."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from feedtwin.calibration.ecosystem.patterns import MEASURES, measure
from feedtwin.calibration.ecosystem.seen import Pool, thinned
from feedtwin.lab.fitting.simulating import HOURS, WORLD, Setting, as_seen, kernels
from feedtwin.schema.settings import Settings, resolve
from feedtwin.world.observing import Observed, observe
from feedtwin.world.real import read_world

SKIP_MS = 3000
"""INT-3: a skip means leaving before 3 s."""
WARMUP_DAYS = 1
"""Days of a pair of worlds that do not count: the platform has met everybody then."""


@dataclass(frozen=True)
class Job:
    """Worlds to simulate.

    Attributes:
        place: its place among the jobs of its group.
        seed: root seed; both worlds of a pair have the same.
        setting: what all worlds have in common.
        arms: one arm for patterns, base and treatment for a contrast (`schema.settings.resolve`).
    """

    place: int
    seed: int
    setting: Setting
    arms: tuple[Mapping[str, Any], ...]


def settings_of(setting: Setting, arm: Mapping[str, Any], seed: int) -> Settings:
    """The settings of a report's world."""
    return resolve(
        WORLD, users=setting.people, seed=seed, sets=[f"data.path={setting.data}"], arm=arm,
        preset=setting.preset,
    )  # fmt: skip


def do_patterns(job: Job) -> tuple[int, dict[str, float]]:
    """Simulate a world, keep of it what a log would hold, and measure that.

    A world that shows its people fewer impressions than the log holds gives no number, NaN.
    """
    setting = job.setting
    settings = settings_of(setting, job.arms[0], job.seed)
    warmup = int(setting.constants["warmup_days"])
    shown = observe(settings, HOURS * (warmup + setting.days), kernels(), from_step=HOURS * warmup)
    everything = as_seen(shown, warmup)
    if everything.per_person < setting.per_person:
        return job.place, dict.fromkeys(MEASURES, nan)
    seen = thinned(everything, shown.key, setting.per_person, job.seed)
    pool = Pool.of(read_world(settings).catalogue)
    return job.place, measure(seen, pool, setting.days, setting.constants)


def do_pair(job: Job) -> tuple[int, dict[str, float]]:
    """Simulate base and treatment on the same chance; every outcome's difference, and its level in the base."""
    levels = []
    for arm in job.arms:
        settings = settings_of(job.setting, arm, job.seed)
        steps = HOURS * (WARMUP_DAYS + job.setting.days)
        shown = observe(settings, steps, kernels(), from_step=HOURS * WARMUP_DAYS)
        levels.append(outcomes(shown, job.setting.people, job.setting.days))
    base, treatment = levels
    found = {name: treatment[name] - base[name] for name in base}
    return job.place, found | {f"base_{name}": value for name, value in base.items()}


def outcomes(shown: Observed, people: int, days: int) -> dict[str, float]:
    """What a contrast is taken in: per impression, and per person and day."""
    count = max(len(shown.user), 1)
    seconds = float(shown.watch_ms.sum(dtype=np.int64)) / 1000.0
    return {
        "watch_s": seconds / count,
        "skip_share": float(np.count_nonzero(shown.watch_ms < SKIP_MS)) / count,
        "like_share": float(np.count_nonzero(shown.liked)) / count,
        "watch_s_per_person_day": seconds / (people * days),
    }
