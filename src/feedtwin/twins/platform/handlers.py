"""What the platform executes of users' remaining actions: one function per action."""

from collections.abc import Sequence

import numpy as np

from feedtwin.schema.batches import EventBatch, Outcomes, empty
from feedtwin.session import FOLLOW

_FOLLOW_EDGE = 1


def follow(reactions: Sequence[Outcomes], step: int) -> EventBatch:
    """FOLLOW: tie each user to the creators they chose to follow while watching.

    Rows are sorted by user, then creator; several wishes for one tie count once, from the first
    impression.
    """
    parts = []
    for outcomes in reactions:
        which, slot = np.nonzero(outcomes.flags & FOLLOW)  # flags of slots not reached are zero
        target = (outcomes.item[which, slot] >> np.uint64(32)).astype(np.uint32)
        parts.append((outcomes.user[which], target, outcomes.request[which], slot.astype(np.uint8)))
    if not parts:
        return empty("SOCIAL_GRAPH_UPDATED", step)
    user, target, request, slot = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((slot, request, target, user))
    user, target, request, slot = user[order], target[order], request[order], slot[order]
    first = np.ones(len(user), bool)
    first[1:] = (user[1:] != user[:-1]) | (target[1:] != target[:-1])
    rows = int(first.sum())
    columns = {
        "user": user[first],
        "target": target[first],
        "edge": np.full(rows, _FOLLOW_EDGE, np.uint8),
        "added": np.ones(rows, np.uint8),
        "request": request[first],
        "slot": slot[first],
    }
    return EventBatch("SOCIAL_GRAPH_UPDATED", step, columns)
