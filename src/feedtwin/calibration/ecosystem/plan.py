"""What is fitted to what: free parameters with their priors, patterns with their roles (a `plan.yaml`).

`read_plan` without arguments gives that of the ecosystem; another level that is fitted by simulation brings the text, the
patterns and the levels of its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, Final

import numpy as np

from feedtwin.calibration.ecosystem.patterns import MEASURES
from feedtwin.calibration.preset import calibration_constants
from feedtwin.datasets.adaptor import F8
from feedtwin.errors import SettingsError
from feedtwin.schema.parameters import load_defaults
from feedtwin.schema.yaml_reader import read_document

FITTED: Final = "fitted"
HELD_OUT: Final = "held_out"
SCALES: Final = ("linear", "log")
_ENTRY: Final = re.compile(r"(?P<parameter>[^\[]+)(\[(?P<entry>\d+)\])?")
LEVELS: Final = ("encounter", "user", "ecosystem")


@dataclass(frozen=True)
class Free:
    """A parameter that is fitted; its prior is uniform between low and high on its scale.

    Attributes:
        path: path of the parameter; of one entry of a list: `path[place]`.
        low, high: ends of the prior.
        scale: one of `SCALES`.
        why: which pattern should know something of it.
        default: the parameter's own value; decides whether values are whole, and what the other entries of a list are.
    """

    path: str
    low: float
    high: float
    scale: str
    why: str
    default: Any = 0.0

    @property
    def parameter(self) -> str:
        """Path of the parameter, without a place."""
        return self.path.partition("[")[0]

    @property
    def entry(self) -> int | None:
        """Place in the list; None where the parameter is one number."""
        _, _, place = self.path.partition("[")
        return int(place.removesuffix("]")) if place else None

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are values."""
        return isinstance(self.default, int)

    def values(self, unit: F8) -> F8:
        """Parameter values of places in [0, 1], any shape."""
        if self.scale == "log":
            found = np.asarray(self.low * (self.high / self.low) ** unit, np.float64)
        else:
            found = np.asarray(self.low + (self.high - self.low) * unit, np.float64)
        return np.round(found) if self.is_whole else found

    def setting(self, value: float) -> Any:
        """What a world's parameter is set to for a value: a number, or the list with the value in its place."""
        one = int(value) if self.is_whole else value
        if self.entry is None:
            return one
        return [one if k == self.entry else other for k, other in enumerate(self.default)]


@dataclass(frozen=True)
class Pattern:
    """A pattern and its role.

    Attributes:
        name: one of `patterns.MEASURES`.
        role: FITTED or HELD_OUT.
        level: one of `LEVELS`.
        unit: its unit.
        tolerance: standard deviation of the stated discrepancy between a good model and the log.
    """

    name: str
    role: str
    level: str
    unit: str
    tolerance: float


@dataclass(frozen=True)
class Plan:
    """Free parameters and patterns, in the order of the file.

    Attributes:
        free: what is fitted.
        patterns: what it is fitted to, and what is predicted.
        fixed: parameters that all simulated worlds have, and with them every world with such a preset.
    """

    free: tuple[Free, ...]
    patterns: tuple[Pattern, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Paths of the free parameters, with their place where one is an entry of a list."""
        return [one.path for one in self.free]

    def settings(self, values: F8) -> dict[str, Any]:
        """What a world's parameters are set to, by path, for values (d,) of the free ones."""
        row = zip(self.free, values.tolist(), strict=True)
        return {one.parameter: one.setting(value) for one, value in row}

    def values(self, unit: F8) -> F8:
        """Parameter values of points of the unit cube, (n, d) to (n, d)."""
        columns = [one.values(unit[:, k]) for k, one in enumerate(self.free)]
        return np.stack(columns, axis=1)

    def place(self, role: str) -> list[int]:
        """Places of the patterns with a role."""
        return [k for k, one in enumerate(self.patterns) if one.role == role]

    def without(self, names: Sequence[str]) -> "Plan":
        """The plan without some patterns."""
        return replace(self, patterns=tuple(one for one in self.patterns if one.name not in names))

    @property
    def tolerance(self) -> F8:
        """Standard deviation of the discrepancy of every pattern, (P,)."""
        return np.array([one.tolerance for one in self.patterns], np.float64)


def read_plan(
    text: str | None = None,
    where: str = "plan.yaml",
    measures: Sequence[str] = tuple(MEASURES),
    levels: Sequence[str] = LEVELS,
) -> Plan:
    """Reads a plan; the ecosystem's own by default.

    Args:
        text: the file's text.
        where: its name, for messages.
        measures: names of the patterns that can be measured.
        levels: what a pattern may be one of.

    Raises:
        SettingsError: A parameter, pattern, role, level or scale is unknown, or a range is empty.
    """
    if text is None:
        text = files("feedtwin.calibration.ecosystem").joinpath("plan.yaml").read_text("utf-8")
    document = read_document(text, where)
    fixed = dict(document.values.get("fixed") or {})
    load_defaults().overlay(fixed, where)
    free = tuple(
        _free(path, one, document.at(f"parameters.{path}"))
        for path, one in document.values["parameters"].items()
    )
    parameters = [*fixed, *(one.parameter for one in free)]
    if len(set(parameters)) < len(parameters):
        twice = next(one for one in parameters if parameters.count(one) > 1)
        raise SettingsError(f"{where}: {twice} is there twice; expected each parameter once")
    patterns = []
    for name, one in document.values["patterns"].items():
        at = document.at(f"patterns.{name}")
        _among(name, measures, f"{at}: the pattern")
        _among(one["role"], (FITTED, HELD_OUT), f"{at}: role")
        _among(one["level"], levels, f"{at}: level")
        patterns.append(
            Pattern(name, one["role"], one["level"], one["unit"], float(one["tolerance"]))
        )
    return Plan(free, tuple(patterns), fixed)


def _free(path: str, one: Mapping[str, Any], at: str) -> Free:
    known, parts = load_defaults(), _ENTRY.fullmatch(path)
    name = path if parts is None else parts["parameter"]
    if name not in known:
        raise SettingsError(f"{at}: no parameter is called {name!r}")
    default, entry = known.get(name), None if parts is None else parts["entry"]
    if isinstance(default, list) != (entry is not None) or (entry and int(entry) >= len(default)):
        size = f"a list of {len(default)}" if isinstance(default, list) else "one number"
        raise SettingsError(
            f"{at}: {name} is {size}, and the plan names {path!r}; expected {name}, or {name}[PLACE] with a place from 0 in a list"
        )
    _among(one["scale"], SCALES, f"{at}: scale")
    if not one["low"] < one["high"] or (one["scale"] == "log" and one["low"] <= 0):
        raise SettingsError(
            f"{at}: the range is {one['low']} to {one['high']}; expected low below high, and above 0 on a log scale"
        )
    free = Free(path, float(one["low"]), float(one["high"]), one["scale"], str(one["why"]), default)
    for end in (free.low, free.high):
        known.overlay({name: free.setting(end)}, at)
    return free


def _among(value: Any, known: Sequence[str], what: str) -> None:
    if value not in known:
        raise SettingsError(f"{what} is {value!r}; expected one of {', '.join(known)}")


def ecosystem_constants(parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The constants `calibration.ecosystem.*` by name without the section."""
    whole = calibration_constants(parameters)
    start = "ecosystem."
    return {k.removeprefix(start): v for k, v in whole.items() if k.startswith(start)}
