"""Several differences at once: adjusted p, so that the whole family keeps its level."""

from typing import Final

import numpy as np
from scipy import stats

from feedtwin.lab.statistics.paired import BOOTSTRAP_FROM, CONFIDENCE
from feedtwin.lab.statistics.resampling import Array, resample_rows, sign_flips

CORRECTIONS: Final = ("holm", "dunnett", "max_t", "benjamini-hochberg", "none")
"""holm by default; dunnett for many arms against one; max_t for metrics and arms that move together, with intervals
that hold all at once; benjamini-hochberg for exploratory sweeps only."""


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


def max_t(differences: Array, seed: int = 0) -> Array:
    """Return p of several differences, adjusted by the law of the largest |t| among them.

    Args:
        differences: float (n, k): estimate j in replicate i.
        seed: Seed of the signs, 32 bits.

    Returns:
        float (k,): share of sign vectors, each flipping whole replicates, under which the largest |t| of the family is at
        least |t_j|. Estimates that move together are corrected less than by Holm.

    Source: Westfall and Young 1993 (single step); signs as in `sign_flip_p`.
    """
    d = np.asarray(differences, np.float64)
    n, k = d.shape
    out = np.ones(k)
    moving = d.any(axis=0)
    if not moving.any():
        return out
    # A flip leaves the mean square as it is, and |t| grows with |mean| / root mean square.
    unit = d[:, moving] / (n * np.sqrt(np.square(d[:, moving]).mean(axis=0)))
    signs, exact = sign_flips(n, seed)
    largest = np.abs(signs @ unit).max(axis=1)
    as_far = (largest[:, None] >= np.abs(unit.sum(axis=0)) * (1 - 1e-12)).sum(axis=0)
    out[moving] = as_far / len(signs) if exact else (as_far + 1) / (len(signs) + 1)
    return out


def joint_intervals(
    differences: Array, *, confidence: float = CONFIDENCE, seed: int = 0
) -> tuple[Array, Array]:
    """Return lower and upper ends, float (k,) each, that hold for several mean differences at once.

    Args:
        differences: float (n, k): estimate j in replicate i, n at least 3.
        confidence: Nominal coverage of all intervals together.
        seed: Seed of the resampling, 32 bits.

    Every interval is mean +- c x standard error, with one c for the family: from 15 replicates on a quantile of the largest
    |t| over the joint bootstrap of replicates (never less than Student's for a single interval), with fewer Student's at
    Bonferroni's level, since a bootstrap of so few has only their own tails.

    Source: Romano and Wolf 2005 (max-t).
    """
    d = np.asarray(differences, np.float64)
    n, k = d.shape
    assert n >= 3 and k >= 1
    mean = d.mean(axis=0)
    error = d.std(axis=0, ddof=1) / np.sqrt(n)
    tail = (1 - confidence) / 2
    if n < BOOTSTRAP_FROM:
        edge = float(stats.t.isf(tail / k, n - 1))
    else:
        edge = max(largest_t(d[:, error > 0], confidence, seed), float(stats.t.isf(tail, n - 1)))
    return mean - edge * error, mean + edge * error


def largest_t(d: Array, confidence: float, seed: int) -> float:
    """Return a quantile of the largest |t| of means, float (n, k), over resamples of replicates; 0 for k = 0."""
    n, k = d.shape
    if not k:
        return 0.0
    drawn = d[resample_rows(n, seed)]
    spread = drawn.std(axis=1, ddof=1) / np.sqrt(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        pivot = np.abs(drawn.mean(axis=1) - d.mean(axis=0)) / spread
    largest = np.max(np.where(np.isfinite(pivot), pivot, 0.0), axis=1)
    return float(np.quantile(largest, confidence))
