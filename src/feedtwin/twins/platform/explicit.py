"""What users say outright about videos: not interested, kept, a like taken back.

The platform files each as a social activity and moves its estimate of the user, by the rule of
`estimates.py` with a signal of its own: NOT_INTERESTED pushes harder than a skip. It keeps no list of who
likes what, so a like can be taken back in the hour in which it was given.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from feedtwin.columns import Columns
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.part import Part
from feedtwin.twins.platform.config import PlatformConfig
from feedtwin.twins.platform.feed.estimates import moved_estimate
from feedtwin.twins.social import activity, first_wishes, occurrences


class ExplicitFeedback(Part):
    """Executes what users say about videos and learns from it; the estimates are its twin's."""

    name = "explicit"

    def __init__(
        self, config: PlatformConfig, accounts: Columns, mean_vector: Callable[[], np.ndarray]
    ) -> None:
        super().__init__()
        self._rate = int(config.learning_scalars()["estimate_rate"])
        self._signals = {
            SocialActivityKind.VIDEO_NOT_INTERESTED: _per_256(config.signal_not_interested),
            SocialActivityKind.VIDEO_SAVED: _per_256(config.signal_saved),
            SocialActivityKind.VIDEO_UNLIKED: _per_256(config.signal_unliked),
        }
        self._accounts = accounts
        self._mean_vector = mean_vector

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let the handler write the estimates."""
        with self._accounts.writing():
            yield

    def do_unlike_video(self, wish: ActionBatch) -> list[Batch]:
        """Take likes back, where the video has any."""
        return self._said(wish, SocialActivityKind.VIDEO_UNLIKED, self._has_likes)

    def do_save_video(self, wish: ActionBatch) -> list[Batch]:
        """Keep videos among the favourites."""
        return self._said(wish, SocialActivityKind.VIDEO_SAVED)

    def do_not_interested(self, wish: ActionBatch) -> list[Batch]:
        """Take notice that a user wants to see less of a video's kind."""
        return self._said(wish, SocialActivityKind.VIDEO_NOT_INTERESTED)

    def _has_likes(self, item: np.ndarray) -> np.ndarray:
        return self.sight.items.likes[self.sight.rows_of(item)] > 0

    def _said(
        self,
        wish: ActionBatch,
        kind: SocialActivityKind,
        can_be: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> list[Batch]:
        """One activity per user and video, in the order of users and items."""
        chosen = first_wishes(wish.user, wish.item)
        if can_be is not None:
            chosen = chosen[can_be(wish.item[chosen])]
        user, item = wish.user[chosen], wish.item[chosen]
        return [activity(self.sight.users, wish.step, kind, user, item=item)]

    def on_social_activity(self, said: EventBatch) -> None:
        """Move the estimates of those who said something about a video, in the order of their saying."""
        for kind, signal in self._signals.items():
            which = said.kind == kind
            if which.any():
                self._learn(said.user[which], said.item[which], signal)

    def _learn(self, user: np.ndarray, item: np.ndarray, signal: int) -> None:
        row = self.sight.rows_of(item)
        nth = occurrences(user)
        for time in range(int(nth.max(initial=-1)) + 1):
            at = nth == time
            self._accounts.estimate[user[at]] = moved_estimate(
                self._accounts.estimate[user[at]].astype(np.int32),
                self.sight.items.vector[row[at]],
                self._mean_vector(),
                np.full(int(at.sum()), signal, np.int32),
                self._rate,
            ).astype(np.int16)


def _per_256(signal: float) -> int:
    return int(np.float32(signal) * np.float32(256.0))
