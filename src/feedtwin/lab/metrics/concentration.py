"""How unequally views fall on videos, on creators and on all accounts: each number names its population."""

from typing import Final

import numpy as np

from feedtwin.lab.metrics.metric import metric
from feedtwin.lab.metrics.shares import (
    atkinson,
    gini,
    hhi,
    lorenz_share,
    matched_counts,
    theil,
    theil_parts,
    top_share,
)
from feedtwin.lab.run_data import Array, RunData

ATKINSON_AVERSION: Final = 0.5
"""Aversion e of Atkinson's index; from 1 on a single unseen video would make it 1."""
_VIDEOS: Final = "items.impressions items.skips items.is_public"
_CREATORS: Final = f"{_VIDEOS} items.creator"
_RANDOM: Final = "policies.recommendation=random"


def video_views(data: RunData) -> Array:
    """Views (impressions met - skips) of every public video, int64, zeros included."""
    public = data.items["is_public"] == 1
    views = data.items["impressions"].astype(np.int64) - data.items["skips"].astype(np.int64)
    return views[public]


def views_by_creator(data: RunData) -> tuple[Array, Array]:
    """Return the creators with at least one public video, in order, and their views, int64."""
    creators = data.items["creator"][data.items["is_public"] == 1]
    found, index = np.unique(creators, return_inverse=True)
    sums = np.zeros(len(found), np.int64)
    np.add.at(sums, index, video_views(data))
    return found, sums


def creator_views(data: RunData) -> Array:
    """Views of every creator with at least one public video, int64, zeros included."""
    return views_by_creator(data)[1]


@metric(
    "view_gini_videos",
    "view Gini of videos",
    unit="1",
    range=(0, 1),
    direction="lower",
    formula="Gini of views over all public videos at the end, never-seen ones included",
    needs=_VIDEOS,
    headline=True,
    control=f"{_RANDOM} down",
)
def view_gini_videos(data: RunData) -> float | None:
    """Inequality of views among videos."""
    return gini(video_views(data))


@metric(
    "view_gini_creators",
    "view Gini of creators",
    unit="1",
    range=(0, 1),
    direction="lower",
    formula="Gini of views over all users with at least one public video, never-seen ones included",
    needs=_CREATORS,
    headline=True,
    control=f"{_RANDOM} down",
)
def view_gini_creators(data: RunData) -> float | None:
    """Inequality of views among creators; people who never posted are not in it."""
    return gini(creator_views(data))


@metric(
    "view_gini_accounts",
    "view Gini of all accounts",
    unit="1",
    range=(0, 1),
    direction="lower",
    formula="Gini of views over all users, also those who never posted: near 1 where most people only watch",
    needs=f"{_CREATORS} users.user",
    control=f"{_RANDOM} down",
)
def view_gini_accounts(data: RunData) -> float | None:
    """Inequality of views among everybody: a number about who posts, rather than about the feed."""
    views = np.zeros(len(data.users["user"]), np.int64)
    sums = creator_views(data)
    views[: len(sums)] = sums  # whose they are does not matter
    return gini(views)


@metric(
    "view_gini_videos_matched",
    "view Gini of videos at one view each",
    unit="1",
    range=(0, 1),
    direction="lower",
    formula="Gini over public videos of as many views as there are public videos, drawn among all views by "
    "keyed draws: comparable between runs of different length",
    needs=f"{_VIDEOS} items.creator items.ordinal",
    control=f"{_RANDOM} down",
)
def view_gini_videos_matched(data: RunData) -> float | None:
    """Inequality at a matched volume of a mean of one view per video, for few views look unequal."""
    public = data.items["is_public"] == 1
    views = video_views(data)
    kept = matched_counts(
        views, data.items["creator"][public], data.items["ordinal"][public], len(views), data
    )
    return None if kept is None else gini(kept)


@metric(
    "top1_view_share",
    "views of the top 1 % of videos",
    unit="share",
    direction="lower",
    formula="views of the most viewed 1 % (rounded up) of public videos / all views",
    needs=_VIDEOS,
    control="promotion.amplification=3 up",
)
def top1_view_share(data: RunData) -> float | None:
    """What the top one per cent of videos holds."""
    return top_share(video_views(data), 0.01)


