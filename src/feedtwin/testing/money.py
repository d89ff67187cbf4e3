"""An independent bookkeeper: what accounts should hold, from the logged transactions alone, in plain Python.

It shares no code with the ledger it checks. For tests, and for people who write payout rules.
"""

from collections import defaultdict
from typing import Any

import numpy as np

from feedtwin.schema.batches import EventBatch
from feedtwin.world.world import World

GIFT, PURCHASE, AD, LIVE, SUBSCRIPTION, CREATOR_FUND, PAYOUT = range(1, 8)
NOBODY = 0xFFFFFFFF
ADVERTISER = 0xFFFF0000


class Bookkeeper:
    """Follows a world's transactions and compares accounts, references and stock after each step."""

    def __init__(self, world: World) -> None:
        """Begin with a world at step 0; hooks onto its recorder, and passes on to an earlier one."""
        self._world, self._before = world, world.recorder
        self.accounts: dict[Any, int] = defaultdict(int)
        self.rows: list[dict[str, int]] = []
        self._numbers: dict[int, int] = defaultdict(int)
        self._sold: dict[int, int] = defaultdict(int)
        self._found: list[str] = []
        self.parts = {part.name: part for part in world.platform.parts if hasattr(part, "name")}
        world.recorder = self._record

    def problems(self) -> list[str]:
        """Return what is wrong now, one sentence each; empty when all is well."""
        found, self._found = self._found, []
        if "ledger" not in self.parts:
            return [*found, *(["a transaction in a world without money"] if self.rows else [])]
        return [*found, *self._balances(), *self._stock()]

    def _record(self, published: Any) -> None:
        batch = published.batch
        if isinstance(batch, EventBatch) and batch.event == "TRANSACTION_COMPLETED":
            names = tuple(batch.columns)
            for values in zip(*(batch.columns[name].tolist() for name in names), strict=True):
                self._book({**dict(zip(names, values, strict=True)), "step": batch.step})
        if self._before is not None:
            self._before(published)

    def _book(self, row: dict[str, int]) -> None:
        self.rows.append(row)
        kind, user, amount = row["kind"], row["user"], row["amount_microusd"]
        share, recipient = row["share_microusd"], row["recipient"]
        if row["ordinal"] != self._numbers[user]:
            self._found.append(f"transaction {row}: expected ordinal {self._numbers[user]}")
        self._numbers[user] += 1
        if not 0 <= share <= amount:
            self._found.append(f"transaction {row}: the share is not within the amount")
        self._found += self._dangling(row)
        payer: Any = ("user", user)
        if kind == AD:
            payer = "advertisers"
        elif kind == CREATOR_FUND:
            payer = "platform"
        elif kind == PAYOUT:
            payer = ("paid_out", user)
        self.accounts[payer] -= amount
        reached: Any = "outside" if kind == PAYOUT else ("creator", recipient)
        reached = ("merchant", recipient) if kind == PURCHASE else reached
        self.accounts[reached] += share
        self.accounts["platform"] += amount - share
        if kind == PURCHASE:
            self._sold[row["item"]] += amount

    def _dangling(self, row: dict[str, int]) -> list[str]:
        """References of a transaction that point nowhere."""
        people, kind, item = len(self._world.users.table), row["kind"], row["item"]
        wrong = []
        if row["user"] >= people:
            wrong.append("user")
        if row["recipient"] >= people and not (kind == AD and row["recipient"] == NOBODY):
            wrong.append("recipient")
        items = self._world.content.table.item
        if kind in (GIFT, AD) and item not in items:
            wrong.append("item")
        if kind == AD and item >> 32 < ADVERTISER:
            wrong.append("advertiser")
        if kind == PURCHASE and item not in self.parts["shop"].table.item:
            wrong.append("product")
        return [f"transaction {row}: {name} does not exist" for name in wrong]

    def _balances(self) -> list[str]:
        """Accounts of the world that are not what the transactions make them."""
        found = []
        if sum(self.accounts.values()) != 0:
            found.append(f"the transactions themselves do not balance: {dict(self.accounts)}")
        ledger = self.parts["ledger"]
        for name in ("platform", "advertisers", "outside"):
            if ledger.accounts()[name] != self.accounts[name]:
                found.append(f"{name}: {ledger.accounts()[name]}, expected {self.accounts[name]}")
        columns = {"earned": "creator", "sold": "merchant", "spent": "user", "paid_out": "paid_out"}
        for column, account in columns.items():
            sign = -1 if account in ("user", "paid_out") else 1
            for user, value in enumerate(getattr(ledger.table, column).tolist()):
                expected = sign * self.accounts.get((account, user), 0)
                if value != expected:
                    found.append(f"ledger.{column}[{user}]: {value}, expected {expected}")
        if sum(ledger.accounts().values()) != 0:
            found.append(f"the ledger does not balance: {ledger.accounts()}")
        return found

    def _stock(self) -> list[str]:
        """Products with less than nothing, more than their capacity, or other sales than were paid."""
        if "shop" not in self.parts:
            return []
        products, found = self.parts["shop"].table, []
        if np.any(products.inventory > products.capacity):
            found.append("products.inventory: below zero or above capacity")
        for row, item in enumerate(products.item.tolist()):
            units = self._sold.get(item, 0) // int(products.price[row])
            if int(products.units_sold[row]) != units:
                found.append(f"product {item}: {int(products.units_sold[row])} sold, {units} paid")
        return found
