"""Several differences at once: adjusted p, so that the whole family keeps its level."""

from typing import Final

import numpy as np
from scipy import stats

from feedtwin.lab.statistics.resampling import Array

CORRECTIONS: Final = ("holm", "dunnett", "benjamini-hochberg", "none")
"""holm by default; dunnett for many arms against one; benjamini-hochberg for exploratory sweeps only."""


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
