"""Do marginal rates come out at the targets that are stated for them? What states a target, what fails, what has none.

Two places state targets. A parameter is one where its meaning is a mean: it is held to in small worlds under a random
feed. A world file may state levels (`targets`) of the world as it stands, at a size: they are held to in runs that
change nothing of that world.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import load
from feedtwin.lab.auditing.finding import FAILED, PASSED, SKIPPED, Finding
from feedtwin.lab.auditing.responses import FIRST_REPLICATE, REPLICATES, STEPS, USERS, totals_of
from feedtwin.lab.metrics import METRICS
from feedtwin.lab.metrics.metric import read
from feedtwin.lab.run_data import HOURS_PER_DAY, RunData
from feedtwin.lab.statistics.paired import CONFIDENCE, t_interval
from feedtwin.schema.settings import Settings, assign, read_world, resolve, worlds

RATES: Final = (
    "skip_rate", "completion", "watch_s", "like_rate", "share_rate", "comment_rate", "session_length",
    "impressions_per_user_day", "sessions_per_user_day",
)  # fmt: skip
"""Marginal rates that a reader takes for granted: each has a target that is checked, or is named as having none."""
SKIP_TOLERANCE: Final = 0.06
"""How far the realised share of skips may be from its target: the target is a mean over random pairs of users and videos,
while those who skip less stay longer and so have more impressions (measured: 0.03 to 0.05)."""
SESSIONS_TOLERANCE: Final = 0.1
"""The same of sessions per day, as a share of the parameter: nobody begins two within an hour or while in one, and activity
varies between 200 people (measured: 0.01 to 0.02)."""


@dataclass(frozen=True)
class Stated:
    """A level that a world states of itself.

    Attributes:
        rate: Name of a rate: a metric, or impressions_per_user_day or sessions_per_user_day.
        value: The target.
        within: Share of the target by which the mean over replicates may miss it.
        source: Where the target comes from.
        users: People from which on it is stated.
        steps: Hours from which on it is stated.
    """

    rate: str
    value: float
    within: float
    source: str
    users: int
    steps: int


@dataclass(frozen=True)
class Audited:
    """A run whose rates may be looked at: its settings, and what it says."""

    settings: Settings
    data: RunData


def check_rates(settings: Settings, runs: Sequence[Audited]) -> Iterator[Finding]:
    """Yield whether rates come out at their stated targets, and which rates have none.

    Args:
        settings: The world.
        runs: Runs of it, of any arm; those that change nothing of the world are held to what it states.
    """
    base = _base_of(settings.world, runs)
    stated = stated_by(base)
    seen = {one.rate for one in stated}
    yield from _levels(settings.world, base, stated, runs)
    yield from _parameters(settings)
    seen |= {"sessions_per_user_day"}
    if settings.parameters["interaction.skip_intercept_from"] == "target":
        seen.add("skip_rate")
    without = [name for name in RATES if name not in seen]
    if without:
        yield Finding(
            "rates without a target", SKIPPED,
            f"{', '.join(without)}: nothing states what they should be, so nothing says whether they are right",
        )  # fmt: skip


def stated_by(world: str) -> tuple[Stated, ...]:
    """Return the levels that a world of the package states of itself; () for a world file of one's own.

    Raises:
        SettingsError: A target has no value, is of no known rate, or lacks a key.
    """
    if world not in worlds():
        return ()
    _, document = read_world(world)
    given: Mapping[str, Any] = document.values.get("targets") or {}
    out = []
    for name, one in given.get("levels", {}).items():
        where = document.at(f"targets.levels.{name}")
        if name not in RATES:
            raise SettingsError(
                f"{where}: no rate is called {name!r}; expected one of {', '.join(RATES)}"
            )
        try:
            out.append(
                Stated(
                    name, float(one["value"]), float(one["within"]), str(one["source"]),
                    int(given["users"]), int(given["steps"]),
                )
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise SettingsError(
                f"{where}: {error}; expected value, within and source, and users and steps of all targets"
            ) from None
    return tuple(out)


def _base_of(world: str, runs: Sequence[Audited]) -> str:
    """Return the world whose levels apply: a world of one's own that changes nothing of one of the package is that one."""
    if world in worlds():
        return world
    for name in worlds():
        if stated_by(name) and any(_is_untreated(one.settings, name) for one in runs):
            return name
    return world


