"""From what cells gave to estimates: pair, count distinct worlds once, estimate; `correcting` does the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from scipy import stats

from feedtwin.lab.metrics import METRICS
from feedtwin.lab.run_data import Array
from feedtwin.lab.statistics import (
    coupling,
    detectable,
    difference,
    independent_equivalent,
    power,
    tost,
    unpaired,
)
from feedtwin.lab.statistics.hierarchical import over_draws, spanning
from feedtwin.lab.study.plan import WHOLE, Contrast, Estimand, Study, Wanted
from feedtwin.lab.study.posterior import draw_of
from feedtwin.lab.study.result import Effect, Level
from feedtwin.lab.study.wording import verdict

UNDEFINED: Final = "undefined"


@dataclass(frozen=True)
class CellReadings:
    """What one cell gave.

    Attributes:
        arm: Name of the arm.
        replicate: Replicate.
        key: Key of the cell's folder.
        digest: Final digest of its run.
        values: Number by what was wanted; None where it is undefined.
        why: Why, by what was wanted, where it is.
        curves: Points by (distribution, kind).
        notes: What the run itself warns of.
        llm_spent_usd: What it spent on language models.
        answers: Counts of answers and money by task of language models (`answering.answers_in`).
    """

    arm: str
    replicate: int
    key: str
    digest: str
    values: Mapping[Wanted, float | None]
    why: Mapping[Wanted, str] = field(default_factory=dict)
    curves: Mapping[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    llm_spent_usd: float = 0.0
    answers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Cells:
    """The finished cells of a study, by arm and replicate."""

    def __init__(self, cells: Sequence[CellReadings]) -> None:
        self._cells = {(one.arm, one.replicate): one for one in cells}
        self.replicates = sorted({one.replicate for one in cells})

    def __iter__(self) -> Any:
        return iter(self._cells.values())

    def of(self, arm: str) -> list[CellReadings]:
        """Return the cells of an arm, by replicate."""
        return [self._cells[arm, r] for r in self.replicates if (arm, r) in self._cells]

    def distinct(self, arms: Sequence[str]) -> list[dict[str, CellReadings]]:
        """Return the replicates in which all arms are there, those with equal digests once each."""
        found: dict[tuple[str, ...], dict[str, CellReadings]] = {}
        for replicate in self.replicates:
            row = {arm: self._cells.get((arm, replicate)) for arm in arms}
            if all(row.values()):
                whole = {arm: one for arm, one in row.items() if one is not None}
                found.setdefault(tuple(one.digest for one in whole.values()), whole)
        return list(found.values())

    def digests(self, arm: str) -> dict[int, str]:
        """Return the digest of each replicate of an arm."""
        return {one.replicate: one.digest for one in self.of(arm)}

    def first_copies(self) -> dict[str, str]:
        """Return for each arm the first one whose runs are the same in every replicate: itself, or what it copies."""
        first: dict[tuple[tuple[int, str], ...], str] = {}
        arms = dict.fromkeys(arm for arm, _ in self._cells)
        return {arm: first.setdefault(tuple(self.digests(arm).items()), arm) for arm in arms}


@dataclass(frozen=True)
class Sides:
    """Both sides of a contrast by distinct replicate, float (n,) each, and which replicates these are."""

    treatment: Array
    base: Array
    replicate: Array = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def differences(self) -> Array:
        """Treatment - base."""
        return self.treatment - self.base


def sides(cells: Cells, contrast: Contrast, wanted: Wanted) -> Sides:
    """Return both sides of a contrast where every arm has the number."""
    rows, replicates = [], []
    for row in cells.distinct(contrast.arms):
        values = {arm: one.values.get(wanted) for arm, one in row.items()}
        known = {arm: value for arm, value in values.items() if value is not None}
        if len(known) == len(values):
            rows.append([weighted(known, contrast.treatment), weighted(known, contrast.base)])
            replicates.append(next(iter(row.values())).replicate)
    table = np.array(rows, np.float64).reshape(-1, 2)
    return Sides(table[:, 0], table[:, 1], np.array(replicates, np.int64))


def weighted(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the weighted sum of arms' values."""
    return float(sum(weight * values[arm] for arm, weight in weights.items()))


