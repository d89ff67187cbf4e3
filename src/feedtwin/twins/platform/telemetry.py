"""Running totals of what happened: integers, kept at every log level, so metrics never need the log."""

from typing import Final

import numpy as np

from feedtwin.schema.batches import (
    COMMENT,
    FINISHED,
    LIKE,
    SHARE,
    SKIP,
    EventBatch,
    Outcomes,
    slot_mask,
)

TOTALS: Final = (
    "requests", "slots_served", "impressions", "skips", "completions", "likes", "shares", "comments",
    "watch_ms", "completion_milli", "sessions", "session_impressions", "session_impressions_square",
    "session_watch_ms", "exits_boredom", "exits_energy", "exits_cap", "exits_feed_exhausted",
    "uploads", "follows", "stage_changes", "viral", "active_users",
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

    def on_outcomes(self, outcomes: Outcomes, duration_s: np.ndarray) -> None:
        """Count what happened at each impression; `duration_s` (V,) turns watch time into completion."""
        flags = outcomes.flags
        self.add("impressions", outcomes.rows)
        for name, bit in (
            ("skips", SKIP), ("completions", FINISHED), ("likes", LIKE), ("shares", SHARE),
            ("comments", COMMENT),
        ):  # fmt: skip
            self.add(name, int(np.count_nonzero(flags & bit)))
        self.add("watch_ms", int(outcomes.watch_ms.sum(dtype=np.int64)))
        reached = slot_mask(outcomes.reached_count, flags.shape[1])
        watch_ms = outcomes.watch_ms[reached].astype(np.int64)
        length_ms = (duration_s[outcomes.row[reached]] * np.float32(1000.0)).astype(np.int64)
        milli = np.minimum(watch_ms, length_ms) * 1000 // np.maximum(length_ms, 1)
        self.add("completion_milli", int(milli.sum()))

    def on_session_ended(self, ended: EventBatch) -> None:
        """Count sessions, their length and why they ended."""
        length = ended.impressions.astype(np.int64)
        self.add("sessions", ended.rows)
        self.add("session_impressions", int(length.sum()))
        self.add("session_impressions_square", int((length * length).sum()))
        self.add("session_watch_ms", int(ended.watch_ms.sum(dtype=np.int64)))
        for cause, name in _EXITS.items():
            self.add(name, int(np.count_nonzero(ended.cause == cause)))