def _levels(
    world: str, base: str, stated: Sequence[Stated], runs: Sequence[Audited]
) -> Iterator[Finding]:
    """Hold what a world states against runs that change nothing of it."""
    if not stated:
        why = (
            "states none"
            if world in worlds()
            else "is a file of your own, and a run keeps no targets of such a file"
        )
        yield Finding(
            "levels of the world", SKIPPED,
            f"no targets: the world {world} {why}, so nothing says what its marginal rates should be",
        )  # fmt: skip
        return
    plain = [one for one in runs if _is_untreated(one.settings, base)]
    if not plain:
        yield Finding(
            "levels of the world", SKIPPED,
            f"the world {world} states {', '.join(one.rate for one in stated)} as it stands, and no whole run here leaves it so",
        )  # fmt: skip
        return
    for one in stated:
        yield _level(one, plain)


def _is_untreated(settings: Settings, world: str) -> bool:
    own = resolve(world, users=settings.users, seed=settings.seed)
    return all(
        getattr(settings, name) == getattr(own, name)
        for name in ("population", "policies", "parameters", "script")
    )


def _level(stated: Stated, runs: Sequence[Audited]) -> Finding:
    name = f"level: {stated.rate}"
    values = [value for one in runs if (value := rate_of(stated.rate, one)) is not None]
    if not values:
        return Finding(name, SKIPPED, f"{stated.rate} is undefined in these runs")
    mean, n = float(np.mean(values)), len(values)
    room = stated.within * abs(stated.value)
    low, high = (mean, mean)
    if n > 1:
        low, high = t_interval(mean, float(np.std(values, ddof=1)), n, CONFIDENCE)
    said = (
        f"{mean:.4g}{f' [{low:.4g}, {high:.4g}]' if n > 1 else ''} in {n} untreated run{'s' if n > 1 else ''}, target "
        f"{stated.value:g} within {stated.within:.0%} ({stated.source})"
    )
    users, steps = int(runs[0].settings.users or 0), runs[0].data.steps
    if users < stated.users or steps < stated.steps:
        return Finding(
            name, SKIPPED,
            f"{said}; it is stated from {stated.users:,} people and {stated.steps} hours on, these have {users:,} and {steps}",
        )  # fmt: skip
    if abs(mean - stated.value) <= room:
        return Finding(name, PASSED, said)
    if n > 1 and (low > stated.value + room or high < stated.value - room):
        return Finding(name, FAILED, f"{said}; expected within {room:.4g} of it")
    why = "one run has no interval" if n == 1 else "the interval reaches what is expected"
    return Finding(name, SKIPPED, f"{said}; outside, but {why}: more replicates would tell")


def rate_of(name: str, one: Audited) -> float | None:
    """Return a rate of a run; None where it is undefined."""
    per_day = {"impressions_per_user_day": "impressions", "sessions_per_user_day": "sessions"}
    if name in per_day:
        days = (one.settings.users or 0) * one.data.steps / HOURS_PER_DAY
        return one.data[per_day[name]] / days if days else None
    return read(METRICS[name], one.data).value


def _parameters(settings: Settings) -> Iterator[Finding]:
    """Hold parameters that are means against small worlds under a random feed."""
    values, kernels = settings.parameters, load("auto", 1)
    small = settings.model_copy(update={"users": min(settings.users or USERS, USERS), "script": ()})
    # How often people come depends on how satisfied they are; the parameter is the mean at middling satisfaction.
    small = assign(small, ["policies.recommendation=random", "user.return_satisfaction=0"])
    found = [
        totals_of(small.model_copy(update={"replicate": FIRST_REPLICATE + r}), STEPS, kernels)
        for r in range(REPLICATES)
    ]
    days = int(small.users or USERS) * STEPS / HOURS_PER_DAY

    def held(
        what: str, path: str, tolerance: float, of: Callable[[Mapping[str, int]], float]
    ) -> Finding:
        target, mean = float(values[path]), float(np.mean([of(one) for one in found]))
        said = f"{what} under a random feed {mean:.3g}, target {target:g} ({path}), tolerance {tolerance:.2g}"
        state = PASSED if abs(mean - target) <= tolerance else FAILED
        return Finding(f"rate: {path}", state, said)

    if values["interaction.skip_intercept_from"] == "target":
        yield held(
            "skips per impression", "interaction.skip_target", SKIP_TOLERANCE,
            lambda one: one["skips"] / max(one["impressions"], 1),
        )  # fmt: skip
    else:
        yield Finding(
            "rate: interaction.skip_target", SKIPPED,
            "this world sets the intercept of the skip by hand, so the parameter says nothing",
        )  # fmt: skip
    path = "user.sessions_per_day"
    yield held(
        "sessions per person and day", path, SESSIONS_TOLERANCE * float(values[path]),
        lambda one: one["sessions"] / days,
    )  # fmt: skip
