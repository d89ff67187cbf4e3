"""What people are shown against what they like, by what they did: finished and liked videos.

A user's profile is the impressions that they liked or finished; the feed is all impressions met. A video's
popularity is its number of impressions at the end of the run.
"""

from typing import Final

import numpy as np

from feedtwin.lab.metrics.entropy import jensen_shannon_bits
from feedtwin.lab.metrics.metric import metric
from feedtwin.lab.run_data import Array, RunData

PROFILE_MIN: Final = 10
"""Fewest liked or finished videos for a user's mix of categories to say anything."""
GROUPS: Final = ("niche", "middle", "blockbuster")
"""Thirds of the users by the mean popularity of their profile."""
_LOG: Final = "log.video_watched log.video_skipped log.video_engaged items.item"
_LIFT: Final = f"{_LOG} items.impressions"
_MET: Final = """
    WITH liked AS (
        SELECT "user", request, slot FROM video_engaged WHERE engagement = 1 AND STEPS
    ), met AS (
        SELECT "user", request, slot, item, completion >= 1 AS finished FROM video_watched WHERE STEPS
        UNION ALL SELECT "user", request, slot, item, false FROM video_skipped WHERE STEPS
    ), judged AS (
        SELECT met."user", item, finished OR liked.slot IS NOT NULL AS chosen
        FROM met LEFT JOIN liked USING ("user", request, slot)
    )
"""


def lift(data: RunData, group: int | None = None) -> float | None:
    """Return (GAP of feeds - GAP of profiles) / GAP of profiles, GAP the mean over users of mean popularity.

    Args:
        data: The run.
        group: A third of the users with a profile (0 niche to 2 blockbuster); None for all of them.
    """
    found = data.events(
        _MET
        + """
        SELECT "user", count(*) AS met, CAST(sum(impressions) AS BIGINT) AS shown,
               count(*) FILTER (chosen) AS liked,
               CAST(coalesce(sum(impressions) FILTER (chosen), 0) AS BIGINT) AS own
        FROM judged JOIN items USING (item) GROUP BY "user" HAVING count(*) FILTER (chosen) > 0
        ORDER BY "user"
        """
    )
    feed, own = found["shown"] / found["met"], found["own"] / found["liked"]
    who = np.ones(len(own), bool) if group is None else thirds(own, found["user"]) == group
    if not who.any():
        return None
    profile = float(own[who].mean())
    return (float(feed[who].mean()) - profile) / profile


def thirds(values: Array, user: Array) -> Array:
    """Return the third that each user belongs to by their value, 0 to 2; ties go by user id."""
    order = np.lexsort((user, values))
    place = np.empty(len(values), np.int64)
    place[order] = np.arange(len(values)) * len(GROUPS) // max(len(values), 1)
    return place


@metric(
    "popularity_lift",
    "popularity lift",
    unit="1",
    range=(-1, np.inf),
    direction="neither",
    formula="(GAP of feeds - GAP of profiles) / GAP of profiles; GAP = mean over users of the mean popularity "
    "(impressions) of what they met, or liked or finished",
    needs=_LIFT,
    control="policies.recommendation=random down",
)
def popularity_lift(data: RunData) -> float | None:
    """How much more popular feeds are than what people like in them (Abdollahpouri et al. 2020)."""
    return lift(data)


@metric(
    "popularity_lift_niche",
    "popularity lift, niche third",
    unit="1",
    range=(-1, np.inf),
    direction="neither",
    formula="the same over the third of users whose profile is least popular",
    needs=_LIFT,
    control="recommendation.weight_popularity=3 down",
)
def popularity_lift_niche(data: RunData) -> float | None:
    """What the feed does to those who like what few like."""
    return lift(data, 0)


@metric(
    "popularity_lift_blockbuster",
    "popularity lift, blockbuster third",
    unit="1",
    range=(-1, np.inf),
    direction="neither",
    formula="the same over the third of users whose profile is most popular",
    needs=_LIFT,
    control="policies.recommendation=random down",
)
def popularity_lift_blockbuster(data: RunData) -> float | None:
    """What the feed does to those who like what everybody likes."""
    return lift(data, 2)


@metric(
    "feed_miscalibration",
    "feed unlike the profile",
    unit="bits",
    range=(0, 1),
    direction="lower",
    formula="mean over users with at least "
    f"{PROFILE_MIN} liked or finished videos of the Jensen-Shannon divergence (base 2) between the category "
    "mixes of their profile and of their feed",
    needs=f"{_LOG} items.category",
    control="policies.recommendation=random up",
)
def feed_miscalibration(data: RunData) -> float | None:
    """Whether a feed shows categories in the proportions in which they are liked (Steck 2018)."""
    found = data.events(
        _MET
        + """
        SELECT "user", category, count(*) AS met, count(*) FILTER (chosen) AS liked
        FROM judged JOIN items USING (item) GROUP BY ALL ORDER BY "user", category
        """
    )
    people, who = np.unique(found["user"], return_inverse=True)
    kinds, kind = np.unique(found["category"], return_inverse=True)
    feed = np.zeros((len(people), len(kinds)))
    profile = feed.copy()
    feed[who, kind], profile[who, kind] = found["met"], found["liked"]
    enough = profile.sum(axis=1) >= PROFILE_MIN
    if not enough.any():
        return None
    return float(jensen_shannon_bits(profile[enough], feed[enough]).mean())
