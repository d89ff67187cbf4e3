"""What a study is, once its file has been read and checked: arms, cells' settings, estimands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

from feedtwin.lab.statistics import Precision

WHOLE: Final = "everyone"
"""Name of the cohort that is no restriction."""


@dataclass(frozen=True)
class Arm:
    """One version of the world: what it changes of the study's common settings.

    Attributes:
        name: What tables call it.
        parameters: Value by parameter path.
        policies: Policy by lever.
        description: A sentence for people.
        levels: Level by factor, where the arm is a cell of a factorial design.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)

    @property
    def overlay(self) -> dict[str, Any]:
        """What `schema.settings.resolve` takes as an arm."""
        return {"parameters": dict(self.parameters), "policies": dict(self.policies)}


@dataclass(frozen=True)
class Contrast:
    """A difference of weighted means of arms; weights add to 0.

    Attributes:
        name: What tables call it, for example "popularity - base".
        weights: Weight by arm; arms that do not count are left out. Those above 0 add to 1 for a difference of
            means, to 2 for a difference of differences.
    """

    name: str
    weights: Mapping[str, float]

    @property
    def arms(self) -> tuple[str, ...]:
        """Every arm that counts."""
        return tuple(self.weights)

    @property
    def is_plain(self) -> bool:
        """Whether it is a difference of two means, rather than of differences."""
        return abs(sum(self.treatment.values()) - 1) < 1e-9

    @property
    def treatment(self) -> dict[str, float]:
        """The side that is added."""
        return {arm: weight for arm, weight in self.weights.items() if weight > 0}

    @property
    def base(self) -> dict[str, float]:
        """The side that is subtracted, with positive weights."""
        return {arm: -weight for arm, weight in self.weights.items() if weight < 0}


@dataclass(frozen=True)
class Cohort:
    """Part of the population, by an attribute that no arm changes.

    Attributes:
        name: What tables call it.
        of: "creators" (their videos and their accounts) or "viewers" (their impressions; needs the log).
        column: Column of the users table.
        values: Values that belong, or () where `top` or `bottom` is given.
        top: Share of the population with the highest values, or None.
        bottom: Share with the lowest, or None.
        at_least: Lowest value that belongs, or None.
        below: Lowest value that does not belong any more, or None.
        read_from: Arm whose users table says who belongs, for every arm of a replicate; None for each arm's own.
    """

    name: str
    of: str
    column: str
    values: tuple[int, ...] = ()
    top: float | None = None
    bottom: float | None = None
    read_from: str | None = None
    at_least: float | None = None
    below: float | None = None


@dataclass(frozen=True)
class Estimand:
    """What a study wants to know: a metric, between which arms, in whom, and when.

    Attributes:
        name: Unique within the study.
        metric: Name of a metric.
        contrast: Between which arms.
        cohort: Name of a cohort, or WHOLE.
        first_step: First measured step, counted from the end of the warm-up.
        last_step: Step after the last one, counted likewise.
        smallest_effect: Smallest difference that would matter, in the metric's unit; None if not declared.
        margin: (low, high) within which a difference is no harm, or None.
        claim: What staying within the margin is called: "no harm" or "equivalence".
    """

    name: str
    metric: str
    contrast: Contrast
    cohort: str
    first_step: int
    last_step: int
    smallest_effect: float | None = None
    margin: tuple[float, float] | None = None
    claim: str = ""

    @property
    def reading(self) -> "Wanted":
        """What must be measured in every cell for it."""
        return Wanted(self.metric, self.cohort, self.first_step, self.last_step)


@dataclass(frozen=True, order=True)
class Wanted:
    """One number that every cell must give: a metric of a cohort over some steps after the warm-up."""

    metric: str
    cohort: str
    first_step: int
    last_step: int


@dataclass(frozen=True)
class Replication:
    """How many replicates, and what ends them.

    Attributes:
        most: The number, or the cap where a precision decides.
        batch: Replicates between two looks at the precision; `most` where none is declared.
        precision: What decides, or None.
        estimand: Name of the estimand that the precision is of.
    """

    most: int
    batch: int
    precision: Precision | None = None
    estimand: str = ""


@dataclass(frozen=True)
class Factor:
    """A dimension of a factorial design: its levels, in the order of the file."""

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """A study, checked: nothing in it is unknown or impossible.

    Attributes:
        name: Name; that of the file by default.
        description: What it asks, in a sentence.
        where: The file it came from, for messages.
        world: Name or path of the world.
        users: Number of users, or None for the world's own.
        seed: Root seed.
        preset: Name of a preset, or None.
        common: Overlay of every arm (and of the warm-up): `parameters` and `policies`.
        arms: The arms by name, in the order of the file.
        base: Name of the arm that others are compared with.
        factors: Factors, where the arms are a design; else ().
        aliases: What a fraction confounds, in words; () for a full design.
        replication: How many replicates.
        horizon: Measured steps (hours).
        warmup: Steps before them that all arms share, branching from one snapshot; 0 for none.
        cohorts: Cohorts by name.
        estimands: What it estimates, one or more.
        distributions: Names of distributions that are compared (`distributions.DISTRIBUTIONS`).
        over_time: Steps of a window of the effect over time; 0 for none.
        correction: One of `statistics.CORRECTIONS`.
        confidence: Nominal coverage of intervals.
        llm_budget_usd: Most that all cells together may spend on language models.
        quick: Whether it was cut down to a quick look.
        posterior: Draws of its preset that its replicates go round; 0 for the point estimates alone.
        llm_share_microusd: Of it, the most that each cell may spend; None where there is no budget or no need.
    """

    name: str
    description: str
    where: str
    world: str
    users: int | None
    seed: int
    preset: str | None
    common: Mapping[str, Any]
    arms: Mapping[str, Arm]
    base: str
    factors: tuple[Factor, ...]
    aliases: tuple[str, ...]
    replication: Replication
    horizon: int
    warmup: int
    cohorts: Mapping[str, Cohort]
    estimands: tuple[Estimand, ...]
    distributions: tuple[str, ...]
    over_time: int
    correction: str
    confidence: float
    llm_budget_usd: float
    quick: bool = False
    posterior: int = 0
    llm_share_microusd: int | None = None

    @property
    def alpha(self) -> float:
        """Level of its tests: 1 - confidence."""
        return round(1 - self.confidence, 12)

    @property
    def steps(self) -> int:
        """Steps of a cell, warm-up included."""
        return self.warmup + self.horizon

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """What every cell must give, each once, in order."""
        return tuple(sorted({one.reading for one in self.estimands}))

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """Windows of the effect over time, counted from the end of the warm-up; the last may be short."""
        if not self.over_time:
            return ()
        starts = range(0, self.horizon, self.over_time)
        return tuple((first, min(first + self.over_time, self.horizon)) for first in starts)

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """The contrasts of its estimands, each once, in order of appearance."""
        found: dict[str, Contrast] = {}
        for one in self.estimands:
            found.setdefault(one.contrast.name, one.contrast)
        return tuple(found.values())


def margin_of(direction: str, size: float) -> tuple[float, float]:
    """Return the margins of "no harm": harm is the worse direction of the metric, or both where neither is."""
    return {"higher": (-size, inf), "lower": (-inf, size)}.get(direction, (-size, size))
