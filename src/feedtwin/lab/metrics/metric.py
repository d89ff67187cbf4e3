"""What a metric is: a function of a run with a unit, a direction, a formula and an empty value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from feedtwin.errors import SchemaError
from feedtwin.lab.run_data import RunData

DIRECTIONS: Final = ("higher", "lower", "neither")
FAMILIES: Final = (
    "attention", "engagement", "sessions", "concentration", "diversity", "supply", "governance"
)  # fmt: skip
"""Modules of this folder that declare metrics, in the order in which people read them."""
CAP_SHARE_MAX: Final = 0.95
"""Above this share of exits by the cap, session length measures the cap (spec 1.10, row 21)."""

Function = Callable[[RunData], float | None]


@dataclass(frozen=True)
class Metric:
    """A number that one run has.

    Attributes:
        name: What JSON and code call it.
        label: What people read.
        unit: Unit; "share" for a part of one, "bits", "s" and so on.
        direction: Which way is usually called better: higher, lower or neither.
        formula: What is computed, over which population.
        needs: Totals (by name) and table columns (`items.<column>`, `users.<column>`) it reads.
        empty: Its value for a run in which nothing happened; None where it is undefined.
        function: Computes it.
        headline: Whether the summary of a run prints it.
    """

    name: str
    label: str
    unit: str
    direction: str
    formula: str
    needs: tuple[str, ...]
    empty: float | None
    function: Function
    headline: bool

    @property
    def family(self) -> str:
        """Name of the module that declares it."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def needs_tables(self) -> bool:
        """Whether it reads tables that are written when a run closes."""
        return any("." in need for need in self.needs)

    def as_row(self) -> dict[str, object]:
        """Return a plain mapping for listings and JSON."""
        return {
            "name": self.name,
            "label": self.label,
            "family": self.family,
            "unit": self.unit,
            "direction": self.direction,
            "formula": self.formula,
            "needs": list(self.needs),
            "empty": self.empty,
            "headline": self.headline,
        }


@dataclass(frozen=True)
class Reading:
    """A metric's value in one run; None where it is undefined."""

    metric: Metric
    value: float | None


METRICS: Final[dict[str, Metric]] = {}


def metric(
    name: str,
    label: str,
    *,
    unit: str,
    direction: str,
    formula: str,
    needs: str,
    empty: float | None = None,
    headline: bool = True,
) -> Callable[[Function], Function]:
    """List a function of a run as a metric.

    Args:
        name: What JSON and code call it; unique.
        label: What people read.
        unit: Unit.
        direction: One of DIRECTIONS.
        formula: One sentence.
        needs: Names of totals and columns it reads, separated by spaces.
        empty: Its value for a run in which nothing happened.
        headline: Whether the summary of a run prints it.

    Raises:
        SchemaError: The name is taken, or unit, direction or formula is missing.
    """
    if name in METRICS:
        raise SchemaError(f"metric {name!r} is listed twice")
    if direction not in DIRECTIONS or not unit or not formula or not needs:
        raise SchemaError(
            f"metric {name!r}: expected a unit, a formula, what it needs, and a direction out of "
            f"{', '.join(DIRECTIONS)}"
        )

    def listed(function: Function) -> Function:
        METRICS[name] = Metric(
            name, label, unit, direction, formula, tuple(needs.split()), empty, function, headline
        )
        return function

    return listed


def ratio(above: float, below: float) -> float | None:
    """Return above / below, or None where there is nothing to divide by."""
    return above / below if below else None


def listed_metrics() -> list[Metric]:
    """Return every metric, family by family."""
    return sorted(METRICS.values(), key=lambda one: FAMILIES.index(one.family))


def measure(data: RunData) -> dict[str, Reading]:
    """Return every metric that the run has data for; those of tables only once it is closed."""
    return {
        one.name: Reading(one, one.function(data))
        for one in listed_metrics()
        if data.is_closed or not one.needs_tables
    }


def warnings_of(readings: Mapping[str, Reading]) -> tuple[str, ...]:
    """Return what a reader of these numbers must be warned of."""
    found = readings.get("exit_share_cap")
    if found is None or found.value is None or found.value <= CAP_SHARE_MAX:
        return ()
    return (
        f"{found.value:.1%} of sessions end at the cap on impressions: session length measures the cap, not "
        "boredom or fatigue (raise user.impressions_max)",
    )