def estimate(
    study: Study, estimand: Estimand, found: Sides, replicates: int, calibration: str
) -> Effect:
    """Return the effect on one estimand, not yet corrected for others."""
    metric = METRICS[estimand.metric]
    contrast, n = estimand.contrast, len(found.treatment)
    empty = Effect(
        estimand=estimand.name, metric=metric.name, label=metric.label, unit=metric.unit,
        direction=metric.direction, contrast=contrast.name, treatment=_words(contrast.treatment),
        base=_words(contrast.base), cohort=estimand.cohort, first_step=estimand.first_step,
        last_step=estimand.last_step, n=replicates, n_effective=n, n_independent=None,
        mean_treatment=None, mean_base=None, estimate=None, low=None, high=None,
        confidence=study.confidence, method=UNDEFINED, sd=None, p=None, test=UNDEFINED,
        p_adjusted=None, correction=study.correction, family_size=0, pairing_rho=None,
        variance_ratio=None, variance_ratio_low=None, variance_ratio_high=None,
        unpaired_low=None, unpaired_high=None, mde=None,
        smallest_effect=estimand.smallest_effect, power_at_smallest=None,
        margin_low=None if estimand.margin is None else estimand.margin[0],
        margin_high=None if estimand.margin is None else estimand.margin[1],
        claim=estimand.claim, p_claim=None, verdict=UNDEFINED, calibration=calibration,
        draws=len(np.unique(_draws(study, found.replicate))),
    )  # fmt: skip
    if n == 0:
        return empty
    a, b = found.treatment, found.base
    one = difference(a, b, confidence=study.confidence, seed=study.seed)
    pair = coupling(a, b, confidence=study.confidence, seed=study.seed)
    apart = unpaired(a, b, confidence=study.confidence) if n >= 2 else (None, None, None, None)
    spread = one.sd if one.sd is not None and n >= 2 else None
    margin = estimand.margin
    spanned = over_draws(found.differences, _draws(study, found.replicate), study.confidence)
    if spanned is not None:
        spread = spanned.error * n**0.5
        one = spanning(one, spanned)
    df = (
        None if spanned is None else spanned.df
    )  # as of the interval: many pairs of few draws tell little
    spread = spread or None  # of what does not vary at all nothing says what could have been seen
    small = estimand.smallest_effect
    claimed = None if margin is None else tost(found.differences, margin[0], margin[1]).p
    if margin is not None and spanned is not None:
        claimed = spanned.tost(margin[0], margin[1])
    return replace(
        empty,
        n_independent=independent_equivalent(n, pair),
        mean_treatment=float(a.mean()) if contrast.is_plain else None,
        mean_base=float(b.mean()) if contrast.is_plain else None,
        estimate=one.estimate, low=one.low, high=one.high, method=one.method, sd=one.sd, p=one.p,
        test=one.test, pairing_rho=pair.rho, variance_ratio=pair.variance_ratio,
        variance_ratio_low=pair.low, variance_ratio_high=pair.high, unpaired_low=apart[1],
        unpaired_high=apart[2],
        mde=None if spread is None else detectable(spread, n, study.alpha, df=df),
        power_at_smallest=(
            None if spread is None or small is None else power(small, spread, n, study.alpha, df)
        ),
        p_claim=claimed,
    )  # fmt: skip


def _draws(study: Study, replicate: Array) -> Array:
    """The draw of each replicate; () in a study without draws."""
    own = replicate if study.posterior else replicate[:0]
    return np.array([draw_of(study, int(one)) for one in own], np.int64)


def _words(side: Mapping[str, float]) -> str:
    """`a`, or `mean of a, b`."""
    names = list(side)
    return names[0] if len(names) == 1 else f"mean of {', '.join(names)}"


def levels_of(study: Study, cells: Cells, calibration: str) -> tuple[Level, ...]:
    """Return the mean of every wanted number in every arm, over distinct runs."""
    out = []
    for arm in study.arms:
        rows = cells.distinct((arm,))
        for wanted in study.wanted:
            values = [row[arm].values.get(wanted) for row in rows]
            known = np.array([value for value in values if value is not None], np.float64)
            own = [r[arm].replicate for r, v in zip(rows, values, strict=True) if v is not None]
            spanned = over_draws(known, _draws(study, np.array(own, np.int64)), study.confidence)
            metric, n = METRICS[wanted.metric], len(known)
            sd = float(known.std(ddof=1)) if n >= 2 else None
            low = high = None
            if sd is not None:
                half = float(stats.t.ppf(0.5 + study.confidence / 2, n - 1)) * sd / n**0.5
                low, high = float(known.mean()) - half, float(known.mean()) + half
            if spanned is not None:
                low, high = spanned.low, spanned.high
            out.append(
                Level(
                    arm,
                    metric.name,
                    metric.label,
                    metric.unit,
                    wanted.cohort,
                    wanted.first_step,
                    wanted.last_step,
                    len(cells.of(arm)),
                    n,
                    float(known.mean()) if n else None,
                    sd,
                    low,
                    high,
                    calibration,
                )
            )
    return tuple(out)


def over_time_of(study: Study, cells: Cells, calibration: str) -> tuple[Effect, ...]:
    """Return effects window by window, of metrics that exist in a part of a run; uncorrected, and labelled so."""
    out = []
    plain = replace(study, correction="none")
    asked: dict[tuple[str, ...], Estimand] = {}
    for one in study.estimands:
        asked.setdefault((one.metric, one.contrast.name, one.cohort), one)
    for about, estimand in asked.items():
        if METRICS[estimand.metric].why_no_part:
            continue
        for first, last in study.windows:
            told = [part for part in about if part != WHOLE]
            now = replace(
                estimand, name=" | ".join([*told, f"steps {first}-{last}"]), first_step=first,
                last_step=last, margin=None, claim="",
            )  # fmt: skip
            found = sides(cells, now.contrast, now.reading)
            effect = estimate(plain, now, found, len(cells.replicates), calibration)
            size = 1 if effect.p is not None else 0
            effect = replace(effect, p_adjusted=effect.p, family_size=size)
            out.append(replace(effect, verdict=verdict(effect)))
    return tuple(out)
