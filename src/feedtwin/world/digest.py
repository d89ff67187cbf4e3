"""One digest per step over everything that happened and everything that is.

XXH3-128 per block of 4,096 users over the event rows and user columns of the block, and one for what
belongs to no user, combined in block order into a SHA-256 chain (decision 5). Labels, paths, policy
names and thread counts are not in it: equal worlds have equal digests.
"""

import hashlib
from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
import xxhash

from feedtwin.schema.batches import Batch
from feedtwin.schema.events import EVENTS

BLOCK_USERS = 4096
_OUTCOMES_CODE = 255


class StepDigest:
    """Collects one step; `finish` gives the next link of the chain."""

    def __init__(self, users: int) -> None:
        self._edges = np.append(np.arange(0, users, BLOCK_USERS), users)
        self._blocks = [xxhash.xxh3_128() for _ in range(len(self._edges) - 1)]
        self._rest = xxhash.xxh3_128()

    def add_batch(self, batch: Batch) -> None:
        """Fold in a batch, in the order of publication; rows are sorted by user."""
        user, columns = batch.digested()
        code = bytes([EVENTS[batch.event].number if batch.event in EVENTS else _OUTCOMES_CODE])
        if user is None:
            self._rest.update(code)
            for column in columns:
                self._rest.update(np.ascontiguousarray(column).data)
            return
        cuts = np.searchsorted(user, self._edges)
        views = [np.ascontiguousarray(column).data for column in columns]
        for block, (low, high) in enumerate(pairwise(cuts.tolist())):
            if low < high:
                self._blocks[block].update(code)
                for view in views:
                    self._blocks[block].update(view[low:high])

    def add_users(self, columns: Mapping[str, np.ndarray]) -> None:
        """Fold in per-user columns."""
        for name in sorted(columns):
            column = columns[name]
            for block, (low, high) in enumerate(pairwise(self._edges.tolist())):
                self._blocks[block].update(column[low:high].data)

    def add_rest(self, arrays: Iterable[np.ndarray]) -> None:
        """Fold in arrays that belong to no user."""
        for array in arrays:
            self._rest.update(np.ascontiguousarray(array).data)

    def finish(self, previous: bytes, step: int) -> bytes:
        """Return the SHA-256 of (previous link, step, every block, the rest)."""
        link = hashlib.sha256(previous)
        link.update(step.to_bytes(8, "little"))
        for block in self._blocks:
            link.update(block.digest())
        link.update(self._rest.digest())
        return link.digest()


def start_digest(seed: int, replicate: int) -> bytes:
    """Return the first link of a run's chain."""
    return hashlib.sha256(f"feedtwin:{seed}:{replicate}".encode()).digest()
