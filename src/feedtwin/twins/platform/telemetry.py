"""Running totals of what happened: integers, kept at every log level, so metrics never need the log."""

from typing import Final

import numpy as np

from feedtwin.schema.batches import EventBatch
from feedtwin.twins.platform.tally import TALLIED

TOTALS: Final = (
    "requests", "slots_served", "impressions", "skips", "completions", "likes", "shares", "comments",
    "watch_ms", "completion_milli", "sessions", "session_impressions", "session_impressions_square",
    "session_watch_ms", "exits_boredom", "exits_energy", "exits_cap", "exits_feed_exhausted",
    "uploads", "follows", "stage_changes", "viral", "active_users",
    "trends_emerged", "forecasts", "forecasts_true", "forecasts_false", "forecast_lead_steps",
    "forecast_brier_micro", "governance_actions", "interventions_passed", "interventions_clipped",
    "interventions_blocked", "reports", "reviews", "review_backlog", "cascade_shares",
    "cascade_children", "cascade_parents", "cascade_depth_max", "cascade_breadth_max",
    "planned_uploads",
    "ad_impressions", "ad_revenue_microusd", "gifts", "gift_revenue_microusd", "live_gifts",
    "live_gift_revenue_microusd", "subscriptions", "subscription_revenue_microusd", "purchases",
    "purchase_revenue_microusd", "creator_share_microusd", "fund_microusd", "payout_microusd",
    "unlikes", "saves", "not_interested", "unfollows", "mutes", "unmutes", "signups",
    "departures", "creator_reviews", "creator_turns", "llm_tier_changes", "llm_budget_exceeded",
)  # fmt: skip
"""Names of the totals, in order; `completion_milli` sums capped completions in thousandths."""

LEVELS: Final = (
    "active_users", "review_backlog", "cascade_depth_max", "cascade_breadth_max", "llm_budget_exceeded",
)  # fmt: skip
"""Totals that are levels: their latest value counts, not their sum."""

_EXITS = {1: "exits_boredom", 2: "exits_energy", 3: "exits_cap", 4: "exits_feed_exhausted"}


class Telemetry:
    """One int64 per name, growing through the run; `LEVELS` hold the latest value."""

    def __init__(self) -> None:
        self.values = np.zeros(len(TOTALS), np.int64)

    def add(self, name: str, value: int) -> None:
        """Add to a total."""
        self.values[TOTALS.index(name)] += value

    def put(self, name: str, value: int) -> None:
        """Replace a level."""
        self.values[TOTALS.index(name)] = value

    def get(self, name: str) -> int:
        """Return a total."""
        return int(self.values[TOTALS.index(name)])

    def as_dict(self) -> dict[str, int]:
        """Return the totals by name."""
        return dict(zip(TOTALS, self.values.tolist(), strict=True))

    def add_tally(self, tally: np.ndarray) -> None:
        """Add the sums of slates' tallies, u4 (R, 8)."""
        for name, value in zip(TALLIED, tally.sum(axis=0, dtype=np.int64).tolist(), strict=True):
            self.add(name, value)

    def on_session_ended(self, ended: EventBatch) -> None:
        """Count sessions, their length and why they ended."""
        length = ended.impressions.astype(np.int64)
        self.add("sessions", ended.rows)
        self.add("session_impressions", int(length.sum()))
        self.add("session_impressions_square", int((length * length).sum()))
        self.add("session_watch_ms", int(ended.watch_ms.sum(dtype=np.int64)))
        for cause, name in _EXITS.items():
            self.add(name, int(np.count_nonzero(ended.cause == cause)))
