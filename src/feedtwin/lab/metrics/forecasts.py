"""How good forecasts and predictions are: pure functions.

A forecast is scored against what came of it. Whoever calls one of these pairs forecasts and outcomes by the
time of the forecast; nothing here looks ahead.
"""

from dataclasses import dataclass

import numpy as np

from feedtwin.lab.run_data import Array


def kendall_tau_b(a: Array, b: Array) -> float | None:
    """Return Kendall's rank correlation with ties, (C - D) / sqrt((N - T_a)(N - T_b)), in [-1, 1].

    Args:
        a: Forecast values, (n,).
        b: Realised values, (n,).

    Returns:
        C and D count concordant and discordant pairs, N all pairs, T those tied in one of the two. None
        where one of them is constant. Time and memory grow with n squared; n is a list of trends.
    """
    first, second = np.triu_indices(len(a), 1)
    up_a, up_b = np.sign(a[second] - a[first]), np.sign(b[second] - b[first])
    untied = float(np.count_nonzero(up_a)) * float(np.count_nonzero(up_b))
    return float((up_a * up_b).sum()) / untied**0.5 if untied else None


def precision_at(k: int, score: Array, came_true: Array, key: Array) -> float | None:
    """Return the share of the `k` highest scores that came true; ties go to the lower key.

    Args:
        k: Length of the list.
        score: Forecast scores, (n,).
        came_true: Whether each came true, bool (n,).
        key: Distinct integers that break ties, (n,).
    """
    if k < 1 or not len(score):
        return None
    top = np.lexsort((key, -score))[:k]
    return float(came_true[top].mean())


@dataclass(frozen=True)
class Lead:
    """How early alarms came, and at what price.

    Attributes:
        mean_steps: Mean of (peak - first alarm) over the keys that peaked and had an alarm before;
            None where there is none.
        hits: Keys that peaked at or after their first alarm.
        missed: Keys that peaked without an alarm before.
        false_alarms: Keys with an alarm that never peaked after it.
        precision: hits / (hits + false alarms).
        alarms_per_day: Alarmed keys per simulated day.
    """

    mean_steps: float | None
    hits: int
    missed: int
    false_alarms: int
    precision: float | None
    alarms_per_day: float


def lead(first_alarm: dict[int, int], peak: dict[int, int], days: float) -> Lead:
    """Return the lead time of alarms with their rate of false ones: one without the other means nothing.

    Args:
        first_alarm: Step of the first alarm by key.
        peak: Step of the peak by key, for keys that became trends.
        days: Simulated days that were watched.
    """
    gained = [peak[key] - at for key, at in first_alarm.items() if key in peak and peak[key] >= at]
    hits, alarms = len(gained), len(first_alarm)
    return Lead(
        mean_steps=sum(gained) / hits if hits else None,
        hits=hits,
        missed=len(peak) - hits,
        false_alarms=alarms - hits,
        precision=hits / alarms if alarms else None,
        alarms_per_day=alarms / days,
    )


@dataclass(frozen=True)
class Brier:
    """The Brier score of probability forecasts and Murphy's parts: score = reliability - resolution + uncertainty."""

    score: float
    reliability: float
    resolution: float
    uncertainty: float


def brier(probability: Array, came_true: Array) -> Brier | None:
    """Return the Brier score and its parts (Murphy 1973); None without forecasts.

    Forecasts are grouped by their exact value, so that the parts add up without a remainder: round them
    first to group them more coarsely.

    Args:
        probability: Forecast probabilities, (n,).
        came_true: What happened, bool (n,).
    """
    if not len(probability):
        return None
    happened = came_true.astype(np.float64)
    base = float(happened.mean())
    values, group, count = np.unique(probability, return_inverse=True, return_counts=True)
    observed = np.bincount(group, happened) / count
    weight = count / len(happened)
    return Brier(
        score=float(np.square(probability - happened).mean()),
        reliability=float((weight * np.square(values - observed)).sum()),
        resolution=float((weight * np.square(observed - base)).sum()),
        uncertainty=base * (1 - base),
    )


def smape(actual: Array, forecast: Array) -> float | None:
    """Return the mean of 2 |y - f| / (|y| + |f|), in [0, 2]; 0 / 0 counts as 0; None of nothing."""
    if not len(actual):
        return None
    size = np.abs(actual) + np.abs(forecast)
    gap = 2 * np.abs(np.asarray(actual, np.float64) - forecast)
    return float(np.where(size > 0, gap / np.where(size > 0, size, 1), 0.0).mean())


def mean_absolute_error(actual: Array, forecast: Array) -> float | None:
    """Return the mean of |y - f|, in the unit of y; None of nothing."""
    if not len(actual):
        return None
    return float(np.abs(np.asarray(actual, np.float64) - forecast).mean())
