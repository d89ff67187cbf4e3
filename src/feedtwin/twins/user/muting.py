"""Whom users do not want to see: mutes, kept as edges that serving reads."""

from collections.abc import Iterator

import numpy as np

from feedtwin.edges import Edges
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import EdgeKind
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.twins.part import Part
from feedtwin.twins.social import first_wishes
from feedtwin.twins.user.acts.acting import edges_changed


class Muting(Part):
    """Keeps the mutes, executes MUTE and UNMUTE, and lets mutes wear off."""

    name = "muting"

    def __init__(self, users: int, unmute_rate: float, steps_per_day: int, draws: Draws) -> None:
        self.mutes = Edges()
        super().__init__(keepers={"mutes": self.mutes})
        self._users = users
        self._rate = np.float32(unmute_rate)
        self._steps_per_day = steps_per_day
        self._draws = draws
        self._offset = np.zeros(users + 1, np.int64)
        self._offset_of = self.mutes.key

    @property
    def offset(self) -> np.ndarray:
        """Where each user's mutes lie in `mutes.key`, i8 (U + 1,); made anew when the mutes change."""
        if self._offset_of is not self.mutes.key:
            degree = self.mutes.degree_left(self._users)
            self._offset = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)
            self._offset_of = self.mutes.key
        return self._offset

    def act(self, reactions: Reactions) -> Iterator[ActionBatch]:
        """Yield the mutes that are lifted today."""
        step, mutes = reactions.step, self.mutes
        if step % self._steps_per_day or not len(mutes) or self._rate <= 0:
            return
        user, target = mutes.left, mutes.right
        day = step // self._steps_per_day
        lifted = self._draws.uniform(Stream.UNMUTE, user, target, day) < self._rate
        yield asked("UNMUTE", step, user=user[lifted], target=target[lifted])

    def do_mute(self, wish: ActionBatch) -> list[Batch]:
        """Mute; nobody mutes themselves, and what is muted already is left out."""
        chosen = first_wishes(wish.user, wish.target)
        user, target = wish.user[chosen], wish.target[chosen]
        fresh = ~self.mutes.has(user, target) & (user != target)
        return [edges_changed(wish.step, EdgeKind.MUTE, True, user[fresh], target[fresh])]

    def do_unmute(self, wish: ActionBatch) -> list[Batch]:
        """Lift mutes; those that are not there are left out."""
        chosen = first_wishes(wish.user, wish.target)
        user, target = wish.user[chosen], wish.target[chosen]
        known = self.mutes.has(user, target)
        return [edges_changed(wish.step, EdgeKind.MUTE, False, user[known], target[known])]

    def on_social_graph_updated(self, updated: EventBatch) -> None:
        """Write mutes down."""
        mutes = updated.edge == EdgeKind.MUTE
        for change, added in ((self.mutes.add, 1), (self.mutes.remove, 0)):
            which = mutes & (updated.added == added)
            if which.any():
                change(updated.user[which], updated.target[which])
