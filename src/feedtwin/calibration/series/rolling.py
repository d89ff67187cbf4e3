"""Forecasts with a rolling origin: at the end of each week, of what comes; recalibrated on what has come by then.

Nothing looks ahead: the tracker, the levels, the naive rules and the recalibration of a day use days up to it, and a pair of origin and hashtag
enters the recalibration only when its horizon is over.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from feedtwin.calibration.series.forecasters import NAIVE, ask, make_policy, naive_views
from feedtwin.calibration.series.sensing import Sensed, sense, trend_defaults
from feedtwin.calibration.series.takeoffs import (
    USUAL_DAYS,
    WEEK_DAYS,
    Levels,
    coming,
    levels,
    onsets,
)
from feedtwin.calibration.series.windows import Stretch, stretches
from feedtwin.datasets.adaptor import F8, I8, Flags
from feedtwin.datasets.hashing import uniforms
from feedtwin.datasets.series import CountSeries
from feedtwin.errors import DataError
from feedtwin.schema.parameters import load_defaults

EVERY_DAYS: Final = 7
"""Days between origins: overlapping horizons repeat each other."""
BURN_IN_DAYS: Final = 91
"""Days of the panel that only teach the recalibration and the base rate, for every forecaster alike: a quarter."""
BINS: Final = 20
"""Bins of the score by which forecasts are recalibrated."""
BASE: Final = "base rate"
OWN: Final = "own base rate"


@dataclass(frozen=True)
class Said:
    """What one forecaster said of each pair.

    Attributes:
        order: (P,) lower is ranked higher within an origin.
        chance: (P,) probability as it says it.
        recalibrated: (P,) how often forecasts of its score came true before, shrunk to the base rate: a rule that says 0 or 1
            would else be held to that wherever its bins are thin.
        is_listed: (P,) whether it would put the hashtag on a list: a policy where its confidence reaches `forecast.confidence_min`,
            a naive rule always.
    """

    order: F8
    chance: F8
    recalibrated: F8
    is_listed: Flags


@dataclass(frozen=True)
class Rolled:
    """Forecasts of one horizon, one row per pair of origin and hashtag.

    Attributes:
        horizon: days ahead.
        day: (P,) origin.
        name: (P,) hashtag, a row in the names of the series.
        stretch: (P,) stretch.
        came: (P,) whether it took off within the horizon.
        said: by forecaster; naive ones first.
        onsets: by stretch, days on which it took off.
        hidden: pairs left out because rounding hides the answer, the burn-in included.
        already_up: pairs left out because the last week was up already.
    """

    horizon: int
    day: I8
    name: I8
    stretch: I8
    came: Flags
    said: dict[str, Said]
    onsets: dict[int, list[int]]
    hidden: int
    already_up: int


def roll(series: CountSeries, horizons: tuple[int, ...], policies: tuple[str, ...]) -> list[Rolled]:
    """Asks every forecaster at every origin, for each horizon.

    Args:
        series: cumulative views by day, rounded as platforms do.
        horizons: days ahead, ascending.
        policies: names of forecast policies, or `module:Class`.

    Raises:
        DataError: No hashtag is followed for long enough.
    """
    least = USUAL_DAYS + WEEK_DAYS + horizons[-1]
    parts = [one for one in stretches(series, is_rounded=True) if len(one.views) > least]
    if not parts:
        raise DataError(
            f"{series.about.name}: no hashtag has {least + 2} consecutive days; forecasts over {horizons[-1]} days need "
            f"{USUAL_DAYS + WEEK_DAYS} days before and as many after. Give longer series, or shorter horizons with --horizon."
        )
    sensed = sense(parts)
    return [_one(parts, sensed, horizon, policies) for horizon in horizons]


def _one(parts: list[Stretch], sensed: Sensed, horizon: int, policies: tuple[str, ...]) -> Rolled:
    rise = trend_defaults().rise
    known = [levels(one) for one in parts]
    future = [coming(one.views, horizon) for one in parts]
    expected = {
        name: [
            naive_views(name, one, level, horizon) for one, level in zip(parts, known, strict=True)
        ]
        for name in NAIVE
    }
    asked = {name: make_policy(name, horizon) for name in policies}
    start = np.array([one.first_day for one in parts], np.int64)
    end = start + np.array([len(one.views) for one in parts])
    found: dict[str, list[F8]] = {name: [] for name in ("day", "stretch", "came")}
    heard: dict[str, list[F8]] = {f"{name}/{what}": [] for name in (*NAIVE, *policies) for what in _TOLD}  # fmt: skip
    counts = np.zeros(2, np.int64)
    for day in range(int(start.min()) + USUAL_DAYS + WEEK_DAYS - 1, int(end.max()), EVERY_DAYS):
        panel = np.flatnonzero((start + USUAL_DAYS + WEEK_DAYS - 1 <= day) & (day < end))
        seen, up, ahead, usual = (
            np.array([one[row][day - start[row]] for row in panel])
            for one in (
                [level.is_seen for level in known], [level.is_up(rise) for level in known],
                future, [level.usual for level in known],
            )
        )  # fmt: skip
        judged = seen.astype(bool) & ~up.astype(bool) & np.isfinite(ahead)
        counts += [np.count_nonzero(~seen.astype(bool)), np.count_nonzero(up)]
        if not judged.any():
            continue
        gate = rise * usual[judged]
        found["day"].append(np.full(int(judged.sum()), float(day)))
        found["stretch"].append(panel[judged].astype(np.float64))
        found["came"].append((ahead[judged] >= gate).astype(np.float64))
        for name in NAIVE:
            views = np.array([expected[name][row][day - start[row]] for row in panel[judged]])
            ratio = views / gate
            _tell(heard, name, -ratio, ratio / (1.0 + ratio), ratio >= 1.0)
        for name, policy in asked.items():
            rank, confidence = ask(policy, sensed, panel, day)
            _tell(heard, name, rank[judged], confidence[judged], confidence[judged])
    columns = {
        name: np.concatenate(values) if values else np.zeros(0)
        for name, values in (found | heard).items()
    }
    return _put_together(parts, known, horizon, columns, counts)


_TOLD: Final = ("order", "score", "chance")


def _tell(heard: dict[str, list[F8]], name: str, *values: npt.NDArray[Any]) -> None:
    for what, one in zip(_TOLD, values, strict=True):
        heard[f"{name}/{what}"].append(one.astype(np.float64))


def _put_together(
    parts: list[Stretch],
    known: list[Levels],
    horizon: int,
    columns: dict[str, F8],
    counts: npt.NDArray[np.int64],
) -> Rolled:
    day, stretch = columns["day"].astype(np.int64), columns["stretch"].astype(np.int64)
    came = columns["came"] > 0
    name = np.array([one.name for one in parts], np.int64)[stretch]
    prior = float(load_defaults().get("forecast.prior"))
    whole = np.zeros(len(day), np.int64)
    base = _shrunk(day, whole, came, horizon, np.full(len(day), 0.5), prior)
    own = _shrunk(day, name, came, horizon, base, prior)
    lot = uniforms(day * len(parts) + stretch, "lists of nobody")
    least, every = (
        float(load_defaults().get("forecast.confidence_min")),
        np.ones(len(day), np.bool_),
    )
    said = {BASE: Said(lot, base, base, every), OWN: Said(-own, own, own, every)}
    for one in dict.fromkeys(key.partition("/")[0] for key in columns if "/" in key):
        score, chance = columns[f"{one}/score"], columns[f"{one}/chance"]
        bins = np.where(score > 0, 1 + np.minimum(score * BINS, BINS - 1), 0).astype(np.int64)
        said[one] = Said(
            columns[f"{one}/order"], chance, _shrunk(day, bins, came, horizon, base, prior),
            every if one in NAIVE else chance >= least,
        )  # fmt: skip
    begin = int(day.min()) + BURN_IN_DAYS if len(day) else 0
    kept = day >= begin
    rise = trend_defaults().rise
    took_off = {
        row: (parts[row].first_day + onsets(level, rise)).tolist()
        for row, level in enumerate(known)
    }
    return Rolled(
        horizon, day[kept], name[kept], stretch[kept], came[kept],
        {
            one: Said(
                told.order[kept], told.chance[kept], told.recalibrated[kept], told.is_listed[kept]
            )
            for one, told in said.items()
        },
        took_off, int(counts[0]), int(counts[1]),
    )  # fmt: skip


def _shrunk(day: I8, group: I8, came: Flags, horizon: int, chance: F8, prior: float) -> F8:
    """Share of a group's earlier pairs that came true, of those whose horizon is over at the origin, shrunk to a chance."""
    found = chance.copy()
    for one in np.unique(group):
        rows = np.flatnonzero(group == one)  # in order of days
        total = np.concatenate([[0], np.cumsum(came[rows])])
        over = np.searchsorted(day[rows] + horizon, day[rows], side="right")
        found[rows] = (total[over] + prior * chance[rows]) / (over + prior)
    return found
