"""Who forecasts take-offs: the twin's forecast policies, asked through their interface, and naive rules.

Every forecaster says, of each hashtag on a day's panel, a *score* in [0, 1] (what is ranked and recalibrated) and a *chance* in [0, 1]
(what it says the probability is). A policy's chance is its confidence, 0 for a key that it does not list, and its list's order ranks. A naive
rule forecasts the coming views; its chance is 1 where they would be a take-off, and its score is r / (1 + r) with r the forecast
over the take-off's level.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from feedtwin.calibration.series.sensing import ACTIVE_USERS, REST_KEY, Sensed
from feedtwin.calibration.series.takeoffs import WEEK_DAYS, Levels, trailing
from feedtwin.calibration.series.windows import Stretch
from feedtwin.columns import policy_view
from feedtwin.datasets.adaptor import F8, I8
from feedtwin.errors import PolicyError
from feedtwin.policies.forecast import ForecastSettings
from feedtwin.policies.interface import Forecast, ForecastPolicy, View, entry_of
from feedtwin.policies.making import make
from feedtwin.schema.parameters import load_defaults, section_model

POLICIES: Final = ("heuristic", "rules", "metered")
NAIVE: Final = ("persistence", "drift", "seasonal")
RECENT_DAYS: Final = 3
"""Days whose mean persistence and drift go on from: half of the tracker's window."""


LEAST: Final = 1e-6
"""Confidence from which a key is listed here, so that probabilities below the twin's `confidence_min` are scored too."""


class _Absent:
    """What a series does not have: users, videos."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> Any:
        raise PolicyError(
            f"view.{self._what}.{name}: a hashtag series has no {self._what}; expected a forecast policy that reads view.trends. "
            "Leave this policy out"
        )

    def __len__(self) -> int:
        raise PolicyError(f"len(view.{self._what}): a hashtag series has no {self._what}")


def make_policy(name: str, horizon_days: int) -> ForecastPolicy:
    """A forecast policy as a world makes it, with a list as long as the panel and a horizon of one step per day.

    Raises:
        SettingsError: Nothing has the name.
        PolicyError: It is no forecast policy.
    """
    entry = entry_of("forecast", name)
    settings: Any = section_model(ForecastSettings, load_defaults().section("forecast"))
    whole = settings.model_copy(
        update={"size": REST_KEY, "confidence_min": LEAST, "horizon_steps": horizon_days}
    )
    found: ForecastPolicy = make(entry, whole)
    return found


def ask(policy: ForecastPolicy, sensed: Sensed, rows: I8, day: int) -> tuple[F8, F8]:
    """What a policy says of the stretches that hold a day.

    Args:
        policy: who is asked.
        sensed: what the tracker knew.
        rows: (m,) stretches that hold the day.
        day: the day at whose end it is asked; it is the view's step.

    Returns:
        (m,) rank on its list, 0 = first, m where it is not listed; (m,) confidence, 0 where it is not.

    Raises:
        PolicyError: It names keys that it was not shown, or something other than a `Forecast`.
    """
    answer = policy.forecast(replace(_nobody(day), trends=policy_view(sensed.table(rows, day))))
    if not isinstance(answer, Forecast):
        raise PolicyError(
            f"forecast on day {day}: found a {type(answer).__name__}; expected a Forecast"
        )
    key = np.asarray(answer.key, np.int64)
    shown = key != REST_KEY
    place = np.searchsorted(rows, key[shown])
    if (place >= len(rows)).any() or (rows[np.minimum(place, len(rows) - 1)] != key[shown]).any():
        raise PolicyError(f"forecast on day {day}: found keys that view.trends does not have")
    rank, confidence = np.full(len(rows), float(len(rows))), np.zeros(len(rows))
    rank[place] = np.arange(len(place))
    confidence[place] = np.asarray(answer.confidence, np.float64)[shown]
    return rank, confidence


def _nobody(step: int) -> View:
    absent: dict[str, Any] = {
        name: _Absent(name) for name in ("users", "items", "accounts", "catalogue", "ties")
    }
    return View(step=step, active_users=ACTIVE_USERS, **absent)


def naive_views(name: str, one: Stretch, known: Levels, horizon: int) -> F8:
    """Views per day that a naive rule expects over the next h days, (D,).

    Args:
        name: "persistence": the last three days go on; "drift": they go on and change from week to week as the last week
            did; "seasonal": each coming weekday repeats the last of its kind.
        one: the stretch.
        known: its levels.
        horizon: h.
    """
    recent = trailing(one.views, RECENT_DAYS)
    if name == "persistence":
        return recent
    if name == "seasonal":
        return _repeated(one.views, horizon)
    week = known.week
    late = min(WEEK_DAYS, len(week))
    before = np.concatenate([np.full(late, np.nan), week[: len(week) - late]])
    middle = (horizon + 1) / 2.0
    return np.maximum(recent + (week - before) * middle / WEEK_DAYS, 0.0)


def _repeated(views: F8, horizon: int) -> F8:
    week = np.full((len(views), WEEK_DAYS), np.nan)
    for back in range(WEEK_DAYS):
        week[WEEK_DAYS - 1 :, back] = views[back : len(views) - WEEK_DAYS + 1 + back]
    days = np.arange(horizon) % WEEK_DAYS
    found: F8 = week[:, days].mean(axis=1)
    return found
