"""What pairing is worth: the correlation of arms and the variance that it saves."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from feedtwin.lab.statistics.paired import CONFIDENCE
from feedtwin.lab.statistics.resampling import Array, resample_rows


@dataclass(frozen=True)
class Coupling:
    """How alike two arms are, replicate by replicate.

    Attributes:
        rho: Correlation of treatment and base over replicates, -1 to 1; None where an arm does not vary.
        variance_ratio: (s_A^2 + s_B^2) / s_D^2: by which factor pairing saves replicates; below 1 it hurts.
            None where no pair differs by chance (the ratio is infinite).
        low: Lower end of its bootstrap interval.
        high: Upper end.
    """

    rho: float | None
    variance_ratio: float | None
    low: float | None
    high: float | None

    @property
    def hurts(self) -> bool:
        """Whether pairing made the difference noisier, beyond doubt."""
        return self.high is not None and self.high < 1


def coupling(
    treatment: Array, base: Array, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Coupling:
    """Return correlation and variance ratio of two arms, float (n,) each, by replicate.

    The ratio's interval is the percentile bootstrap over replicates on the logarithm.
    """
    a, b = np.asarray(treatment, np.float64), np.asarray(base, np.float64)
    if len(a) < 3:
        return Coupling(None, None, None, None)
    ratio = _ratio(a[None], b[None])[0]
    varies = a.std() > 0 and b.std() > 0
    rho = float(np.corrcoef(a, b)[0, 1]) if varies else None
    if not np.isfinite(ratio):
        return Coupling(rho, None, None, None)
    rows = resample_rows(len(a), seed)
    drawn = _ratio(a[rows], b[rows])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    if len(drawn) < 0.9 * len(rows):
        return Coupling(rho, float(ratio), None, None)
    tail = (1 - confidence) / 2
    low, high = np.exp(np.quantile(np.log(drawn), [tail, 1 - tail]))
    return Coupling(rho, float(ratio), float(low), float(high))


def _ratio(a: Array, b: Array) -> Array:
    """Variance ratios along the last axis; infinite where differences do not vary."""
    above = a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)
    below = (a - b).var(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 1e-24 * above, above / below, np.inf)


def independent_equivalent(n: int, found: Coupling) -> float | None:
    """Return how many independent runs per arm would give the same standard error as n pairs.

    n (s_A^2 + s_B^2) / s_D^2; None where the ratio is not known.
    """
    return None if found.variance_ratio is None else n * found.variance_ratio


def joint_distance(paired_se: float, unpaired_se: float, apart: float) -> float:
    """Return how many joint standard errors two estimates of one difference are apart."""
    joint = sqrt(paired_se**2 + unpaired_se**2)
    return abs(apart) / joint if joint else 0.0
