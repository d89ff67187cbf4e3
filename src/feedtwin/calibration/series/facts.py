"""What a trend and a cascade look like: one number per window or tree, the same functions for files and runs."""

from dataclasses import dataclass

import numpy as np

from feedtwin.calibration.series.windows import VIEWS_PER_DAY, Windows
from feedtwin.datasets.adaptor import F8, I8, Flags
from feedtwin.datasets.growth import GrowthCurves
from feedtwin.datasets.series import Cascades
from feedtwin.datasets.series_facts import depths

HALF = 0.5
"""Share of the peak above which a trend counts as alive: the usual half-maximum."""
QUIET = 0.25
"""Share of the peak below which a trend must fall before a return counts as a relaunch: half of the half-maximum."""
HORIZON_H = 72.0
"""Hours after the root up to which events of a cascade count, so that trees of a short run and of a long crawl are cut alike."""
EVENTS_MIN = 10
"""Events within the horizon from which a tree has a shape worth a number."""
_DAY_H = 24.0
GROWTH_H = 72.0
"""Age up to which a video's growth is compared: three days, which most young videos of a crawl were followed for."""
FIRST_H = 12.0
"""Greatest age at the first reading of a video whose first day is believed to be seen."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of many units.

    Attributes:
        name: what it is.
        unit: its unit.
        summary: "median" or "mean": how units are summed up; medians where the tail is heavy.
        values: (n,) one number per unit; NaN where it is not defined.
        cluster: (n,) units of one cluster are resampled together.
    """

    name: str
    unit: str
    summary: str
    values: F8
    cluster: I8


def window_facts(table: Windows) -> list[Fact]:
    """Facts of windows: growth, peak, lifetime above half of the peak, relaunches, weekday."""
    views = table.views
    days = views.shape[1]
    half = days // 2
    peak = views.max(axis=1, initial=0.0)
    before, after = views[:, :half].sum(axis=1), views[:, days - half :].sum(axis=1)
    alive, relaunches, is_late = _lives(views, peak)
    cluster = table.name.astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.log(after / before)
        sharpness = peak / views.mean(axis=1)
    return [
        Fact("growth, second half over first", "log", "median", _finite(growth), cluster),
        Fact("day of the peak", "share of the window", "mean", (is_late + 0.5) / days, cluster),
        Fact("peak over mean day", "ratio", "median", _finite(sharpness), cluster),
        Fact("days above half of the peak", "d", "median", alive, cluster),
        Fact("relaunches", "per window", "mean", relaunches, cluster),
        Fact("likeness of consecutive days", "autocorrelation", "median", _likeness(views), cluster),
        Fact("weekend over weekdays", "log", "mean", _weekend(table), cluster),
    ]  # fmt: skip


def tree_facts(table: Cascades, within: Flags) -> list[Fact]:
    """Facts of the trees chosen by `within` (C,) that have `EVENTS_MIN` events in the first `HORIZON_H` hours."""
    hours = table.delay_s / 3600.0
    kept = np.isfinite(hours) & (hours <= HORIZON_H) & within[table.cascade]
    size = np.bincount(table.cascade[kept], minlength=len(table.key))
    kept &= (size >= EVENTS_MIN)[table.cascade]
    tree, place = np.unique(table.cascade[kept], return_inverse=True)
    part = Cascades(
        table.key[tree], table.is_rumour[tree], place.reshape(-1).astype(np.int32),
        table.index[kept], table.parent[kept], table.delay_s[kept], table.about,
    )  # fmt: skip
    count = len(tree)
    depth, breadth = depths(part)
    deepest = np.zeros(count)
    np.maximum.at(deepest, part.cascade, depth.astype(np.float64))
    events = np.bincount(part.cascade, minlength=count).astype(np.float64)
    at_root = np.bincount(part.cascade, depth == 1, count) / np.maximum(events, 1.0)
    hours = part.delay_s / 3600.0
    early = np.bincount(part.cascade, hours <= _DAY_H, count) / np.maximum(events, 1.0)
    order = np.lexsort((hours, part.cascade))
    first = np.searchsorted(part.cascade[order], np.arange(count))
    middle = hours[order][first + (events.astype(np.int64) - 1) // 2]
    own = np.arange(count)
    return [
        Fact("events", "events", "median", events, own),
        Fact("depth", "steps", "mean", deepest, own),
        Fact("greatest breadth", "events", "median", breadth.astype(np.float64), own),
        Fact("events at depth 1", "share", "mean", at_root, own),
        Fact("half of the events after", "h", "median", middle, own),
        Fact("events within 24 h", "share", "mean", early, own),
    ]  # fmt: skip


def summaries(values: F8, weight: F8, summary: str) -> F8:
    """Weighted means, or lower medians, of units (n,): one per row of weights (R, n)."""
    if summary == "mean":
        return (weight @ values) / weight.sum(axis=1)
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weight[:, order], axis=1)
    return values[order][np.argmax(total >= total[:, -1:] / 2.0, axis=1)]


