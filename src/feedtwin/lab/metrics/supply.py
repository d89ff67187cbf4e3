"""What creators add, who goes on adding, and what takes off."""

from typing import Final

import numpy as np

from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import HOURS_PER_DAY, Array, RunData

WINDOW_STEPS: Final = 7 * HOURS_PER_DAY
"""Length of the two windows in which a creator's going on is seen: a week each."""
_POSTS: Final = "items.created_step items.creator"
_OFTEN: Final = "user.uploads_per_day=[2,1,0.5,0]"


@metric(
    "uploads",
    "uploads",
    unit="count",
    direction="higher",
    formula="videos created during the run",
    needs="uploads",
    empty=0,
    headline=True,
    control="user.uploads_per_day=[6,3,1,0] up",
)
def uploads(data: RunData) -> float | None:
    """Videos uploaded."""
    return data["uploads"]


@metric(
    "viral",
    "videos gone viral",
    unit="count",
    direction="neither",
    formula="entries into the viral stage during the run",
    needs="viral",
    empty=0,
    headline=True,
    control="promotion.velocity_gate=0.5 promotion.completion_gate=0 up",
)
def viral(data: RunData) -> float | None:
    """Videos that entered the viral stage."""
    return data["viral"]


def posting(data: RunData) -> tuple[Array, Array] | None:
    """Return who posted in the last week but one and who in the last week, as sorted user ids.

    None where the steps that are covered hold less than two weeks.
    """
    if data.steps < 2 * WINDOW_STEPS:
        return None
    created, creator = data.items["created_step"], data.items["creator"]
    middle = data.end_step - WINDOW_STEPS
    before = (created >= middle - WINDOW_STEPS) & (created < middle)
    after = (created >= middle) & (created < data.end_step)
    return np.unique(creator[before]), np.unique(creator[after])


def _going_on(data: RunData, tier: int | None = None) -> float | None:
    windows = posting(data)
    if windows is None:
        return None
    before, after = windows
    if tier is not None:
        before = before[data.of_users("tier", before) == tier]
    return ratio(int(np.isin(before, after).sum()), len(before))


@metric(
    "creator_retention",
    "creators who go on posting",
    unit="share",
    direction="higher",
    formula="creators who posted in the last two weeks' first and second week / those of the first",
    needs=_POSTS,
    control=f"{_OFTEN} up",
)
def creator_retention(data: RunData) -> float | None:
    """Share of one week's creators who post in the next week too."""
    return _going_on(data)


@metric(
    "creator_retention_elite",
    "of these, elite creators",
    unit="share",
    direction="higher",
    formula="the same over creators of the elite tier",
    needs=f"{_POSTS} users.user users.tier",
    control="user.uploads_per_day=[0.15,0.35,0.08,0] down",
)
def creator_retention_elite(data: RunData) -> float | None:
    """Going on among the elite."""
    return _going_on(data, 0)


@metric(
    "creator_retention_active",
    "of these, active creators",
    unit="share",
    direction="higher",
    formula="the same over creators of the active tier",
    needs=f"{_POSTS} users.user users.tier",
    control="user.uploads_per_day=[0.1,0.1,0.08,0] down",
)
def creator_retention_active(data: RunData) -> float | None:
    """Going on among active creators."""
    return _going_on(data, 1)


@metric(
    "creator_retention_casual",
    "of these, casual creators",
    unit="share",
    direction="higher",
    formula="the same over creators of the casual tier",
    needs=f"{_POSTS} users.user users.tier",
    control=f"{_OFTEN} up",
)
def creator_retention_casual(data: RunData) -> float | None:
    """Going on among casual creators."""
    return _going_on(data, 2)


@metric(
    "creator_entry",
    "creators who were not posting before",
    unit="share",
    direction="neither",
    formula="creators who posted in the last week and not in the one before / creators of the last week",
    needs=_POSTS,
    control=f"{_OFTEN} down",
)
def creator_entry(data: RunData) -> float | None:
    """Share of a week's creators who come new or come back."""
    windows = posting(data)
    if windows is None:
        return None
    before, after = windows
    return ratio(len(after) - int(np.isin(after, before).sum()), len(after))
