"""How long people stay, why they leave, and how many come."""

from math import sqrt

import numpy as np

from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import RunData


@metric(
    "sessions",
    "sessions",
    unit="count",
    direction="higher",
    formula="sessions that ended during the run",
    needs="sessions",
    empty=0,
    control="user.sessions_per_day=8 up",
)
def sessions(data: RunData) -> float | None:
    """Sessions that ended."""
    return data["sessions"]


@metric(
    "session_length",
    "session length",
    unit="impressions",
    direction="higher",
    formula="mean over ended sessions of the impressions met",
    needs="session_impressions sessions",
    headline=True,
    control="user.stamina_s=300 down",
)
def session_length(data: RunData) -> float | None:
    """Mean length of a session."""
    return ratio(data["session_impressions"], data["sessions"])


@metric(
    "session_length_sd",
    "session length, spread",
    unit="impressions",
    direction="neither",
    formula="standard deviation over ended sessions of the impressions met (divided by n)",
    needs="session_impressions session_impressions_square sessions",
    control="user.impressions_max=6 down",
)
def session_length_sd(data: RunData) -> float | None:
    """Spread of session lengths; from exact integer sums, so no digits cancel."""
    count, total = data["sessions"], data["session_impressions"]
    if not count:
        return None
    return sqrt(count * data["session_impressions_square"] - total * total) / count


@metric(
    "session_watch_s",
    "session watch time",
    unit="s",
    direction="higher",
    formula="mean over ended sessions of the time spent watching",
    needs="session_watch_ms sessions",
    control="user.stamina_s=300 down",
)
def session_watch_s(data: RunData) -> float | None:
    """Mean watch time of a session."""
    return ratio(data["session_watch_ms"] / 1000, data["sessions"])


@metric(
    "exit_share_boredom",
    "exits: boredom",
    unit="share",
    direction="neither",
    formula="sessions ended by boredom / ended sessions",
    needs="exits_boredom sessions",
    headline=True,
    control="user.stamina_s=300 down",
)
def exit_share_boredom(data: RunData) -> float | None:
    """Share of sessions that end because too many videos were dull."""
    return ratio(data["exits_boredom"], data["sessions"])


@metric(
    "exit_share_energy",
    "exits: tired",
    unit="share",
    direction="neither",
    formula="sessions ended by lack of energy / ended sessions",
    needs="exits_energy sessions",
    headline=True,
    control="user.stamina_s=300 up",
)
def exit_share_energy(data: RunData) -> float | None:
    """Share of sessions that end because the user is tired."""
    return ratio(data["exits_energy"], data["sessions"])


@metric(
    "exit_share_cap",
    "exits: cap on impressions",
    unit="share",
    direction="lower",
    formula="sessions ended by the cap on impressions / ended sessions; above 95 % the run warns",
    needs="exits_cap sessions",
    headline=True,
    control="user.impressions_max=6 up",
)
def exit_share_cap(data: RunData) -> float | None:
    """Share of sessions that end at the cap, which is an artefact."""
    return ratio(data["exits_cap"], data["sessions"])


@metric(
    "exit_share_feed_exhausted",
    "exits: nothing left to show",
    unit="share",
    direction="lower",
    formula="sessions ended because the feed had no unseen video / ended sessions",
    needs="exits_feed_exhausted sessions",
    headline=True,
    control="population.videos_per_user=0.1 up",
)
def exit_share_feed_exhausted(data: RunData) -> float | None:
    """Share of sessions that end because the feed is empty."""
    return ratio(data["exits_feed_exhausted"], data["sessions"])


@metric(
    "active_users",
    "active users",
    unit="count",
    direction="higher",
    formula="users who opened the app at least once in these steps",
    needs="users.last_step",
    empty=0,
    headline=True,
    control="user.sessions_per_day=8 up",
)
def active_users(data: RunData) -> float | None:
    """Users whose latest session began in these steps; `last_step` is negative before the first."""
    return int(np.count_nonzero(data.users["last_step"] >= data.first_step))


@metric(
    "impressions_per_active_user_day",
    "impressions per active user and day",
    unit="impressions",
    direction="higher",
    formula="impressions met / active users / simulated days",
    needs="impressions users.last_step",
    control="user.stamina_s=300 down",
)
def impressions_per_active_user_day(data: RunData) -> float | None:
    """How much an active user sees on a day."""
    return ratio(data["impressions"], (active_users(data) or 0) * data.days)
