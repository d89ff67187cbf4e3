"""Ads: items that an auction places between videos, and that advertisers pay for when they are met.

An ad is an item of kind AD that no feed may choose (`is_public` 0). A share of all slots is theirs: the
n-th slot that a user is ever shown is an ad where n times the ad load passes a whole number, but never the
first slot of a slate. For each request a window of the ring of ads bids; among them an ad wins with a probability
proportional to its bid times 1 + weight x the platform's estimate of the user's interest in its category.
That is a Gumbel race on the logarithms; here in its exponential form, which needs one logarithm less:
the smallest -log(u) / weight wins. The price is the bid (decision 0023).
"""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np

from feedtwin.columns import Columns
from feedtwin.kernels.binding import Kernels
from feedtwin.numerics import log32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import EventBatch, Outcomes, SlateBatch
from feedtwin.schema.codes import FeedKind, ItemKind, TransactionKind
from feedtwin.schema.ids import FIRST_ADVERTISER, SHIFT
from feedtwin.schema.reactions import Reactions
from feedtwin.twins.hot import Scalar, run
from feedtwin.twins.part import Part
from feedtwin.twins.platform.feed.retrieval import NO_ITEM
from feedtwin.twins.platform.money.ledger import is_kind
from feedtwin.twins.platform.money.terms import Terms
from feedtwin.twins.platform.money.till import NOBODY, Till

PER_MILLE = 1000
_ESTIMATE_ONE, _VECTOR_ONE = 32512, 127
_LOW = np.uint64(0xFFFFFFFF)


