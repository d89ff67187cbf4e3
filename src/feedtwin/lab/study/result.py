"""What a study found: a tidy table of effects, and everything that a table, figure or report needs beside it.

Every record is flat, so that it is a row; `tables.py` writes and reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feedtwin.lab.numbers import significant


@dataclass(frozen=True)
class Effect:
    """One estimate of one estimand. Differences are treatment - base, in the metric's unit.

    Attributes:
        estimand: Name of the estimand.
        metric: Name of the metric.
        label: What people read.
        unit: Unit of estimate, interval and levels.
        direction: Which way is usually called better: higher, lower or neither.
        contrast: Name of the contrast.
        treatment: The side that is added: arms with their weights, in words.
        base: The side that is subtracted.
        cohort: In whom.
        first_step: First measured step after the warm-up.
        last_step: Step after the last one.
        n: Replicates that were run.
        n_effective: Distinct pairs that the estimate rests on: identical ones are counted once, those in which
            the metric is undefined not at all.
        n_independent: Independent runs per arm that would be as precise, n_effective x variance ratio; None where
            the ratio is not known.
        mean_treatment: Mean level of the treatment side; None for a difference of differences.
        mean_base: Mean level of the base side; None likewise.
        estimate: Mean paired difference; None where no pair has the metric.
        low: Lower end of the interval; None with fewer than two pairs.
        high: Upper end.
        confidence: Nominal coverage.
        method: How the interval was made (`statistics.paired`).
        sd: Standard deviation of the paired differences.
        p: Two-sided p of no difference, uncorrected.
        test: How p was made.
        p_adjusted: p corrected for the study's family.
        correction: holm, dunnett, max_t, benjamini-hochberg or none; and why, where it is not the study's.
        family_size: Distinct tests that were corrected together: comparisons of copies of an arm count once, claims count
            where p are corrected as such (holm, benjamini-hochberg), and what is identical in every pair does not (0). With
            dunnett, those of one metric, cohort and period.
        pairing_rho: Correlation of the two sides over replicates.
        variance_ratio: (s_A^2 + s_B^2) / s_D^2; None where it is infinite or unknown.
        variance_ratio_low: Lower end of its bootstrap interval.
        variance_ratio_high: Upper end.
        unpaired_low: Lower end of the interval that independent runs would have given (Welch).
        unpaired_high: Upper end.
        mde: Smallest true difference that these pairs detect with 80 % power; None where no pair differs from another.
        smallest_effect: Smallest difference that was declared to matter; None if none was.
        power_at_smallest: Power to detect it.
        margin_low: Lower margin of a declared claim of no harm or equivalence; None if none.
        margin_high: Upper margin.
        claim: "no harm", "equivalence" or "".
        p_claim: p of the equivalence test, uncorrected.
        verdict: In words: higher, lower, not distinguishable, ...
        calibration: State of calibration of the worlds.
        sources: Who answered what its arms asked of language models; "" where they asked nothing.
        degraded: In which cells too much was not answered as wanted; "" where in none.
        draws: Posterior draws that its pairs are spread over; 0 where all have the point estimates.
        joint_low: Lower end of the interval that holds for the whole family at once; None unless corrected by max_t.
        joint_high: Upper end.
        p_claim_adjusted: p of the equivalence test, corrected for the study's family; the claim is shown where it is below
            1 - confidence. None where no claim was declared.
    """

    estimand: str
    metric: str
    label: str
    unit: str
    direction: str
    contrast: str
    treatment: str
    base: str
    cohort: str
    first_step: int
    last_step: int
    n: int
    n_effective: int
    n_independent: float | None
    mean_treatment: float | None
    mean_base: float | None
    estimate: float | None
    low: float | None
    high: float | None
    confidence: float
    method: str
    sd: float | None
    p: float | None
    test: str
    p_adjusted: float | None
    correction: str
    family_size: int
    pairing_rho: float | None
    variance_ratio: float | None
    variance_ratio_low: float | None
    variance_ratio_high: float | None
    unpaired_low: float | None
    unpaired_high: float | None
    mde: float | None
    smallest_effect: float | None
    power_at_smallest: float | None
    margin_low: float | None
    margin_high: float | None
    claim: str
    p_claim: float | None
    verdict: str
    calibration: str
    sources: str = ""
    degraded: str = ""
    draws: int = 0
    joint_low: float | None = None
    joint_high: float | None = None
    p_claim_adjusted: float | None = None

    @property
    def pairs(self) -> str:
        """What it rests on, for people: `24`, or `6 x 4 draws`."""
        if not self.draws:
            return str(self.n_effective)
        each, rest = divmod(self.n_effective, self.draws)
        if rest:
            return f"{self.n_effective} in {self.draws} draws"
        return f"{each} x {self.draws} draws"

    @property
    def relative(self) -> float | None:
        """The estimate as a share of the base's mean; None where there is none."""
        if self.estimate is None or not self.mean_base:
            return None
        return self.estimate / abs(self.mean_base)


