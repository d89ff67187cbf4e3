"""Lists that users ask for by name: search results and trends. They draw from rings of their own.

A search draws from the videos that carry the queried hashtag, or are of the queried category (query
`CATEGORY_QUERY | category`). A trend list draws from the trending pool, or, where the query names a key that
trends, from the videos that carry it. Candidates are a window on a ring, as in the feed, so that a list shares
all chance with the same list of another arm; scores, caps and the race are the feed's. What was seen lately
may be found again. Source: actions SEARCH_POSTS and TREND, REC-4.
"""

from functools import cached_property

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.policies.interface import SEARCH, TREND, TRENDING, Pool
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import FeedKind, ItemKind
from feedtwin.schema.ids import CATEGORY_QUERY, LOW, SHIFT
from feedtwin.twins.platform.feed.retrieval import window_at
from feedtwin.twins.platform.feed.rings import ring_order

Key = tuple[int, int]
"""Pool and query."""

POOL_OF = {int(FeedKind.SEARCH): SEARCH, int(FeedKind.TREND): TREND}
ANYTHING = 0
"""Query of a trend list that asks for nothing in particular."""


class Lists:
    """The rings of one step's lists, made when they are first asked for. An index, not state."""

    def __init__(
        self,
        items: FrozenColumns,
        pools: list[Pool],
        velocity: np.ndarray,
        size: int,
        step: int,
        draws: Draws,
    ) -> None:
        """Take what lists choose from.

        Args:
            items: The items table.
            pools: The policy's pools of this step; its TRENDING pool is the list of trends.
            velocity: Smoothed events per hour, float32 (V,); decides where there is no such pool.
            size: Candidates of a list.
            step: The present step.
            draws: Chance.
        """
        self._items, self._pools, self._velocity = items, pools, velocity
        self._size, self._step, self._draws = size, step, draws
        self._rings: dict[Key, int] = {}
        self._offset = np.zeros(1, np.int64)
        self._place = np.zeros(0, np.uint64)  # ring << 32 | place on it: sorted
        self._row = np.zeros(0, np.uint32)

    def windows(self, asked: EventBatch) -> tuple[np.ndarray, np.ndarray]:
        """Return what the lists of requests hold, u4 (R, C), and the pools of their candidates, u1 (R, C).

        Args:
            asked: Requests of kinds SEARCH and TREND only.
        """
        pool = np.zeros(asked.rows, np.uint32)
        for kind, code in POOL_OF.items():
            pool[asked.kind == kind] = code
        wanted, which = np.unique(
            (pool.astype(np.uint64) << SHIFT) | asked.query, return_inverse=True
        )
        keys = [(int(one >> SHIFT), int(one & LOW)) for one in wanted]
        self._enter([key for key in keys if key not in self._rings])
        ring = np.array([self._rings[key] for key in keys], np.int64)[which]
        point = self._draws.bits(Stream.RETRIEVAL_START, asked.user, asked.request, pool)
        begin = self._offset[ring]
        position = np.searchsorted(self._place, (ring.astype(np.uint64) << SHIFT) | point) - begin
        rows = window_at(self._row, begin, self._offset[ring + 1], position, self._size)
        pools = np.repeat(pool.astype(np.uint8), self._size).reshape(rows.shape)
        return rows, pools

    def _enter(self, keys: list[Key]) -> None:
        """Make the rings of keys that nobody asked for before."""
        if not keys:
            return
        places, found = [self._place], [self._row]
        for pool, query in keys:
            rows, items = self._rows(pool, query), self._items
            point = self._draws.bits(
                Stream.RETRIEVAL_RING, items.creator[rows], items.ordinal[rows], self._step, pool
            )
            place = (np.uint64(len(self._rings)) << SHIFT) | point
            order = ring_order(place, items.item[rows])
            places.append(place[order])
            found.append(rows[order].astype(np.uint32))
            self._rings[pool, query] = len(self._rings)
            self._offset = np.append(self._offset, self._offset[-1] + len(rows))
        self._place, self._row = np.concatenate(places), np.concatenate(found)

    def _rows(self, pool: int, query: int) -> np.ndarray:
        """Return the videos of a list, ascending."""
        items, public = self._items, self._public
        if pool == TREND and query == ANYTHING:
            return self._trending(public)
        if query & CATEGORY_QUERY:
            return public[items.category[public] == query ^ CATEGORY_QUERY]
        return public[(items.hashtags[public] == query).any(axis=1) & (query > 0)]

    @cached_property
    def _public(self) -> np.ndarray:
        """The videos that a list may hold, ascending."""
        items = self._items
        return np.nonzero((items.is_public == 1) & (items.kind == ItemKind.VIDEO))[0]

    def _trending(self, public: np.ndarray) -> np.ndarray:
        """Return the policy's trending pool; the fastest videos where it has none."""
        for pool in self._pools:
            if pool.code == TRENDING:
                return np.sort(np.asarray(pool.rows))
        fastest = np.lexsort((self._items.item[public], -self._velocity[public]))
        return np.sort(public[fastest[: self._size]])
