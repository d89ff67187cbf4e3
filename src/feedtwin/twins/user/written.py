"""Written personas: what PREFERENCE_UPDATED says of who somebody is, turned into traits and taste. Spec USR-8, USR-9.

Three causes carry a persona: how much it likes a category (`topic`, with `change` the interest, 1 the most),
a factor on the attention span, and a shift of the readiness to like, share and comment. Dimensions that no
category has (keywords, what is idiosyncratic) stay the user's own.
"""

import numpy as np

from feedtwin.columns import Columns
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import PreferenceCause
from feedtwin.twins.user.population import TASTE_UNIT

_SHORTEST_S, _LONGEST_S = np.float32(0.1), np.float32(120.0)
_WRITTEN = (
    PreferenceCause.PERSONA_TASTE,
    PreferenceCause.PERSONA_ATTENTION,
    PreferenceCause.PERSONA_ENGAGEMENT,
)


def take_personas(users: Columns, updated: EventBatch, topic_vectors: np.ndarray) -> None:
    """Write the personas of a batch into the users table; call it while the table is writable."""
    if not np.isin(updated.cause, _WRITTEN).any():
        return
    liked = updated.cause == PreferenceCause.PERSONA_TASTE
    _take_taste(
        users, updated.user[liked], updated.topic[liked], updated.change[liked], topic_vectors
    )
    attends = updated.cause == PreferenceCause.PERSONA_ATTENTION
    who = updated.user[attends]
    span = users.attention_span_s[who] * updated.change[attends]
    users.attention_span_s[who] = np.clip(span, _SHORTEST_S, _LONGEST_S)
    engages = updated.cause == PreferenceCause.PERSONA_ENGAGEMENT
    who = updated.user[engages]
    for name in ("like_logit", "share_logit", "comment_logit"):
        getattr(users, name)[who] += updated.change[engages]


def _take_taste(
    users: Columns, user: np.ndarray, topic: np.ndarray, weight: np.ndarray, vectors: np.ndarray
) -> None:
    """Let taste be, in the dimensions of categories, the strongest of the interests given; in whole numbers."""
    who, lane = np.unique(user, return_inverse=True)
    unit = np.rint(weight * np.float32(TASTE_UNIT)).astype(np.int64)
    lift = unit[:, None] * vectors[topic].astype(np.int64) // 127
    taste = np.zeros((len(who), vectors.shape[1]), np.int64)
    np.maximum.at(taste, lane, lift)
    of_categories = np.nonzero(vectors.any(axis=0))[0]
    users.taste[who[:, None], of_categories] = taste[:, of_categories].astype(np.int16)
    fresh = (users.taste[who].astype(np.int32) + 128) >> 8
    users.interests[who] = fresh.astype(np.int8)
