"""Does the world answer to doses as it must? Known causes, three doses each, in small paired worlds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from feedtwin.kernels.binding import Kernels, load
from feedtwin.lab.auditing.finding import FAILED, PASSED, SKIPPED, Finding
from feedtwin.lab.numbers import significant
from feedtwin.lab.statistics import difference
from feedtwin.schema.settings import Settings, assign
from feedtwin.world.counsel import ASKED_BY_LEVERS, TASKS, asks
from feedtwin.world.segments import Segment, advance, begin

REPLICATES: Final = 6
USERS: Final = 200
STEPS: Final = 24
FIRST_REPLICATE: Final = 900_000
"""Replicates of audits, far from those of studies."""


@dataclass(frozen=True)
class Dose:
    """A cause with a known effect.

    Attributes:
        parameter: Path of the parameter.
        total: Total per step that answers.
        per: Total it is divided by, or "" for none.
        moves: "up" or "down".
        half: Value at half dose.
        full: Value at full dose.
    """

    parameter: str
    total: str
    per: str
    moves: str
    half: Any
    full: Any


def doses_for(settings: Settings) -> list[Dose]:
    """Return the doses that act in a world."""
    values = settings.parameters
    sessions = values["user.sessions_per_day"]
    found = [Dose("user.sessions_per_day", "impressions", "", "up", sessions * 1.5, sessions * 2)]
    if values["interaction.form"] == "fitted":  # skips follow from the preset: no intercept acts
        return found
    if values["interaction.skip_intercept_from"] == "target":
        skip, target = "interaction.skip_target", values["interaction.skip_target"]
        half, full = target + (0.9 - target) / 4, target + (0.9 - target) / 2
    else:
        skip, intercept = "interaction.skip_intercept", values["interaction.skip_intercept"]
        half, full = intercept + 0.5, intercept + 1.0
    found.append(Dose(skip, "skips", "impressions", "up", half, full))
    found.append(Dose(skip, "watch_ms", "impressions", "down", half, full))
    return found


def check_responses(settings: Settings) -> Iterator[Finding]:
    """Yield, for each dose, whether its effect has the sign it must have and grows with the dose."""
    kernels = load("auto", 1)
    small = small_world(settings)
    if ":" in settings.policies["behaviour"]:
        yield Finding(
            "dose response", SKIPPED, "a behaviour of your own need not answer to these doses"
        )
        return
    known: dict[str, list[Mapping[str, int]]] = {"": _worlds(small, (), kernels)}
    for dose in doses_for(settings):
        for value in (dose.half, dose.full):
            text = f"{dose.parameter}={value!r}"
            if text not in known:
                known[text] = _worlds(small, (text,), kernels)
        levels = [
            np.array([_rate(one, dose) for one in known[text]])
            for text in ("", f"{dose.parameter}={dose.half!r}", f"{dose.parameter}={dose.full!r}")
        ]
        yield _judge(dose, *levels)


def small_world(settings: Settings) -> Settings:
    """Return the world with few people, nothing scripted and nobody to ask.

    Where a policy asks a language model, the rule behind the task answers; other tasks are off, which is the
    world's own way.
    """
    asked = {section for lever, section in ASKED_BY_LEVERS.items() if asks(settings, lever)}
    told = {f"llm.{section}.source": "off" for section in TASKS if section not in asked}
    for section in asked:
        told |= {f"llm.{section}.source": "surrogate", f"llm.{section}.cohort": "all"}
    known = {path: value for path, value in told.items() if path in settings.parameters}
    users = min(settings.users or USERS, USERS)
    return settings.model_copy(
        update={"users": users, "script": (), "parameters": {**settings.parameters, **known}}
    )


def _judge(dose: Dose, none: np.ndarray, half: np.ndarray, full: np.ndarray) -> Finding:
    sign = 1 if dose.moves == "up" else -1
    first, second = difference(half, none), difference(full, half)
    what = f"{dose.total}{f' per {dose.per}' if dose.per else ''}"
    said = (
        f"{dose.parameter} at {dose.half:.4g} and {dose.full:.4g} moves {what} by {significant(first.estimate, 4, sign=True)} and a further "
        f"{significant(second.estimate, 4, sign=True)} ({len(none)} paired worlds of {USERS} users)"
    )
    name = f"dose response: {dose.parameter} on {what}"
    whole = difference(full, none)
    low, high = (whole.low or 0.0) * sign, (whole.high or 0.0) * sign
    if max(low, high) < 0:
        return Finding(name, FAILED, f"{said}; expected it to go {dose.moves}")
    if min(low, high) <= 0:
        return Finding(name, SKIPPED, f"{said}; the interval holds 0, so nothing can be said")
    if first.estimate * sign <= 0 or second.estimate * sign <= 0:
        return Finding(name, FAILED, f"{said}; expected it to grow with the dose")
    return Finding(name, PASSED, said)


def _worlds(settings: Settings, sets: tuple[str, ...], kernels: Kernels) -> list[Mapping[str, int]]:
    """Totals of small paired worlds."""
    changed = assign(settings, sets)
    return [
        totals_of(changed.model_copy(update={"replicate": FIRST_REPLICATE + r}), STEPS, kernels)
        for r in range(REPLICATES)
    ]


def totals_of(settings: Settings, steps: int, kernels: Kernels) -> Mapping[str, int]:
    """Return the totals of a world after some steps."""
    segments = [Segment(0, settings)]
    world = advance(begin(segments, kernels), segments, kernels, steps)
    return dict(world.platform.telemetry.as_dict())


def _rate(totals: Mapping[str, int], dose: Dose) -> float:
    return totals[dose.total] / (max(totals[dose.per], 1) if dose.per else 1)
