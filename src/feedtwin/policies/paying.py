"""What monetization policies decide: the channels of money, and what creators get."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from feedtwin.policies.view import View


@dataclass(frozen=True)
class Channels:
    """Ways in which money moves; a channel that is off allocates, draws and publishes nothing."""

    ads: bool = False
    gifts: bool = False
    subscriptions: bool = False
    commerce: bool = False

    @property
    def any(self) -> bool:
        """Whether there is money at all."""
        return self.ads or self.gifts or self.subscriptions or self.commerce


@dataclass(frozen=True)
class Payments:
    """Payments of which a part is a creator's, (I,) each.

    Attributes:
        kind: Codes of `schema.codes.TransactionKind`: gift, purchase, ad, live, subscription.
        creator: Who may get a part: whom the gift is for, who sells, whose video came before the ad.
        item: The video, live room, product or ad.
        amount_microusd: What is paid, int64.
    """

    kind: np.ndarray
    creator: np.ndarray
    item: np.ndarray
    amount_microusd: np.ndarray


@runtime_checkable
class MonetizationPolicy(Protocol):
    """Decides which channels there are, and the payout rule: what creators get."""

    @property
    def channels(self) -> Channels:
        """The channels; fixed for the life of a world."""
        ...

    def shares(self, view: View, payments: Payments) -> np.ndarray:
        """Return what each creator gets of each payment, int64 (I,), 0 to the amount, in micro-dollars."""
        ...

    def fund(self, view: View, views: np.ndarray) -> np.ndarray:
        """Return weights, int64 (U,), by which the creator fund's pool is divided; all 0 pays nothing.

        `views` int64 (U,) are the views of each user's videos since the fund last paid.
        """
        ...
