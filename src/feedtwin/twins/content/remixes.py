"""Duets and stitches: uploads that answer another video and inherit from it.

A duet stands beside its parent, a stitch continues it. The child takes the parent's category, sound and
first hashtag, and its hook, quality and viral potential lie between the parent's and what its creator's next
upload would have had (`content.remix_inherit`). A duet is as long as its parent.
"""

from dataclasses import replace

import numpy as np

from feedtwin.randomness import Draws
from feedtwin.schema.batches import Batch
from feedtwin.schema.codes import VideoOrigin
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.content.captions import Words
from feedtwin.twins.content.categories import Categories
from feedtwin.twins.content.config import ContentConfig
from feedtwin.twins.content.creation import NewVideos, make_videos
from feedtwin.twins.content.entering import caption_ids, created_batch
from feedtwin.twins.part import Part

INHERITED = ("hook_strength", "quality", "virality")


class Remixes(Part):
    """Executes DUET_VIDEO and STITCH_VIDEO."""

    name = "remixes"

    def __init__(
        self, categories: Categories, config: ContentConfig, words: Words, draws: Draws
    ) -> None:
        super().__init__()
        self._categories = categories
        self._config = config
        self._words = words
        self._draws = draws

    def do_duet_video(self, wish: ActionBatch) -> list[Batch]:
        """Upload videos beside others."""
        return self._answers(wish, VideoOrigin.DUET)

    def do_stitch_video(self, wish: ActionBatch) -> list[Batch]:
        """Upload videos that continue others."""
        return self._answers(wish, VideoOrigin.STITCH)

    def _answers(self, wish: ActionBatch, origin: VideoOrigin) -> list[Batch]:
        """Uploads of this step are counted by now, so the next ordinals are free."""
        order = np.lexsort((wish.source, wish.user))
        creator, source = wish.user[order], wish.source[order]
        nth = np.arange(len(creator)) - np.searchsorted(creator, creator, side="left")
        users = self.sight.users
        ordinal = (users.upload_count[creator] + nth).astype(np.uint32)
        own = make_videos(
            creator, ordinal, users.expertise[creator], users.tier[creator], self._categories,
            self._config, self._draws,
        )  # fmt: skip
        made = self._inherit(own, self.sight.rows_of(source), origin)
        text = caption_ids(made, self._words, self._config, self._draws)
        return [created_batch(made, wish.step, text, origin, source)]

    def _inherit(self, own: NewVideos, parent: np.ndarray, origin: VideoOrigin) -> NewVideos:
        """Mix what a creator would have made with the parents' rows of the items table."""
        items, share = self.sight.items, np.float32(self._config.remix_inherit)
        mixed = {
            name: share * getattr(items, name)[parent]
            + (np.float32(1.0) - share) * getattr(own, name)
            for name in INHERITED
        }
        tags = own.hashtags.copy()
        first = items.hashtags[parent, 0]
        tags[tags == first[:, None]] = 0
        tags[:, 0] = first
        duration = items.duration_s[parent] if origin == VideoOrigin.DUET else own.duration_s
        return replace(
            own, category=items.category[parent], sound=items.sound[parent], hashtags=tags,
            duration_s=duration, completion_prior=items.completion_prior[parent], **mixed,
        )  # fmt: skip
