"""Subscriptions: a user pays a creator each period until they do not renew.

The vocabulary has no action for it: the platform offers a subscription where a user engages with a
followed creator, and asks again when a period ends. What the user answers is the User twin's business
(`twins/user/spending.py`) and reaches this part as two functions.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import TransactionKind
from feedtwin.schema.ids import item_id
from feedtwin.schema.reactions import Impressions, Reactions
from feedtwin.twins.part import Arrays, Part
from feedtwin.twins.platform.money.ledger import is_kind
from feedtwin.twins.platform.money.terms import Terms
from feedtwin.twins.platform.money.till import Till, running_sums


class Answers(NamedTuple):
    """How users answer offers."""

    subscribes: Callable[[Reactions, int], Impressions]
    """Impressions after which a user would subscribe to the creator, at a price in micro-dollars."""
    renews: Callable[[np.ndarray, np.ndarray, int], np.ndarray]
    """Whether users (I,) go on with creators (I,) at a step, bool (I,)."""


class Members:
    """Who subscribes to whom until when: sorted pairs (user << 32 | creator), u8, and steps, i4."""

    def __init__(self) -> None:
        self._set(np.zeros(0, np.uint64), np.zeros(0, np.int32))

    def _set(self, pair: np.ndarray, until_step: np.ndarray) -> None:
        self.pair, self.until_step = pair, until_step
        for array in (pair, until_step):
            array.flags.writeable = False

    def has(self, pair: np.ndarray, step: int) -> np.ndarray:
        """Return whether pairs (I,) are subscribed at a step."""
        return np.isin(pair, self.pair[self.until_step > step])

    def count(self, user: np.ndarray, step: int) -> np.ndarray:
        """Return how many subscriptions users (I,) have at a step."""
        owner = self.pair[self.until_step > step] >> np.uint64(32)
        low = np.searchsorted(owner, user.astype(np.uint64), side="left")
        return np.searchsorted(owner, user.astype(np.uint64), side="right") - low

    def extend(self, pair: np.ndarray, step: int, until_step: int) -> None:
        """Enter pairs that are paid until a step; forget those that ran out before this one."""
        kept = (self.until_step >= step) & ~np.isin(self.pair, pair)
        fresh = np.unique(pair)
        pairs = np.concatenate([self.pair[kept], fresh])
        until = np.concatenate([self.until_step[kept], np.full(len(fresh), until_step, np.int32)])
        order = np.argsort(pairs)
        self._set(pairs[order], until[order])

    def state(self) -> Arrays:
        """Return the arrays a snapshot keeps."""
        return {"pair": self.pair, "until_step": self.until_step}

    def load_state(self, state: Arrays) -> None:
        """Restore from a snapshot."""
        self._set(np.array(state["pair"], np.uint64), np.array(state["until_step"], np.int32))


class Subscriptions(Part):
    """Offers, renews and keeps subscriptions."""

    name = "subscriptions"

    def __init__(self, terms: Terms, till: Till, answers: Answers) -> None:
        self.members = Members()
        super().__init__(keepers={"members": self.members})
        self._terms, self._till, self._answers = terms, till, answers

    def settle(self, reactions: Reactions) -> Iterator[EventBatch]:
        """Yield the subscriptions that begin after the slates of a step."""
        terms, step = self._terms, reactions.step
        wish = self._answers.subscribes(reactions, terms.subscription_price_microusd)
        offered = self.sight.users.follower_count[wish.creator] >= terms.subscription_followers_min
        pair = item_id(wish.user, wish.creator)
        wish = wish.where(offered & ~self.members.has(pair, step))
        wish = wish.where(_first(item_id(wish.user, wish.creator)))
        before = self.members.count(wish.user, step)
        nth = running_sums(wish.user, np.ones(len(wish), np.int64))
        wish = wish.where(before + nth <= terms.subscriptions_max)
        yield self._paid(wish.user, wish.creator, wish.item, step)

    def due(self, step: int) -> Iterator[EventBatch]:
        """Yield the renewals of this barrier."""
        ending = self.members.pair[self.members.until_step == step]
        user = (ending >> np.uint64(32)).astype(np.uint32)
        creator = (ending & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        stays = self._answers.renews(user, creator, step)
        nothing = np.zeros(int(stays.sum()), np.uint64)
        yield self._paid(user[stays], creator[stays], nothing, step)

    def _paid(
        self, user: np.ndarray, creator: np.ndarray, item: np.ndarray, step: int
    ) -> EventBatch:
        """Return the subscriptions that users can pay."""
        price = np.full(len(user), self._terms.subscription_price_microusd, np.int64)
        can = self._till.affordable(user, price, step)
        return self._till.shared(
            step, TransactionKind.SUBSCRIPTION, user[can], creator[can], item[can], price[can]
        )

    def on_transaction_completed(self, done: EventBatch) -> None:
        """Enter what was paid."""
        paid = is_kind(done, TransactionKind.SUBSCRIPTION)
        if paid.any():
            pair = item_id(done.user[paid], done.recipient[paid])
            self.members.extend(pair, done.step, done.step + self._terms.subscription_steps)


def _first(pair: np.ndarray) -> np.ndarray:
    """Return which entries are the first of their pair, bool (I,)."""
    first = np.zeros(len(pair), bool)
    first[np.unique(pair, return_index=True)[1]] = True
    return first
