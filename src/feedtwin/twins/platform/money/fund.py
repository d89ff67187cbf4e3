"""The creator fund: a pool of the platform's own money, divided among creators at the end of a day."""

from collections.abc import Callable, Iterator

import numpy as np

from feedtwin.columns import Columns
from feedtwin.policies.interface import MonetizationPolicy, View
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import ItemKind, TransactionKind
from feedtwin.twins.part import Part
from feedtwin.twins.platform.money.ledger import is_kind
from feedtwin.twins.platform.money.rules import ask_fund
from feedtwin.twins.platform.money.table import FUND
from feedtwin.twins.platform.money.terms import Terms
from feedtwin.twins.platform.money.till import Till

ViewAt = Callable[[int], View]
HOURS_PER_DAY = 24


class CreatorFund(Part):
    """Pays the fund when it is due, in proportion to the policy's weights (views, unless it says else)."""

    name = "creator_fund"

    def __init__(
        self, users: int, terms: Terms, policy: MonetizationPolicy, till: Till, view: ViewAt
    ) -> None:
        self._fund = Columns(FUND, users)
        super().__init__(self._fund)
        self._terms, self._policy, self._till, self._view = terms, policy, till, view

    def due(self, step: int) -> Iterator[EventBatch]:
        """Yield the fund's payments at this barrier."""
        terms = self._terms
        if step == 0 or step % terms.fund_steps:
            return
        view = self._view(step)
        pool = terms.fund_microusd_per_user_day * view.active_users * terms.fund_steps
        fresh = self._views() - self._fund.frozen.views_paid
        amount = apportion(pool // HOURS_PER_DAY, ask_fund(self._policy, view, fresh))
        creator = np.nonzero(amount)[0].astype(np.uint32)
        paid = amount[creator]
        nothing = np.zeros(len(creator), np.uint64)
        yield self._till.transactions(
            step, TransactionKind.CREATOR_FUND, creator, creator, nothing, paid, paid
        )

    def _views(self) -> np.ndarray:
        """Views (impressions that were not skipped) of each user's videos so far, int64 (U,)."""
        items = self.sight.items
        videos = items.kind == ItemKind.VIDEO
        views = items.impressions[videos].astype(np.int64) - items.skips[videos]
        total = np.zeros(len(self._fund), np.int64)
        np.add.at(total, items.creator[videos], views)
        return total

    def on_transaction_completed(self, done: EventBatch) -> None:
        """Once the fund has paid, the views of all creators count as paid for."""
        if is_kind(done, TransactionKind.CREATOR_FUND).any():
            self._fund.views_paid[:] = self._views().astype(np.uint32)


def apportion(pool: int, weight: np.ndarray) -> np.ndarray:
    """Divide a whole number by weights: int64 (U,) that sum to `pool`, or zeros where all weights are 0.

    Largest remainder: everybody gets their share rounded down, and what is left goes, one each, to the
    largest remainders; ties go to the lower id. Weights sum to less than 2^31, so products fit into int64.
    """
    total = int(weight.sum(dtype=np.int64))
    if total == 0:
        return np.zeros(len(weight), np.int64)
    whole, rest = divmod(pool, total)
    part = weight * rest
    share = weight * whole + part // total
    left = pool - int(share.sum(dtype=np.int64))
    order = np.lexsort((np.arange(len(weight)), -(part % total)))
    share[order[:left]] += 1
    return share
