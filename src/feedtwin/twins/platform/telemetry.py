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
    "unlikes", "saves", "not_interested", "reports", "unfollows", "mutes", "unmutes", "signups",
    "departures", "creator_reviews", "creator_turns",
)  # fmt: skip
"""Names of the totals, in order; `completion_milli` sums capped completions in thousandths."""

_EXITS = {1: "exits_boredom", 2: "exits_energy", 3: "exits_cap", 4: "exits_feed_exhausted"}


class Telemetry:
    """One int64 per name, growing through the run; `active_users` holds the latest count."""

    def __init__(self) -> None:
        self.values = np.zeros(len(TOTALS), np.int64)

    def add(self, name: str, value: int) -> None:
        """Add to a total."""
        self.values[TOTALS.index(name)] += value

    def put(self, name: str, value: int) -> None:
        """Replace a level."""
        self.values[TOTALS.index(name)] = value

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
