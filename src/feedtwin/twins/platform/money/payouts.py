"""Payouts: balances of creators and merchants leave the platform, on fixed days and from a least amount."""

from collections.abc import Iterator

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import TransactionKind
from feedtwin.twins.part import Part
from feedtwin.twins.platform.money.terms import Terms
from feedtwin.twins.platform.money.till import Till


class Payouts(Part):
    """Pays out what creators and merchants have received."""

    name = "payouts"

    def __init__(self, terms: Terms, ledger: FrozenColumns, till: Till) -> None:
        super().__init__()
        self._terms, self._ledger, self._till = terms, ledger, till

    def due(self, step: int) -> Iterator[EventBatch]:
        """Yield the payouts of this barrier: whole balances of at least the minimum."""
        terms, ledger = self._terms, self._ledger
        if step == 0 or step % terms.payout_steps:
            return
        balance = (ledger.earned + ledger.sold - ledger.paid_out).astype(np.int64)
        user = np.nonzero(balance >= terms.payout_minimum_microusd)[0].astype(np.uint32)
        paid = balance[user]
        nothing = np.zeros(len(user), np.uint64)
        yield self._till.transactions(step, TransactionKind.PAYOUT, user, user, nothing, paid, paid)
