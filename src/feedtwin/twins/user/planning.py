"""Creators who follow a campaign plan upload when it says. Spec CREATOR_CAMPAIGN.

On the three days of a plan its uploads take the place of the creator's usual ones. A creator who has stopped
posting (upload rate 0), has left or has not joined yet stays away.
"""

import numpy as np

from feedtwin.schema.plans import PLAN_DAYS
from feedtwin.schema.tables import Column, TableSpec, declare
from feedtwin.twins.plans import PlanKeeper
from feedtwin.twins.user.belonging import MEMBER

AGENDA = declare(
    TableSpec(
        "agenda",
        "user",
        "plan",
        (
            Column("user", "u4", (), "id", "creator who follows a plan", True),
            Column("start_step", "i4", (), "step", "first step of the plan's first day", True),
            Column("uploads", "u1", (PLAN_DAYS,), "count", "uploads planned for each day", True),
            Column("hour", "u1", (PLAN_DAYS,), "hour", "hour of each day's first upload", True),
        ),
    )
)


class Planning(PlanKeeper):
    """Keeps when adopters upload: one row per creator who ever got a plan."""

    name = "planning"

    def __init__(self, steps_per_day: int) -> None:
        super().__init__(AGENDA, steps_per_day)

    def replan(self, uploads: np.ndarray, step: int) -> np.ndarray:
        """Return who uploads now (ascending, one entry per video): planned days follow the plan."""
        t, per_day = self._own, self._steps_per_day
        if not len(t):
            return uploads
        day = (step - t.start_step) // per_day
        users = self.sight.users
        posting = (users.upload_rate[t.user] > 0) & (users.member[t.user] == MEMBER)
        now = np.nonzero((day < PLAN_DAYS) & posting)[0]
        creators = t.user[now]
        count = t.uploads[now, day[now]].astype(np.int64)
        first = t.hour[now, day[now]].astype(np.int64)
        due = [uploads[~np.isin(uploads, creators)]]
        for nth in range(int(count.max(initial=0))):
            spaced = first + nth * per_day // np.maximum(count, 1)
            due.append(creators[(nth < count) & (spaced % per_day == step % per_day)])
        return np.sort(np.concatenate(due))