@dataclass(frozen=True)
class Level:
    """Mean of a metric in one arm over its distinct replicates, with Student's interval; marks as in `Effect`."""

    arm: str
    metric: str
    label: str
    unit: str
    cohort: str
    first_step: int
    last_step: int
    n: int
    n_effective: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    calibration: str
    sources: str = ""
    degraded: str = ""


@dataclass(frozen=True)
class CurvePoint:
    """A point of a distribution: a quantile or a Lorenz ordinate, of an arm or of a contrast.

    Attributes:
        distribution: Name of the distribution.
        label: What people read.
        unit: Unit of quantiles; Lorenz ordinates are shares.
        kind: "quantile" or "lorenz".
        of: Name of the arm or of the contrast.
        is_contrast: Whether it is a difference.
        at: Share of the population, 0 to 1.
        n: Distinct replicates.
        estimate: Mean over replicates.
        low: Lower edge of the band; pointwise for an arm, simultaneous over the curve for a contrast.
        high: Upper edge.
        p: p of no difference anywhere on the curve, not corrected for what else the study tests; None for an arm.
        verdict: Of the whole curve, in words; "" for an arm.
        calibration: State of calibration of the worlds.
        sources: Who answered what its arms asked of language models; "" where they asked nothing.
        degraded: In which cells too much was not answered as wanted; "" where in none.
    """

    distribution: str
    label: str
    unit: str
    kind: str
    of: str
    is_contrast: bool
    at: float
    n: int
    estimate: float
    low: float | None
    high: float | None
    p: float | None
    verdict: str
    calibration: str
    sources: str = ""
    degraded: str = ""


@dataclass(frozen=True)
class Reading:
    """One number of one cell.

    Attributes:
        arm: Name of the arm.
        replicate: Replicate; arms of one replicate share their chance.
        metric: Name of the metric.
        cohort: In whom.
        first_step: First measured step after the warm-up.
        last_step: Step after the last one.
        value: The number; None where it is undefined.
        why: Why it is undefined, or "".
        digest: Final digest of the run.
        cell: Key of the cell, its folder below `cells/`.
        sources: Who answered what this cell asked of language models; "" where it asked nothing.
        degraded: What of it was degraded, or "".
    """

    arm: str
    replicate: int
    metric: str
    cohort: str
    first_step: int
    last_step: int
    value: float | None
    why: str
    digest: str
    cell: str
    sources: str = ""
    degraded: str = ""


@dataclass(frozen=True)
class Answered:
    """Who answered what an arm asked of one task of language models, over all its cells.

    Attributes:
        arm: Name of the arm.
        task: Name of the task.
        cells: Cells of the arm.
        live: Answers of the model.
        cached: Answers from records of it.
        surrogate: Answers of the rule that stands in.
        degraded: Answers that a better source should have given.
        degraded_cells: Cells in which these were more than `llm.degraded_share` of the answers.
        charged_microusd: What counts against budgets, micro-dollars.
        paid_microusd: What was paid for these cells; less than charged where records answered.
    """

    arm: str
    task: str
    cells: int
    live: int
    cached: int
    surrogate: int
    degraded: int
    degraded_cells: int
    charged_microusd: int
    paid_microusd: int


