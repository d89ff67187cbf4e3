"""What community parts share: wishes put in order, and the rows of an event by their kind."""

from collections.abc import Iterator

import numpy as np

from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.schema.requests import ActionBatch

Array = np.ndarray


def by_user(wish: ActionBatch) -> dict[str, Array]:
    """Return the columns of a wish with users ascending; a user's own wishes keep their order."""
    order = np.argsort(wish.user, kind="stable")
    return {name: values[order] for name, values in wish.columns.items()}


def first_of(*ids: Array) -> Array:
    """Return bool, True at the first mention of each combination of ids."""
    kept = np.zeros(len(ids[0]), bool)
    if len(kept):
        order = np.lexsort(ids[::-1])
        new = np.ones(len(kept), bool)
        new[1:] = np.logical_or.reduce([part[order][1:] != part[order][:-1] for part in ids])
        kept[order[new]] = True  # the sort is stable: the first of its equals
    return kept


def by_kind(done: EventBatch) -> Iterator[tuple[SocialActivityKind, dict[str, Array]]]:
    """Yield the rows of each kind; most batches hold one."""
    for code in np.unique(done.kind).tolist():
        on = done.kind == code
        if on.all():
            yield SocialActivityKind(code), dict(done.columns)
        else:
            yield SocialActivityKind(code), {n: v[on] for n, v in done.columns.items()}
