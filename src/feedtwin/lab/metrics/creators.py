"""What a creator gets on average: everybody who may post counts, whether they do or not.

These exist in a cohort of creators, so that those who took something up and those who did not can be told apart.
"""

import numpy as np

from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import Array, RunData

CONSUMER = 3
"""The tier that never posts."""
MICRO = 1_000_000


def _creators(data: RunData) -> Array:
    """Which users may post, bool (U,)."""
    return np.asarray(data.users["tier"] < CONSUMER)


def _sum(data: RunData, column: str) -> int:
    return int(data.users[column][_creators(data)].sum(dtype=np.int64))


@metric(
    "views_per_creator",
    "views per creator",
    unit="count",
    direction="higher",
    formula="views of the public videos of users of the creator tiers / users of these tiers",
    needs="items.impressions items.skips items.is_public items.creator users.user users.tier",
    control="user.sessions_per_day=8 up",
)
def views_per_creator(data: RunData) -> float | None:
    """Mean audience; creators without a video count with 0."""
    who = data.users["user"][_creators(data)]
    own = (data.items["is_public"] == 1) & np.isin(data.items["creator"], who)
    views = data.items["impressions"].astype(np.int64) - data.items["skips"].astype(np.int64)
    return ratio(int(views[own].sum()), len(who))


@metric(
    "gifts_per_creator",
    "gifts per creator",
    unit="USD",
    direction="higher",
    formula="what gifts brought users of the creator tiers / users of these tiers",
    needs="users.gifts_microusd users.tier",
)
def gifts_per_creator(data: RunData) -> float | None:
    """Mean income from gifts."""
    found = ratio(_sum(data, "gifts_microusd"), int(_creators(data).sum()))
    return None if found is None else found / MICRO


@metric(
    "earnings_per_creator",
    "earnings per creator",
    unit="USD",
    direction="higher",
    formula="earnings (ads, gifts, subscriptions, fund; no sales) of users of the creator tiers / users of these tiers",
    needs="users.earned_microusd users.tier",
)
def earnings_per_creator(data: RunData) -> float | None:
    """Mean earnings; a merchant's sales are turnover and not in it."""
    found = ratio(_sum(data, "earned_microusd"), int(_creators(data).sum()))
    return None if found is None else found / MICRO
