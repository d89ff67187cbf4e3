"""Add outcomes to the items' engagement counters: integers, so any order gives the same sums.

`ft_count` in `kernels/cpu.c` equals this NumPy reference. One thread: items are shared by users.
"""

from types import SimpleNamespace

import numpy as np

from feedtwin.session import COMMENT, FINISHED, LIKE, SHARE, SKIP


def count_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Count the reached slots of requests lo..hi into the (V,) counters of `a`."""
    slots = np.arange(a.flags.shape[1], dtype=np.uint8)
    reached = slots[None, :] < a.reached_count[lo:hi, None]
    row = a.row[lo:hi][reached]
    flags = a.flags[lo:hi][reached]
    size = len(a.impressions)
    a.impressions += np.bincount(row, minlength=size).astype(np.uint32)
    for column, bit in (
        (a.skips, SKIP),
        (a.likes, LIKE),
        (a.shares, SHARE),
        (a.comments, COMMENT),
        (a.completions, FINISHED),
    ):
        column += np.bincount(row[(flags & bit) != 0], minlength=size).astype(np.uint32)
    np.add.at(a.item_watch_ms, row, a.watch_ms[lo:hi][reached].astype(np.uint64))
    a.touched_step[row] = a.step
