"""Slots that a rule fills before the race fills the rest: ads, and whatever else has a place of its own."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from feedtwin.schema.batches import EventBatch
from feedtwin.twins.platform.retrieval import NO_ITEM


def inserted_rows(parts: Iterable[Any], asked: EventBatch, slots: int) -> np.ndarray | None:
    """Return the content rows that parts place in slates, u4 (R, S), or None where there are none.

    A part that places items has `inserts(asked, slots, step) -> u4 (R, S) rows, NO_ITEM where the slot is
    free, or None`. Where two want one slot, the part that comes first has it.
    """
    placed: np.ndarray | None = None
    for part in parts:
        rows = part.inserts(asked, slots, asked.step) if hasattr(part, "inserts") else None
        if rows is not None:
            placed = rows if placed is None else np.where(placed == NO_ITEM, rows, placed)
    return placed


def drop_bare(served: Mapping[str, np.ndarray], placed: np.ndarray) -> None:
    """Empty the slates that hold nothing but placed items: where no feed is left, none is shown.

    Slots close up where the race has nothing to put in, so such a slate begins with an item that was placed
    further back.

    Args:
        served: The arrays of the slates, (R,) and (R, S), changed in place.
        placed: What `inserted_rows` gave.
    """
    bare = (served["inserted"][:, 0] == 1) & (placed[:, 0] == NO_ITEM)
    if bare.any():
        for name, array in served.items():
            array[bare] = NO_ITEM if name.endswith("row") else 0  # row, insert_row
