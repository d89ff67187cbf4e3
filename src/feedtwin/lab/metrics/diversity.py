"""How varied the catalogue is, how varied what is shown is, and how varied a slate is."""

from math import log
from typing import Final

import numpy as np

from feedtwin.lab.metrics.entropy import chao_shen_bits, entropy_bits, miller_madow_bits
from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import Array, RunData

USER_EXPOSURES_MIN: Final = 20
"""Fewest tagged exposures for a user's own entropy to say anything."""
_HASHTAGS: Final = ("hashtag_1", "hashtag_2", "hashtag_3")
_TAGGED: Final = "items.is_public items.hashtag_1 items.hashtag_2 items.hashtag_3"
_SHOWN: Final = f"items.impressions {_TAGGED}"
_RANDOM: Final = "policies.recommendation=random"


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


def _shown(data: RunData) -> Array:
    return hashtag_weights(data, data.items["impressions"])


def _supplied(data: RunData) -> Array:
    return hashtag_weights(data, np.ones(len(data.items["is_public"]), np.int64))


@metric(
    "hashtag_entropy_exposure",
    "hashtag entropy, as shown",
    unit="bits",
    direction="higher",
    formula="entropy of hashtags, each weighted by the impressions of the public videos that carry it",
    needs=_SHOWN,
    headline=True,
    control=f"{_RANDOM} up",
)
def hashtag_entropy_exposure(data: RunData) -> float | None:
    """Diversity of what people are shown; plug-in estimate without bias correction."""
    return entropy_bits(_shown(data))


@metric(
    "hashtag_entropy_exposure_mm",
    "the same, Miller-Madow",
    unit="bits",
    direction="higher",
    formula="plug-in entropy of hashtags as shown + (hashtags shown - 1) / (2 N ln 2), N tagged exposures",
    needs=_SHOWN,
    control=f"{_RANDOM} up",
)
def hashtag_entropy_exposure_mm(data: RunData) -> float | None:
    """The same with the first-order correction for few exposures."""
    return miller_madow_bits(_shown(data))


@metric(
    "hashtag_entropy_exposure_cs",
    "the same, Chao-Shen",
    unit="bits",
    direction="higher",
    formula="Horvitz-Thompson entropy of hashtags as shown, shares scaled by the coverage 1 - f1 / N",
    needs=_SHOWN,
    control=f"{_RANDOM} up",
)
def hashtag_entropy_exposure_cs(data: RunData) -> float | None:
    """The same corrected for hashtags that were never shown."""
    return chao_shen_bits(_shown(data))


@metric(
    "hashtag_entropy_supply",
    "hashtag entropy, as uploaded",
    unit="bits",
    direction="higher",
    formula="entropy of hashtags over public videos, each video counted once however often it is shown",
    needs=_TAGGED,
    headline=True,
    control="content.hashtag_zipf=3 down",
)
def hashtag_entropy_supply(data: RunData) -> float | None:
    """Diversity of the catalogue, which no feed can change in the short run."""
    return entropy_bits(_supplied(data))


@metric(
    "hashtag_entropy_supply_mm",
    "the same, Miller-Madow",
    unit="bits",
    direction="higher",
    formula="plug-in entropy of hashtags as uploaded + (hashtags - 1) / (2 N ln 2), N tags on public videos",
    needs=_TAGGED,
    control="content.hashtag_zipf=3 down",
)
def hashtag_entropy_supply_mm(data: RunData) -> float | None:
    """The same with the first-order correction for a small catalogue."""
    return miller_madow_bits(_supplied(data))


@metric(
    "hashtag_entropy_supply_cs",
    "the same, Chao-Shen",
    unit="bits",
    direction="higher",
    formula="Horvitz-Thompson entropy of hashtags as uploaded, shares scaled by the coverage 1 - f1 / N",
    needs=_TAGGED,
    control="content.hashtag_zipf=3 down",
)
def hashtag_entropy_supply_cs(data: RunData) -> float | None:
    """The same corrected for hashtags that nobody has used yet."""
    return chao_shen_bits(_supplied(data))


