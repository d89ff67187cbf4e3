"""From candidates to a slate with exact propensities: score, mask, Gumbel race. NumPy reference.

A slate is drawn from the Plackett-Luce model over the candidates' scores divided by the temperature: every
candidate gets its own keyed Gumbel number, and slot after slot takes the best item still eligible.
Filters (creator and category caps) only remove items for the rest of the slate, so each slot's
conditional probability is a softmax over what is still eligible, and it is logged (decision 13). At
temperature 0 the best score wins and the propensity is 1. An inserted item (an ad, a mandated video)
takes its slot with probability 1 and is flagged.

Softmax weights are integers (units of 2^-50 of the best candidate's), so their sums do not depend on
the order of candidates. `ft_score` and `ft_select` in `kernels/cpu.c` equal this file bit for bit.

Shapes: R requests, C candidates, S slots, D = 50, H history slots.
"""

from types import SimpleNamespace

import numpy as np

from feedtwin.numerics import exp32, gumbel32, uniform32
from feedtwin.randomness import philox4x32
from feedtwin.schema.ids import item_id, ring_position
from feedtwin.twins.platform.retrieval import NO_ITEM

RANKING_BLOCK = 14
POOL_INSERTED = 255
WEIGHT_SCALE = float(2**50)


def score_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Feature-weight scores f4 (R, C): w_sim cos(query, item) + base[item] + w_follow [followed].

    Source: REC-5; quality, recency and popularity terms are item-only and come summed in `base`.
    """
    user = a.user[lo:hi]
    candidate = a.candidate[lo:hi]
    row = np.where(candidate == NO_ITEM, 0, candidate)
    score = a.weight_similarity * similarity(a, user, row) + a.base[row]
    followed = follows(a, user, a.creator[row])
    a.score[lo:hi] = score + np.where(followed, a.weight_followed, np.float32(0.0))


def similarity(a: SimpleNamespace, user: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Cosine of each user's query (R,) with each item (R, C), float32."""
    query = a.query[user].astype(np.int32)
    norm2 = np.maximum((query.astype(np.int64) ** 2).sum(axis=1), 1).astype(np.float32)
    inverse = np.float32(1.0) / np.sqrt(norm2)
    dot = np.einsum("rd,rcd->rc", query, a.vectors[row].astype(np.int32)).astype(np.float32)
    cosine: np.ndarray = dot * (inverse[:, None] * a.inv_norm[row])
    return cosine


def follows(a: SimpleNamespace, user: np.ndarray, creator: np.ndarray) -> np.ndarray:
    """Whether each user (R,) follows each creator (R, C)."""
    place = ring_position(creator)
    pair = (user.astype(np.uint64)[:, None] << np.uint64(32)) | place.astype(np.uint64)
    begin, end = a.follow_offset[user], a.follow_offset[user + np.uint32(1)]
    total = int((end - begin).sum())
    if total == 0:
        return np.zeros(creator.shape, bool)
    owner = np.repeat(user.astype(np.uint64), end - begin)
    first = np.repeat(begin - np.concatenate([[0], np.cumsum(end - begin)[:-1]]), end - begin)
    index = first + np.arange(total)
    known = (owner << np.uint64(32)) | a.follow_hash[index].astype(np.uint64)
    return np.isin(pair, known)


def select_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Draw the slates of requests lo..hi from `candidate` and `score`.

    Masks NO_ITEM, items among the user's last `no_repeat` seen, and items inserted elsewhere in the
    slate. Writes
    `row`, `item`, `slot_score`, `propensity`, `pool`, `stage_out`, `meeting`, `inserted` (R, S) and
    `served_count` (R,). A request that runs out of candidates gets a shorter slate.
    """
    user, request = a.user[lo:hi], a.request[lo:hi]
    candidate, score = a.candidate[lo:hi], a.score[lo:hi]
    row = np.where(candidate == NO_ITEM, 0, candidate)
    eligible = (candidate != NO_ITEM) & ~seen_recently(a, user, candidate)
    eligible &= ~(candidate[:, :, None] == a.insert_row[lo:hi, None, :]).any(axis=2)
    item = item_id(a.creator[row], a.ordinal[row])
    key, weight = race(a, user, request, row, score, eligible)
    slates = _Race(a, lo, hi, row, item, score, key, weight, eligible)
    for slot in range(a.row.shape[1]):
        slates.run(slot)
    slates.finish()


def seen_recently(a: SimpleNamespace, user: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """Whether a candidate is among the user's `no_repeat` most recent impressions, (R, C)."""
    history = a.seen_row.shape[1]
    count = a.seen_count[user].astype(np.int64)
    age = (count[:, None] - 1 - np.arange(history)[None, :]) % history
    recent = (age < a.no_repeat) & (age < count[:, None])
    seen = np.where(recent, a.seen_row[user], NO_ITEM)
    shift = np.uint64(32)
    lane = np.arange(len(user), dtype=np.uint64)[:, None] << shift
    pairs = np.where(candidate == NO_ITEM, np.uint64(0xFFFFFFFFFFFFFFFE), lane | candidate)
    return np.isin(pairs, lane | seen)


