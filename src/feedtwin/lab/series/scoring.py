"""How good forecasts of take-offs were: lists, alarms, probabilities, each beside what naive rules reach on the same pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from feedtwin.calibration.series.rolling import BASE, OWN, Rolled, Said
from feedtwin.lab.foresight import judge
from feedtwin.lab.metrics.forecasts import Brier, brier
from feedtwin.lab.run_data import Array
from feedtwin.lab.series.comparing import interval, weights
from feedtwin.schema.codes import TrendKind

KS: Final = (1, 5)
"""Lengths of lists; 5 is the twin's `forecast.size`."""
ROOM: Final = 2
"""A list of k is scored only where there are this many times k hashtags: a list of all is always as good as chance."""
CURVE: Final = 10
_NO_END: Final = 2**31


@dataclass(frozen=True)
class Scored:
    """A number with its 95 % interval over hashtags; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """One tenth of a calibration curve: mean forecast, how often it came true, and of how many pairs."""

    chance: float
    came: float
    pairs: int


@dataclass(frozen=True)
class Score:
    """How good one forecaster was at one horizon.

    Attributes:
        horizon: Days ahead.
        forecaster: Its name.
        precision: Share of its lists of k that took off, by k.
        precision_against: At k = 5, less that of each naive forecaster's lists of the same lengths: above 0 is better.
        brier: Brier score of its chances as it says them.
        recalibrated: Brier score after recalibration on the past.
        parts: Murphy's parts of the recalibrated score, by chances rounded to 0.05.
        skill: 1 - recalibrated / that of the base rate, 0 = no better.
        against: Recalibrated score minus that of each naive forecaster, on the same pairs; below 0 is better.
        alarms: First listings (top 5) whose horizon is over.
        hits: Of them, those whose hashtag took off in time, as a share.
        lead: Mean days from alarm to take-off over hits.
        false_per_30_days: Alarms that came to nothing.
        missed: Take-offs without an open alarm.
        curve: Calibration curve of the recalibrated chances.
    """

    horizon: int
    forecaster: str
    precision: Mapping[int, Scored]
    precision_against: Mapping[str, Scored]
    brier: Scored
    recalibrated: Scored
    parts: Brier | None
    skill: Scored
    against: Mapping[str, Scored]
    alarms: int
    hits: Scored
    lead: Scored
    false_per_30_days: float
    missed: int
    curve: tuple[Point, ...]


def scores(rolled: Rolled, naive: tuple[str, ...]) -> list[Score]:
    """Return the score of every forecaster at one horizon, naive ones first.

    Args:
        rolled: Their forecasts.
        naive: Names of those that the others are compared with, beside the two base rates.
    """
    if not len(rolled.day):
        return []
    known, place = np.unique(rolled.name, return_inverse=True)
    draw = _Draw(weights(len(known)), place.reshape(-1))
    against = (BASE, OWN, *naive)
    squared = {
        name: np.square(said.recalibrated - rolled.came) for name, said in rolled.said.items()
    }
    return [_score(rolled, name, draw, squared, against) for name in rolled.said]


@dataclass(frozen=True)
class _Draw:
    """Resamples of hashtags: weights (R, H), and the hashtag of each pair (P,)."""

    weight: Array
    place: Array

    def ratios(self, top: Array, below: Array, rows: Array | None = None) -> Array:
        """Return a sum over pairs over another, in every resample, (R,); NaN where the other is 0."""
        place, count = self.place if rows is None else self.place[rows], self.weight.shape[1]
        a = self.weight @ np.bincount(place, top, count)
        b = self.weight @ np.bincount(place, below, count)
        return np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0)

    def ratio(self, top: Array, below: Array, rows: Array | None = None) -> Scored:
        """Return a sum over pairs over another, with its interval."""
        return scored(self.ratios(top, below, rows))


def scored(drawn: Array) -> Scored:
    """Return the first value with the interval of the others."""
    return Scored(float(drawn[0]), *interval(drawn))


def _score(
    rolled: Rolled,
    name: str,
    draw: _Draw,
    squared: Mapping[str, Array],
    against: tuple[str, ...],
) -> Score:
    said, one = rolled.said[name], np.ones(len(rolled.day))
    own, base = squared[name], squared[BASE]
    loss = draw.ratio(own, base)
    lists = {k: listed(rolled, said, k) for k in KS}
    precision = {k: _precisions(rolled, one, draw) for k, one in lists.items()}
    longest = lists[KS[-1]]
    rivals = [rival for rival in against if rival != name]
    rows, leads = _alarms(rolled, longest)
    hit = leads >= 0
    begun = int(rolled.day.min())
    took_off = sum(sum(day > begun for day in days) for days in rolled.onsets.values())
    return Score(
        horizon=rolled.horizon,
        forecaster=name,
        precision={k: scored(one) for k, one in precision.items()},
        precision_against={
            rival: scored(
                precision[KS[-1]]
                - _precisions(rolled, listed(rolled, rolled.said[rival], KS[-1], longest), draw)
            )
            for rival in rivals
        },
        brier=draw.ratio(np.square(said.chance - rolled.came), one),
        recalibrated=draw.ratio(own, one),
        parts=brier(np.round(said.recalibrated * 20) / 20, rolled.came),
        skill=Scored(1 - loss.value, 1 - loss.high, 1 - loss.low),
        against={
            rival: draw.ratio(own - squared[rival], one) for rival in against if rival != name
        },
        alarms=len(rows),
        hits=draw.ratio(hit * 1.0, np.ones(len(rows)), rows),
        lead=draw.ratio(np.where(hit, leads, 0).astype(np.float64), hit * 1.0, rows),
        false_per_30_days=30.0
        * int((~hit).sum())
        / (int(rolled.day.max()) - begun + rolled.horizon),
        missed=took_off - int(hit.sum()),
        curve=_curve(said.recalibrated, rolled.came),
    )


def listed(rolled: Rolled, said: Said, k: int, like: Array | None = None) -> Array:
    """Return the rows of a forecaster's lists of at most k, origin by origin; ties go to the lower stretch.

    Args:
        rolled: All forecasts.
        said: Those of one forecaster.
        k: Longest list.
        like: Rows of another's lists: at each origin the list is then no longer than the other's.
    """
    order = np.lexsort((rolled.stretch, said.order, rolled.day))
    day = rolled.day[order]
    first = np.searchsorted(day, day, side="left")
    count = np.searchsorted(day, day, side="right") - first
    longest = np.full(len(day), k)
    if like is not None:
        other = np.sort(rolled.day[like])
        longest = np.searchsorted(other, day, side="right") - np.searchsorted(other, day)
    top = (np.arange(len(day)) - first < longest) & (count >= ROOM * k)
    rows = order[top]
    return rows[said.is_listed[rows]]


def _precisions(rolled: Rolled, rows: Array, draw: _Draw) -> Array:
    return draw.ratios(rolled.came[rows] * 1.0, np.ones(len(rows)), rows)


def _alarms(rolled: Rolled, rows: Array) -> tuple[Array, Array]:
    """Return the rows of first alarms, and the days from each to the take-off; -1 for a false one."""
    found: list[Array] = []
    leads: list[Array] = []
    for stretch in np.unique(rolled.stretch[rows]).tolist():
        own = rows[rolled.stretch[rows] == stretch]
        columns = {
            "step": rolled.day[own],
            "kind": np.full(len(own), int(TrendKind.HASHTAG)),
            "key": rolled.stretch[own],
            "confidence": own.astype(np.float64),  # carries the row through, as no score needs it
        }
        peaks = {(int(TrendKind.HASHTAG), stretch): rolled.onsets[stretch]}
        which, lead = judge(columns, peaks, rolled.horizon, _NO_END)
        found.append(which.astype(np.int64))
        leads.append(lead)
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(found), np.concatenate(leads)


def _curve(chance: Array, came: Array) -> tuple[Point, ...]:
    place = np.minimum((chance * CURVE).astype(np.int64), CURVE - 1)
    return tuple(
        Point(float(chance[rows].mean()), float(came[rows].mean()), len(rows))
        for rows in (np.flatnonzero(place == one) for one in range(CURVE))
        if len(rows)
    )