def growth_facts(table: GrowthCurves) -> list[Fact]:
    """Facts of videos seen from their first `FIRST_H` hours to `GROWTH_H`, with `VIEWS_PER_DAY` on its mean day; straight between readings."""
    ends = np.flatnonzero(np.append(np.diff(table.video) > 0, len(table.video) > 0))
    parts = np.split(np.arange(len(table.video)), ends[:-1] + 1) if len(ends) else []
    found, cluster = [], []
    for one in parts:
        age, views = table.age_h[one], np.maximum.accumulate(table.views[one])
        if age[0] > FIRST_H or age[-1] < GROWTH_H:
            continue
        age, views = np.concatenate([[0.0], age]), np.concatenate([[0.0], views])
        day, two, all_three = np.interp([_DAY_H, 2 * _DAY_H, GROWTH_H], age, views)
        if all_three < VIEWS_PER_DAY * GROWTH_H / _DAY_H:
            continue
        grid = np.linspace(0.0, GROWTH_H, int(GROWTH_H) + 1)
        half = float(grid[np.argmax(np.interp(grid, age, views) >= all_three / 2.0)])
        second = (two - day) / day if day > 0 else np.nan
        found.append((day / all_three, second, (all_three - two) / all_three, half))
        cluster.append(int(table.channel[table.video[one[0]]]))
    values = np.array(found, np.float64).reshape(-1, 4).T
    own = np.array(cluster, np.int64)
    return [
        Fact("views of the first day", "share of three days", "mean", values[0], own),
        Fact("second day over first", "ratio", "median", values[1], own),
        Fact("views of the third day", "share of three days", "mean", values[2], own),
        Fact("half of three days' views after", "h", "median", values[3], own),
    ]  # fmt: skip


def _finite(values: F8) -> F8:
    return np.where(np.isfinite(values), values, np.nan)


def _lives(views: F8, peak: F8) -> tuple[F8, F8, F8]:
    """Days around the peak above half of it, returns above half after a quiet day, and the peak's day."""
    alive, relaunches, at = np.zeros(len(views)), np.zeros(len(views)), np.argmax(views, axis=1)
    for row, day in enumerate(at.tolist()):
        above = views[row] >= HALF * peak[row]
        is_low = np.flatnonzero(~above)
        later, earlier = is_low[is_low > day], is_low[is_low < day]
        end = int(later[0]) if len(later) else len(above)
        alive[row] = end - (int(earlier[-1]) + 1 if len(earlier) else 0)
        loud_or_quiet = above | (views[row] < QUIET * peak[row])
        marks = above[loud_or_quiet].astype(np.int64)
        relaunches[row] = np.count_nonzero(np.diff(marks[np.argmax(marks) :]) == 1)
    return alive, relaunches, at.astype(np.float64)


def _likeness(views: F8) -> F8:
    deviation = views - views.mean(axis=1, keepdims=True)
    spread = np.square(deviation).sum(axis=1)
    shared = (deviation[:, 1:] * deviation[:, :-1]).sum(axis=1)
    return np.divide(shared, spread, out=np.full(len(views), np.nan), where=spread > 0)


def _weekend(table: Windows) -> F8:
    """Log of the mean weekend day over the mean weekday, over the window's whole weeks; NaN without dates."""
    days = table.views.shape[1] // 7 * 7
    weekday = (table.weekday[:, None] + np.arange(days)) % 7
    is_rest = weekday >= 5
    views = table.views[:, :days]
    rest = (views * is_rest).sum(axis=1) / max(days * 2 / 7, 1.0)
    work = (views * ~is_rest).sum(axis=1) / max(days * 5 / 7, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(rest / work)
    return np.where(table.weekday >= 0, _finite(ratio), np.nan)
