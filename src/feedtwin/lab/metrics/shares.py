"""Indices of inequality over counts: pure functions, zeros included, None where nothing was counted.

Counts are integers of all who are eligible, (n,); s_i is the share of i. Formulas are those of any
textbook; small-sample factors such as n / (n - 1) are not applied.
"""

from math import log
from typing import Final

import numpy as np

from feedtwin.lab.run_data import Array, RunData
from feedtwin.randomness import Draws, Stream

_DRAWN_AT_ONCE: Final = 1 << 20


def gini(exposure: Array) -> float | None:
    """Return the Gini coefficient: sum_i (2 i - n - 1) x_(i) / (n sum x), ascending, in [0, 1 - 1/n]."""
    values = np.sort(exposure.astype(np.int64))
    count, total = len(values), int(values.sum())
    if not total:
        return None
    weights = 2 * np.arange(1, count + 1, dtype=np.int64) - count - 1
    return int((weights * values).sum()) / (count * total)


def top_share(exposure: Array, share: float) -> float | None:
    """Return the part of all counts that the top `share` holds; at least one counts as the top."""
    values = np.sort(exposure.astype(np.int64))[::-1]
    total = int(values.sum())
    if not total:
        return None
    return int(values[: max(1, int(np.ceil(share * len(values))))].sum()) / total


def lorenz(exposure: Array) -> tuple[Array, Array] | None:
    """Return the points of the Lorenz curve: share of those who count, share of what they hold, (n + 1,)."""
    values = np.sort(exposure.astype(np.int64))
    total = int(values.sum())
    if not total:
        return None
    held = np.concatenate([[0], np.cumsum(values)]) / total
    return np.arange(len(values) + 1) / len(values), held


def lorenz_share(exposure: Array, share: float) -> float | None:
    """Return what the lowest `share` of all holds, between points of the Lorenz curve by a straight line."""
    points = lorenz(exposure)
    return None if points is None else float(np.interp(share, *points))


def hhi(exposure: Array) -> float | None:
    """Return the Herfindahl-Hirschman index, sum s_i^2, in [1/n, 1]; 1 / it is an effective number."""
    total = int(exposure.sum(dtype=np.int64))
    if not total:
        return None
    return float(np.square(exposure / total).sum())


def normalised_hhi(exposure: Array) -> float | None:
    """Return (HHI - 1/n) / (1 - 1/n), in [0, 1]; None with fewer than two who count."""
    found, count = hhi(exposure), len(exposure)
    return None if found is None or count < 2 else (found - 1 / count) / (1 - 1 / count)


def atkinson(exposure: Array, aversion: float) -> float | None:
    """Return 1 - (mean x^(1-e))^(1/(1-e)) / mean x, in [0, 1]; at e = 1 the geometric mean takes its place.

    Args:
        exposure: Counts, (n,).
        aversion: e, above 0. From 1 on, a single zero makes the index 1.
    """
    mean = float(exposure.mean()) if len(exposure) else 0.0
    if not mean:
        return None
    values = exposure.astype(np.float64)
    if aversion >= 1 and (values == 0).any():
        return 1.0
    if aversion == 1:
        return 1 - float(np.exp(np.log(values).mean())) / mean
    power = 1 - aversion
    return 1 - float((values**power).mean() ** (1 / power)) / mean


def theil(exposure: Array) -> float | None:
    """Return Theil's T: mean of (x / mean) ln(x / mean), in [0, ln n]; a zero contributes 0."""
    total = int(exposure.sum(dtype=np.int64))
    if not total:
        return None
    relative = exposure[exposure > 0] * (len(exposure) / total)
    return float((relative * np.log(relative)).sum()) / len(exposure)


def theil_parts(exposure: Array, group: Array) -> tuple[float, float] | None:
    """Return the parts of Theil's T within and between groups; they add up to it.

    Args:
        exposure: Counts, (n,).
        group: Group of each, any integers, (n,).
    """
    total = int(exposure.sum(dtype=np.int64))
    if not total:
        return None
    within = between = 0.0
    for one in np.unique(group):
        member = exposure[group == one]
        share = int(member.sum(dtype=np.int64)) / total
        if share:
            within += share * (theil(member) or 0.0)
            between += share * log(share * len(exposure) / len(member))
    return within, between


def matched_counts(
    exposure: Array, creator: Array, ordinal: Array, volume: int, data: RunData
) -> Array | None:
    """Draw `volume` of all counted views and return how many each item keeps; None if there are fewer.

    Every view (creator, ordinal, n-th view) has its own draw and those with the lowest are kept, so that
    the same views of a video are kept in runs that differ elsewhere.

    Args:
        exposure: Views of each item, (n,).
        creator: Creator of each item.
        ordinal: The creator's upload ordinal of each item.
        volume: Views to keep.
        data: The run, whose seed and replicate key the draws.
    """
    total = int(exposure.sum(dtype=np.int64))
    if not 0 < volume <= total:
        return None
    owner = np.repeat(np.arange(len(exposure)), exposure)
    first = np.repeat(np.cumsum(exposure) - exposure, exposure)
    nth = (np.arange(total) - first).astype(np.uint32)
    draws, bits = Draws(data.seed, data.replicate), np.zeros(total, np.uint32)
    for low in range(0, total, _DRAWN_AT_ONCE):
        part = slice(low, low + _DRAWN_AT_ONCE)
        who = owner[part]
        bits[part] = draws.bits(Stream.METRIC_SUBSAMPLE, creator[who], ordinal[who], nth[part])
    limit = np.partition(bits, volume - 1)[volume - 1]
    return np.bincount(owner[bits <= limit], minlength=len(exposure))
