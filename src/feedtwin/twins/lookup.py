"""Rows by id: an index derived from a column of ids, not state."""

import numpy as np


class Lookup:
    """Finds the rows of distinct 64-bit ids; ids are only ever added."""

    def __init__(self, ids: np.ndarray) -> None:
        """Index a column of distinct ids, (N,), in which row n holds ids[n]."""
        order = np.argsort(ids, kind="stable")
        self._rows = order.astype(np.int64)
        self._ids = ids[order].astype(np.uint64)

    def __len__(self) -> int:
        return len(self._ids)

    def find(self, ids: np.ndarray) -> np.ndarray:
        """Return the row of each id, int64, -1 where it is not known."""
        if not len(self._ids):
            return np.full(np.shape(ids), -1, np.int64)
        at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[at] == ids, self._rows[at], -1)

    def missing(self, ids: np.ndarray) -> np.ndarray:
        """Return the distinct ids that are not known, ascending."""
        distinct = np.unique(ids)
        return distinct[self.find(distinct) < 0]

    def add(self, ids: np.ndarray, where: slice) -> None:
        """Enter new distinct ids, ascending, that fill the rows `where` in this order."""
        at = np.searchsorted(self._ids, ids)
        self._rows = np.insert(self._rows, at, np.arange(where.start, where.stop))
        self._ids = np.insert(self._ids, at, ids)
