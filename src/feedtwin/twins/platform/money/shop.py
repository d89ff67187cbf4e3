"""The shop: products that merchants show in their videos, with a stock that can run out.

A merchant is a creator with products; a share of their videos shows one of them, always the same one.
Stock is filled up on fixed days. Where more is asked for than there is, a keyed draw of each buyer and step
says who was first; the rest go without. Source: ECO-1, M-6.
"""

from collections.abc import Iterator

import numpy as np

from feedtwin.columns import Columns, FrozenColumns
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import TransactionKind
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.part import Part
from feedtwin.twins.platform.money.ledger import is_kind
from feedtwin.twins.platform.money.till import Till, running_sums

NO_PRODUCT = -1


class Shop(Part):
    """Keeps products and stock, and executes PURCHASE_PRODUCT."""

    name = "shop"

    def __init__(
        self, products: Columns, restock_steps: int, tag_share: float, till: Till, draws: Draws
    ) -> None:
        """Take the products, sorted by item."""
        super().__init__(products)
        self._products, self._till, self._draws = products, till, draws
        self._restock_steps, self._tag_share = restock_steps, np.float32(tag_share)
        merchants = np.bincount(products.merchant.astype(np.int64), minlength=1)
        self._begin = np.concatenate([[0], np.cumsum(merchants)])

    @property
    def table(self) -> FrozenColumns:
        """Read-only products."""
        return self._products.frozen

    def shown(self, creator: np.ndarray, ordinal: np.ndarray) -> np.ndarray:
        """Return the product that videos show: rows int64 (I,), NO_PRODUCT where none."""
        first, count = self._shelf(creator)
        product = np.full(len(creator), NO_PRODUCT, np.int64)
        at = np.nonzero(count)[0]
        tagged = self._draws.uniform(Stream.SHOP_TAG, creator[at], ordinal[at]) < self._tag_share
        at = at[tagged]
        which = self._draws.uniform(Stream.SHOP_TAG_PRODUCT, creator[at], ordinal[at])
        nth = (which * count[at].astype(np.float32)).astype(np.int64)
        product[at] = first[at] + np.minimum(nth, count[at] - 1)
        return product

    def _shelf(self, creator: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each creator's products begin, and how many there are, both int64 (I,)."""
        known = creator < len(self._begin) - 1
        at = np.where(known, creator, 0).astype(np.int64)
        first = self._begin[at]
        return first, np.where(known, self._begin[at + 1] - first, 0)

    def stock(self, step: int) -> np.ndarray:
        """Return the units in stock at a step, u4 (P,), filled up where a restocking day has passed."""
        products = self.table
        period = products.stocked_step // self._restock_steps
        return np.where(step // self._restock_steps > period, products.capacity, products.inventory)

    def do_purchase_product(self, wish: ActionBatch) -> Iterator[EventBatch]:
        """Complete purchases that purse and stock allow; who is ready to pay less than the price gets none."""
        products, step = self.table, wish.step
        if not len(products):
            return
        row = np.minimum(np.searchsorted(products.item, wish.item), len(products) - 1)
        price = products.price[row] * wish.units
        able = (products.item[row] == wish.item) & (wish.units > 0)
        able &= (wish.amount_microusd >= price) & (products.merchant[row] != wish.user)
        at = np.nonzero(able)[0]
        at = at[self._till.affordable(wish.user[at], price[at], step)]
        at = at[self._in_stock(row[at], wish.user[at], wish.units[at], step)]
        yield self._till.shared(
            step, TransactionKind.PURCHASE, wish.user[at], products.merchant[row[at]],
            wish.item[at], price[at],
        )  # fmt: skip

    def _in_stock(
        self, row: np.ndarray, user: np.ndarray, units: np.ndarray, step: int
    ) -> np.ndarray:
        """Which purchases are served, bool (I,), product by product in the order of the queue."""
        item = self.table.item[row]
        creator = (item >> np.uint64(32)).astype(np.uint32)
        product = (item & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        place = self._draws.bits(Stream.PURCHASE_QUEUE, user, creator, product, step)
        order = np.lexsort((user, place, row))
        taken = running_sums(row[order], units[order].astype(np.int64))
        served = np.empty(len(row), bool)
        served[order] = taken <= self.stock(step)[row[order]]
        return served

    def on_transaction_completed(self, done: EventBatch) -> None:
        """Take what was sold out of stock."""
        sale = is_kind(done, TransactionKind.PURCHASE)
        if not sale.any():
            return
        products = self._products
        row = np.searchsorted(products.item, done.item[sale])
        units = (done.amount_microusd[sale] // products.price[row]).astype(np.uint32)
        stock = self.stock(done.step)
        touched = np.unique(row)
        products.inventory[touched] = stock[touched]
        products.stocked_step[touched] = done.step
        np.subtract.at(products.inventory, row, units)
        np.add.at(products.units_sold, row, units)

    def check(self, step: int) -> None:
        """Raise AssertionError if a product has less than no units, which shows as more than its capacity."""
        products = self.table
        over = np.nonzero(products.inventory > products.capacity)[0]
        if len(over):
            row = int(over[0])
            raise AssertionError(
                f"step {step}: product {int(products.item[row])} has {int(products.inventory[row])} "
                f"units in stock, expected 0 to {int(products.capacity[row])}"
            )

    def outputs(self, step: int) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Yield the closing table of products, with the stock at `step`."""
        columns = {name: getattr(self.table, name) for name in self.table.spec.by_name}
        columns["inventory"] = self.stock(step)
        columns["price_microusd"] = columns.pop("price")
        yield "products", columns
