"""The books: integer micro-dollars, two sides to every transfer, checked at the end of every step.

A transaction moves its amount from the payer to the creator (`share_microusd`) and to the platform (the
rest). Payers are users, advertisers or, for the creator fund, the platform; payouts move balances of
creators and merchants to the outside. Payers' and advertisers' accounts go below zero by what they put in,
so all accounts together are exactly zero at all times (decision 0022).
"""

from collections.abc import Iterator

import numpy as np

from feedtwin.columns import Columns, FrozenColumns
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import TransactionKind as Kind
from feedtwin.twins.part import Part
from feedtwin.twins.platform.money.table import BOOKS, LEDGER, POOLED

_PLATFORM, _ADVERTISERS, _OUTSIDE = range(len(POOLED))

PAID_BY_USERS = (Kind.GIFT, Kind.LIVE, Kind.SUBSCRIPTION, Kind.PURCHASE)
_REVENUE = {
    Kind.GIFT: ("gifts", "gift_revenue_microusd"),
    Kind.LIVE: ("live_gifts", "live_gift_revenue_microusd"),
    Kind.SUBSCRIPTION: ("subscriptions", "subscription_revenue_microusd"),
    Kind.PURCHASE: ("purchases", "purchase_revenue_microusd"),
    Kind.AD: ("ad_impressions", "ad_revenue_microusd"),
}
"""Totals of the revenue of each kind: transactions and amounts."""


def is_kind(done: EventBatch, *kinds: Kind) -> np.ndarray:
    """Return which transactions are of one of some kinds, bool (I,)."""
    known = np.zeros(max(Kind) + 1, bool)
    known[list(kinds)] = True
    return known[done.kind]


class Ledger(Part):
    """Accounts of users, and the pooled ones."""

    name = "ledger"

    def __init__(self, users: int) -> None:
        self._ledger, self._books = Columns(LEDGER, users), Columns(BOOKS, len(POOLED))
        super().__init__(self._ledger, self._books)

    @property
    def table(self) -> FrozenColumns:
        """Read-only accounts of users."""
        return self._ledger.frozen

    def on_transaction_completed(self, done: EventBatch) -> None:
        """Book transfers: each amount leaves one account and reaches others."""
        ledger, balance = self._ledger, self._books.balance
        amount, share = done.amount_microusd, done.share_microusd
        np.add.at(ledger.transactions, done.user, np.uint32(1))
        from_users, ads = is_kind(done, *PAID_BY_USERS), is_kind(done, Kind.AD)
        fund, payout = is_kind(done, Kind.CREATOR_FUND), is_kind(done, Kind.PAYOUT)

        np.add.at(ledger.spent, done.user[from_users], amount[from_users])
        balance[_ADVERTISERS] -= _total(amount[ads])
        balance[_PLATFORM] -= _total(amount[fund])
        np.add.at(ledger.paid_out, done.user[payout], amount[payout])

        revenue = from_users | ads
        balance[_PLATFORM] += _total(amount[revenue]) - _total(share[revenue])
        sale, reached = is_kind(done, Kind.PURCHASE), (share > 0) & ~payout
        for column, which in (
            (ledger.earned, reached & ~sale),
            (ledger.gifts, reached & is_kind(done, Kind.GIFT, Kind.LIVE)),
            (ledger.sold, reached & sale),
        ):
            np.add.at(column, done.recipient[which], share[which])
        balance[_OUTSIDE] += _total(amount[payout])
        self._count(done, revenue | fund)

    def _count(self, done: EventBatch, shared: np.ndarray) -> None:
        totals = self.sight.telemetry
        for kind, (count, revenue) in _REVENUE.items():
            of_kind = is_kind(done, kind)
            totals.add(count, int(np.count_nonzero(of_kind)))
            totals.add(revenue, _total(done.amount_microusd[of_kind]))
        fund, payout = is_kind(done, Kind.CREATOR_FUND), is_kind(done, Kind.PAYOUT)
        totals.add("fund_microusd", _total(done.amount_microusd[fund]))
        totals.add("payout_microusd", _total(done.amount_microusd[payout]))
        totals.add("creator_share_microusd", _total(done.share_microusd[shared]))

    def accounts(self) -> dict[str, int]:
        """Return the balance of every account, micro-dollars; users' are pooled by what they are."""
        ledger = self.table
        due = _total(ledger.earned) + _total(ledger.sold) - _total(ledger.paid_out)
        pooled = dict(zip(POOLED, self._books.balance.tolist(), strict=True))
        return {"creators and merchants": due, "payers": -_total(ledger.spent), **pooled}

    def check(self, step: int) -> None:
        """Raise AssertionError unless all accounts together are zero and nobody was paid more than is theirs."""
        accounts = self.accounts()
        if sum(accounts.values()) != 0:
            raise AssertionError(
                f"step {step}: the books do not balance: {accounts} sum to {sum(accounts.values())} "
                "micro-dollars, expected 0"
            )
        ledger = self.table
        over = np.nonzero(ledger.earned + ledger.sold < ledger.paid_out)[0]
        if len(over):
            user = int(over[0])
            raise AssertionError(
                f"step {step}: user {user} was paid out {int(ledger.paid_out[user])} micro-dollars of "
                f"{int(ledger.earned[user] + ledger.sold[user])} received; accounts: {accounts}"
            )

    def user_outputs(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the columns that the closing table of users gets."""
        for name in ("earned", "gifts", "sold", "paid_out", "spent"):
            yield f"{name}_microusd", getattr(self.table, name)


def _total(amounts: np.ndarray) -> int:
    return int(amounts.sum(dtype=np.int64))
