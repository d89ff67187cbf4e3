"""Cohorts: whom a task is about, as settings say it: tiers, ids, a share of everybody by keyed draws."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.errors import SettingsError
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.codes import LlmTask

TIERS: Final = ("elite", "active", "casual", "consumer")
ELITE: Final = 0
_IDS: Final = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")
_SHARE: Final = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)%")


class Cohort:
    """Whom a task is about."""

    def __init__(self, text: str, task: LlmTask, setting: str, draws: Draws) -> None:
        """Read a cohort.

        Args:
            text: Terms with commas between; whoever fits one of them belongs.
            task: The task; shares of different tasks are drawn apart.
            setting: Path of the setting, for messages.
            draws: Keyed chance.

        Raises:
            SettingsError: A term is none.
        """
        self._draws, self._task = draws, task
        self._tiers: set[int] = set()
        self._ranges: list[tuple[int, int]] = []
        self._share = 0.0
        self.is_all = False
        for term in (one.strip() for one in text.split(",")):
            self._take(term, f"{setting}: found {term!r} in {text!r}")

    def _take(self, term: str, where: str) -> None:
        ids, share = _IDS.fullmatch(term), _SHARE.fullmatch(term)
        if term == "all":
            self.is_all = True
        elif term in TIERS:
            self._tiers.add(TIERS.index(term))
        elif ids is not None and int(ids[1]) <= int(ids[2] or ids[1]):
            self._ranges.append((int(ids[1]), int(ids[2] or ids[1])))
        elif share is not None and float(share[1]) <= 100:
            self._share = float(share[1]) / 100
        elif term != "none":
            raise SettingsError(
                f"{where}; expected all, none, {', '.join(TIERS)}, ids (7 or 0-19) or a share (10%), with commas "
                "between"
            )

    @property
    def is_empty(self) -> bool:
        """Whether nobody can belong."""
        return not (self.is_all or self._tiers or self._ranges or self._share)

    def is_beyond(self, count: int) -> bool:
        """Whether it names ids alone, and none of them is one of so many users."""
        if self.is_empty or self.is_all or self._tiers or self._share:
            return False
        return all(low >= count for low, _ in self._ranges)

    def of(self, users: FrozenColumns, user: np.ndarray) -> np.ndarray:
        """Return which of some users belong, bool (N,)."""
        found = np.full(len(user), self.is_all)
        if self.is_all or self.is_empty or not len(user):
            return found
        if self._tiers:
            found |= np.isin(users.tier[user], _codes(self._tiers))
        for low, high in self._ranges:
            found |= (user >= low) & (user <= high)
        if self._share:
            draw = self._draws.uniform(Stream.LLM_COHORT, user.astype(np.uint32), int(self._task))
            found |= draw < np.float32(self._share)
        return found


def _codes(tiers: set[int]) -> Sequence[int]:
    return sorted(tiers)
