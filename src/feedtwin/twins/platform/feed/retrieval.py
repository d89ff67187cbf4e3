"""Which items a request may rank: windows on rings. NumPy reference.

A pool is a *ring*: its items sorted by a keyed 32-bit hash of (item, epoch, pool). A request draws a
point on the ring and takes the next items clockwise. So a pool is one shared array, a window is a
contiguous scan, and adding an item to a pool changes only the few windows that contain it: arms that
differ in one upload keep almost all candidates in common (docs/decisions/0005).

Interest pools are one ring per category; a request picks its categories by a Gumbel race on the affinity
between the platform's estimate and each category's vector. The followed pool is a ring of the user's
followees, each represented by what they put before their followers (`wall.py`). The community pool goes one
step further: of each followee in a window, one of their own followees.

What a user may not see is dropped: own videos, creators they muted, and what is kept from minors.

`ft_retrieve` in `kernels/cpu.c` equals this file bit for bit. Source: REC-1, REC-4.

Shapes: R requests, C candidates per request, K categories, G global rings, D = 50.
"""

from types import SimpleNamespace

import numpy as np

from feedtwin.edges import spans
from feedtwin.numerics import gumbel32, uniform32
from feedtwin.randomness import philox4x32
from feedtwin.schema.ids import LOW, user_at

RETRIEVAL_START_BLOCK = 12
CLUSTER_CHOICE_BLOCK = 13
POOL_INTEREST, POOL_FOLLOWED, POOL_COMMUNITY = 0, 3, 5
NO_ITEM = np.uint32(0xFFFFFFFF)
CATEGORY_RING_KEY = 16
"""Retrieval starts of category k are keyed by pool word 16 + k; smaller words name global pools."""


def retrieve_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Fill `candidate` u4 and `candidate_pool` u1, (R, C), for requests lo..hi.

    Places that a pool could not fill, repeats and what the user may not see hold NO_ITEM. Columns are laid
    out as: `category_picks` windows of `category_quota`, then each global ring's quota, then
    `followed_quota`, then `community_quota`.
    """
    user = a.user[lo:hi]
    candidate, pools = windows(a, lo, hi)
    safe = np.where(candidate == NO_ITEM, 0, candidate)
    a.candidate[lo:hi] = drop_repeats(np.where(hidden_from(a, user, safe), NO_ITEM, candidate))
    a.candidate_pool[lo:hi] = pools


def windows(a: SimpleNamespace, lo: int, hi: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what the windows of requests lo..hi hold, u4 (R, C), and their pools, u1 (1, C) or (R, 1).

    Where requests have a ring of their own, `own_ring` i8 (R,) of pool `own_pool` u4 (R,), that is all there is.
    """
    user, request = a.user[lo:hi], a.request[lo:hi]
    if "own_ring" in vars(a):
        ring, pool = a.own_ring[lo:hi], a.own_pool[lo:hi]
        point, quota = start(a, user, request, pool), int(a.global_quota[0])
        window = window_of(a, a.ring_offset[ring], a.ring_offset[ring + 1], point, quota)
        return window, pool[:, None].astype(np.uint8)
    parts = []
    if a.category_picks > 0:
        for category in _pick_categories(a, user, request):
            point = start(a, user, request, CATEGORY_RING_KEY + category)
            window = window_of(
                a, a.ring_offset[category], a.ring_offset[category + 1], point, a.category_quota
            )
            parts.append((POOL_INTEREST, window))
    for ring, (pool, quota) in enumerate(zip(a.global_pool, a.global_quota, strict=True)):
        segment = np.full(len(user), a.categories_count + ring, np.int64)
        point = start(a, user, request, np.full(len(user), pool, np.uint32))
        window = window_of(a, a.ring_offset[segment], a.ring_offset[segment + 1], point, int(quota))
        parts.append((int(pool), window))
    if a.followed_quota > 0:
        parts.append((POOL_FOLLOWED, _followed(a, user, request)))
    if a.community_quota > 0:
        parts.append((POOL_COMMUNITY, _community(a, user, request)))
    pools = np.concatenate([np.full(window.shape[1], pool, np.uint8) for pool, window in parts])
    return np.concatenate([window for _, window in parts], axis=1), pools[None, :]


