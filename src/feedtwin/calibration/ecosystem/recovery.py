"""Recovery: each simulated world in turn plays the log, and the others say where its parameters were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import stats

from feedtwin.calibration.ecosystem.posterior import infer
from feedtwin.datasets.adaptor import F8, Flags

BINS: Final = 10
"""Bins of the rank histograms."""
FACTORS: Final = tuple(np.arange(1.0, 3.001, 0.05).round(2).tolist())
"""Factors of widening that are tried, the smallest first."""


@dataclass(frozen=True)
class Recovery:
    """What leave-one-out gave; n trials, d parameters.

    Attributes:
        trials: number of worlds that played the log in the test; half of them where the others chose the factor.
        coverage: (d,) share of trials whose interval held the truth, after widening.
        p: (d,) exact two-sided binomial p of that share against the nominal one.
        ranks: (d, BINS) trials by the posterior weight below the truth; flat when honest.
        factor: by which logits were spread; 1 where nothing was wrong without.
        coverage_before: (d,) the coverage without widening, over the trials that the factor was not chosen on.
        tested: (d,) parameters whose coverage was tested.
        passes: whether no tested parameter's p, Holm-corrected over them, is below the level; None where nothing was tested,
            or too few trials were left to tell.
    """

    trials: int
    coverage: F8
    p: F8
    ranks: np.ndarray
    factor: float
    coverage_before: F8
    tested: Flags
    passes: bool | None


def recover(
    unit: F8, patterns: F8, tested: Flags, constants: Mapping[str, Any], most: int = 400
) -> Recovery:
    """Leaves out each row in turn and infers its parameters from the others.

    If the joint test fails because intervals are too narrow, all are widened by one factor: the smallest that gives the even
    trials their coverage; the test is then done again on the odd trials alone, which the factor never saw.

    Args:
        unit: (n, d) points, uniform over the prior.
        patterns: (n, v, P) what one world gave at each, in v versions of the discrepancy; the first plays the log.
        tested: (d,) parameters whose coverage is tested.
        constants: `accepted`, `ridge`, `credible`, `recovery_level`, `trials_min`.
        most: most trials.

    Returns:
        Coverage, test and rank histograms.
    """
    trials = np.arange(min(len(unit), most))
    left_out = []
    for j in trials:
        others = np.arange(len(unit)) != j
        left_out.append(infer(unit[others], patterns[others], patterns[j, 0], constants))
    nominal = float(constants["credible"])

    def held(factor: float, which: np.ndarray) -> Flags:
        found = []
        for j in which:
            low, high = _interval(left_out[j].wider(factor), nominal)
            found.append((low <= unit[j]) & (unit[j] <= high))
        return np.array(found)

    before = held(1.0, trials)
    factor, after = 1.0, before
    if _is_narrow(before, tested, nominal) and not _joint(before, tested, nominal, constants):
        factor = next(
            (f for f in FACTORS if not _is_narrow(held(f, trials[::2]), tested, nominal)),
            FACTORS[-1],
        )
        after = held(factor, trials[1::2])
        before = before[1::2]
    p = _tests(after, nominal)
    tells = bool(tested.any()) and len(after) >= int(constants["trials_min"])
    below = np.array([left_out[j].wider(factor).below(unit[j]) for j in trials])
    place = np.minimum((below * BINS).astype(np.int64), BINS - 1)
    ranks = np.stack([np.bincount(column, minlength=BINS) for column in place.T])
    return Recovery(
        len(after), after.mean(axis=0), p, ranks, float(factor), before.mean(axis=0), tested,
        _joint(after, tested, nominal, constants) if tells else None,
    )  # fmt: skip


def _interval(posterior: Any, nominal: float) -> tuple[F8, F8]:
    tail = (1.0 - nominal) / 2.0
    return posterior.quantile(tail), posterior.quantile(1.0 - tail)


def _tests(held: Flags, nominal: float) -> F8:
    counts: Sequence[int] = held.sum(axis=0).tolist()
    return np.array([stats.binomtest(k, len(held), nominal).pvalue for k in counts])


def _is_narrow(held: Flags, tested: Flags, nominal: float) -> bool:
    return bool(tested.any()) and float(held[:, tested].mean()) < nominal


def _joint(held: Flags, tested: Flags, nominal: float, c: Mapping[str, Any]) -> bool:
    """Holm's first step, of one test or more: the smallest p times their number."""
    smallest = float(_tests(held, nominal)[tested].min())
    return smallest * int(tested.sum()) >= c["recovery_level"]
