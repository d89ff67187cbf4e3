"""Which videos a governance target means."""

from collections.abc import Callable
from typing import Any

import numpy as np

from feedtwin.schema.codes import GovernanceAction, TargetKind

RowsOf = Callable[[np.ndarray], np.ndarray]

ITEM_MARKS = {
    GovernanceAction.LABEL: {"label": 1},
    GovernanceAction.AGE_GATE: {"restricted": 1},
    GovernanceAction.SLOW_DOWN: {"slowed": 1},
    GovernanceAction.REMOVE: {"is_public": 0},
    GovernanceAction.RESTORE: {"label": 0, "restricted": 0, "slowed": 0, "is_public": 1},
}
"""What each action does to the columns of the videos it aims at; it holds until they are restored."""
ITEM_ACTIONS = tuple(ITEM_MARKS)


def targeted(items: Any, rows_of: RowsOf, kind: int, target: int) -> np.ndarray:
    """Return the content rows of a target, ascending; none if nothing has that id.

    Args:
        items: Needs `item`, `creator`, `hashtags` (V, 3), `sound` and `category`.
        rows_of: Looks up content rows by item id.
        kind: A `TargetKind`.
        target: Item, creator, hashtag, sound or category.
    """
    if kind == TargetKind.ITEM:
        row = rows_or_none(items, rows_of, np.array([target], np.uint64))
        return row[row >= 0]
    if kind == TargetKind.HASHTAG:
        first, second, third = items.hashtags.T
        return np.nonzero((first == target) | (second == target) | (third == target))[0]
    column = {
        TargetKind.CREATOR: "creator", TargetKind.SOUND: "sound", TargetKind.CATEGORY: "category"
    }[TargetKind(kind)]  # fmt: skip
    return np.nonzero(getattr(items, column) == target)[0]


def rows_or_none(items: Any, rows_of: RowsOf, item: np.ndarray) -> np.ndarray:
    """Return the content rows of ids that may be no videos, int64; -1 where there is no such video."""
    row = np.full(len(item), -1, np.int64)
    if len(items) and len(item):
        known = item <= items.item.max()  # `rows_of` looks up the next id, which must be there
        row[known] = rows_of(item[known])
        row[known & (items.item[row] != item)] = -1
    return row
