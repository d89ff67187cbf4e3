"""The mean of one sample, and how sure it is: for units that are not replicates, such as requests."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from feedtwin.lab.statistics.paired import CONFIDENCE
from feedtwin.lab.statistics.resampling import Array, resample_rows

MEAN_RESAMPLES: Final = 2000
"""Bootstrap resamples of a mean (Efron and Tibshirani 1993, section 13.3: 1,000 or more for percentiles)."""


@dataclass(frozen=True)
class Mean:
    """A mean and its percentile bootstrap interval.

    Attributes:
        n: Values.
        estimate: Their mean.
        low: Lower end; None where the values do not differ, from which no resample learns anything.
        high: Upper end.
    """

    n: int
    estimate: float
    low: float | None
    high: float | None


def mean_of(values: Array, *, confidence: float = CONFIDENCE, seed: int = 0) -> Mean:
    """Return the mean of values, float (n,) with n >= 1, and its interval.

    Args:
        values: One value per unit; units count as independent.
        confidence: Nominal coverage, between 0 and 1.
        seed: Seed of the resampling, 32 bits.
    """
    sample = np.asarray(values, np.float64)
    n, estimate = len(sample), float(sample.mean())
    if not np.ptp(sample):
        return Mean(n, estimate, None, None)
    means = sample[resample_rows(n, seed, MEAN_RESAMPLES)].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Mean(n, estimate, float(low), float(high))
