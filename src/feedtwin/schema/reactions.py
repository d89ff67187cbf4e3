"""The impressions of a step, for those who act on some of them afterwards.

Most impressions lead to nothing further, so nothing is copied before somebody asks: `pick` flattens the
columns of the chosen impressions only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from feedtwin.schema.batches import Outcomes, SlateBatch, slot_mask

Array = np.ndarray
Choice = Callable[[Outcomes], Array]
Rounds = Sequence[tuple[SlateBatch, Outcomes]]


class Impressions:
    """Some impressions of a step as flat columns (I,), sorted by user, request and slot.

    A column is gathered when it is first read: whoever acts reads few of them.
    """

    def __init__(self, column: Callable[[str], Array], count: int) -> None:
        """Take what gives a column by its name, and the number of impressions."""
        self._column, self._count = column, count

    def __len__(self) -> int:
        return self._count

    @cached_property
    def user(self) -> Array:
        """Who met the item, u4."""
        return self._column("user")

    @cached_property
    def request(self) -> Array:
        """The user's request ordinal, u4."""
        return self._column("request")

    @cached_property
    def slot(self) -> Array:
        """Place in the slate, u1."""
        return self._column("slot")

    @cached_property
    def item(self) -> Array:
        """What was met, u8."""
        return self._column("item")

    @cached_property
    def row(self) -> Array:
        """Content row of the item, u4."""
        return self._column("row")

    @cached_property
    def flags(self) -> Array:
        """Outcome bits of `feedtwin.session`, u1."""
        return self._column("flags")

    @cached_property
    def watch_ms(self) -> Array:
        """Watch time in ms, u4."""
        return self._column("watch_ms")

    @cached_property
    def completion(self) -> Array:
        """Watch time over duration, f4."""
        return self._column("completion")

    @cached_property
    def meeting(self) -> Array:
        """How often the user had met the item before, u2."""
        return self._column("meeting")

    @cached_property
    def pool(self) -> Array:
        """Pool that the item came from, u1."""
        return self._column("pool")

    @cached_property
    def inserted(self) -> Array:
        """1 where a rule placed the item (an ad, a mandated video), u1."""
        return self._column("inserted")

    @cached_property
    def creator(self) -> Array:
        """Who uploaded each item, u4."""
        return (self.item >> np.uint64(32)).astype(np.uint32)

    @property
    def ordinal(self) -> Array:
        """Each item's ordinal among its creator's uploads, u4."""
        return self.item.astype(np.uint32)

    def where(self, mask: Array) -> Impressions:
        """Return the impressions of a mask or an index."""
        at = np.flatnonzero(mask) if mask.dtype == bool else mask
        return Impressions(lambda name: getattr(self, name).take(at), len(at))


_KINDS = {
    "user": "u4", "request": "u4", "slot": "u1", "item": "u8", "row": "u4", "flags": "u1",
    "watch_ms": "u4", "completion": "f4", "meeting": "u2", "pool": "u1", "inserted": "u1",
}  # fmt: skip
_PER_REQUEST = ("user", "request")
_OF_SLATE = ("meeting", "pool", "inserted")


@dataclass(frozen=True)
class Reactions:
    """Everything that was served and met in one step, round by round."""

    step: int
    rounds: Rounds

    @cached_property
    def visitors(self) -> Array:
        """Who had a session open in this step, ascending, u4: all of them ask in the first round."""
        return np.sort(self.rounds[0][0].user) if self.rounds else np.zeros(0, np.uint32)

    def reached(self) -> Impressions:
        """Return all impressions that were reached. Dear: prefer `pick`."""
        return self.pick(lambda met: slot_mask(met.reached_count, met.item.shape[1]))

    def flagged(self, bits: int) -> Impressions:
        """Return the impressions with any of these outcome bits (unreached slots have none)."""
        return self.pick(lambda met: (met.flags & np.uint8(bits)) != 0)

    def pick(self, choose: Choice) -> Impressions:
        """Return the impressions for which `choose` gives True.

        Args:
            choose: Takes a round's outcomes and returns a mask (R, S), False where a slot was not reached.
        """
        return self.gather([choose(met) for _, met in self.rounds])

    def gather(self, masks: Sequence[Array]) -> Impressions:
        """Return the impressions of one mask (R, S) per round, False where a slot was not reached."""
        places = [np.flatnonzero(mask) for mask in masks]
        users = self._gathered("user", places)
        # A user asks once per round, and slots ascend: requests and slots need no sorting.
        order = np.argsort(users, kind="stable")
        return Impressions(lambda name: self._gathered(name, places).take(order), len(order))

    def _gathered(self, name: str, places: Sequence[Array]) -> Array:
        """A column at flat places of each round's slots, in the order of rounds."""
        parts = [
            _column(slates, met, name, at)
            for (slates, met), at in zip(self.rounds, places, strict=True)
        ]
        return np.concatenate([np.zeros(0, _KINDS[name]), *parts])

    def __iter__(self) -> Iterator[tuple[SlateBatch, Outcomes]]:
        return iter(self.rounds)


def _column(slates: SlateBatch, met: Outcomes, name: str, places: Array) -> Array:
    """A column at flat places of one round's slots."""
    width = met.item.shape[1]
    if name == "slot":
        return (places % width).astype(np.uint8)
    if name in _PER_REQUEST:
        column: Array = getattr(met, name)
        return column.take(places // width)
    whole: Array = getattr(slates if name in _OF_SLATE else met, name)
    return whole.take(places)