class Ads(Part):
    """Places ads in slates, and collects for those that were met."""

    name = "ads"

    def __init__(
        self,
        ads: Columns,
        creatives: int,
        terms: Terms,
        till: Till,
        draws: Draws,
        kernels: Kernels,
    ) -> None:
        """Take the inventory, sorted by advertiser and creative, with `creatives` ads of each advertiser."""
        super().__init__(ads)
        self._ads, self._creatives = ads, creatives
        self._terms, self._till = terms, till
        self._draws, self._kernels = draws, kernels
        self._load = round(terms.ad_load * PER_MILLE)
        place = ads.frozen.place
        self._ring = np.lexsort((np.arange(len(ads)), place)).astype(np.uint32)
        self._ring_place = place[self._ring]

    # -- placing ---------------------------------------------------------------------------------

    def inserts(self, asked: EventBatch, slots: int, step: int) -> np.ndarray | None:
        """Return the rows of ads to place, u4 (R, S), NO_ITEM elsewhere; None where there are none."""
        count, slot = ad_slots(asked.request, slots, self._load)
        count = np.where(asked.kind == FeedKind.FEED, count, 0)
        lanes = np.nonzero(count)[0]
        if not len(lanes):
            return None
        winner = self._auction(asked.user[lanes], asked.request[lanes], slot.shape[1])
        rows = np.full(asked.rows * slots, NO_ITEM, np.uint32)
        for nth in range(min(slot.shape[1], winner.shape[1])):
            placed = count[lanes] > nth
            at = lanes[placed] * slots + slot[lanes[placed], nth]
            rows[at] = self._ads.frozen.row[winner[placed, nth]]
        return rows.reshape(asked.rows, slots)

    def _auction(self, user: np.ndarray, request: np.ndarray, places: int) -> np.ndarray:
        """Return who wins each request's places, best first: rows of the inventory, (R, places) or fewer."""
        ads = self._ads.frozen
        candidates = min(self._terms.ad_candidates, len(ads))
        winner = np.empty((len(user), min(places, candidates)), np.int64)
        arrays = {
            "user": user, "request": request, "ring": self._ring, "ring_place": self._ring_place,
            "advertiser": ads.advertiser, "creative": ads.creative, "category": ads.category,
            "price": ads.price, "estimate": self.sight.accounts.estimate, "winner": winner,
            "topic_vectors": self.sight.topics[0],
        }  # fmt: skip
        scalars: dict[str, Scalar] = {
            "ad_relevance": np.float32(self._terms.ad_relevance), "candidates": candidates,
            "seed": self._draws.root_seed, "key_base": self._draws.replicate << 12,
        }  # fmt: skip
        run(self._kernels, "auction", auction_reference, arrays, scalars, len(user))
        return winner

    # -- collecting ------------------------------------------------------------------------------

    def settle(self, reactions: Reactions) -> Iterator[EventBatch]:
        """Yield the payments for the ads that were met in a step, in each user's order of meeting them."""
        met = [self._met(slates, outcomes, nth) for nth, (slates, outcomes) in enumerate(reactions)]
        if not met:
            return
        key, item, creator = (np.concatenate(column) for column in zip(*met, strict=True))
        order = np.argsort(key)
        item, user = item[order], (key[order] >> SHIFT).astype(np.uint32)
        price = self._ads.frozen.price[self._index(item)]
        yield self._till.shared(
            reactions.step, TransactionKind.AD, user, creator[order], item, price
        )

    def _met(
        self, slates: SlateBatch, outcomes: Outcomes, nth: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ads met in one round: key (user, round, slot), item, and the creator of the video before."""
        kind = self.sight.items.kind
        at = np.flatnonzero(slates.inserted.view(np.bool_))
        lane, slot = np.divmod(at, slates.inserted.shape[1])
        here = slot < outcomes.reached_count[lane]
        here &= kind[outcomes.row[lane, slot]] == ItemKind.AD
        lane, slot = lane[here], slot[here]
        before = np.maximum(slot - 1, 0)
        follows_video = (slot > 0) & (kind[outcomes.row[lane, before]] == ItemKind.VIDEO)
        creator = (outcomes.item[lane, before] >> SHIFT).astype(np.uint32)
        key = (outcomes.user[lane].astype(np.uint64) << SHIFT) | (nth << 8 | slot).astype(np.uint64)
        return key, outcomes.item[lane, slot], np.where(follows_video, creator, NOBODY)

    def _index(self, item: np.ndarray) -> np.ndarray:
        """Rows of the inventory of ads' item ids."""
        advertiser = (item >> SHIFT).astype(np.int64) - FIRST_ADVERTISER
        return advertiser * self._creatives + (item & _LOW).astype(np.int64)

    def on_transaction_completed(self, done: EventBatch) -> None:
        """Count what each ad was shown and cost."""
        paid = is_kind(done, TransactionKind.AD)
        ad = self._index(done.item[paid])
        np.add.at(self._ads.impressions, ad, np.uint32(1))
        np.add.at(self._ads.spent, ad, done.amount_microusd[paid])


def ad_slots(request: np.ndarray, slots: int, load: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how many ads each slate has, (R,), and the slot of its n-th ad, (R, A).

    Slot number n = request x slots + slot of a user is an ad where (n + 1) load reaches a further thousand.
    The first slot of a slate is never an ad: its ad moves to the second (a slate of one slot has no other).

    Args:
        request: Each user's request ordinal, (R,).
        slots: Slots of a slate.
        load: Ads per 1,000 slots, 0 to 500.
    """
    if load == 0:
        return np.zeros(len(request), np.int64), np.zeros((len(request), 0), np.int64)
    owed = (request.astype(np.int64) * (slots * load)) % PER_MILLE
    count = (owed + slots * load) // PER_MILLE
    nth = np.arange(1, int(count.max(initial=0)) + 1, dtype=np.int64)
    slot = -((owed[:, None] - PER_MILLE * nth[None, :]) // load) - 1
    return count, np.where(slot == 0, min(1, slots - 1), slot)


def auction_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Write the winners of requests `lo` to `hi`, `winner` i8 (R, places): the semantics of the auction."""
    user, request, draws = a.user[lo:hi], a.request[lo:hi], Draws(a.seed, a.key_base >> 12)
    bidder = _bidders(a, user, request, draws)
    draw = draws.uniform(
        Stream.AD_AUCTION, user[:, None], request[:, None], a.advertiser[bidder], a.creative[bidder]
    )
    warmth = np.float32(1.0) + a.ad_relevance * interest(a, user, a.category[bidder])
    race = -log32(draw) / (a.price[bidder].astype(np.float32) * warmth)
    # Positive floats order like their bits; the ad's number below them breaks ties and travels along.
    key = (race.view(np.uint32).astype(np.uint64) << SHIFT) | bidder.astype(np.uint64)
    key.sort(axis=1)
    a.winner[lo:hi] = (key[:, : a.winner.shape[1]] & _LOW).astype(np.int64)


def _bidders(a: SimpleNamespace, user: np.ndarray, request: np.ndarray, draws: Draws) -> np.ndarray:
    """The ads that bid: a window on the ring of ads, which moves on by its width with each request.

    So an ad does not come back to a user before all others had their turn: that is the frequency cap.
    """
    own = draws.bits(Stream.AD_WINDOW, user)
    start = np.searchsorted(a.ring_place, own) + request.astype(np.int64) * a.candidates
    return a.ring[(start[:, None] + np.arange(a.candidates)[None, :]) % len(a.ring)]


def interest(a: SimpleNamespace, user: np.ndarray, category: np.ndarray) -> np.ndarray:
    """The platform's estimate of interest in categories (R, C), float32, from 0."""
    estimate, vectors = a.estimate[user].astype(np.int64), a.topic_vectors.astype(np.int64)
    dots = np.einsum("rd,kd->rk", estimate, vectors)
    dot = np.take_along_axis(dots, category.astype(np.int64), axis=1).astype(np.float32)
    return np.maximum(dot * np.float32(1.0 / (_ESTIMATE_ONE * _VECTOR_ONE)), np.float32(0.0))