def race(
    a: SimpleNamespace,
    user: np.ndarray,
    request: np.ndarray,
    row: np.ndarray,
    score: np.ndarray,
    eligible: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Race keys f4 and integer softmax weights u8, (R, C)."""
    if a.inverse_temperature == 0:
        return score, np.ones(score.shape, np.uint64)
    key = score * a.inverse_temperature + gumbels(a, user, request, row)
    best = np.where(eligible, score, np.float32(-3e38)).max(axis=1)
    gap = np.where(eligible, score - best[:, None], np.float32(0.0))
    share = exp32(gap * a.inverse_temperature)
    weight = np.maximum((share.astype(np.float64) * WEIGHT_SCALE).astype(np.int64), 1)
    return key, weight.astype(np.uint64)


def gumbels(
    a: SimpleNamespace, user: np.ndarray, request: np.ndarray, row: np.ndarray
) -> np.ndarray:
    """The Gumbel number of each candidate, float32 (R, C)."""
    word = philox4x32(
        user[:, None],
        a.creator[row],
        a.ordinal[row].astype(np.uint32),
        request[:, None],
        a.seed,
        a.key_base | RANKING_BLOCK,
    )[0]
    return gumbel32(uniform32(word))


class _Race:
    """The state of a Gumbel race over some requests: what is still eligible, slot after slot."""

    def __init__(
        self,
        a: SimpleNamespace,
        lo: int,
        hi: int,
        row: np.ndarray,
        item: np.ndarray,
        score: np.ndarray,
        key: np.ndarray,
        weight: np.ndarray,
        eligible: np.ndarray,
    ) -> None:
        self.a, self.span = a, slice(lo, hi)
        self.row, self.item, self.score = row, item, score
        self.key, self.weight = key, weight
        self.eligible = eligible.copy()
        self.creator, self.category = a.creator[row], a.category[row]
        self.picked_category = np.full((hi - lo, a.row.shape[1]), -1, np.int64)
        self.picked_creator = np.full((hi - lo, a.row.shape[1]), -1, np.int64)
        self.served = np.zeros(hi - lo, np.uint8)

    def run(self, slot: int) -> None:
        """Fill one slot of every request."""
        a, lanes = self.a, np.arange(len(self.row))
        insert = a.insert_row[self.span, slot]
        placed = insert != NO_ITEM
        key = np.where(self.eligible, self.key, np.float32(-np.inf))
        best = key.max(axis=1)
        tied = self.eligible & (key == best[:, None])
        pick = np.where(tied, self.item, np.uint64(0xFFFFFFFFFFFFFFFF)).argmin(axis=1)
        drawn = self.eligible.any(axis=1) & ~placed
        total = np.where(self.eligible, self.weight, np.uint64(0)).sum(axis=1, dtype=np.uint64)
        chosen_weight = self.weight[lanes, pick].astype(np.float64)
        propensity = (chosen_weight / np.maximum(total, 1).astype(np.float64)).astype(np.float32)
        if a.inverse_temperature == 0:
            propensity = np.ones(len(lanes), np.float32)
        row = np.where(placed, insert, np.where(drawn, self.row[lanes, pick], NO_ITEM))
        filled = placed | drawn
        self._write(slot, row, filled, placed, pick, propensity)
        self._remove(slot, drawn, pick)
        self.served += filled

    def _write(
        self,
        slot: int,
        row: np.ndarray,
        filled: np.ndarray,
        placed: np.ndarray,
        pick: np.ndarray,
        propensity: np.ndarray,
    ) -> None:
        """Put one slot's outcome at the end of each request's slate."""
        a, lanes = self.a, np.arange(len(row))
        safe = np.where(filled, row, 0)
        item = item_id(a.creator[safe], a.ordinal[safe])
        pool = np.where(placed, POOL_INSERTED, a.candidate_pool[self.span][lanes, pick])
        at = (np.arange(self.span.start, self.span.stop)[filled], self.served[filled])
        a.row[at] = row[filled]
        a.item[at] = item[filled]
        a.slot_score[at] = np.where(placed, np.float32(0.0), self.score[lanes, pick])[filled]
        a.propensity[at] = np.where(placed, np.float32(1.0), propensity)[filled]
        a.pool[at] = pool[filled].astype(np.uint8)
        a.stage_out[at] = a.stage[safe][filled]
        a.inserted[at] = placed[filled]

    def _remove(self, slot: int, drawn: np.ndarray, pick: np.ndarray) -> None:
        """Apply the pick and the caps it exhausts to what later slots may take."""
        a, lanes = self.a, np.arange(len(drawn))
        self.eligible[lanes[drawn], pick[drawn]] = False
        creator = self.creator[lanes, pick].astype(np.int64)
        category = self.category[lanes, pick].astype(np.int64)
        self.picked_creator[drawn, slot] = creator[drawn]
        self.picked_category[drawn, slot] = category[drawn]
        creator_full = (self.picked_creator == creator[:, None]).sum(axis=1) >= a.creator_cap
        category_full = (self.picked_category == category[:, None]).sum(axis=1) >= a.category_cap
        self.eligible &= ~((self.creator == creator[:, None]) & (creator_full & drawn)[:, None])
        self.eligible &= ~((self.category == category[:, None]) & (category_full & drawn)[:, None])

    def finish(self) -> None:
        """Write slate lengths and the meeting count of every served pair."""
        a = self.a
        a.served_count[self.span] = self.served
        user = a.user[self.span]
        history = a.seen_row.shape[1]
        filled = np.minimum(a.seen_count[user], history)
        valid = np.arange(history)[None, :] < filled[:, None]
        seen = np.where(valid, a.seen_row[user], NO_ITEM)
        for slot in range(a.row.shape[1]):
            row = a.row[self.span, slot]
            met = (seen == row[:, None]).sum(axis=1)
            on = slot < self.served
            a.meeting[self.span, slot] = np.where(on, met, 0).astype(np.uint16)
