"""What a trend event is, said in advance: a hashtag takes off.

At the end of day t a hashtag *takes off within h days* if the mean of its views over the next h days is at least `trends.rise` times (1.5)
its mean over the last 28 days. The factor is the one from which the twin's tracker calls a velocity unusual; four weeks
hold every weekday equally often; a mean over h days does not reward a single noisy day. It is asked only where the answer is news and can be seen: the last
week was not up already, and the usual week is at least `GRAINS_PER_WEEK` times what the platform's rounding can show.
The definition uses the counts alone, not the tracker, so that forecasters and naive rules are judged by the same thing.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from feedtwin.calibration.series.windows import Stretch
from feedtwin.datasets.adaptor import F8, I8, Flags

USUAL_DAYS: Final = 28
WEEK_DAYS: Final = 7
GRAINS_PER_WEEK: Final = 10.0
"""Least usual week in grains: rounding then moves a week by 4 % (sd 0.41 grains), far from the 50 % of a take-off."""


@dataclass(frozen=True)
class Levels:
    """Levels of one stretch at the end of each day, views per day; NaN where the past is too short.

    Attributes:
        usual: (D,) mean of the last 28 days.
        before: (D,) mean of the 28 days before the last 7.
        week: (D,) mean of the last 7 days.
        is_seen: (D,) whether the usual week is visible through the rounding.
    """

    usual: F8
    before: F8
    week: F8
    is_seen: Flags

    def is_up(self, rise: float) -> Flags:
        """Whether the last week is a take-off over the four weeks before it, (D,)."""
        return self.is_seen & (self.week >= rise * self.before)


def levels(one: Stretch) -> Levels:
    """Levels of a stretch."""
    usual, week = trailing(one.views, USUAL_DAYS), trailing(one.views, WEEK_DAYS)
    is_seen = np.isfinite(usual) & (usual * WEEK_DAYS >= GRAINS_PER_WEEK * one.grain)
    late = min(WEEK_DAYS, len(usual))
    before = np.concatenate([np.full(late, np.nan), usual[: len(usual) - late]])
    return Levels(usual, before, week, is_seen)


def trailing(views: F8, days: int) -> F8:
    """Mean of the last `days` days at the end of each day, (D,); NaN before there are so many."""
    total = np.concatenate([[0.0], np.cumsum(views)])
    found = np.full(len(views), np.nan)
    if len(views) >= days:
        found[days - 1 :] = (total[days:] - total[:-days]) / days
    return found


def coming(views: F8, days: int) -> F8:
    """Mean of the next `days` days after each day, (D,); NaN where the series ends before."""
    found = np.full(len(views), np.nan)
    if len(views) > days:
        found[:-days] = trailing(views, days)[days:]
    return found


def onsets(known: Levels, rise: float) -> I8:
    """Days on which a hashtag is up that was not on any of the seven days before."""
    up = known.is_up(rise)
    before = np.concatenate([[0], np.cumsum(up)])
    day = np.arange(len(up))
    recently = before[day] - before[np.maximum(day - WEEK_DAYS, 0)]
    followed = np.isfinite(known.before[np.maximum(day - WEEK_DAYS, 0)]) & (day >= WEEK_DAYS)
    return np.flatnonzero(up & (recently == 0) & followed)
