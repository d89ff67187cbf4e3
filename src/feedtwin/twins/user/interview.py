"""Interviews: a researcher asks, a user answers from their state, the same state always the same.

The log keeps a 32-bit hash of the canonical answer, and the answer itself can be recomputed from the
state (`feedtwin.interview`). A language model may word it; what it says is this.
"""

import hashlib
import json
from typing import Any

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.numerics import exp32
from feedtwin.schema.batches import Batch
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.part import Part
from feedtwin.twins.social import activity
from feedtwin.twins.user.config import UserConfig
from feedtwin.twins.user.seeking import interest_in
from feedtwin.twins.user.table import NO_TOPIC

QUESTIONS = {1: "interests", 2: "mood", 3: "memory", 4: "role"}
"""Questions by number; any other number asks for everything."""
TOP = 3
"""Categories that somebody names when asked for their interests."""
TIERS = ("elite", "active", "casual", "consumer")


def answer(
    users: FrozenColumns, user: int, question: int, step: int, topics: np.ndarray,
    config: UserConfig,
) -> dict[str, Any]:  # fmt: skip
    """Return what a user says, as words and whole numbers only.

    Args:
        users: The users table.
        user: Who is asked.
        question: A number of `QUESTIONS`, or any other for everything.
        step: When.
        topics: Category vectors, int8 (K, 50).
        config: Settings of the User twin.
    """
    said = {
        "interests": _interests(users, user, topics),
        "mood": {
            "satisfaction_percent": _percent(users.satisfaction[user]),
            "energy_percent": _percent(users.energy[user]),
        },
        "memory": _memory(users, user, step, config),
        "role": {
            "tier": TIERS[int(users.tier[user])],
            "videos": int(users.upload_count[user]),
            "followers": int(users.follower_count[user]),
            "following": int(users.following_count[user]),
            "sessions": int(users.session[user]),
        },
    }
    asked = QUESTIONS.get(question)
    return {"user": user, "step": step, **(said if asked is None else {asked: said[asked]})}


def _percent(share: Any) -> int:
    return int(np.float32(share) * np.float32(100.0) + np.float32(0.5))


def _interests(users: FrozenColumns, user: int, topics: np.ndarray) -> list[dict[str, int]]:
    """The categories of strongest interest now, and the liking of each in percent."""
    liking = interest_in("d,kd->k", users.interests[user], topics)
    best = np.lexsort((np.arange(len(liking)), -liking))[:TOP]
    return [{"category": int(k), "percent": _percent(max(liking[k], 0.0))} for k in best]


def _memory(users: FrozenColumns, user: int, step: int, config: UserConfig) -> list[dict[str, int]]:
    """The topics in memory, what is left of each in percent (USR-11), strongest first."""
    held = np.nonzero(users.trace_topic[user] != NO_TOPIC)[0]
    topic = users.trace_topic[user][held]
    age = (step - users.trace_step[user][held]).astype(np.float32)
    spaced = np.float32(config.spacing_effect) * users.trace_count[user][held].astype(np.float32)
    tau = np.float32(config.trace_tau_steps) * (np.float32(1.0) + spaced)
    left = users.trace_strength[user][held] * exp32(-(age / tau))
    order = np.lexsort((topic, -left))
    return [{"topic": int(topic[k]), "percent": _percent(left[k])} for k in order]


def text_id(said: dict[str, Any]) -> int:
    """Return the 32-bit id of an answer: a hash of its canonical JSON, never 0."""
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(canonical.encode()).digest()[:4], "little") or 1


class Interviewed(Part):
    """Answers for users; keeps nothing."""

    name = "interviewed"

    def __init__(self, config: UserConfig) -> None:
        super().__init__()
        self._config = config

    def answer(self, user: int, question: int, step: int) -> dict[str, Any]:
        """Return what a user says to a question at a step."""
        return answer(self.sight.users, user, question, step, self.sight.topics[0], self._config)

    def do_interview(self, wish: ActionBatch) -> list[Batch]:
        """Log who was asked, with the hash of the answer."""
        order = np.argsort(wish.user, kind="stable")
        user, question = wish.user[order], wish.text[order]
        texts = [
            text_id(self.answer(who, what, wish.step))
            for who, what in zip(user.tolist(), question.tolist(), strict=True)
        ]
        kind = SocialActivityKind.INTERVIEWED
        return [activity(self.sight.users, wish.step, kind, user, text=np.asarray(texts))]
