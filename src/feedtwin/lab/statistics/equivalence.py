"""Claims of no harm and no difference: tested against a margin that was declared before."""

from dataclasses import dataclass
from math import inf

import numpy as np
from scipy import stats

from feedtwin.lab.statistics.resampling import Array


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
    """Return two one-sided t tests of low < mean difference < high.

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
    above = 0.0 if low == -inf else stats.ttest_1samp(d, low, alternative="greater").pvalue
    below = 0.0 if high == inf else stats.ttest_1samp(d, high, alternative="less").pvalue
    return Equivalence(low, high, float(max(above, below)))
