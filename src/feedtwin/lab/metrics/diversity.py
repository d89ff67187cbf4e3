"""How many hashtags there are, and how many are shown: two numbers that must not be confused."""

import numpy as np

from feedtwin.lab.metrics.metric import metric
from feedtwin.lab.run_data import Array, RunData

_HASHTAGS = ("hashtag_1", "hashtag_2", "hashtag_3")


def entropy_bits(weights: Array) -> float | None:
    """Return -sum p log2 p of non-negative weights (n,), p = weight / sum; None if all are 0."""
    total = float(weights.sum())
    if not total:
        return None
    p = weights[weights > 0] / total
    return float(-(p * np.log2(p)).sum()) + 0.0  # + 0.0 turns -0.0 into 0.0


def hashtag_weights(data: RunData, weight: Array) -> Array:
    """Sum each public video's weight over its hashtags; a video with three tags counts in three.

    Args:
        data: The run.
        weight: Integer weight of every video, (V,).

    Returns:
        One int64 sum per hashtag code; code 0 (no tag) is 0.
    """
    public = data.items["is_public"] == 1
    tags = np.concatenate([data.items[name][public] for name in _HASHTAGS]).astype(np.int64)
    each = np.tile(weight[public].astype(np.int64), len(_HASHTAGS))
    sums = np.zeros(int(tags.max(initial=0)) + 1, np.int64)
    np.add.at(sums, tags, each)
    sums[0] = 0
    return sums


@metric(
    "hashtag_entropy_exposure",
    "hashtag entropy, as shown",
    unit="bits",
    direction="higher",
    formula="entropy of hashtags, each weighted by the impressions of the public videos that carry it",
    needs="items.impressions items.is_public items.hashtag_1 items.hashtag_2 items.hashtag_3",
)
def hashtag_entropy_exposure(data: RunData) -> float | None:
    """Diversity of what people are shown; plug-in estimate without bias correction."""
    return entropy_bits(hashtag_weights(data, data.items["impressions"]))


@metric(
    "hashtag_entropy_supply",
    "hashtag entropy, as uploaded",
    unit="bits",
    direction="higher",
    formula="entropy of hashtags over public videos, each video counted once however often it is shown",
    needs="items.is_public items.hashtag_1 items.hashtag_2 items.hashtag_3",
)
def hashtag_entropy_supply(data: RunData) -> float | None:
    """Diversity of the catalogue, which no feed can change in the short run."""
    return entropy_bits(hashtag_weights(data, np.ones(len(data.items["is_public"]), np.int64)))
