"""Rows by id: an index derived from a column of ids, not state."""

import numpy as np

from feedtwin.schema.ids import FIRST_ADVERTISER, split_item


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
        self.enter(ids, np.arange(where.start, where.stop))

    def enter(self, ids: np.ndarray, rows: np.ndarray) -> None:
        """Enter new distinct ids, ascending, each with its row."""
        at = np.searchsorted(self._ids, ids)
        self._rows = np.insert(self._rows, at, rows)
        self._ids = np.insert(self._ids, at, ids)


class ItemLookup(Lookup):
    """Finds the rows of items. A creator's uploads are numbered from 0, so most ids say where they stand."""

    def __init__(self, ids: np.ndarray) -> None:
        """Index a column of distinct item ids, (N,)."""
        super().__init__(ids)
        self._first = np.zeros(0, np.int64)
        self._count(self._ids)

    def _count(self, ids: np.ndarray) -> None:
        """Move the places where creators' items begin, for ids that are new."""
        creator = split_item(ids)[0].astype(np.int64)
        creator = creator[creator < FIRST_ADVERTISER]
        more = int(creator.max(initial=-1)) + 1 - len(self._first)
        if more > 0:
            end = int(np.searchsorted(self._ids, np.uint64(FIRST_ADVERTISER << 32)))
            before = end - len(creator)
            self._first = np.append(self._first, np.full(more, before, np.int64))
        count = np.bincount(creator, minlength=len(self._first))
        self._first += np.cumsum(count) - count

    def enter(self, ids: np.ndarray, rows: np.ndarray) -> None:
        """Enter new distinct ids, ascending, each with its row."""
        super().enter(ids, rows)
        self._count(ids)

    def find(self, ids: np.ndarray) -> np.ndarray:
        """Return the row of each id, int64, -1 where it is not known."""
        if not len(self._first):
            return super().find(ids)
        creator, ordinal = split_item(ids)
        place = self._first[np.minimum(creator, len(self._first) - 1)] + ordinal
        place = np.minimum(place, len(self._ids) - 1)
        row = self._rows[place]
        elsewhere = np.flatnonzero(self._ids[place] != ids)
        if len(elsewhere):
            row[elsewhere] = super().find(ids[elsewhere])
        return row
