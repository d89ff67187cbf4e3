"""The till: turns payments into transactions. It asks the payout rule and numbers each user's transactions.

Every channel passes through it, so that what a payment becomes is decided in one place.
"""

from collections.abc import Callable

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.policies.interface import MonetizationPolicy, Payments, View
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import TransactionKind
from feedtwin.twins.platform.money.rules import ask_shares

NOBODY = np.uint32(0xFFFFFFFF)
"""Recipient of a payment of which no creator gets a part."""

PurseLeft = Callable[[np.ndarray, int], np.ndarray]


class Till:
    """Makes TRANSACTION_COMPLETED out of payments."""

    def __init__(
        self,
        policy: MonetizationPolicy,
        ledger: FrozenColumns,
        view: Callable[[int], View],
        purse_left: PurseLeft,
    ) -> None:
        """Bind the payout rule and what it may see.

        Args:
            policy: The monetization policy.
            ledger: Accounts of users.
            view: What policies may see at a step.
            purse_left: What users (I,) can still spend today at a step, int64 (I,) micro-dollars.
        """
        self._policy, self._ledger, self._view = policy, ledger, view
        self._purse_left = purse_left

    def affordable(self, user: np.ndarray, amount: np.ndarray, step: int) -> np.ndarray:
        """Return which payments users can pay, bool (I,): in the order given, while their purse lasts."""
        order = np.argsort(user, kind="stable")
        payer, cost = user[order], amount[order].astype(np.int64)
        spent = running_sums(payer, cost)
        fits = np.empty(len(user), bool)
        fits[order] = spent <= self._purse_left(payer, step)
        return fits

    def shared(
        self,
        step: int,
        kind: TransactionKind | np.ndarray,
        user: np.ndarray,
        creator: np.ndarray,
        item: np.ndarray,
        amount: np.ndarray,
    ) -> EventBatch:
        """Return payments as transactions, the creator's part by the payout rule; see `transactions`."""
        kinds = np.broadcast_to(np.asarray(kind, np.uint8), user.shape)
        known = creator != NOBODY
        share = np.zeros(len(user), np.int64)
        payments = Payments(
            kinds[known], creator[known], item[known], amount[known].astype(np.int64)
        )
        if len(payments.kind):
            share[known] = ask_shares(self._policy, self._view(step), payments)
        return self.transactions(step, kinds, user, creator, item, amount, share)

    def transactions(
        self,
        step: int,
        kind: TransactionKind | np.ndarray,
        user: np.ndarray,
        creator: np.ndarray,
        item: np.ndarray,
        amount: np.ndarray,
        share: np.ndarray,
    ) -> EventBatch:
        """Return rows sorted by user (a user's own keep their order) with each user's running number."""
        order = np.argsort(user, kind="stable")
        user = user[order].astype(np.uint32)
        nth = running_sums(user, np.ones(len(user), np.int64)) - 1
        kinds = np.broadcast_to(np.asarray(kind, np.uint8), user.shape)
        columns = {
            "user": user,
            "ordinal": self._ledger.transactions[user] + nth.astype(np.uint32),
            "kind": kinds[order],
            "recipient": creator[order].astype(np.uint32),
            "item": item[order].astype(np.uint64),
            "amount_microusd": amount[order].astype(np.uint64),
            "share_microusd": share[order].astype(np.uint64),
        }
        return EventBatch("TRANSACTION_COMPLETED", step, columns)


def running_sums(owner: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Return sums up to and including each row within its owner, int64 (I,); `owner` is sorted."""
    total = np.cumsum(amount, dtype=np.int64)
    if not len(owner):
        return total
    starts = np.ones(len(owner), bool)
    starts[1:] = owner[1:] != owner[:-1]
    first = np.maximum.accumulate(np.where(starts, np.arange(len(owner)), 0))
    return total - (total - amount)[first]
