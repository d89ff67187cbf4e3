"""One person as a record: the paper's `ShortVideoAgentProfile`, innate traits apart from evolving state.

The simulation works on columns; this is how a human, a test or a language model looks at one row.
Source: USR-1, USR-5 to USR-8.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.schema.cohorts import AGE_GROUPS, TIERS


@dataclass(frozen=True)
class InnateTraits:
    """What does not change: tier, persona, tendencies (logits), attention span (s), stamina (s)."""

    creator_tier: str
    persona: int | None
    age_group: str
    domain_expertise: int
    attention_span_s: float
    humor_affinity: float
    toxicity_tolerance: float
    like_tendency: float
    share_tendency: float
    comment_tendency: float
    follow_tendency: float
    stamina_s: float
    patience: int


@dataclass(frozen=True)
class EvolvingState:
    """What the simulation changes: interests in [-1, 1], session state, counts."""

    content_interests: np.ndarray
    long_term_taste: np.ndarray
    energy_level: float
    boredom_counter: int
    satisfaction: float
    loyalty: float
    follower_count: int
    following_count: int
    upload_count: int


@dataclass(frozen=True)
class ShortVideoAgentProfile:
    """A user: innate traits and evolving state.

    `visual_pref` (512), `audio_pref` (128) and `text_pref` (768) are the interests seen through the
    projections of a fused match; elsewhere they are empty, and matching uses `content_interests` (USR-7).
    """

    user: int
    innate: InnateTraits
    state: EvolvingState
    visual_pref: np.ndarray | None = None
    audio_pref: np.ndarray | None = None
    text_pref: np.ndarray | None = None


def profile_of(
    users: FrozenColumns, user: int, projections: Mapping[str, np.ndarray] | None = None
) -> ShortVideoAgentProfile:
    """Return the profile of one user from the users table.

    Args:
        users: The users table.
        user: Whose profile.
        projections: Maps of interests to preferences, (length, 50) by `visual`, `audio` and `text`; where
            matching is fused the Content twin has them.

    Raises:
        IndexError: There is no such user.
    """

    def value(name: str) -> Any:
        return getattr(users, name)[user].item()

    persona = value("persona")
    innate = InnateTraits(
        creator_tier=TIERS[value("tier")],
        persona=None if persona == 255 else persona,
        age_group=AGE_GROUPS[value("age_group")],
        domain_expertise=value("expertise"),
        humor_affinity=value("humor_affinity") / 255,
        toxicity_tolerance=value("toxicity_tolerance") / 255,
        like_tendency=value("like_logit"),
        share_tendency=value("share_logit"),
        comment_tendency=value("comment_logit"),
        follow_tendency=value("follow_logit"),
        **{name: value(name) for name in ("attention_span_s", "stamina_s", "patience")},
    )
    state = EvolvingState(
        content_interests=users.interests[user] / np.float32(127.0),
        long_term_taste=users.taste[user] / np.float32(127.0 * 256.0),
        energy_level=value("energy"),
        boredom_counter=value("boredom"),
        satisfaction=value("satisfaction"),
        loyalty=value("loyalty"),
        follower_count=value("follower_count"),
        following_count=value("following_count"),
        upload_count=value("upload_count"),
    )
    preferences = {
        f"{name}_pref": (matrix * state.content_interests).sum(axis=1)
        for name, matrix in (projections or {}).items()
    }
    return ShortVideoAgentProfile(user, innate, state, **preferences)
