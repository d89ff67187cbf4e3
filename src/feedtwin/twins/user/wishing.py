"""Which visitors want which rare action: one keyed draw per visitor, session and action."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from feedtwin.randomness import Draws, Stream
from feedtwin.schema.actions import ACTIONS

Array = np.ndarray
ACTIONS_LIMIT = 64
"""An occasion packs session and action into one word: session * 64 + the action's number."""


@dataclass(frozen=True)
class Occasion:
    """Visitors who want one action in their present sessions, ascending."""

    action: str
    user: Array
    session: Array

    @property
    def word(self) -> Array:
        """What keys the choices of this occasion beside the user, u4."""
        return self.session * np.uint32(ACTIONS_LIMIT) + np.uint32(ACTIONS[self.action].number)


def pick(occasions: Mapping[str, Occasion], actions: Sequence[str]) -> list[Occasion]:
    """Return the occasions of some actions, those that nobody wants left out."""
    return [occasions[action] for action in actions if action in occasions]


def joined(occasions: Sequence[Occasion]) -> tuple[Array, Array]:
    """Return users and words of several occasions in one piece: one call costs less than many."""
    return (
        np.concatenate([one.user for one in occasions]),
        np.concatenate([one.word for one in occasions]),
    )


def split(values: Array, occasions: Sequence[Occasion]) -> list[Array]:
    """Return each occasion's part of values made for all of them."""
    return np.split(values, np.cumsum([len(one.user) for one in occasions])[:-1])


class Wishes:
    """The rates of some actions per session; those at 0 cost nothing."""

    def __init__(self, rates: Mapping[str, float], draws: Draws) -> None:
        self._rates = {name: rate for name, rate in rates.items() if rate > 0}
        self._number = np.asarray([ACTIONS[name].number for name in self._rates], np.uint32)
        self._draws = draws

    def __bool__(self) -> bool:
        return bool(self._rates)

    def of(self, user: Array, session: Array) -> Iterator[Occasion]:
        """Yield who wants each action, of visitors (ascending) in their sessions."""
        draw = self._draws.uniform(
            Stream.SOCIAL_WISH, user[:, None], session[:, None], self._number[None, :]
        )
        for column, (name, rate) in enumerate(self._rates.items()):
            wanting = draw[:, column] < np.float32(rate)
            if wanting.any():
                yield Occasion(name, user[wanting], session[wanting])
