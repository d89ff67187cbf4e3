"""Personas of one's own, as a rule would write them: the stand-in for a model in EXP-3.

The same person keeps field, tier and chance of the template population; what differs is what a persona decides:
interests, attention, liveliness. The rule is that of PERSONA_GENERATION's stand-in (`llm/tasks/persona.py`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from feedtwin.randomness import Draws, Stream

WEIGHT, OTHER, ATTENTION, LIVELINESS = 30, 33, 35, 36
"""Attribute numbers of USER_ATTRIBUTE draws; 30 to 32 the three weights, 33 and 34 the two other fields."""
OTHERS = 2


def written_interest(
    user: np.ndarray,
    field: np.ndarray,
    base: float,
    personas: Mapping[str, Any],
    categories: int,
    draws: Draws,
) -> np.ndarray:
    """Return interests in categories, float32 (U, K): the own field, and two others drawn evenly.

    Args:
        user: Ids, u4 (U,).
        field: Each one's own field, (U,).
        base: Interest in everything else.
        personas: The section of parameters.
        categories: K.
        draws: Keyed chance.
    """
    low = np.asarray(personas["written_weight_low"], np.float32)
    high = np.asarray(personas["written_weight_high"], np.float32)
    out = np.full((len(user), categories), np.float32(base), np.float32)
    rows, own = np.arange(len(user)), field.astype(np.int64) % categories
    chosen = [own]
    for nth in range(min(OTHERS, categories - 1)):
        place = draws.uniform(Stream.USER_ATTRIBUTE, user, OTHER + nth)
        at = (place * np.float32(categories - 1 - nth)).astype(np.int64)
        for taken in np.sort(np.stack(chosen), axis=0):  # the at-th category that is not taken yet
            at = at + (at >= taken)
        chosen.append(at)
    for nth, category in enumerate(chosen):
        draw = draws.uniform(Stream.USER_ATTRIBUTE, user, WEIGHT + nth)
        out[rows, category] = low[nth] + draw * (high[nth] - low[nth])
    return out


def written_traits(
    user: np.ndarray, columns: Mapping[str, np.ndarray], personas: Mapping[str, Any], draws: Draws
) -> dict[str, np.ndarray]:
    """Return the traits that a written persona scales or shifts."""

    def of(name: str, attribute: int) -> np.ndarray:
        edges = np.cumsum(np.asarray(personas["written_shares"], np.float64))
        draw = draws.uniform(Stream.USER_ATTRIBUTE, user, attribute).astype(np.float64)
        at = np.searchsorted(edges / edges[-1], draw, side="right")
        values = np.asarray(personas[name], np.float32)
        return values[np.minimum(at, len(values) - 1)]

    span = columns["attention_span_s"] * of("written_attention", ATTENTION)
    shift = of("written_engagement", LIVELINESS)
    return {
        "attention_span_s": np.clip(span, np.float32(0.1), np.float32(120.0)),
        **{name: columns[name] + shift for name in ("like_logit", "share_logit", "comment_logit")},
    }
