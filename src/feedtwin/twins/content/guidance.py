"""Campaign plans guide what is created: category, hashtag, sound, caption. Spec CREATOR_CAMPAIGN.

A plan does not replace the generator: it sets what it names, and the rest is drawn as ever.
"""

from dataclasses import dataclass

import numpy as np

from feedtwin.schema.plans import NO_CATEGORY, PLAN_DAYS
from feedtwin.schema.tables import Column, TableSpec, declare
from feedtwin.twins.plans import PlanKeeper

GUIDES = declare(
    TableSpec(
        "guides",
        "content",
        "plan",
        (
            Column("user", "u4", (), "id", "creator who follows a plan", True),
            Column("plan", "u4", (), "id", "the plan", True),
            Column("start_step", "i4", (), "step", "first step of the plan's first day", True),
            Column(
                "category", "u2", (PLAN_DAYS,), "code", "category of each day; 65535 none", True
            ),
            Column("hashtag", "u2", (PLAN_DAYS,), "code", "hashtag of each day; 0 none", True),
            Column("sound", "u4", (PLAN_DAYS,), "code", "sound of each day; 0 none", True),
            Column("text", "u4", (PLAN_DAYS,), "id", "theme of each day; 0 none", True),
            Column("live", "u1", (PLAN_DAYS,), "flag", "1 where a live room is planned", True),
            Column("call", "u1", (PLAN_DAYS,), "code", "call to action of each day; 0 none", True),
        ),
    )
)


@dataclass(frozen=True)
class Guide:
    """What plans say about uploads, (I,) each; 0 (NO_CATEGORY) where nothing is said."""

    plan: np.ndarray
    category: np.ndarray
    hashtag: np.ndarray
    sound: np.ndarray
    text: np.ndarray


class Guidance(PlanKeeper):
    """Keeps what adopters are to post: one row per creator who ever got a plan."""

    name = "guidance"

    def __init__(self, steps_per_day: int) -> None:
        super().__init__(GUIDES, steps_per_day)

    def guide(self, creators: np.ndarray, step: int) -> Guide | None:
        """Return what plans say about the uploads of `creators` now, or None where nobody has one."""
        t = self._own
        if not len(t):
            return None
        row = self._lookup.find(creators)
        day = (step - t.start_step[row]) // self._steps_per_day
        active = (row >= 0) & (day < PLAN_DAYS)
        day = np.minimum(day, PLAN_DAYS - 1)
        return Guide(
            plan=np.where(active, t.plan[row], 0).astype(np.uint32),
            category=np.where(active, t.category[row, day], NO_CATEGORY).astype(np.uint16),
            hashtag=np.where(active, t.hashtag[row, day], 0).astype(np.uint16),
            sound=np.where(active, t.sound[row, day], 0).astype(np.uint32),
            text=np.where(active, t.text[row, day], 0).astype(np.uint32),
        )


def with_first(hashtags: np.ndarray, planned: np.ndarray) -> np.ndarray:
    """Return hashtags (I, 3) whose first is the planned one (I,), where one is; its repeats become 0."""
    out = hashtags.copy()
    has = planned > 0
    out[has, 0] = planned[has]
    repeats = has[:, None] & (out == planned[:, None])
    repeats[:, 0] = False
    out[repeats] = 0
    return out