@metric(
    "top10_view_share",
    "views of the top 10 % of videos",
    unit="share",
    direction="lower",
    formula="views of the most viewed 10 % (rounded up) of public videos / all views",
    needs=_VIDEOS,
    control=f"{_RANDOM} down",
)
def top10_view_share(data: RunData) -> float | None:
    """What the top ten per cent of videos hold."""
    return top_share(video_views(data), 0.1)


@metric(
    "bottom_half_view_share",
    "views of the bottom half of videos",
    unit="share",
    direction="higher",
    formula="Lorenz curve of views over public videos at one half of them",
    needs=_VIDEOS,
    control=f"{_RANDOM} up",
)
def bottom_half_view_share(data: RunData) -> float | None:
    """What the less seen half of the videos holds."""
    return lorenz_share(video_views(data), 0.5)


@metric(
    "view_hhi_videos",
    "view concentration of videos (HHI)",
    unit="1",
    range=(0, 1),
    direction="lower",
    formula="sum over public videos of the squared share of all views",
    needs=_VIDEOS,
    control=f"{_RANDOM} down",
)
def view_hhi_videos(data: RunData) -> float | None:
    """Herfindahl-Hirschman index of videos."""
    return hhi(video_views(data))


@metric(
    "effective_videos",
    "effective number of videos",
    unit="count",
    direction="higher",
    formula="1 / HHI of views over public videos: how many equal videos would be as concentrated",
    needs=_VIDEOS,
    control=f"{_RANDOM} up",
)
def effective_videos(data: RunData) -> float | None:
    """How many videos share the audience."""
    found = hhi(video_views(data))
    return None if found is None else 1 / found


@metric(
    "effective_creators",
    "effective number of creators",
    unit="count",
    direction="higher",
    formula="1 / HHI of views over creators with at least one public video",
    needs=_CREATORS,
    control=f"{_RANDOM} up",
)
def effective_creators(data: RunData) -> float | None:
    """How many creators share the audience."""
    found = hhi(creator_views(data))
    return None if found is None else 1 / found


@metric(
    "view_atkinson_creators",
    "view inequality of creators (Atkinson)",
    unit="1",
    range=(0, 1),
    direction="lower",
    formula=f"1 - (mean of views^(1-e))^(1/(1-e)) / mean of views over creators, e = {ATKINSON_AVERSION}",
    needs=_CREATORS,
    control=f"{_RANDOM} down",
)
def view_atkinson_creators(data: RunData) -> float | None:
    """The share of views one would give up for equality, at a moderate aversion."""
    return atkinson(creator_views(data), ATKINSON_AVERSION)


@metric(
    "view_theil_creators",
    "view inequality of creators (Theil)",
    unit="nats",
    direction="lower",
    formula="mean over creators of (views / mean) ln(views / mean); the sum of the next two",
    needs=_CREATORS,
    control=f"{_RANDOM} down",
)
def view_theil_creators(data: RunData) -> float | None:
    """Theil's index of creators."""
    return theil(creator_views(data))


def _tier_parts(data: RunData) -> tuple[float, float] | None:
    creators, views = views_by_creator(data)
    return theil_parts(views, data.of_users("tier", creators))


@metric(
    "view_theil_within_tiers",
    "of this within creator tiers",
    unit="nats",
    direction="lower",
    formula="sum over tiers of their share of views times Theil's index within them",
    needs=f"{_CREATORS} users.user users.tier",
    control=f"{_RANDOM} down",
)
def view_theil_within_tiers(data: RunData) -> float | None:
    """Inequality between creators of the same tier."""
    parts = _tier_parts(data)
    return None if parts is None else parts[0]


@metric(
    "view_theil_between_tiers",
    "of this between creator tiers",
    unit="nats",
    direction="lower",
    formula="sum over tiers of their share of views times ln(share of views / share of creators)",
    needs=f"{_CREATORS} users.user users.tier",
    control="population.catalogue_weight=[60,6,2,0] up",
)
def view_theil_between_tiers(data: RunData) -> float | None:
    """Inequality between the tiers' means."""
    parts = _tier_parts(data)
    return None if parts is None else parts[1]
