"""Windows of equal length cut from cumulative counts: the only form in which real days and a run's days are compared.

Counts that a platform rounds hide small changes: the *grain* is the smallest difference that a count of this size can
show. A run counts every view, but few of them: its days differ by chance alone. Both are kept out of the comparison
by the same rule: on a usual day noise must be below 15 % of the views.
"""

from dataclasses import dataclass

import numpy as np

from feedtwin.datasets.adaptor import F8, I4, I8
from feedtwin.datasets.series import CountSeries

GRAINS_PER_DAY = 5.0
"""Least mean views per day, in grains: the error of a rounded day is then 8 % (two uniform roundings, sd 0.41 grains)."""
VIEWS_PER_DAY = 50.0
"""Least mean views per day where every view is counted: chance alone is then 14 % of a day (Poisson)."""
_STEPS = ((1e9, 1e8), (1e6, 1e5), (1e4, 1e2))


def grain_of(count: F8) -> F8:
    """Smallest visible difference of counts shown as 12.3K, 4.5M or 6.7B; 1 below 10,000.

    Args:
        count: (n,) cumulative counts.

    Returns:
        (n,) in the same unit.
    """
    found: F8 = np.ones(len(count))
    for above, grain in reversed(_STEPS):
        found = np.where(count >= above, grain, found)
    return found


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive days of one name.

    Attributes:
        name: row in the names of the series.
        first_day: day of the first increment, counted like the series' days.
        views: (D,) views of each day; falls of the cumulative count are 0.
        grain: (D,) smallest difference that the count of that day can show.
    """

    name: int
    first_day: int
    views: F8
    grain: F8


def stretches(series: CountSeries, *, is_rounded: bool) -> list[Stretch]:
    """Cuts a series into runs of consecutive days; a missing day ends one.

    Args:
        series: cumulative counts by day.
        is_rounded: whether the platform rounds counts, as for `grain_of`; else the grain is 1.
    """
    follows = (np.diff(series.name) == 0) & (np.diff(series.day) == 1)
    rows = np.split(np.arange(len(series.name)), np.flatnonzero(~follows) + 1)
    found = []
    for one in rows:
        if len(one) > 1:
            count = series.count[one]
            grain = grain_of(count[1:]) if is_rounded else np.ones(len(one) - 1)
            found.append(
                Stretch(
                    int(series.name[one[0]]),
                    int(series.day[one[1]]),
                    np.maximum(np.diff(count), 0.0),
                    grain,
                )
            )
    return found


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of D days, one row each.

    Attributes:
        name: (W,) row of the name; windows of one name are not independent.
        weekday: (W,) day of the week of the first day, 0 = Monday; -1 = not known.
        views: (W, D) views of each day.
        left_out: windows with too few views for their noise.
    """

    name: I4
    weekday: I8
    views: F8
    left_out: int


def windows(series: CountSeries, days: int, *, is_rounded: bool) -> Windows:
    """Cuts a series into windows side by side, from the end of each stretch backwards.

    Args:
        series: cumulative counts by day.
        days: length D of a window.
        is_rounded: see `stretches`.
    """
    name, weekday, views, left_out = [], [], [], 0
    for one in stretches(series, is_rounded=is_rounded):
        for end in range(len(one.views), days - 1, -days):
            part = one.views[end - days : end]
            least = GRAINS_PER_DAY * one.grain[end - 1] if is_rounded else VIEWS_PER_DAY
            if part.mean() < least:
                left_out += 1
                continue
            day = one.first_day + end - days
            name.append(one.name)
            weekday.append((series.first_day + day + 3) % 7 if series.first_day >= 0 else -1)
            views.append(part)
    return Windows(
        np.array(name, np.int32),
        np.array(weekday, np.int64),
        np.array(views, np.float64).reshape(len(views), days),
        left_out,
    )
