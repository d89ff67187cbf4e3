"""What a behaviour is shown and what it answers: requests x slots, as arrays.

A behaviour is a user's own rule for the encounter. It sees what people are and what videos are like, which
no platform knows, and says for every slot whether it is skipped, how long it is watched, and which
engagements follow. Sessions, counting and learning go on as always.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

UNIFORMS = ("hook", "noise", "swipe", "watch", "like", "share", "comment", "follow")
"""Keyed uniforms of an encounter; use each for one decision."""
ENGAGEMENTS = ("like", "share", "comment", "follow")


@dataclass(frozen=True)
class Encounters:
    """A block of R requests with S slots each; all arrays are read-only.

    Attributes:
        step: Step of the world, an hour.
        user: User ids, u4 (R,).
        served: Which slots hold a video, bool (R, S); elsewhere nothing means anything.
        match: Cosine of the user's interests and the video, float32 (R, S).
        meeting: How often the user had met the video before, u2 (R, S).
        items: Features of the videos by name, (R, S): duration_s, hook_strength, quality, virality,
            completion_prior, toxicity, category, label.
        users: Traits of the users by name, (R,): attention_span_s, humor_affinity, toxicity_tolerance,
            like_logit, share_logit, comment_logit, follow_logit, energy, boredom, satisfaction,
            session_impressions.
        uniform: Keyed uniforms in (0, 1) by name (`UNIFORMS`), float32 (R, S): the only chance there is.
    """

    step: int
    user: np.ndarray
    served: np.ndarray
    match: np.ndarray
    meeting: np.ndarray
    items: Mapping[str, np.ndarray]
    users: Mapping[str, np.ndarray]
    uniform: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Choices:
    """What users do with each slot, all (R, S).

    Attributes:
        skip: bool; who skips watches less than 3 s and engages with nothing.
        watch_s: Seconds on the video, finite, from 0 to 20 durations.
        like: bool.
        share: bool.
        comment: bool.
        follow: bool; follows the creator.
    """

    skip: np.ndarray
    watch_s: np.ndarray
    like: np.ndarray
    share: np.ndarray
    comment: np.ndarray
    follow: np.ndarray
