"""Sharing: what a user shares stands before their followers for a while. Source: GOV-2, REC-1.

A share is a SOCIAL_ACTIVITY of kind VIDEO_SHARED. Its `parent` names whose share led to it, so that
cascades can be read from the log: sharer << 32 | 1, or 0 for none.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from feedtwin.columns import Columns
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import ItemKind, SocialActivityKind
from feedtwin.schema.ids import SHIFT, user_at
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.part import Part
from feedtwin.twins.social import activity, first_wishes


class Sharing(Part):
    """Executes SHARE_VIDEO and writes each user's latest share; the accounts are its twin's."""

    name = "sharing"

    def __init__(self, accounts: Columns, window_steps: int) -> None:
        super().__init__()
        self._accounts = accounts
        self._window_steps = window_steps

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let the handler write the accounts."""
        with self._accounts.writing():
            yield

    def do_share_video(self, wish: ActionBatch) -> list[Batch]:
        """Share videos, the first wish per user and video; ads are not passed on."""
        if self._window_steps <= 0 or not wish.rows:
            return []
        chosen = first_wishes(wish.user, wish.item, wish.request, wish.slot)
        kind = self.sight.items.kind[self.sight.rows_of(wish.item[chosen])]
        chosen = chosen[kind == ItemKind.VIDEO]
        chosen = chosen[np.lexsort((wish.slot[chosen], wish.request[chosen], wish.user[chosen]))]
        user, item = wish.user[chosen], wish.item[chosen]
        return [
            activity(
                self.sight.users, wish.step, SocialActivityKind.VIDEO_SHARED, user, item=item,
                parent=self.led_by(user, self.sight.rows_of(item), wish.step),
            )
        ]  # fmt: skip

    def led_by(self, user: np.ndarray, row: np.ndarray, step: int) -> np.ndarray:
        """Return whose share put a video before a user, u8 (N,): sharer << 32 | 1; 0 where nobody's did.

        Of the user's followees whose latest share, within the window, is the video: the most recent sharer, and
        of equals the one with the lowest id.
        """
        ties, accounts = self.sight.ties, self._accounts
        begin, degree = ties.offset[user], ties.offset[user + 1] - ties.offset[user]
        lane = np.repeat(np.arange(len(user)), degree)
        nth = np.arange(len(lane)) - np.repeat(np.cumsum(degree) - degree, degree)
        followee = user_at(ties.hash[np.repeat(begin, degree) + nth])
        since = accounts.share_step[followee]
        led = (accounts.share_row[followee] == row[lane]) & (since >= step - self._window_steps)
        lane, followee, since = lane[led], followee[led], since[led]
        best = np.lexsort((followee, -since, lane))
        lanes, at = np.unique(lane[best], return_index=True)
        parent = np.zeros(len(user), np.uint64)
        parent[lanes] = (followee[best[at]].astype(np.uint64) << SHIFT) | np.uint64(1)
        return parent

    def on_social_activity(self, said: EventBatch) -> None:
        """Write down what was shared; of several shares of a user, the last row counts."""
        shares = np.nonzero(said.kind == SocialActivityKind.VIDEO_SHARED)[0]
        if not len(shares):
            return
        user = said.user[shares]
        last = len(user) - 1 - np.unique(user[::-1], return_index=True)[1]
        accounts = self._accounts
        accounts.share_row[user[last]] = self.sight.rows_of(said.item[shares[last]])
        accounts.share_step[user[last]] = said.step