def hidden_from(a: SimpleNamespace, user: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Whether each user (R,) may not be shown each row (R, C)."""
    creator = a.creator[row]
    return (creator == user[:, None]) | muted(a, user, creator) | gated(a, user, row)


def muted(a: SimpleNamespace, user: np.ndarray, creator: np.ndarray) -> np.ndarray:
    """Whether each user (R,) muted each creator (R, C); `mute_key` is user << 32 | creator, sorted."""
    if "mute_key" not in vars(a):
        return np.zeros(creator.shape, bool)
    hidden = np.zeros(creator.shape, bool)
    # Few people mute anybody, and those few: each mute is compared with its user's row.
    lane, at = spans(a.mute_offset[user], a.mute_offset[user + np.uint32(1)])
    mute, column = np.nonzero(creator[lane] == (a.mute_key[at] & LOW).astype(np.uint32)[:, None])
    hidden[lane[mute], column] = True
    return hidden


def gated(a: SimpleNamespace, user: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Whether each row (R, C) is kept from each user (R,): they are a minor and it is restricted."""
    if "restricted" not in vars(a):
        return np.zeros(row.shape, bool)
    return (a.minor[user] != 0)[:, None] & (a.restricted[row] != 0)


def _pick_categories(a: SimpleNamespace, user: np.ndarray, request: np.ndarray) -> list[np.ndarray]:
    """The `category_picks` best categories per request by a Gumbel race; ties go to the lower index."""
    query = a.query[user].astype(np.int32)
    norm2 = np.maximum((query.astype(np.int64) ** 2).sum(axis=1), 1).astype(np.float32)
    inverse = np.float32(1.0) / np.sqrt(norm2)
    vectors = a.topic_vectors.astype(np.int32)
    dot = np.einsum("rd,kd->rk", query, vectors).astype(np.float32)
    affinity = dot * (inverse[:, None] * a.topic_inv_norm[None, :])
    topics = np.arange(a.categories_count, dtype=np.uint32)[None, :]
    word = philox4x32(
        user[:, None],
        request[:, None],
        topics,
        np.zeros((1, 1), np.uint32),
        a.seed,
        a.key_base | CLUSTER_CHOICE_BLOCK,
    )[0]
    key = affinity * a.category_sharpness + gumbel32(uniform32(word))
    sizes = a.ring_offset[1 : a.categories_count + 1] - a.ring_offset[: a.categories_count]
    key = np.where(sizes[None, :] > 0, key, np.float32(-np.inf))
    order = np.argsort(-key, axis=1, kind="stable")
    return [order[:, pick].astype(np.int64) for pick in range(a.category_picks)]


def start(
    a: SimpleNamespace, user: np.ndarray, request: np.ndarray, pool: np.ndarray
) -> np.ndarray:
    """The point on the ring where each request's window begins, a 32-bit draw."""
    return philox4x32(
        user,
        request,
        pool.astype(np.uint32),
        np.zeros(1, np.uint32),
        a.seed,
        a.key_base | RETRIEVAL_START_BLOCK,
    )[0]


def window_of(
    a: SimpleNamespace, begin: np.ndarray, end: np.ndarray, point: np.ndarray, quota: int
) -> np.ndarray:
    """The next `quota` rows clockwise from `point` on ring begin..end; short rings are taken whole."""
    position = _lower_bound(a.ring_hash, begin, end, point) - begin
    size = end - begin
    steps = np.arange(quota, dtype=np.int64)[None, :]
    wrapped = (position[:, None] + steps) % np.maximum(size, 1)[:, None]
    inside = steps < size[:, None]
    index = np.where(inside, begin[:, None] + wrapped, 0)
    rows = a.ring_row[index] if len(a.ring_row) else np.zeros(index.shape, np.uint32)
    return np.where(inside, rows, NO_ITEM)


def _lower_bound(
    values: np.ndarray, begin: np.ndarray, end: np.ndarray, point: np.ndarray
) -> np.ndarray:
    """First index in [begin, end) of each segment with values[index] >= point, else end."""
    low, high = begin.astype(np.int64).copy(), end.astype(np.int64).copy()
    while np.any(low < high):
        middle = (low + high) >> 1
        open_ = low < high
        below = np.zeros(len(low), bool)
        below[open_] = values[middle[open_]] < point[open_]
        low = np.where(open_ & below, middle + 1, low)
        high = np.where(open_ & ~below, middle, high)
    return low


def _followed(a: SimpleNamespace, user: np.ndarray, request: np.ndarray) -> np.ndarray:
    """What the next followees clockwise from a drawn point on the user's own ring show, u4 (R, quota)."""
    point = start(a, user, request, np.full(len(user), POOL_FOLLOWED, np.uint32))
    inside, place = _followees(a, user, point, a.followed_quota)
    return np.where(inside, a.latest_row[user_at(place)], NO_ITEM)


def _community(a: SimpleNamespace, user: np.ndarray, request: np.ndarray) -> np.ndarray:
    """What a followee of each of the next followees shows: the first from the point, turned by the place."""
    point = start(a, user, request, np.full(len(user), POOL_COMMUNITY, np.uint32))
    inside, place = _followees(a, user, point, a.community_quota)
    friend = np.where(inside, user_at(place), 0).ravel()
    further, theirs = _followees(a, friend, (point[:, None] ^ place).ravel(), 1)
    found = np.where(further, a.latest_row[user_at(theirs)], NO_ITEM)
    return np.where(inside, found.reshape(inside.shape), NO_ITEM)


def _followees(
    a: SimpleNamespace, user: np.ndarray, point: np.ndarray, quota: int
) -> tuple[np.ndarray, np.ndarray]:
    """The places of the next `quota` followees clockwise from points, u4 (R, quota), and which there are."""
    begin, end = a.follow_offset[user], a.follow_offset[user + np.uint32(1)]
    size = end - begin
    position = _lower_bound(a.follow_hash, begin, end, point) - begin
    steps = np.arange(quota, dtype=np.int64)[None, :]
    inside = steps < size[:, None]
    wrapped = (position[:, None] + steps) % np.maximum(size, 1)[:, None]
    index = np.where(inside, begin[:, None] + wrapped, 0)
    if len(a.follow_hash) == 0:
        return inside, np.zeros(index.shape, np.uint32)
    return inside, a.follow_hash[index]


def drop_repeats(candidate: np.ndarray) -> np.ndarray:
    """Keep the first place of an item within a request; later ones become NO_ITEM."""
    order = np.argsort(candidate, axis=1, kind="stable")
    ordered = np.take_along_axis(candidate, order, axis=1)
    repeat = np.zeros(candidate.shape, bool)
    repeat[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    out = candidate.copy()
    np.put_along_axis(out, order, np.where(repeat, NO_ITEM, ordered), axis=1)
    return out
