"""Creators answer videos: duets and stitches of what they liked or shared.

Whoever has an upload rate and likes or shares somebody else's public video may answer it, with
`user.duet_rate` beside it and otherwise with `user.stitch_rate` by continuing it. Each chance is the
meeting's own, so more answers elsewhere change nobody's.
"""

from collections.abc import Iterator

import numpy as np

from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Outcomes
from feedtwin.schema.reactions import Impressions, Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.session import LIKE, SHARE
from feedtwin.twins.part import Part
from feedtwin.twins.user.config import UserConfig


class Remixing(Part):
    """Asks for duets and stitches."""

    name = "remixing"

    def __init__(self, config: UserConfig, draws: Draws) -> None:
        super().__init__()
        self._rates = {"duet": config.duet_rate, "stitch": config.stitch_rate}
        self._draws = draws

    def act(self, reactions: Reactions) -> Iterator[ActionBatch]:
        """Yield the answers that creators want to give after the slates of a step."""
        if not any(self._rates.values()):
            return
        seen = self._answerable(reactions)
        duets = self._chosen(Stream.DUET, self._rates["duet"], seen)
        stitches = self._chosen(Stream.STITCH, self._rates["stitch"], seen) & ~duets
        yield self._answers("DUET_VIDEO", reactions.step, seen.where(duets))
        yield self._answers("STITCH_VIDEO", reactions.step, seen.where(stitches))

    def _answerable(self, reactions: Reactions) -> Impressions:
        """What people who upload liked or shared of what others made; few, so little is copied."""
        uploads = self.sight.users.upload_rate > 0

        def theirs(met: Outcomes) -> np.ndarray:
            return ((met.flags & np.uint8(LIKE | SHARE)) != 0) & uploads[met.user][:, None]

        seen = reactions.pick(theirs)
        public = self.sight.items.is_public[seen.row] == 1
        return seen.where(public & (seen.creator != seen.user))

    def _chosen(self, stream: Stream, rate: float, seen: Impressions) -> np.ndarray:
        draw = self._draws.uniform(stream, seen.user, seen.creator, seen.ordinal, seen.meeting)
        return draw < np.float32(rate)

    def _answers(self, action: str, step: int, seen: Impressions) -> ActionBatch:
        category = self.sight.items.category[seen.row]
        return asked(action, step, user=seen.user, source=seen.item, category=category)
