"""What a creator gets on average: everybody who may post counts, whether they do or not.

Such means exist in a cohort of creators, so that those who took something up and those who did not can be told apart.
"""

import numpy as np

from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import Array, RunData

CONSUMER = 3
"""The tier that never posts."""


def creators_of(data: RunData) -> Array:
    """Return which users may post, bool (U,)."""
    return np.asarray(data.users["tier"] < CONSUMER)


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
    who = data.users["user"][creators_of(data)]
    own = (data.items["is_public"] == 1) & np.isin(data.items["creator"], who)
    views = data.items["impressions"].astype(np.int64) - data.items["skips"].astype(np.int64)
    return ratio(int(views[own].sum()), len(who))
