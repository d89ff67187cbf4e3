"""Gifts: the platform passes money from a viewer to a creator, for a video or in a live room."""

from collections.abc import Iterator

import numpy as np

from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import TransactionKind
from feedtwin.schema.ids import is_live
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.part import Part
from feedtwin.twins.platform.money.till import Till


class Gifts(Part):
    """Executes SEND_GIFT."""

    name = "gifts"

    def __init__(self, till: Till) -> None:
        super().__init__()
        self._till = till

    def do_send_gift(self, wish: ActionBatch) -> Iterator[EventBatch]:
        """Complete gifts, in the order asked, while each purse lasts; nobody gives to oneself.

        A gift whose item is a live room (`schema.ids`) is of kind LIVE.
        """
        known = (wish.target < len(self.sight.users)) & (wish.target != wish.user)
        known &= wish.amount_microusd > 0
        user, target = wish.user[known], wish.target[known]
        item, amount = wish.item[known], wish.amount_microusd[known]
        paid = self._till.affordable(user, amount, wish.step)
        kind = np.where(is_live(item[paid]), TransactionKind.LIVE, TransactionKind.GIFT)
        yield self._till.shared(wish.step, kind, user[paid], target[paid], item[paid], amount[paid])
