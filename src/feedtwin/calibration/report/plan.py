"""What a report simulates: the worlds of `worlds.yaml`, how many of each, and within which ranges."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from math import floor, log2
from typing import Any, Final

from feedtwin.calibration.ecosystem.plan import Free
from feedtwin.calibration.preset import calibration_constants
from feedtwin.errors import SettingsError
from feedtwin.schema.parameters import load_defaults
from feedtwin.schema.presets import load_preset
from feedtwin.schema.yaml_reader import read_document

FEWEST: Final = 2
"""Worlds, pairs or trajectories below which nothing has an interval."""
FEWEST_SOBOL: Final = 4
_HALVINGS: Final = 60


@dataclass(frozen=True)
class Overlay:
    """A structure: what it changes of the preset's world, in the form of a study's arm."""

    name: str
    why: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)

    def over(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The arm with these parameters below its own."""
        return {"parameters": {**parameters, **self.parameters}, "policies": dict(self.policies)}

    def then(self, other: "Overlay") -> "Overlay":
        """This structure with another's changes on top."""
        return Overlay(
            f"{self.name}, {other.name}", other.why, {**self.parameters, **other.parameters},
            {**self.policies, **other.policies},
        )  # fmt: skip


@dataclass(frozen=True)
class Worlds:
    """The worlds of a report beside the preset's own.

    Attributes:
        study: the built-in study that the contrast is taken from.
        outcomes: numbers that it is taken in; the first is the main one.
        nulls: worlds that are wrong on purpose.
        variants: structures in which the contrast is taken again.
    """

    study: str
    outcomes: tuple[str, ...]
    nulls: tuple[Overlay, ...]
    variants: tuple[Overlay, ...]

    @property
    def changed(self) -> tuple[Overlay, ...]:
        """The variants that change something; the others are the preset's own world."""
        return tuple(one for one in self.variants if one.parameters or one.policies)


def read_worlds() -> Worlds:
    """The package's own `worlds.yaml`."""
    text = files("feedtwin.calibration.report").joinpath("worlds.yaml").read_text("utf-8")
    values = read_document(text, "worlds.yaml").values
    nulls = {name: _overlay(name, one) for name, one in values["nulls"].items()}
    return Worlds(
        values["contrast"]["study"],
        tuple(values["contrast"]["outcomes"]),
        tuple(nulls.values()),
        tuple(
            replace(nulls[one["same_as"]], name=name, why=one["why"])
            if "same_as" in one
            else _overlay(name, one)
            for name, one in values["variants"].items()
        ),
    )


def _overlay(name: str, one: Mapping[str, Any]) -> Overlay:
    parameters: dict[str, Any] = {}
    if "from_preset" in one:
        told = load_preset(one["from_preset"]).values
        parameters = {k: v for k, v in told.items() if k.startswith(one["only"])}
    parameters |= dict(one.get("parameters") or {})
    load_defaults().overlay(parameters, f"worlds.yaml, {name}")
    return Overlay(name, one["why"], parameters, dict(one.get("policies") or {}))


@dataclass(frozen=True)
class Sizes:
    """How many worlds of each kind; see the parameters of the same names, `calibration.report.*`."""

    draws: int
    null_draws: int
    trajectories: int
    active: int
    sobol_points: int
    variant_pairs: int

    def runs(self, inputs: int, nulls: int, variants: int) -> int:
        """Worlds in all.

        Args:
            inputs: parameters of the screening, the idle one in it.
            nulls: null worlds.
            variants: structural variants.
        """
        pairs = (
            self.draws
            + self.trajectories * (inputs + 1)
            + self.sobol_points * (min(self.active + 1, inputs) + 2)
            + self.variant_pairs * variants
        )
        return self.draws + self.null_draws * nulls + 2 * pairs


def sizes_of(
    constants: Mapping[str, Any], budget: int | None, inputs: int, nulls: int, variants: int
) -> Sizes:
    """The sizes that were asked for, all cut by one factor where a budget needs it.

    Raises:
        SettingsError: The budget is below what the smallest report needs, or Sobol points are no power of two.
    """
    whole = Sizes(**{one.name: int(constants[one.name]) for one in fields(Sizes)})
    if whole.sobol_points & (whole.sobol_points - 1):
        raise SettingsError(
            f"calibration.report.sobol_points is {whole.sobol_points}; expected a power of two"
        )
    if budget is None or whole.runs(inputs, nulls, variants) <= budget:
        return whole
    least = _cut(whole, 0.0)
    if least.runs(inputs, nulls, variants) > budget:
        raise SettingsError(
            f"--budget {budget}: the smallest report needs {least.runs(inputs, nulls, variants)} worlds; expected as many, or "
            "--levels encounter for none"
        )
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        fits = _cut(whole, middle).runs(inputs, nulls, variants) <= budget
        low, high = (middle, high) if fits else (low, middle)
    return _cut(whole, low)


def _cut(whole: Sizes, factor: float) -> Sizes:
    def some(count: int) -> int:
        return max(int(count * factor), min(FEWEST, count))

    points = max(whole.sobol_points * factor, float(FEWEST_SOBOL))
    return replace(
        whole, draws=some(whole.draws), null_draws=some(whole.null_draws),
        trajectories=some(whole.trajectories), variant_pairs=some(whole.variant_pairs),
        sobol_points=min(1 << floor(log2(points)), whole.sobol_points),
    )  # fmt: skip


def report_constants(parameters: Mapping[str, Any] | None, quick: bool) -> dict[str, Any]:
    """The constants `calibration.report.*` by name; in a quick look `quick.*` lie over them."""
    start = "report."
    found = {
        k.removeprefix(start): v
        for k, v in calibration_constants(parameters).items()
        if k.startswith(start)
    }
    small = {k.removeprefix("quick."): v for k, v in found.items() if k.startswith("quick.")}
    plain = {k: v for k, v in found.items() if not k.startswith("quick.")}
    return {**plain, **small} if quick else plain


def ranges(free: tuple[Free, ...], fitted: Mapping[str, Mapping[str, Any]]) -> tuple[Free, ...]:
    """The parameters with the posterior's interval in place of the prior, where there is one."""
    return tuple(
        replace(one, low=float(fitted[one.path]["low"]), high=float(fitted[one.path]["high"]))
        if one.path in fitted and fitted[one.path]["low"] < fitted[one.path]["high"]
        else one
        for one in free
    )
