"""Lists that users ask for by name: search results and trends. They draw from rings of their own.

A search draws from the videos that carry the queried hashtag, or are of the queried category (query
`CATEGORY_QUERY | category`). A trend list draws from the trending pool, or, where the query names a key that
trends, from the videos that carry it. Candidates are a window on a ring, as in the feed, so that a list shares
all chance with the same list of another arm; scores, caps and the race are the feed's. What was seen lately
may be found again. Where a list holds nothing that the user may see, the feed goes on in its place. Source: actions SEARCH_POSTS and TREND, REC-4.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.policies.interface import SEARCH, TREND, TRENDING, Pool
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import FeedKind, ItemKind
from feedtwin.schema.ids import CATEGORY_QUERY
from feedtwin.twins.platform.feed.retrieval import start, window_of

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
        self._offset: dict[Key, tuple[int, int]] = {}
        self._hash = np.zeros(0, np.uint32)
        self._row = np.zeros(0, np.uint32)

    def windows(self, asked: EventBatch, keys: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return what the lists of requests hold, u4 (R, C), and the pools of their candidates, u1 (R, C).

        Args:
            asked: Requests of kinds SEARCH and TREND only.
            keys: Holds `seed` and `key_base` of the generator.
        """
        pool = np.zeros(asked.rows, np.uint32)
        for kind, code in POOL_OF.items():
            pool[asked.kind == kind] = code
        wanted = list(zip(pool.tolist(), asked.query.tolist(), strict=True))
        self._enter(sorted(set(wanted) - self._offset.keys()))
        edges = np.array([self._offset[key] for key in wanted], np.int64).reshape(-1, 2)
        a = SimpleNamespace(
            ring_hash=self._hash, ring_row=self._row, seed=keys["seed"], key_base=keys["key_base"]
        )
        point = start(a, asked.user, asked.request, pool)
        rows = window_of(a, edges[:, 0].copy(), edges[:, 1].copy(), point, self._size)
        pools = np.broadcast_to(pool[:, None].astype(np.uint8), rows.shape)
        return rows, np.ascontiguousarray(pools)

    def _enter(self, keys: list[Key]) -> None:
        """Make the rings of keys that nobody asked for before."""
        hashes, found, end = [self._hash], [self._row], len(self._row)
        for pool, query in keys:
            rows = self._rows(pool, query)
            items = self._items
            place = self._draws.bits(
                Stream.RETRIEVAL_RING, items.creator[rows], items.ordinal[rows], self._step, pool
            )
            order = np.lexsort((items.item[rows], place))
            hashes.append(place[order])
            found.append(rows[order].astype(np.uint32))
            self._offset[pool, query] = (end, end + len(rows))
            end += len(rows)
        self._hash, self._row = np.concatenate(hashes), np.concatenate(found)

    def _rows(self, pool: int, query: int) -> np.ndarray:
        """Return the videos of a list, ascending."""
        items = self._items
        chosen = (items.is_public == 1) & (items.kind == ItemKind.VIDEO)
        if pool == TREND and query == ANYTHING:
            return self._trending(np.nonzero(chosen)[0])
        if query & CATEGORY_QUERY:
            chosen &= items.category == query ^ CATEGORY_QUERY
        else:
            chosen &= (items.hashtags == query).any(axis=1) & (query > 0)
        return np.nonzero(chosen)[0]

    def _trending(self, public: np.ndarray) -> np.ndarray:
        """Return the policy's trending pool; the fastest videos where it has none."""
        for pool in self._pools:
            if pool.code == TRENDING:
                return np.sort(np.asarray(pool.rows))
        fastest = np.lexsort((self._items.item[public], -self._velocity[public]))
        return np.sort(public[fastest[: self._size]])
