"""What is fitted to what: free parameters with their priors, patterns with their roles (`plan.yaml`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
LEVELS: Final = ("encounter", "user", "ecosystem")


@dataclass(frozen=True)
class Free:
    """A parameter that is fitted; its prior is uniform between low and high on its scale.

    Attributes:
        path: path of the parameter.
        low, high: ends of the prior.
        scale: one of `SCALES`.
        why: which pattern should know something of it.
    """

    path: str
    low: float
    high: float
    scale: str
    why: str

    def values(self, unit: F8) -> F8:
        """Parameter values of places in [0, 1], any shape."""
        if self.scale == "log":
            return np.asarray(self.low * (self.high / self.low) ** unit, np.float64)
        return np.asarray(self.low + (self.high - self.low) * unit, np.float64)


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
    """Free parameters and patterns, in the order of the file."""

    free: tuple[Free, ...]
    patterns: tuple[Pattern, ...]

    @property
    def names(self) -> list[str]:
        """Paths of the free parameters."""
        return [one.path for one in self.free]

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


def read_plan(text: str | None = None, where: str = "plan.yaml") -> Plan:
    """Reads a plan; the package's own by default.

    Raises:
        SettingsError: A parameter, pattern, role, level or scale is unknown, or a range is empty.
    """
    if text is None:
        text = files("feedtwin.calibration.ecosystem").joinpath("plan.yaml").read_text("utf-8")
    document = read_document(text, where)
    known = load_defaults()
    free = []
    for path, one in document.values["parameters"].items():
        at = document.at(f"parameters.{path}")
        if path not in known:
            raise SettingsError(f"{at}: no parameter is called {path!r}")
        _among(one["scale"], SCALES, f"{at}: scale")
        if not one["low"] < one["high"] or (one["scale"] == "log" and one["low"] <= 0):
            raise SettingsError(
                f"{at}: the range is {one['low']} to {one['high']}; expected low below high, and above 0 on a log scale"
            )
        for end in (one["low"], one["high"]):
            known.overlay({path: end}, where)
        free.append(
            Free(path, float(one["low"]), float(one["high"]), one["scale"], str(one["why"]))
        )
    patterns = []
    for name, one in document.values["patterns"].items():
        at = document.at(f"patterns.{name}")
        _among(name, tuple(MEASURES), f"{at}: the pattern")
        _among(one["role"], (FITTED, HELD_OUT), f"{at}: role")
        _among(one["level"], LEVELS, f"{at}: level")
        patterns.append(
            Pattern(name, one["role"], one["level"], one["unit"], float(one["tolerance"]))
        )
    return Plan(tuple(free), tuple(patterns))


def _among(value: Any, known: Sequence[str], what: str) -> None:
    if value not in known:
        raise SettingsError(f"{what} is {value!r}; expected one of {', '.join(known)}")


def ecosystem_constants(parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The constants `calibration.ecosystem.*` by name without the section."""
    whole = calibration_constants(parameters)
    start = "ecosystem."
    return {k.removeprefix(start): v for k, v in whole.items() if k.startswith(start)}
