"""What a metric is: a function of a run with a unit, a range, a direction, a formula and its two controls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from feedtwin.errors import SchemaError
from feedtwin.lab.run_data import RunData

DIRECTIONS: Final = ("higher", "lower", "neither")
FAMILIES: Final = (
    "attention", "engagement", "sessions", "retention", "concentration", "fairness", "diversity",
    "profile", "supply", "harm", "governance", "money", "creators",
)  # fmt: skip
"""Modules of this folder that declare metrics, in the order in which people read them."""
PLACEBO: Final = "promotion.velocity_gate_absolute=77"
"""A setting without a causal path to anything: gates are relative to the population by default."""
CAP_SHARE_MAX: Final = 0.95
"""Above this share of exits by the cap, session length measures the cap (spec 1.10, row 21)."""
FROM_THE_FIRST_DAY: Final = "users.days_active"
"""What metrics read that have no value for a part of a run."""
_RANGES: Final = {"share": (0.0, 1.0)}
"""Range of the values of a unit, where it is not 0 to infinity."""

Function = Callable[[RunData], float | None]


@dataclass(frozen=True)
class Control:
    """A change that must move a metric: `--set` texts, and which way it goes ("up" or "down")."""

    sets: tuple[str, ...]
    moves: str


@dataclass(frozen=True)
class Metric:
    """A number that one run has.

    Attributes:
        name: What JSON and code call it.
        label: What people read.
        unit: Unit; "share" for a part of one, "bits", "s" and so on.
        range: Smallest and largest value it can take.
        direction: Which way is usually called better: higher, lower or neither.
        formula: What is computed, over which population.
        needs: Totals (by name), table columns (`items.<column>`, `users.<column>`) and events
            (`log.<event>`) it reads.
        empty: Its value for a run in which nothing happened; None where it is undefined.
        function: Computes it.
        headline: Whether the summary of a run prints it.
        control: A change that must move it; None where its family's own tests have one.
        placebo: A `--set` text that must not move it.
    """

    name: str
    label: str
    unit: str
    range: tuple[float, float]
    direction: str
    formula: str
    needs: tuple[str, ...]
    empty: float | None
    function: Function
    headline: bool
    control: Control | None
    placebo: str

    @property
    def family(self) -> str:
        """Name of the module that declares it."""
        return self.function.__module__.rpartition(".")[2]

    @property
    def needs_tables(self) -> bool:
        """Whether it reads tables that are written when a run closes."""
        return any(need.startswith(("items.", "users.")) for need in self.needs)

    @property
    def needs_log(self) -> bool:
        """Whether it reads the event log, so that a run with `--log digest` does not have it."""
        return any(need.startswith("log.") for need in self.needs)

    @property
    def why_no_part(self) -> str:
        """Why it has no value for a part of a run, or ""."""
        if FROM_THE_FIRST_DAY in self.needs:
            return (
                f"{self.name} follows people from their first day on the platform, so it is a number of a whole run and "
                "of no part of it"
            )
        return ""

    def as_row(self) -> dict[str, object]:
        """Return a plain mapping for listings and JSON; a range without an end has null there."""
        control = self.control
        return {
            "name": self.name,
            "label": self.label,
            "family": self.family,
            "unit": self.unit,
            "range": [None if abs(end) == inf else end for end in self.range],
            "direction": self.direction,
            "formula": self.formula,
            "needs": list(self.needs),
            "needs_log": self.needs_log,
            "empty": self.empty,
            "headline": self.headline,
            "moved_by": None if control is None else list(control.sets),
            "moves": None if control is None else control.moves,
            "not_moved_by": self.placebo,
        }


@dataclass(frozen=True)
class Reading:
    """A metric's value in one run; None where it is undefined, and then why."""

    metric: Metric
    value: float | None
    why: str = ""


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
    headline: bool = False,
    range: tuple[float, float] | None = None,
    control: str = "",
    placebo: str = PLACEBO,
) -> Callable[[Function], Function]:
    """List a function of a run as a metric.

    Args:
        name: What JSON and code call it; unique.
        label: What people read.
        unit: Unit.
        direction: One of DIRECTIONS.
        formula: One sentence.
        needs: Names of totals, columns and events it reads, separated by spaces.
        empty: Its value for a run in which nothing happened.
        headline: Whether the summary of a run prints it; a page of those should be enough for anyone.
        range: Smallest and largest value; 0 to 1 for shares and 0 to infinity else by default.
        control: What must move it: `--set` texts and then "up" or "down", separated by spaces.
        placebo: A `--set` text that must not move it.

    Raises:
        SchemaError: The name is taken, or unit, direction or formula is missing, or a control has no direction.
    """
    if name in METRICS:
        raise SchemaError(f"metric {name!r} is listed twice")
    if direction not in DIRECTIONS or not unit or not formula or not needs:
        raise SchemaError(
            f"metric {name!r}: expected a unit, a formula, what it needs, and a direction out of "
            f"{', '.join(DIRECTIONS)}"
        )
    *sets, moves = control.split() or ("",)
    if control and (moves not in ("up", "down") or not sets):
        raise SchemaError(f"metric {name!r}: found control {control!r}, expected 'PATH=VALUE up'")
    between = range or _RANGES.get(unit, (0.0, inf))
    moved_by = Control(tuple(sets), moves) if control else None

    def listed(function: Function) -> Function:
        METRICS[name] = Metric(
            name, label, unit, between, direction, formula, tuple(needs.split()), empty, function,
            headline, moved_by, placebo,
        )  # fmt: skip
        return function

    return listed


def ratio(above: float, below: float) -> float | None:
    """Return above / below, or None where there is nothing to divide by."""
    return above / below if below else None


def listed_metrics() -> list[Metric]:
    """Return every metric, family by family."""
    return sorted(METRICS.values(), key=lambda one: FAMILIES.index(one.family))


def measure(data: RunData, *, headlines_only: bool = False) -> dict[str, Reading]:
    """Return every metric that the run has data for; those of tables only once it is closed.

    Args:
        data: The run.
        headlines_only: Leave out what the summary of a run does not print; none of those needs the log.
    """
    return {
        one.name: read(one, data)
        for one in listed_metrics()
        if (data.is_closed or not one.needs_tables) and (one.headline or not headlines_only)
    }


def read(one: Metric, data: RunData) -> Reading:
    """Return a metric of a run, or why it is undefined there."""
    missing = data.missing(one.needs)
    if missing:
        return Reading(one, None, missing)
    value = one.function(data)
    return Reading(one, value, "" if value is not None else "too little happened in this run")


def warnings_of(readings: Mapping[str, Reading]) -> tuple[str, ...]:
    """Return what a reader of these numbers must be warned of."""
    found = readings.get("exit_share_cap")
    if found is None or found.value is None or found.value <= CAP_SHARE_MAX:
        return ()
    return (
        f"{found.value:.1%} of sessions end at the cap on impressions: session length measures the cap, not "
        "boredom or fatigue (raise user.impressions_max)",
    )
