"""The platform's own monetization policies: none, basic, full stack. Source: ECO-1, paper section 4.1."""

import numpy as np

from feedtwin.policies.interface import Channels, Payments, View, policy
from feedtwin.policies.monetization.settings import MonetizationSettings
from feedtwin.schema.codes import TransactionKind

PER_MILLE = 1000


@policy("monetization", "basic", section="monetization")
class Basic:
    """Ads, gifts, gifts in live rooms and subscriptions; creators get a fixed share of each."""

    channels = Channels(ads=True, gifts=True, subscriptions=True)

    def __init__(self, settings: MonetizationSettings) -> None:
        self.settings = settings

    def shares(self, view: View, payments: Payments) -> np.ndarray:
        """A share per kind of payment, in whole thousandths, rounded down: the platform keeps the rest."""
        s = self.settings
        rates = np.zeros(max(TransactionKind) + 1, np.int64)
        for kind, share in (
            (TransactionKind.GIFT, s.gift_share),
            (TransactionKind.LIVE, s.gift_share),
            (TransactionKind.AD, s.ad_share),
            (TransactionKind.SUBSCRIPTION, s.subscription_share),
            (TransactionKind.PURCHASE, s.sale_share),
        ):
            rates[kind] = round(share * PER_MILLE)
        return payments.amount_microusd * rates[payments.kind] // PER_MILLE

    def fund(self, view: View, views: np.ndarray) -> np.ndarray:
        """The creator fund is divided by views."""
        return views


@policy("monetization", "full_stack", section="monetization")
class FullStack(Basic):
    """Basic, and shops: products with stock, shown in their merchants' videos."""

    channels = Channels(ads=True, gifts=True, subscriptions=True, commerce=True)


@policy("monetization", "none", section="monetization")
class Unpaid(Basic):
    """No money."""

    channels = Channels()
