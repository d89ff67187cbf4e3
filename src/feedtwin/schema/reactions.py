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


@dataclass(frozen=True)
class Impressions:
    """Some impressions of a step as flat columns (I,), sorted by user, request and slot."""

    user: Array
    request: Array
    slot: Array
    item: Array
    row: Array
    """Content row of the item."""
    flags: Array
    """Outcome bits of `feedtwin.session`."""
    watch_ms: Array
    completion: Array
    meeting: Array
    pool: Array
    inserted: Array
    """1 where a rule placed the item (an ad, a mandated video)."""

    def __len__(self) -> int:
        return len(self.user)

    @property
    def creator(self) -> Array:
        """Who uploaded each item, u4."""
        return (self.item >> np.uint64(32)).astype(np.uint32)

    @property
    def ordinal(self) -> Array:
        """Each item's ordinal among its creator's uploads, u4."""
        return (self.item & np.uint64(0xFFFFFFFF)).astype(np.uint32)

    def where(self, mask: Array) -> Impressions:
        """Return the impressions of a mask or an index."""
        return Impressions(*(getattr(self, name)[mask] for name in _COLUMNS))


_COLUMNS = tuple(Impressions.__dataclass_fields__)
_OF_SLATE = ("meeting", "pool", "inserted")


@dataclass(frozen=True)
class Reactions:
    """Everything that was served and met in one step, round by round."""

    step: int
    rounds: Sequence[tuple[SlateBatch, Outcomes]]

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
        parts = [
            self._part(slates, met, mask)
            for (slates, met), mask in zip(self.rounds, masks, strict=True)
        ]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        if not columns:
            return _nothing()
        order = np.lexsort((columns[2], columns[1], columns[0]))
        return Impressions(*(column[order] for column in columns))

    def _part(self, slates: SlateBatch, met: Outcomes, mask: Array) -> list[Array]:
        lane, slot = np.divmod(np.flatnonzero(mask), mask.shape[1])  # twice as fast as np.nonzero
        columns = {
            "user": met.user[lane], "request": met.request[lane], "slot": slot.astype(np.uint8)
        }  # fmt: skip
        for name in _COLUMNS[3:]:
            source = slates if name in _OF_SLATE else met
            columns[name] = getattr(source, name)[lane, slot]
        return [columns[name] for name in _COLUMNS]

    def __iter__(self) -> Iterator[tuple[SlateBatch, Outcomes]]:
        return iter(self.rounds)


def _nothing() -> Impressions:
    kinds = ("u4", "u4", "u1", "u8", "u4", "u1", "u4", "f4", "u2", "u1", "u1")
    return Impressions(*(np.zeros(0, kind) for kind in kinds))
