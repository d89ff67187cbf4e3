"""What policies may see at a step barrier: policy-visible columns, and who follows whom."""

from dataclasses import dataclass

import numpy as np

from feedtwin.columns import PolicyView
from feedtwin.schema.ids import user_at


@dataclass(frozen=True)
class Ties:
    """Follow edges as a policy sees them: user u follows `user[offset[u]:offset[u + 1]]`.

    Attributes:
        offset: int64 (U + 1,), read-only.
        place: Ring positions of the followees, u4 (E,), read-only.
    """

    offset: np.ndarray
    place: np.ndarray

    @property
    def user(self) -> np.ndarray:
        """Followees of all users, u4 (E,)."""
        return user_at(self.place)


@dataclass(frozen=True)
class View:
    """What a policy may see at a step barrier.

    `users`, `items`, `accounts` and `catalogue` expose policy-visible columns; anything else raises
    BoundaryError. `items` and `catalogue` have one row per video, `users` and `accounts` one per user.
    Policies of the levers forecast, governance and campaigns also see `trends` (one row per tracked hashtag,
    sound or category), `forecast` (the latest list of trends expected) and `interventions` (what governance
    does now); to others these are None.
    """

    step: int
    users: PolicyView
    items: PolicyView
    accounts: PolicyView
    catalogue: PolicyView
    ties: Ties
    active_users: int
    trends: PolicyView | None = None
    forecast: PolicyView | None = None
    interventions: PolicyView | None = None