@metric(
    "hashtag_entropy_users",
    "hashtag entropy of a user's feed",
    unit="bits",
    direction="higher",
    formula="mean over users with at least "
    f"{USER_EXPOSURES_MIN} tagged exposures of the Miller-Madow entropy of the hashtags they met",
    needs="log.video_watched log.video_skipped items.item items.hashtag_1 items.hashtag_2 items.hashtag_3",
    control=f"{_RANDOM} up",
)
def hashtag_entropy_users(data: RunData) -> float | None:
    """How varied the feed of one person is; a platform can be diverse and every feed narrow."""
    found = data.events(
        """
        WITH met AS (
            SELECT "user", item FROM video_watched WHERE STEPS
            UNION ALL SELECT "user", item FROM video_skipped WHERE STEPS
        ), shown AS (
            SELECT "user", unnest([hashtag_1, hashtag_2, hashtag_3]) AS tag
            FROM met JOIN items USING (item)
        )
        SELECT "user", tag, count(*) AS shown FROM shown WHERE tag > 0
        GROUP BY ALL ORDER BY "user", tag
        """
    )
    _, who = np.unique(found["user"], return_inverse=True)
    shown = found["shown"].astype(np.float64)
    total = np.bincount(who, shown)
    kinds = np.bincount(who)
    plain = np.log2(total) - np.bincount(who, shown * np.log2(shown)) / np.maximum(total, 1)
    corrected = plain + (kinds - 1) / (2 * np.maximum(total, 1) * log(2))
    enough = total >= USER_EXPOSURES_MIN
    return float(corrected[enough].mean()) if enough.any() else None


@metric(
    "intra_list_diversity",
    "diversity within a slate",
    unit="share",
    direction="higher",
    formula="mean over slates of at least two videos of the share of its pairs in different categories",
    needs="log.impression_served items.item items.category",
    control="recommendation.category_cap=1 up",
)
def intra_list_diversity(data: RunData) -> float | None:
    """Intra-list diversity with the distance 1 between categories and 0 within one."""
    found = data.events(
        """
        WITH slates AS (
            SELECT "user", request, category, count(*) AS n
            FROM impression_served JOIN items USING (item) WHERE STEPS GROUP BY ALL
        ), pairs AS (
            SELECT CAST(sum(n) AS BIGINT) AS n, CAST(sum(n * (n - 1)) AS BIGINT) AS same
            FROM slates GROUP BY "user", request
        )
        SELECT n, same, count(*) AS slates FROM pairs WHERE n > 1 GROUP BY ALL ORDER BY n, same
        """
    )
    size = found["n"].astype(np.float64)
    different = (1 - found["same"] / (size * (size - 1))) * found["slates"]
    return ratio(float(different.sum()), int(found["slates"].sum()))


@metric(
    "coverage",
    "videos shown at all",
    unit="share",
    direction="higher",
    formula="public videos met at least once / public videos",
    needs="items.impressions items.is_public",
    headline=True,
    control="population.videos_per_user=40 down",
)
def coverage(data: RunData) -> float | None:
    """Share of the catalogue that anybody saw."""
    public = data.items["is_public"] == 1
    met = int(np.count_nonzero(data.items["impressions"][public]))
    return ratio(met, int(np.count_nonzero(public)))


@metric(
    "novelty",
    "novelty of an impression",
    unit="bits",
    direction="higher",
    formula="mean over impressions met of -log2(share of all impressions that the video has): equal to the "
    "entropy of exposure over videos",
    needs="items.impressions",
    control=f"{_RANDOM} up",
)
def novelty(data: RunData) -> float | None:
    """How rare the videos are that people meet."""
    return entropy_bits(data.items["impressions"].astype(np.int64))
