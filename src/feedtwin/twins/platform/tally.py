"""Add up what happened in each slate: eight integers per request. NumPy reference.

`ft_tally` in `kernels/observe.h` equals it. Requests belong to different users, so threads share nothing.
"""

from types import SimpleNamespace

import numpy as np

from feedtwin.session import COMMENT, FINISHED, LIKE, SHARE, SKIP

TALLIED = (
    "impressions", "skips", "completions", "likes", "shares", "comments", "watch_ms",
    "completion_milli",
)  # fmt: skip
"""Columns of a tally; `completion_milli` sums completions capped at 1, in thousandths."""

_BITS = (SKIP, FINISHED, LIKE, SHARE, COMMENT)


def tally_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Fill `tally` u4 (R, 8) from the reached slots of requests lo..hi."""
    reached = np.arange(a.flags.shape[1])[None, :] < a.reached_count[lo:hi, None]
    flags = np.where(reached, a.flags[lo:hi], 0)
    watch_ms = np.where(reached, a.watch_ms[lo:hi], 0).astype(np.uint64)
    row = np.where(reached, a.row[lo:hi], 0)
    length_ms = np.maximum((a.duration_s[row] * np.float32(1000.0)).astype(np.uint64), 1)
    milli = np.minimum(watch_ms, length_ms) * np.uint64(1000) // length_ms
    a.tally[lo:hi, 0] = reached.sum(axis=1)
    for column, bit in enumerate(_BITS, start=1):
        a.tally[lo:hi, column] = ((flags & bit) != 0).sum(axis=1)
    a.tally[lo:hi, 6] = watch_ms.sum(axis=1)
    a.tally[lo:hi, 7] = np.where(reached, milli, 0).sum(axis=1)
