"""How people choose among things they come across: races with keyed numbers."""

import numpy as np

Array = np.ndarray


def best(score: Array, thing: Array, none: int = 0) -> Array:
    """Return each row's thing with the highest score, (N,); ties go to the lower id.

    Args:
        score: (N, C) float32, -inf where a thing is out of the question.
        thing: (N, C) ids.
        none: What a row without anything gets.
    """
    if not score.shape[1]:
        return np.full(len(score), none, thing.dtype)
    top = score.max(axis=1)
    last = np.iinfo(thing.dtype).max
    chosen = np.where(score == top[:, None], thing, last).min(axis=1)
    return np.where(np.isneginf(top), none, chosen).astype(thing.dtype)


def best_of(owner: Array, score: Array, thing: Array) -> tuple[Array, Array]:
    """Return owners, ascending, with their highest-scored thing; ties go to the lower id.

    Args:
        owner: Whose each thing is, (N,).
        score: (N,) float32.
        thing: (N,) ids.
    """
    order = np.lexsort((thing, -score, owner))
    first = np.ones(len(order), bool)
    first[1:] = owner[order][1:] != owner[order][:-1]
    return owner[order[first]], thing[order[first]]
