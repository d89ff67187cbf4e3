"""Social activities: the first wish of each pair, and events with the number that each has among its user's.

SOCIAL_ACTIVITY carries the user's running count, so that an activity has a name in every arm: its user and
its ordinal. The User twin counts them in `social_count`; whoever publishes some takes their ordinals here.
"""

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.schema.events import EVENTS


def first_wishes(user: np.ndarray, target: np.ndarray, *then: np.ndarray) -> np.ndarray:
    """Return the rows of the first wish of each pair, sorted by pair; `then` decides which is first."""
    order = np.lexsort((*reversed(then), target, user))
    user, target = user[order], target[order]
    first = np.ones(len(user), bool)
    first[1:] = (user[1:] != user[:-1]) | (target[1:] != target[:-1])
    return order[first]


def occurrences(user: np.ndarray) -> np.ndarray:
    """Return how many earlier rows have the same user, (N,) int64; rows need no order."""
    order = np.argsort(user, kind="stable")
    ordered = user[order]
    first = np.searchsorted(ordered, ordered, side="left")
    nth = np.empty(len(user), np.int64)
    nth[order] = np.arange(len(user)) - first
    return nth


def ordinals(users: FrozenColumns, user: np.ndarray) -> np.ndarray:
    """Return the ordinals of social activities that are about to be published, u4 (N,).

    Args:
        users: The users table, as it is now.
        user: Whose activity each row is; several rows of one user get consecutive ordinals in row order.
    """
    return users.social_count[user] + occurrences(user).astype(np.uint32)


def activity(
    users: FrozenColumns,
    step: int,
    kind: SocialActivityKind,
    user: np.ndarray,
    **columns: np.ndarray,
) -> EventBatch:
    """Return a SOCIAL_ACTIVITY batch of one kind; columns left out are zeros.

    Args:
        users: The users table, as it is now.
        step: Step in which it happens.
        kind: The social primitive.
        user: Whose activity each row is, (N,).
        columns: `item`, `parent`, `group` or `text`, (N,) each.
    """
    given = {
        "user": user,
        "ordinal": ordinals(users, user),
        "kind": np.full(len(user), kind, np.uint8),
        **columns,
    }
    rows = {
        field.name: np.asarray(given.get(field.name, np.zeros(len(user))), field.numpy_dtype)
        for field in EVENTS["SOCIAL_ACTIVITY"].fields[1:]
    }
    return EventBatch("SOCIAL_ACTIVITY", step, rows)
