"""A mean over posterior draws whose interval contains what the draws leave open.

Runs with one draw share its parameters, so they are no independent evidence on the effect; and more draws make the mean
exact, but the parameters no better known. By the law of total variance the effect of the one unknown set of parameters has

    variance between draws (as large as it is)  +  error of the mean over draws (small with many draws and pairs).
"""

from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

import numpy as np
from scipy import stats

from feedtwin.lab.statistics.paired import Difference
from feedtwin.lab.statistics.resampling import Array

OVER_DRAWS: Final = "t over posterior draws"


@dataclass(frozen=True)
class OverDraws:
    """A mean over draws and how sure it is of the effect at the true parameters.

    Attributes:
        draws: Draws that have a value, K.
        estimate: Mean over draws of the mean within each.
        error: Standard error, between draws included.
        between: Standard deviation between draws, noise of the runs taken off; with one pair in each draw the noise
            cannot be told apart and stays in.
        df: Degrees of freedom (Satterthwaite 1946: a difference of variances is less well known than each).
        low: Lower end of the interval, by Student's t.
        high: Upper end.
        p: Two-sided p of no effect at the true parameters.
    """

    draws: int
    estimate: float
    error: float
    between: float
    df: float
    low: float
    high: float
    p: float

    def tost(self, low: float, high: float) -> float:
        """P of an effect outside (low, high): the larger of two one-sided tests."""
        if self.error <= 0:
            return 0.0 if low < self.estimate < high else 1.0
        return max(
            float(stats.t.sf((self.estimate - low) / self.error, self.df)),
            float(stats.t.sf((high - self.estimate) / self.error, self.df)),
        )


def over_draws(values: Array, draw: Array, confidence: float) -> OverDraws | None:
    """Return the mean over draws of paired differences (or of levels).

    Args:
        values: float (n,), one per pair.
        draw: int (n,), the draw of each.
        confidence: Nominal coverage.

    Returns:
        None without draws or with one: it says nothing of what lies between them.
    """
    if len(draw) == 0:
        return None
    names, place = np.unique(draw, return_inverse=True)
    place = place.reshape(-1)
    many = len(names)
    if many < 2:
        return None
    count = np.bincount(place)
    mean = np.bincount(place, values) / count
    rest = values - mean[place]
    free = len(values) - many
    within = float((rest**2).sum()) / free if free else 0.0
    of_means = float(mean.var(ddof=1))
    noise = within * float((1.0 / count).mean())
    between = max(of_means - noise, 0.0)
    estimate = float(mean.mean())
    error = sqrt(between + of_means / many)
    df = many - 1.0
    if between > 0:
        parts = (of_means * (1 + 1 / many)) ** 2 / df + (noise**2 / free if free else 0.0)
        df = max(error**4 / parts, 1.0)
    half = float(stats.t.ppf(0.5 + confidence / 2, df)) * error
    p = 1.0 if estimate == 0 else 0.0
    if error > 0:
        p = 2 * float(stats.t.sf(abs(estimate) / error, df))
    return OverDraws(many, estimate, error, sqrt(between), df, estimate - half, estimate + half, p)


def spanning(one: Difference, spanned: OverDraws | None) -> Difference:
    """Return a paired difference with estimate, interval and p over the draws; as it is where there are none."""
    if spanned is None:
        return one
    return replace(
        one, estimate=spanned.estimate, low=spanned.low, high=spanned.high, p=spanned.p, method=OVER_DRAWS,
        test=OVER_DRAWS,
    )  # fmt: skip
