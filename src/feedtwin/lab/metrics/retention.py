"""Whether people come back, and for how long: from the days on which each user was active.

`users.days_active` has bit d set where the user opened the app on day d of the run; the 64 bits cover the
first 64 days, and only whole days count. A user's life begins on their first active day.
"""

from typing import Final

import numpy as np

from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import HOURS_PER_DAY, Array, RunData

CHURN_DAYS: Final = 7
"""A user has churned on the seventh day in a row without a session."""
DAYS_MAX: Final = 64
_NEEDS: Final = "users.days_active"
_RARE: Final = "user.sessions_per_day=0.3 down"


def active_days(data: RunData) -> Array:
    """Return who was active on which whole day, bool (U, days); one day of nobody where none is whole."""
    days = min(data.end_step // HOURS_PER_DAY, DAYS_MAX)
    if not days:
        return np.zeros((len(data.users["days_active"]), 1), bool)
    shifts = np.arange(days, dtype=np.uint64)
    bits = data.users["days_active"].astype(np.uint64)
    return ((bits[:, None] >> shifts[None, :]) & np.uint64(1)).astype(bool)


def retained(active: Array, after: int) -> float | None:
    """Return the share of users active exactly `after` days after their first active day.

    Args:
        active: Who was active when, bool (U, days).
        after: Days after the first; users whose day lies beyond the last one are left out.
    """
    first = active.argmax(axis=1)
    known = active.any(axis=1) & (first + after < active.shape[1])
    who = np.nonzero(known)[0]
    return ratio(int(np.count_nonzero(active[who, first[who] + after])), len(who))


def lifetimes(active: Array, churn_days: int = CHURN_DAYS) -> tuple[Array, Array]:
    """Return how long each user who ever came was followed, in days, and whether they churned then.

    A user churns on the first day that ends `churn_days` days in a row without a session; whoever has
    not churned by the last day is censored there.
    """
    days = active.shape[1]
    ever = active.any(axis=1)
    first, shown = active[ever].argmax(axis=1), active[ever]
    away = np.zeros(len(first), np.int64)
    churned_on = np.full(len(first), -1)
    for day in range(days):
        away = np.where(shown[:, day], 0, away + (day > first))
        churned_on = np.where((away == churn_days) & (churned_on < 0), day, churned_on)
    churned = churned_on >= 0
    return np.where(churned, churned_on, days - 1) - first, churned


def kaplan_meier(duration: Array, event: Array) -> tuple[Array, Array]:
    """Return the times of events, ascending, and the share that survives each (Kaplan and Meier 1958).

    Args:
        duration: How long each was followed, (n,).
        event: Whether the event ended it; if not, it is censored after the events of that time, (n,).
    """
    times = np.unique(duration[event])
    alive, survival = 1.0, []
    for time in times:
        at_risk = int(np.count_nonzero(duration >= time))
        alive *= 1 - int(np.count_nonzero((duration == time) & event)) / at_risk
        survival.append(alive)
    return times, np.asarray(survival, np.float64)


def surviving(duration: Array, event: Array, time: int) -> float | None:
    """Return the Kaplan-Meier share that survives `time`; None where nobody was followed so long."""
    if not len(duration) or int(duration.max()) < time:
        return None
    times, survival = kaplan_meier(duration, event)
    before = int(np.searchsorted(times, time, side="right"))
    return float(survival[before - 1]) if before else 1.0


@metric(
    "retention_d1",
    "back on the next day (D1)",
    unit="share",
    direction="higher",
    formula="users active on the day after their first active day / users whose first day has a next one",
    needs=_NEEDS,
    headline=True,
    control=_RARE,
)
def retention_d1(data: RunData) -> float | None:
    """Next-day return."""
    return retained(active_days(data), 1)


@metric(
    "retention_d7",
    "back on day 7 (D7)",
    unit="share",
    direction="higher",
    formula="users active 7 days after their first active day / users who can be followed so long",
    needs=_NEEDS,
    control=_RARE,
)
def retention_d7(data: RunData) -> float | None:
    """Return a week later."""
    return retained(active_days(data), 7)


@metric(
    "retention_d28",
    "back on day 28 (D28)",
    unit="share",
    direction="higher",
    formula="users active 28 days after their first active day / users who can be followed so long",
    needs=_NEEDS,
    control=_RARE,
)
def retention_d28(data: RunData) -> float | None:
    """Return four weeks later."""
    return retained(active_days(data), 28)


@metric(
    "survival_d14",
    "not churned after 14 days",
    unit="share",
    direction="higher",
    formula=f"Kaplan-Meier share of users without {CHURN_DAYS} days in a row away, 14 days after their first",
    needs=_NEEDS,
    control=_RARE,
)
def survival_d14(data: RunData) -> float | None:
    """Share that has not churned two weeks into its life; the others are censored at the horizon."""
    return surviving(*lifetimes(active_days(data)), 14)


@metric(
    "survival_d28",
    "not churned after 28 days",
    unit="share",
    direction="higher",
    formula=f"Kaplan-Meier share of users without {CHURN_DAYS} days in a row away, 28 days after their first",
    needs=_NEEDS,
    control=_RARE,
)
def survival_d28(data: RunData) -> float | None:
    """Share that has not churned four weeks into its life."""
    return surviving(*lifetimes(active_days(data)), 28)


@metric(
    "days_to_churn",
    "median days to churn",
    unit="days",
    direction="higher",
    formula="first day on which the Kaplan-Meier share of users who have not churned is at most one half",
    needs=_NEEDS,
    control="user.sessions_per_day=0.1 down",
)
def days_to_churn(data: RunData) -> float | None:
    """Median life of a user; undefined while more than half are still there."""
    times, survival = kaplan_meier(*lifetimes(active_days(data)))
    gone = times[survival <= 0.5]
    return float(gone[0]) if len(gone) else None
