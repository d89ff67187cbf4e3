"""What happened after the shared past: counters of closing tables, less what they were at the branch."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from feedtwin.lab.run_data import Array, RunData

ITEM_COUNTERS: Final = (
    "impressions", "skips", "likes", "shares", "comments", "saves", "completions", "watch_ms",
)  # fmt: skip
USER_COUNTERS: Final = (
    "session", "request", "upload_count", "social_count", "earned_microusd", "gifts_microusd",
    "sold_microusd", "paid_out_microusd", "spent_microusd",
)  # fmt: skip
"""Columns that only grow; levels (followers, satisfaction, stages) stay as they are at the end."""


Tables = tuple[Mapping[str, Array], Mapping[str, Array]]


def since(data: RunData, past: RunData) -> RunData:
    """Return a branch's data with the counters of its tables reduced by those of its parent.

    Args:
        data: A branch, closed.
        past: Its parent, closed where the branch begins.

    Rows that the parent did not have yet began at 0.
    """
    items, users = counted_since((data.items, data.users), (past.items, past.users))
    note = f"steps {data.first_step} to {data.end_step - 1}: what was counted before the arms part is taken off"
    return replace(data, items=items, users=users, notes=(note,))


def counted_since(now: Tables, then: Tables) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the tables (items, users) of a later time with their counters reduced by those of an earlier one."""
    items = _less(dict(now[0]), dict(then[0]), "item", ITEM_COUNTERS)
    return items, _less(dict(now[1]), dict(then[1]), "user", USER_COUNTERS)


def _less(
    now: dict[str, Array], then: dict[str, Array], key: str, counters: tuple[str, ...]
) -> dict[str, Array]:
    order = np.argsort(then[key], kind="stable")
    known = then[key][order]
    at = np.minimum(np.searchsorted(known, now[key]), max(len(known) - 1, 0))
    same = known[at] == now[key] if len(known) else np.zeros(len(now[key]), bool)
    out = dict(now)
    for name in counters:
        if name in now and name in then:
            before = np.zeros(len(now[key]), np.int64)
            before[same] = then[name][order][at[same]].astype(np.int64)
            out[name] = now[name].astype(np.int64) - before
    return out
