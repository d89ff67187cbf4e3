"""Summary patterns of hashtag series, share trees and growing videos: the facts of `calibration.series`, on units that can be compared.

Real trees were chosen for being large, so how large a tree grows is no pattern, and what depends on its size is taken at a
matched one: the shape of its first ten events, and times of trees with at most a hundred. Hashtags are compared over
windows of one length, where noise is a small part of a usual day on both sides; videos over their first three days, by the
shares that each day has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from feedtwin.calibration.series.facts import (
    HORIZON_H,
    Fact,
    growth_facts,
    summaries,
    tree_facts,
    window_facts,
)
from feedtwin.calibration.series.windows import windows
from feedtwin.datasets.adaptor import Flags
from feedtwin.datasets.growth import GrowthCurves
from feedtwin.datasets.series import Cascades, CountSeries

HASHTAGS: Final = "hashtags"
CASCADES: Final = "cascades"
VIDEOS: Final = "videos"
LEVELS: Final = (HASHTAGS, CASCADES, VIDEOS)
"""What a pattern is one of."""
_WINDOWS, _STARTS, _SMALL, _CURVES = "windows", "starts", "small trees", "curves"
_FACTS: Final[Mapping[str, tuple[str, str]]] = {
    "growth": (_WINDOWS, "growth, second half over first"),
    "peak_over_mean": (_WINDOWS, "peak over mean day"),
    "likeness_of_days": (_WINDOWS, "likeness of consecutive days"),
    "day_of_peak": (_WINDOWS, "day of the peak"),
    "days_above_half": (_WINDOWS, "days above half of the peak"),
    "relaunches": (_WINDOWS, "relaunches"),
    "early_depth": (_STARTS, "depth"),
    "early_at_root": (_STARTS, "events at depth 1"),
    "early_breadth": (_STARTS, "greatest breadth"),
    "tree_depth": (_SMALL, "depth"),
    "tree_at_root": (_SMALL, "events at depth 1"),
    "within_a_day": (_SMALL, "events within 24 h"),
    "half_time": (_SMALL, "half of the events after"),
    "first_day": (_CURVES, "views of the first day"),
    "third_day": (_CURVES, "views of the third day"),
    "second_over_first": (_CURVES, "second day over first"),
    "half_of_views": (_CURVES, "half of three days' views after"),
}
"""Pattern -> the units that it is taken over, and the fact of them."""
MEASURES: Final = tuple(_FACTS)
"""Every pattern by name; `plan.yaml` says what each is used for."""
_MEANS: Final = ("days_above_half", "early_breadth", "half_time", "half_of_views")
"""Counts and whole hours: their medians jump, so their means are compared."""


@dataclass(frozen=True)
class Spread:
    """What is measured: series, trees, growing videos; at least one.

    Attributes:
        hashtags: cumulative views by day; None = none are known.
        cascades: share trees; None = none are known.
        is_rounded: whether the platform rounds counts of a hashtag's views.
        growth: cumulative views of videos by age; None = none are known.
    """

    hashtags: CountSeries | None
    cascades: Cascades | None
    is_rounded: bool
    growth: GrowthCurves | None = None


def facts(seen: Spread, constants: Mapping[str, Any]) -> dict[str, Fact]:
    """The fact behind every pattern, one number per window or tree.

    Args:
        seen: what is measured.
        constants: `spread.*` without the section's name.

    Returns:
        Fact by name of the pattern; those of what is not known are left out.
    """
    units: dict[str, list[Fact]] = {}
    if seen.hashtags is not None:
        days = int(constants["window_days"])
        units[_WINDOWS] = window_facts(windows(seen.hashtags, days, is_rounded=seen.is_rounded))
    if seen.cascades is not None:
        trees, plain = seen.cascades, ~seen.cascades.is_rumour
        units[_STARTS] = tree_facts(first_events(trees, int(constants["first_events"])), plain)
        small = _sizes(trees) <= constants["tree_events_most"]
        units[_SMALL] = tree_facts(trees, plain & small)
    if seen.growth is not None:
        units[_CURVES] = growth_facts(seen.growth)
    found = {}
    for name, (unit, what) in _FACTS.items():
        if unit in units:
            fact = next(one for one in units[unit] if one.name == what)
            found[name] = replace(fact, summary="mean") if name in _MEANS else fact
    return found


def summed(fact: Fact) -> float:
    """A fact's summary over its units; NaN where there is none."""
    known = fact.values[np.isfinite(fact.values)]
    if not len(known):
        return float("nan")
    return float(summaries(known, np.ones((1, len(known))), fact.summary)[0])


def measure(seen: Spread, constants: Mapping[str, Any]) -> dict[str, float]:
    """Every pattern, in the units of `plan.yaml`; NaN where no window or tree is large enough."""
    return {name: summed(fact) for name, fact in facts(seen, constants).items()}


def _inside(table: Cascades) -> Flags:
    """Events with a known time within the horizon."""
    found: Flags = table.delay_s <= HORIZON_H * 3600.0
    return found


def _sizes(table: Cascades) -> np.ndarray:
    """Events of each cascade within the horizon, (C,)."""
    return np.bincount(table.cascade[_inside(table)], minlength=len(table.key))


def first_events(table: Cascades, count: int) -> Cascades:
    """The first events of each cascade within the horizon; cascades with fewer than `count` lose all."""
    kept = _inside(table) & (_sizes(table) >= count)[table.cascade]
    rows = np.flatnonzero(kept)
    rows = rows[np.lexsort((table.index[rows], table.delay_s[rows], table.cascade[rows]))]
    cascade = table.cascade[rows]
    rows = rows[np.arange(len(rows)) - np.searchsorted(cascade, cascade) < count]
    return replace(
        table, cascade=table.cascade[rows], index=table.index[rows], parent=table.parent[rows],
        delay_s=table.delay_s[rows],
    )  # fmt: skip
