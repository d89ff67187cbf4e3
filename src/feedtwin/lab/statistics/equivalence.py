"""Claims of no harm and no difference: tested against a margin that was declared before."""

from dataclasses import dataclass
from math import inf

import numpy as np
from scipy import stats

from feedtwin.lab.statistics.paired import FEW_REPLICATES
from feedtwin.lab.statistics.resampling import Array, sign_flips


@dataclass(frozen=True)
class Equivalence:
    """Whether a difference lies within a margin.

    Attributes:
        low: Lower margin; -inf where only the upper one was declared.
        high: Upper margin; inf where only the lower one was declared.
        p: The larger of the one-sided p; the claim holds at level alpha where p < alpha. None for one pair.
    """

    low: float
    high: float
    p: float | None

    def holds(self, alpha: float = 0.05) -> bool:
        """Whether "within the margin" is shown at level alpha."""
        return self.p is not None and self.p < alpha


def tost(differences: Array, low: float, high: float) -> Equivalence:
    """Return two one-sided tests of low < mean difference < high: Student's t, or sign flips of few pairs.

    Args:
        differences: float (n,) paired differences.
        low: Lower margin, or -inf.
        high: Upper margin, or inf; above `low`.

    Source: Schuirmann 1987. An absent p > 0.05 is no evidence of no effect; this is.
    """
    assert low < high and not (low == -inf and high == inf)
    d = np.asarray(differences, np.float64)
    if len(d) < 2:
        return Equivalence(low, high, None)
    if d.std() == 0:
        return Equivalence(low, high, 0.0 if low < d[0] < high else 1.0)
    above = 0.0 if low == -inf else _above_zero(d - low)
    below = 0.0 if high == inf else _above_zero(high - d)
    return Equivalence(low, high, max(above, below))


def _above_zero(d: Array) -> float:
    """One-sided p of a mean of at most 0."""
    if len(d) >= FEW_REPLICATES:
        return float(stats.ttest_1samp(d, 0.0, alternative="greater").pvalue)
    signs, _ = sign_flips(len(d))  # so few are all listed
    observed = float(d.mean())
    return float(((signs * d).mean(axis=1) >= observed - 1e-12 * abs(observed)).mean())
