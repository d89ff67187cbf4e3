"""The difference between two arms over paired replicates: estimate, interval and p.

The replicate is the unit: users and impressions of one world are not independent. Which interval is given
is decided by rule, before looking at the difference: Student's t on the paired differences; the
studentised bootstrap where the differences are skewed and there are enough of them. p comes from the law
of the interval, so that it is below 1 - confidence exactly where the interval leaves out 0; but below
`FEW_REPLICATES` pairs it comes from the exact sign-flip test, which assumes no normality and may say less.
"""

from dataclasses import dataclass
from math import ceil, isfinite, sqrt
from typing import Final

import numpy as np
from scipy import stats

from feedtwin.lab.statistics.resampling import Array, resample_rows, sign_flips

CONFIDENCE: Final = 0.95
FEW_REPLICATES: Final = 8
"""Below this many pairs p is the sign-flip test's."""
BOOTSTRAP_FROM: Final = 15
"""Fewest pairs for which a bootstrap interval is given (its tails rest on the sample's own)."""
SKEWED_AT: Final = 0.05
"""p of D'Agostino's skewness test below which differences count as skewed."""

PAIRED_T: Final = "paired t"
BOOTSTRAP: Final = "studentised bootstrap"
IDENTICAL: Final = "identical pairs"
CONSTANT: Final = "constant difference"
SINGLE: Final = "single pair"
SIGN_FLIP: Final = "sign-flip"

NOTHING: Final = "not distinguishable"
NOTHING_BY_FLIPS: Final = "not distinguishable by sign flips"
"""Said where the interval, which assumes normal differences, leaves out 0, and the test of few pairs does not follow."""


@dataclass(frozen=True)
class Difference:
    """A mean paired difference and how sure it is.

    Attributes:
        n: Pairs.
        estimate: Mean of treatment - base.
        low: Lower end of the interval; None where one pair gives none.
        high: Upper end.
        confidence: Nominal coverage of the interval.
        method: How the interval was made: PAIRED_T, BOOTSTRAP, IDENTICAL, CONSTANT or SINGLE.
        p: Two-sided p of no difference; None where there is none.
        test: How p was made: PAIRED_T, BOOTSTRAP, SIGN_FLIP or IDENTICAL.
        sd: Standard deviation of the differences; None for one pair.
        skewness: Sample skewness of the differences; None where undefined.
        boot_low: Lower end of the studentised bootstrap, where there are pairs enough, to compare.
        boot_high: Its upper end.
    """

    n: int
    estimate: float
    low: float | None
    high: float | None
    confidence: float
    method: str
    p: float | None
    test: str
    sd: float | None
    skewness: float | None
    boot_low: float | None = None
    boot_high: float | None = None

    @property
    def standard_error(self) -> float | None:
        """Standard error of the estimate."""
        return None if self.sd is None else self.sd / sqrt(self.n)

    @property
    def half_width(self) -> float | None:
        """Half of the interval's length."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2


def difference(
    treatment: Array, base: Array, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Difference:
    """Return the paired difference treatment - base.

    Args:
        treatment: float (n,), one value per replicate.
        base: float (n,), the same replicates in the same order.
        confidence: Nominal coverage, between 0 and 1.
        seed: Seed of the resampling, 32 bits.

    Source: Student's t; Davison and Hinkley 1997, section 5.2 (studentised bootstrap).
    """
    a, b = np.asarray(treatment, np.float64), np.asarray(base, np.float64)
    assert a.shape == b.shape and a.ndim == 1 and len(a) >= 1
    assert np.isfinite(a).all() and np.isfinite(b).all()
    return of_differences(a - b, confidence=confidence, seed=seed)


def of_differences(d: Array, *, confidence: float = CONFIDENCE, seed: int = 0) -> Difference:
    """Return the same from the differences themselves, float (n,)."""
    n, mean = len(d), float(d.mean())
    if n == 1:
        return Difference(1, mean, None, None, confidence, SINGLE, None, SINGLE, None, None)
    if not d.any():
        return Difference(n, 0.0, 0.0, 0.0, confidence, IDENTICAL, 1.0, IDENTICAL, 0.0, None)
    sd = float(d.std(ddof=1))
    if sd <= 1e-12 * abs(mean):  # equal up to the rounding of the subtraction
        p = sign_flip_p(d, seed)
        return Difference(n, mean, mean, mean, confidence, CONSTANT, p, SIGN_FLIP, 0.0, None)
    skewness = float(stats.skew(d, bias=False)) if n >= 3 else None
    low, high = t_interval(mean, sd, n, confidence)
    boot = bootstrap_test(d, confidence, seed) if n >= BOOTSTRAP_FROM else None
    if n < FEW_REPLICATES:
        method, test, p = PAIRED_T, SIGN_FLIP, sign_flip_p(d, seed)
    elif boot is not None and float(stats.skewtest(d).pvalue) < SKEWED_AT:
        method, test, (low, high, p) = BOOTSTRAP, BOOTSTRAP, boot
    else:
        method, test, p = PAIRED_T, PAIRED_T, float(stats.ttest_1samp(d, 0.0).pvalue)
    ends = (None, None) if boot is None else boot[:2]
    return Difference(n, mean, low, high, confidence, method, p, test, sd, skewness, *ends)


def t_interval(mean: float, sd: float, n: int, confidence: float) -> tuple[float, float]:
    """Return Student's interval for a mean of n >= 2 values."""
    half = float(stats.t.ppf(0.5 + confidence / 2, n - 1)) * sd / sqrt(n)
    return mean - half, mean + half


