"""Money on the platform: the books, and one file per channel. Parts of the Platform twin (decision 0022)."""

from feedtwin.twins.platform.money.ads import Ads
from feedtwin.twins.platform.money.fund import CreatorFund
from feedtwin.twins.platform.money.gifts import Gifts
from feedtwin.twins.platform.money.ledger import Ledger
from feedtwin.twins.platform.money.payouts import Payouts
from feedtwin.twins.platform.money.shop import Shop
from feedtwin.twins.platform.money.subscriptions import Subscriptions
from feedtwin.twins.platform.money.terms import Terms
from feedtwin.twins.platform.money.till import Till

__all__ = [
    "Ads", "CreatorFund", "Gifts", "Ledger", "Payouts", "Shop", "Subscriptions", "Terms", "Till"
]  # fmt: skip
