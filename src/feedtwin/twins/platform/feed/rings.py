"""Pools as rings: items sorted by a keyed hash, so that windows on them are stable across arms.

Rebuilt at every step barrier from the policy's pools; an index, not state. See `retrieval.py` for how a
request takes its window.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.errors import PolicyError
from feedtwin.policies.interface import COMMUNITY, FOLLOWED, PER_USER, Pool
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.codes import ItemKind
from feedtwin.schema.ids import SHIFT, item_id

CANDIDATES_MAX = 128


@dataclass(frozen=True)
class Rings:
    """K category rings, then G global rings, concatenated."""

    offset: np.ndarray
    """int64 (K + G + 1,)"""
    hash: np.ndarray
    row: np.ndarray
    category_picks: int
    category_quota: int
    global_pool: np.ndarray
    global_quota: np.ndarray
    followed_quota: int
    community_quota: int

    @property
    def candidates(self) -> int:
        """Candidates per request."""
        inner = self.category_picks * self.category_quota + self.followed_quota
        inner += self.community_quota
        return int(inner + self.global_quota.sum())


def public_only(pool: Pool, items: FrozenColumns) -> Pool:
    """Return a pool without what no feed may choose, whatever its policy put there."""
    rows = np.asarray(pool.rows)
    rows = rows if len(rows) else np.zeros(0, np.uint32)
    choosable = (items.is_public[rows] == 1) & (items.kind[rows] == ItemKind.VIDEO)
    return replace(pool, rows=rows[choosable])


def build_rings(
    pools: Sequence[Pool],
    category: np.ndarray,
    creator: np.ndarray,
    ordinal: np.ndarray,
    categories: int,
    category_picks: int,
    step: int,
    draws: Draws,
) -> Rings:
    """Sort each pool by its keyed hash; the epoch of the hash is the step."""
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    sizes = np.zeros(categories, np.int64)
    picks, quota = 0, 0
    per_user = dict.fromkeys(PER_USER, 0)
    global_pool: list[int] = []
    global_quota: list[int] = []
    for pool in sorted(pools, key=lambda pool: not pool.by_category):
        if pool.code in PER_USER:
            per_user[pool.code] = pool.quota
            continue
        hashes = draws.bits(
            Stream.RETRIEVAL_RING, creator[pool.rows], ordinal[pool.rows], step, pool.code
        )
        if pool.by_category:
            picks = min(category_picks, categories)
            quota = pool.quota // max(picks, 1)
            group = category[pool.rows].astype(np.uint64)
            sizes = np.bincount(group.astype(np.int64), minlength=categories)
        else:
            group = np.zeros(len(pool.rows), np.uint64)
            global_pool.append(pool.code)
            global_quota.append(pool.quota)
            sizes = np.append(sizes, len(pool.rows))
        item = item_id(creator[pool.rows], ordinal[pool.rows])
        order = ring_order((group << SHIFT) | hashes, item)
        parts.append((hashes[order], pool.rows[order].astype(np.uint32)))
    rings = Rings(
        offset=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        hash=np.concatenate([part[0] for part in parts] or [np.zeros(0, np.uint32)]),
        row=np.concatenate([part[1] for part in parts] or [np.zeros(0, np.uint32)]),
        category_picks=picks if quota else 0,
        category_quota=quota,
        global_pool=np.asarray(global_pool, np.int64),
        global_quota=np.asarray(global_quota, np.int64),
        followed_quota=per_user[FOLLOWED],
        community_quota=per_user[COMMUNITY],
    )
    if not 0 < rings.candidates <= CANDIDATES_MAX:
        raise PolicyError(
            f"recommendation pools: {rings.candidates} candidates per request; expected 1 to "
            f"{CANDIDATES_MAX}: change the pools' quotas"
        )
    return rings


def ring_order(key: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Order by (group, hash); equal hashes, which are rare, go by item id."""
    order = np.argsort(key)
    ordered = key[order]
    if len(key) > 1 and np.any(ordered[1:] == ordered[:-1]):
        order = np.lexsort((item, key))
    return order