@dataclass(frozen=True)
class Warned:
    """What a reader of these effects must know.

    Attributes:
        kind: "duplicate cells", "inert factor", "inert arm", "inert budget", "dead metric", "pairing hurts",
            "undefined", "precision", "few replicates", "no effect over time", "short window", "run", "degraded", "not identified", "posterior".
        what: The factor, arm, metric or estimand.
        message: What was found, what it means and what to do.
    """

    kind: str
    what: str
    message: str


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from.

    Attributes:
        study: Name of the study.
        description: What it asks.
        world: Name of the world.
        users: Number of users; None where it is that of a log.
        seed: Root seed.
        replicates: Replicates run.
        warmup: Steps of shared past.
        horizon: Measured steps.
        base: Arm that others are compared with.
        arms: What each arm changes, by name.
        factors: Levels by factor.
        aliases: What a fraction of a design confounds.
        population: Whether people are redrawn by replicate, in words: what the intervals speak about.
        calibration: State of calibration.
        quick: Whether it is a cut-down look.
        precision: Whether a declared precision was reached, in words; "" if none was declared.
        plan_hash: SHA-256 of the study as it was run.
        code_hash: SHA-256 of the simulation's sources.
        metrics_hash: SHA-256 of what measured.
        versions: Versions of the package, Python and libraries.
        llm_budget_usd: Most that could be spent on language models.
        llm_spent_usd: What was.
        draws: Posterior draws that the replicates go round; 0 for the point estimates alone.
    """

    study: str
    description: str
    world: str
    users: int | None
    seed: int
    replicates: int
    warmup: int
    horizon: int
    base: str
    arms: Mapping[str, Any]
    factors: Mapping[str, Any]
    aliases: tuple[str, ...]
    population: str
    calibration: str
    quick: bool
    precision: str
    plan_hash: str
    code_hash: str
    metrics_hash: str
    versions: Mapping[str, str]
    llm_budget_usd: float
    llm_spent_usd: float
    draws: int = 0


@dataclass(frozen=True)
class StudyResult:
    """A finished study.

    Attributes:
        path: The study folder.
        effects: One row per estimand, in the order of the file.
        levels: Mean per arm and metric.
        over_time: Effects window by window, where the study asks; not corrected for multiplicity.
        curves: Quantiles and Lorenz curves, of arms and of contrasts.
        readings: Every number of every cell.
        answers: Who answered what arms asked of language models; () where none asked.
        warnings: What a reader must know.
        provenance: Where the numbers come from.
    """

    path: Path
    effects: tuple[Effect, ...]
    levels: tuple[Level, ...]
    over_time: tuple[Effect, ...]
    curves: tuple[CurvePoint, ...]
    readings: tuple[Reading, ...]
    answers: tuple[Answered, ...]
    warnings: tuple[Warned, ...]
    provenance: Provenance
    reused: int = field(default=0, compare=False)
    """Cells that were finished before this call."""
    run_again: tuple[str, ...] = field(default=(), compare=False)
    """Cells that were finished, could not be read whole and were run again by this call: which and why, a sentence each."""

    def __repr__(self) -> str:
        """Say the state of calibration first, then every effect with its interval."""
        about = self.provenance
        lines = [
            about.calibration,
            f"study {about.study}: {about.replicates} replicates in {self.path}",
        ]
        for one in self.effects:
            low, middle, high = (significant(x, 4) for x in (one.low, one.estimate, one.high))
            said = "no interval" if one.low is None else f"{middle} [{low}, {high}] {one.unit}"
            lines.append(f"{one.metric}, {one.contrast}: {said}")
        return "\n".join(lines)

    def effect(self, metric: str, contrast: str | None = None) -> Effect:
        """Return the first effect of a metric, of a contrast if one is given.

        Raises:
            KeyError: The study does not estimate it.
        """
        for one in self.effects:
            if one.metric == metric and contrast in (None, one.contrast):
                return one
        raise KeyError(f"{self.provenance.study} has no effect on {metric!r} of {contrast!r}")

    def cell_path(self, arm: str, replicate: int) -> Path:
        """Return the run folder of a cell.

        Raises:
            KeyError: There is no such cell.
        """
        for one in self.readings:
            if one.arm == arm and one.replicate == replicate:
                return self.path / "cells" / one.cell / "run"
        raise KeyError(f"{self.provenance.study} has no cell of arm {arm!r}, replicate {replicate}")
