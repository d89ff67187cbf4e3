"""Several differences at once: adjusted p, so that the whole family keeps its level.

Intervals and p of a `Joint` are two readings of one law: an interval leaves out a value exactly where the p of that value is
below the level. Decision 56 says which law.
"""

from typing import Final

import numpy as np
from scipy import stats

from feedtwin.lab.statistics.paired import BOOTSTRAP_FROM, CONFIDENCE, FEW_REPLICATES, rejected
from feedtwin.lab.statistics.resampling import Array, resample_rows, sign_flips

CORRECTIONS: Final = ("holm", "dunnett", "max_t", "benjamini-hochberg", "none")
"""holm by default; dunnett for many arms against one; max_t for metrics and arms that move together, with intervals
that hold all at once; benjamini-hochberg for exploratory sweeps only."""
JOINT_FROM: Final = 3
"""Fewest pairs for which a joint law can be estimated at all."""


def holm(p: Array) -> Array:
    """Return p adjusted by Holm's step-down method, float (m,): any dependence, family-wise level.

    Source: Holm 1979.
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(p, kind="stable")
    steps = p[order] * (len(p) - np.arange(len(p)))
    out = np.empty(len(p))
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return out


def benjamini_hochberg(p: Array) -> Array:
    """Return p adjusted for the false discovery rate, float (m,); not for claims, only for sweeps."""
    return np.asarray(stats.false_discovery_control(np.asarray(p, np.float64), method="bh"))


def dunnett(differences: Array) -> Array:
    """Return p of many arms against one base, adjusted for their common base and shared chance.

    Args:
        differences: float (n, k): arm j minus the base in replicate i, n > k >= 1.

    Returns:
        float (k,): P(max |T| >= |t_j|) for T multivariate t with n - 1 degrees of freedom and the
        correlation of the differences, so arms that share chance are corrected less than by Holm.

    Source: Dunnett 1955; with an estimated correlation, Hothorn, Bretz and Westfall 2008.
    """
    d = np.asarray(differences, np.float64)
    n, k = d.shape
    assert n >= 2 and k >= 1
    spread = d.std(axis=0, ddof=1)
    moving = spread > 0
    out = np.where(d.any(axis=0), 0.0, 1.0)
    if not moving.any():
        return out
    t = d[:, moving].mean(axis=0) / (spread[moving] / np.sqrt(n))
    if moving.sum() == 1:
        out[moving] = 2 * stats.t.sf(abs(t[0]), n - 1)
        return out
    shape = np.corrcoef(d[:, moving], rowvar=False)
    law = stats.multivariate_t(shape=shape, df=n - 1, allow_singular=True, seed=0)
    count = int(moving.sum())
    adjusted = []
    for edge in np.abs(t):
        inside = law.cdf(np.full(count, edge), lower_limit=np.full(count, -edge))
        floor = 2 * float(stats.t.sf(edge, n - 1))  # never below the p of the one comparison
        adjusted.append(min(1.0, max(1.0 - float(inside), floor)))
    out[moving] = adjusted
    return out


class Joint:
    """Several differences under one law: intervals that hold all at once, and the p that go with them.

    The law is that of the largest |t| of the family where every mean is what it is said to be: from `BOOTSTRAP_FROM`
    replicates on over the joint bootstrap of replicates, from `FEW_REPLICATES` on over flipped signs of their deviations from
    the mean, with fewer Student's at Bonferroni's level; and never less than Student's for one difference.

    Source: Westfall and Young 1993 (single step); Romano and Wolf 2005 (intervals); Davidson and Flachaire 2008 (signs).
    """

    def __init__(
        self, differences: Array, *, confidence: float = CONFIDENCE, seed: int = 0
    ) -> None:
        """Learn the law.

        Args:
            differences: float (n, k): estimate j in replicate i, n at least `JOINT_FROM`.
            confidence: Nominal coverage of all intervals together.
            seed: Seed of the resampling, 32 bits.
        """
        self._d, self._seed, self._confidence = (
            np.asarray(differences, np.float64),
            seed,
            confidence,
        )
        n, k = self._d.shape
        assert n >= JOINT_FROM and k >= 1
        self.mean, self._error = _mean_and_error(self._d)
        self._law = _law(self._d[:, self._error > 0], confidence, seed)

    def intervals(self) -> tuple[Array, Array]:
        """Return lower and upper ends, float (k,) each: mean +- c x standard error, with one c for the family."""
        (n, k), tail = self._d.shape, (1 - self._confidence) / 2
        if self._law is None:
            edge = float(stats.t.isf(tail / k, n - 1))
        else:
            beyond = rejected(len(self._law), self._confidence)
            edge = max(float(self._law[-beyond - 1]), float(stats.t.isf(tail, n - 1)))
        return self.mean - edge * self._error, self.mean + edge * self._error

    def p(self, at: Array | float = 0.0) -> Array:
        """Return two-sided p, float (k,), of means that are `at`, float (k,) or one for all.

        Below 1 - confidence exactly where `intervals` leaves them out. With fewer than `FEW_REPLICATES` replicates p is also
        at least that of flipping the signs of whole replicates, which assumes no law, and then may be above.
        """
        n, k = self._d.shape
        off = self.mean - at
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(off == 0, 0.0, np.abs(off) / self._error)
        alone = 2 * stats.t.sf(t, n - 1)
        if self._law is None:
            out = np.minimum(k * alone, 1.0)
        else:
            as_far = len(self._law) - np.searchsorted(self._law, t * (1 - 1e-12))
            out = np.maximum((as_far + 1) / (len(self._law) + 1), alone)
        if n < FEW_REPLICATES:
            out = np.maximum(out, _by_sign_flips(self._d - at, self._seed))
        return np.where(off == 0, 1.0, out)


def _mean_and_error(d: Array) -> tuple[Array, Array]:
    """Means and standard errors, float (k,) each; what varies by rounding alone does not vary."""
    mean, error = d.mean(axis=0), d.std(axis=0, ddof=1) / np.sqrt(len(d))
    return mean, np.where(error <= 1e-12 * np.abs(mean), 0.0, error)


def _law(moving: Array, confidence: float, seed: int) -> Array | None:
    """Largest |t| where the means are what they are, sorted; None where replicates are too few to learn it from."""
    n, k = moving.shape
    if n < FEW_REPLICATES or not k:
        return None
    found = _bootstrapped(moving, seed) if n >= BOOTSTRAP_FROM else _flipped(moving, seed)
    return np.sort(found) if rejected(len(found), confidence) >= 0 else None


def _bootstrapped(d: Array, seed: int) -> Array:
    """Largest |t| about the mean over resamples of replicates, float (B,)."""
    drawn = d[resample_rows(len(d), seed)]
    spread = drawn.std(axis=1, ddof=1) / np.sqrt(len(d))
    with np.errstate(divide="ignore", invalid="ignore"):
        pivot = np.abs(drawn.mean(axis=1) - d.mean(axis=0)) / spread
    return np.asarray(np.max(np.where(np.isfinite(pivot), pivot, 0.0), axis=1))


def _flipped(d: Array, seed: int) -> Array:
    """Largest |t| where the signs of whole replicates' deviations from the mean are flipped, float (B,)."""
    n = len(d)
    off = d - d.mean(axis=0)
    signs, _ = sign_flips(n, seed)
    return np.asarray(_t_of_share(np.abs(signs @ (off / _root(off))) / n, n).max(axis=1))


def _t_of_share(share: Array, n: int) -> Array:
    """|t| of n values from |mean| / root mean square, which is what a flip of signs moves."""
    return np.asarray(share * np.sqrt((n - 1) / np.maximum(1 - np.square(share), 1e-24)))


def _by_sign_flips(d: Array, seed: int) -> Array:
    """P of the randomisation test, float (k,): flips of whole replicates under which the largest |t| is as large.

    A flip leaves the mean square as it is, and |t| grows with |mean| / root mean square.
    """
    n, k = d.shape
    out = np.ones(k)
    moving = d.any(axis=0)
    if not moving.any():
        return out
    unit = d[:, moving] / (n * _root(d[:, moving]))
    signs, exact = sign_flips(n, seed)
    largest = np.abs(signs @ unit).max(axis=1)
    as_far = (largest[:, None] >= np.abs(unit.sum(axis=0)) * (1 - 1e-12)).sum(axis=0)
    out[moving] = as_far / len(signs) if exact else (as_far + 1) / (len(signs) + 1)
    return out


def _root(d: Array) -> Array:
    return np.asarray(np.sqrt(np.square(d).mean(axis=0)))
