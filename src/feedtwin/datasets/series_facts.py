"""Facts of series and cascades: growth, presence, size and shape, with the number of things behind each."""

import numpy as np
import numpy.typing as npt

from feedtwin.datasets.adaptor import F8
from feedtwin.datasets.describing import Fact
from feedtwin.datasets.facts import gini
from feedtwin.datasets.growth import GrowthCurves
from feedtwin.datasets.series import Cascades, CountSeries, TrendLists

_DAY_S = 86_400.0


def series_facts(table: CountSeries | TrendLists | Cascades | GrowthCurves) -> list[Fact]:
    """Facts of any table of `feedtwin.datasets.series` or `growth`."""
    if isinstance(table, GrowthCurves):
        return _growth(table)
    if isinstance(table, CountSeries):
        return _counts(table)
    return _trends(table) if isinstance(table, TrendLists) else _cascades(table)


def _mean(group: str, name: str, values: npt.ArrayLike, unit: str) -> Fact:
    y = np.asarray(values, dtype=np.float64)
    y = y[np.isfinite(y)]
    if not len(y):
        return Fact(group, name, np.nan, np.nan, np.nan, unit, 0)
    half = 1.959964 * float(y.std(ddof=1)) / np.sqrt(len(y)) if len(y) > 1 else np.nan
    return Fact(
        group, name, float(y.mean()), float(y.mean() - half), float(y.mean() + half), unit, len(y)
    )


def _quantiles(group: str, name: str, values: npt.ArrayLike, unit: str) -> list[Fact]:
    """Median and quartiles, the median with its distribution-free interval."""
    y = np.sort(np.asarray(values, dtype=np.float64))
    y = y[np.isfinite(y)]
    if not len(y):
        return []
    width = 1.959964 * np.sqrt(len(y)) / 2.0
    low = y[int(max(np.floor(len(y) / 2.0 - width), 0))]
    high = y[int(min(np.ceil(len(y) / 2.0 + width), len(y) - 1))]
    quartiles = np.quantile(y, [0.25, 0.5, 0.75])
    return [
        Fact(group, f"{name}, lower quartile", float(quartiles[0]), np.nan, np.nan, unit, len(y)),
        Fact(group, f"{name}, median", float(quartiles[1]), float(low), float(high), unit, len(y)),
        Fact(group, f"{name}, upper quartile", float(quartiles[2]), np.nan, np.nan, unit, len(y)),
    ]


def _counts(table: CountSeries) -> list[Fact]:
    last = np.flatnonzero(np.append(np.diff(table.name) > 0, True))
    first = np.concatenate([[0], last[:-1] + 1])
    span = np.maximum(table.day[last] - table.day[first], 1)
    growth = np.log(np.maximum(table.count[last], 1.0) / np.maximum(table.count[first], 1.0)) / span
    same = np.diff(table.name) == 0
    step = np.divide(np.diff(table.count), np.maximum(table.count[:-1], 1.0))
    return [
        Fact(
            "series", "hashtags", float(len(table.names)), np.nan, np.nan, "count", len(table.names)
        ),
        Fact(
            "series",
            "Gini of the last counts",
            gini(table.count[last]),
            np.nan,
            np.nan,
            "1",
            len(last),
        ),
        *_quantiles("series", "days followed", span, "d"),
        *_quantiles("growth", "log growth per day of a hashtag", growth, "1/d"),
        _mean("growth", "days without visible growth", (step <= 0)[same], "share"),
        *_quantiles("growth", "growth on days with any", step[same & (step > 0)], "share"),
    ]


