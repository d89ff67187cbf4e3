"""Features of videos that every recommender may use: only what the platform has observed.

All are float32 (V,). Nothing here sees hook strength, quality or taste.
"""

import numpy as np

from feedtwin.numerics import exp32, log32
from feedtwin.policies.interface import View

_LN2 = np.float32(0.6931472)


def performance(view: View, prior_impressions: float) -> np.ndarray:
    """Observed performance in [0, 1]: finished views and engagements, minus skips, per impression.

    Shrunk to the catalogue's mean by `prior_impressions`, so that a new video is average, not best.
    """
    items = view.items
    seen = items.impressions.astype(np.float32)
    good = (items.completions + items.likes + items.shares + items.comments).astype(np.float32)
    bad = items.skips.astype(np.float32)
    total = np.float32(max(int(items.impressions.sum(dtype=np.int64)), 1))
    raised = items.completions.sum(dtype=np.int64) + items.likes.sum(dtype=np.int64)
    raised += items.shares.sum(dtype=np.int64) + items.comments.sum(dtype=np.int64)
    lost = items.skips.sum(dtype=np.int64)
    prior = np.float32(prior_impressions)
    mean_good, mean_bad = np.float32(raised) / total, np.float32(lost) / total
    weight = seen + prior
    rate_good = (good + mean_good * prior) / np.maximum(weight, np.float32(1.0))
    rate_bad = (bad + mean_bad * prior) / np.maximum(weight, np.float32(1.0))
    value = np.float32(0.5) + np.float32(0.5) * (rate_good - rate_bad)
    return np.clip(value, np.float32(0.0), np.float32(1.0))


def recency(view: View, half_life_steps: float) -> np.ndarray:
    """Freshness in (0, 1]: halves every `half_life_steps`."""
    age = np.maximum(view.step - view.items.created_step, 0).astype(np.float32)
    return exp32(-(age * (_LN2 / np.float32(half_life_steps))))


def popularity(view: View) -> np.ndarray:
    """Log velocity, log(1 + events/h)."""
    return log32(np.float32(1.0) + view.catalogue.velocity)


def top_rows(values: np.ndarray, item: np.ndarray, among: np.ndarray, count: int) -> np.ndarray:
    """Return the rows of the `count` largest positive values among `among`; ties go to the lower id."""
    rows = among[values[among] > 0]
    if len(rows) > count:
        least = np.partition(values[rows], len(rows) - count)[len(rows) - count]
        rows = rows[values[rows] >= least]
    order = np.lexsort((item[rows], -values[rows]))
    return np.sort(rows[order[:count]])


def best_of_creator(
    view: View, rows: np.ndarray, prior_impressions: float, most: int
) -> np.ndarray:
    """Return up to `most` of each creator's rows, the best performing ones; ties go to the lower id."""
    items = view.items
    value = performance(view, prior_impressions)[rows]
    order = np.lexsort((items.item[rows], -value, items.creator[rows]))
    creator = items.creator[rows][order]
    nth = np.arange(len(rows)) - np.searchsorted(creator, creator, side="left")
    return np.sort(rows[order[nth < most]])


def overexposed(view: View, rule: str, share: float, quantile: float) -> np.ndarray:
    """Return which videos were shown too much already, bool (V,).

    Args:
        view: What the platform knows.
        rule: `share` (of all impressions), `quantile` (of the impressions of public videos) or `none`.
        share: Share above which `share` holds.
        quantile: Quantile above which `quantile` holds.
    """
    shown = view.items.impressions
    if rule == "share":
        total = np.float32(max(int(shown.sum(dtype=np.int64)), 1))
        return shown.astype(np.float32) / total > np.float32(share)
    public = shown[view.items.is_public == 1]
    if rule == "quantile" and len(public):
        place = min(int(quantile * len(public)), len(public) - 1)
        return shown > np.partition(public, place)[place]
    return np.zeros(len(shown), bool)