def bootstrap_test(d: Array, confidence: float, seed: int) -> tuple[float, float, float] | None:
    """Return the studentised bootstrap interval of the mean and the p of a mean of 0 by the same resamples.

    Returns:
        Lower end, upper end, and p: below 1 - confidence exactly where the interval leaves out 0. None where resamples
        have no spread.
    """
    rows = resample_rows(len(d), seed)
    drawn = d[rows]
    spread = drawn.std(axis=1, ddof=1)
    usable = spread > 0
    if usable.mean() < 0.99:  # mostly ties: the pivot is not defined
        return None
    root = sqrt(len(d))
    pivot = np.sort((drawn[usable].mean(axis=1) - d.mean()) / (spread[usable] / root))
    error = float(d.std(ddof=1)) / root
    beyond = rejected(len(pivot), 1 - (1 - confidence) / 2)
    if beyond < 0:  # no p of so few resamples is that small
        return None
    low = float(d.mean() - pivot[-beyond - 1] * error)
    high = float(d.mean() - pivot[beyond] * error)
    t = float(d.mean()) / error
    above = len(pivot) - int(np.searchsorted(pivot, t, "left"))
    below = int(np.searchsorted(pivot, t, "right"))
    p = min(1.0, 2 * (min(above, below) + 1) / (len(pivot) + 1))
    return (low, high, p) if isfinite(low) and isfinite(high) else None


def rejected(resamples: int, confidence: float) -> int:
    """Return how many of some resamples may lie as far out as what is seen, at most, for p below 1 - confidence.

    p is (as far out + 1) / (resamples + 1), so an interval that ends at the next one inwards agrees with it; below 0 where
    no p can be that small.
    """
    return ceil(round((1 - confidence) * (resamples + 1), 9)) - 2


def sign_flip_p(d: Array, seed: int = 0) -> float:
    """Return the two-sided p of the randomisation test that flips the signs of paired differences.

    All 2^n sign vectors where they are at most `RESAMPLES`, keyed random ones (with the observed one
    counted in) beyond. The smallest p possible is 2 / 2^n: 5 pairs cannot be significant at 5 %.
    Source: Fisher 1935; Phipson and Smyth 2010 for the +1.
    """
    signs, exact = sign_flips(len(d), seed)
    observed = abs(float(d.mean()))
    flipped = np.abs((signs * d).mean(axis=1))
    as_far = int((flipped >= observed * (1 - 1e-12)).sum())
    return as_far / len(signs) if exact else (as_far + 1) / (len(signs) + 1)


def unpaired(
    treatment: Array, base: Array, *, confidence: float = CONFIDENCE
) -> tuple[float, float, float, float]:
    """Return estimate, low, high and p of the same difference as if runs were independent (Welch's t).

    What a study without shared chance would have to report; printed to show what pairing is worth.
    """
    a, b = np.asarray(treatment, np.float64), np.asarray(base, np.float64)
    assert len(a) >= 2 and len(b) >= 2
    estimate = float(a.mean() - b.mean())
    if not np.ptp(a) and not np.ptp(
        b
    ):  # a standard deviation of equal numbers need not be exactly 0
        estimate = float(a[0] - b[0])
        return estimate, estimate, estimate, 1.0 if estimate == 0 else 0.0
    found = stats.ttest_ind(a, b, equal_var=False)
    interval = found.confidence_interval(confidence)
    return estimate, float(interval.low), float(interval.high), float(found.pvalue)
