"""How much harmful content people meet. The scorer is the videos' own toxicity attribute, version 1.

A metric of harm names its scorer and the version: numbers of different scorers cannot be compared, and an
external one may change overnight.
"""

from typing import Final

import numpy as np

from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import Array, RunData

HARMFUL_ABOVE: Final = 0.8
"""Toxicity above which an exposure counts as harmful; 2.8 % of videos by default."""
_TABLES: Final = "items.toxicity"
_LOG: Final = f"log.video_watched log.video_skipped items.item {_TABLES}"
_TOXIC: Final = "content.toxicity_tail=2 up"


@metric(
    "harm_share_attribute_v1",
    "harmful exposures",
    unit="share",
    direction="lower",
    formula=f"impressions of videos with a toxicity above {HARMFUL_ABOVE} / impressions met",
    needs=f"{_TABLES} items.impressions",
    headline=True,
    control=_TOXIC,
)
def harm_share(data: RunData) -> float | None:
    """Share of exposures above the threshold."""
    shown = data.items["impressions"].astype(np.int64)
    harmful = data.items["toxicity"] > np.float32(HARMFUL_ABOVE)
    return ratio(int(shown[harmful].sum()), int(shown.sum()))


def user_shares(data: RunData) -> Array:
    """Return the harmful share of every user's exposures, ascending, (users who met anything,)."""
    found = data.events(
        f"""
        WITH met AS (
            SELECT "user", item FROM video_watched WHERE STEPS
            UNION ALL SELECT "user", item FROM video_skipped WHERE STEPS
        )
        SELECT count(*) AS met, count(*) FILTER (toxicity > CAST({HARMFUL_ABOVE} AS FLOAT)) AS harmful
        FROM met JOIN items USING (item) GROUP BY "user"
        """
    )
    return np.sort(found["harmful"] / found["met"])


def quantile(ordered: Array, share: float) -> float | None:
    """Return the smallest value that at least `share` of all values do not exceed; None of no values."""
    if not len(ordered):
        return None
    return float(ordered[max(int(np.ceil(share * len(ordered))) - 1, 0)])


@metric(
    "harm_user_p50_attribute_v1",
    "harmful exposures, median user",
    unit="share",
    direction="lower",
    formula="median over users of the harmful share of what they met",
    needs=_LOG,
    control=_TOXIC,
)
def harm_user_p50(data: RunData) -> float | None:
    """The user in the middle."""
    return quantile(user_shares(data), 0.5)


@metric(
    "harm_user_p95_attribute_v1",
    "harmful exposures, worst 5 % of users",
    unit="share",
    direction="lower",
    formula="95th percentile over users of the harmful share of what they met",
    needs=_LOG,
    control=_TOXIC,
)
def harm_user_p95(data: RunData) -> float | None:
    """A heavily exposed user: a mean hides them."""
    return quantile(user_shares(data), 0.95)


@metric(
    "harm_user_p99_attribute_v1",
    "harmful exposures, worst 1 % of users",
    unit="share",
    direction="lower",
    formula="99th percentile over users of the harmful share of what they met",
    needs=_LOG,
    control=_TOXIC,
)
def harm_user_p99(data: RunData) -> float | None:
    """One of the most exposed users."""
    return quantile(user_shares(data), 0.99)
