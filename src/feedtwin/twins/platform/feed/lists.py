"""Lists that users ask for by name: search results and trends. They draw from rings of their own.

A search draws from the videos that carry the queried hashtag, or are of the queried category (query
`CATEGORY_QUERY | category`). A trend list draws from the trending pool, or, where the query names a key that
trends, from the videos that carry it. Candidates are a window on a ring, as in the feed, so that a list shares
all chance with the same list of another arm; scores, caps and the race are the feed's. What was seen lately
may be found again. Where a list holds nothing that the user may see, the feed goes on in its place. Source: actions SEARCH_POSTS and TREND, REC-4.
"""

from functools import cached_property

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.policies.interface import SEARCH, TREND, TRENDING, Pool
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import FeedKind, ItemKind
from feedtwin.schema.ids import CATEGORY_QUERY, LOW, SHIFT
from feedtwin.twins.platform.feed.rings import ring_order

SCALARS = {
    "categories_count": 0, "category_picks": 0, "category_quota": 0, "followed_quota": 0,
    "community_quota": 0, "no_repeat": 0,
}  # fmt: skip
"""Numbers of serving that differ from the feed's: no other pools, and what was seen may be found again."""
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
        self.size, self._step, self._draws = size, step, draws
        self._rings: dict[Key, int] = {}
        self._offset = np.zeros(1, np.int64)
        self._hash = np.zeros(0, np.uint32)
        self._row = np.zeros(0, np.uint32)

    def rings(self, asked: EventBatch) -> dict[str, np.ndarray]:
        """Return what retrieval reads in place of the feed's rings.

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
        return {
            "ring_offset": self._offset,
            "ring_hash": self._hash,
            "ring_row": self._row,
            "global_pool": np.zeros(1, np.int64),  # its place is taken by each request's own
            "global_quota": np.array([self.size], np.int64),
            "own_ring": np.array([self._rings[key] for key in keys], np.int64)[which],
            "own_pool": pool,
        }

    def _enter(self, keys: list[Key]) -> None:
        """Make the rings of keys that nobody asked for before."""
        if not keys:
            return
        hashes, found, sizes = [self._hash], [self._row], []
        for pool, query in keys:
            rows, items = self._rows(pool, query), self._items
            place = self._draws.bits(
                Stream.RETRIEVAL_RING, items.creator[rows], items.ordinal[rows], self._step, pool
            )
            order = ring_order(place.astype(np.uint64), items.item[rows])
            hashes.append(place[order])
            found.append(rows[order].astype(np.uint32))
            sizes.append(len(rows))
            self._rings[pool, query] = len(self._rings)
        self._hash, self._row = np.concatenate(hashes), np.concatenate(found)
        self._offset = np.append(self._offset, self._offset[-1] + np.cumsum(sizes))

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
        return np.sort(public[fastest[: self.size]])