def _trends(table: TrendLists) -> list[Fact]:
    key = np.char.add(table.feed.astype(str), np.char.add("/", table.name.astype(str)))
    _, which = np.unique(key, return_inverse=True)
    which = which.reshape(-1)
    count = int(which.max()) + 1
    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first, which, table.time_s)
    np.maximum.at(last, which, table.time_s)
    start, end = np.zeros(count), np.zeros(count)
    order = np.argsort(table.time_s, kind="stable")
    end[which[order]] = table.count[order]
    start[which[order[::-1]]] = table.count[order[::-1]]
    return [
        Fact("list", "distinct entries", float(count), np.nan, np.nan, "count", count),
        *_quantiles("list", "days from first to last showing", (last - first) / _DAY_S, "d"),
        *_quantiles(
            "list", "growth of the count while shown", end / np.maximum(start, 1.0), "factor"
        ),
    ]


def _growth(table: GrowthCurves) -> list[Fact]:
    last = np.flatnonzero(np.append(np.diff(table.video) > 0, True))
    first = np.concatenate([[0], last[:-1] + 1])
    count, channels = len(table.key), len(np.unique(table.channel))
    return [
        Fact("videos", "videos", float(count), np.nan, np.nan, "count", count),
        Fact("videos", "channels", float(channels), np.nan, np.nan, "count", channels),
        Fact("videos", "Gini of the last counts", gini(table.views[last]), np.nan, np.nan, "1", len(last)),
        *_quantiles("videos", "last count", table.views[last], "views"),
        *_quantiles("videos", "age at the first reading", table.age_h[first], "h"),
        *_quantiles("videos", "hours followed", table.age_h[last] - table.age_h[first], "h"),
    ]  # fmt: skip


def depths(table: Cascades) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Depth of every event (1 = answers the root), and greatest number of events at one depth per cascade."""
    order = np.lexsort((table.index, table.cascade))
    depth = np.ones(len(order), dtype=np.int64)
    place = {(int(table.cascade[i]), int(table.index[i])): int(i) for i in order}
    parent = np.array(
        [
            place.get((int(c), int(p)), -1) if p >= 0 else -1
            for c, p in zip(table.cascade, table.parent, strict=True)
        ]
    )
    moving = parent >= 0
    at = np.where(moving, parent, 0)
    for _ in range(len(order)):
        longer = np.where(moving, depth[at] + 1, 1)
        if np.array_equal(longer, depth) or longer.max() > 10_000:
            break
        depth = longer
    pair, counts = np.unique(table.cascade.astype(np.int64) * 100_000 + depth, return_counts=True)
    breadth = np.zeros(len(table.key), dtype=np.int64)
    np.maximum.at(breadth, pair // 100_000, counts)
    return depth, breadth


def _cascades(table: Cascades) -> list[Fact]:
    depth, breadth = depths(table)
    size = np.bincount(table.cascade, minlength=len(table.key))
    deepest = np.zeros(len(table.key), dtype=np.int64)
    np.maximum.at(deepest, table.cascade, depth)
    half = _half_lives(table)
    found = []
    for label, inside in (("rumours", table.is_rumour), ("others", ~table.is_rumour)):
        found += [
            *_quantiles(label, "events", size[inside], "events"),
            _mean(label, "depth", deepest[inside], "steps"),
            *_quantiles(label, "greatest breadth", breadth[inside], "events"),
            *_quantiles(label, "half of the events after", half[inside] / 3600.0, "h"),
        ]
    delay = table.delay_s[np.isfinite(table.delay_s)]
    found.append(_mean("all", "events within 1 h", delay <= 3600.0, "share"))
    found.append(_mean("all", "events within 24 h", delay <= 86_400.0, "share"))
    return found


def _half_lives(table: Cascades) -> F8:
    known = np.isfinite(table.delay_s)
    order = np.lexsort((table.delay_s[known], table.cascade[known]))
    cascade, delay = table.cascade[known][order], table.delay_s[known][order]
    first = np.searchsorted(cascade, np.arange(len(table.key)), side="left")
    last = np.searchsorted(cascade, np.arange(len(table.key)), side="right")
    middle = np.minimum((first + last) // 2, max(len(delay) - 1, 0))
    return np.where(last > first, delay[middle] if len(delay) else np.nan, np.nan)
