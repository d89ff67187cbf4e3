"""Whole distributions that a study can compare: amounts per video, creator or user."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from feedtwin.lab.run_data import Array, RunData

_MICRO: Final = 1e6


@dataclass(frozen=True)
class Distribution:
    """An amount per unit of a population, zeros included.

    Attributes:
        name: What study files call it.
        label: What people read.
        unit: Unit of an amount.
        needs: Columns it reads (`items.<column>`, `users.<column>`).
        function: Returns float (m,), one amount per unit.
    """

    name: str
    label: str
    unit: str
    needs: tuple[str, ...]
    function: Callable[[RunData], Array]

    def amounts(self, data: RunData) -> Array | None:
        """Return the amounts in a run, or None where it lacks what they need."""
        return None if data.missing(self.needs) or not data.is_closed else self.function(data)


def _views(data: RunData) -> Array:
    public = data.items["is_public"] == 1
    views = data.items["impressions"].astype(np.int64) - data.items["skips"].astype(np.int64)
    return np.asarray(views[public], np.float64)


def _views_of_creators(data: RunData) -> Array:
    creators = data.items["creator"][data.items["is_public"] == 1]
    _, who = np.unique(creators, return_inverse=True)
    return np.bincount(who, weights=_views(data))


def _earnings(data: RunData) -> Array:
    creators = np.unique(data.items["creator"][data.items["is_public"] == 1])
    return np.asarray(data.of_users("earned_microusd", creators), np.float64) / _MICRO


def _gifts(data: RunData) -> Array:
    creators = np.unique(data.items["creator"][data.items["is_public"] == 1])
    return np.asarray(data.of_users("gifts_microusd", creators), np.float64) / _MICRO


def _sessions(data: RunData) -> Array:
    people = data.users["activity"] > 0
    return np.asarray(data.users["session"][people], np.float64)


_ITEMS = ("items.impressions", "items.skips", "items.is_public")
_OWNERS = ("items.creator", "items.is_public", "users.user")

DISTRIBUTIONS: Final[dict[str, Distribution]] = {
    one.name: one
    for one in (
        Distribution("views_of_videos", "views per public video", "views", _ITEMS, _views),
        Distribution(
            "views_of_creators", "views per creator with a public video", "views",
            (*_ITEMS, "items.creator"), _views_of_creators,
        ),
        Distribution(
            "earnings_of_creators", "earnings per creator with a public video", "USD",
            (*_OWNERS, "users.earned_microusd"), _earnings,
        ),
        Distribution(
            "gifts_of_creators", "gifts per creator with a public video", "USD",
            (*_OWNERS, "users.gifts_microusd"), _gifts,
        ),
        Distribution(
            "sessions_of_users", "sessions per person who may open the app", "sessions",
            ("users.session", "users.activity"), _sessions,
        ),
    )
}  # fmt: skip
"""What `distributions:` in a study file may name."""
