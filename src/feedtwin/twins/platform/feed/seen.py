"""The seen-store: each user's latest impressions as a ring of content rows.

Impression number n of a user lies at n modulo the width, so the first min(count, width) places of a row
are in use. What is not in use is never read, and a snapshot leaves it out: the store of a user who has
seen ten videos is ten numbers, not a thousand.
"""

from collections.abc import Iterator

import numpy as np

_USERS_AT_ONCE = 16384


def pack(seen_row: np.ndarray, seen_count: np.ndarray) -> np.ndarray:
    """Return the places in use of all users, one after another, u4."""
    parts = [np.zeros(0, np.uint32)]
    for used, rows in _used(seen_row, seen_count):
        parts.append(rows[used])
    return np.concatenate(parts)


def unpack(packed: np.ndarray, seen_count: np.ndarray, width: int) -> np.ndarray:
    """Return the store (U, width) that `pack` was given, zeros where not in use."""
    seen_row = np.zeros((len(seen_count), width), np.uint32)
    start = 0
    for used, rows in _used(seen_row, seen_count):
        count = int(used.sum())
        rows[used] = packed[start : start + count]
        start += count
    return seen_row


def _used(seen_row: np.ndarray, seen_count: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield blocks of the store with the mask of places in use."""
    width = seen_row.shape[1]
    for low in range(0, len(seen_row), _USERS_AT_ONCE):
        part = slice(low, low + _USERS_AT_ONCE)
        used = np.arange(width, dtype=np.uint32)[None, :] < seen_count[part, None]
        yield used, seen_row[part]
