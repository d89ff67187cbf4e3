"""Hashtags and sounds as things of their own: who used them first, how often they are used.

One row per code; row 0 stands for none. Names are not columns: `captions.Words` and `sound_name` give them.
"""

import numpy as np

from feedtwin.columns import Columns, FrozenColumns
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.plans import NO_CATEGORY
from feedtwin.schema.tables import Column, TableSpec, declare
from feedtwin.twins.content.captions import Words
from feedtwin.twins.part import Part

NOBODY = 2**32 - 1
NEVER = 2**31 - 1
"""First step of what was never used."""


def _used(name: str, home: str) -> tuple[Column, ...]:
    return (
        Column("category", "u2", (), "code", home, True, NO_CATEGORY),
        Column("uses", "u4", (), "count", f"videos with the {name}", True),
        Column("first_step", "i4", (), "step", f"first video with the {name}", True, NEVER),
        Column("first_user", "u4", (), "id", "who uploaded it; 4294967295 nobody", True, NOBODY),
    )


HASHTAGS = declare(
    TableSpec(
        "hashtags", "content", "hashtag",
        _used("hashtag", "category of its vocabulary, else of its first video; 65535 none"),
    )
)  # fmt: skip
SOUNDS = declare(
    TableSpec(
        "sounds", "content", "sound", _used("sound", "category of its first video; 65535 none")
    )
)


class Vocabulary(Part):
    """Counts the uses of hashtags and sounds."""

    name = "vocabulary"

    def __init__(self, words: Words, sounds: int, items: FrozenColumns) -> None:
        """Make the tables and count the initial catalogue.

        Args:
            words: Names and homes of the hashtags.
            sounds: Size of the sound library.
            items: The initial catalogue.
        """
        self.words = words
        most = max(sounds, int(items.sound.max(initial=0)))
        self._hashtags = Columns(HASHTAGS, len(words.hashtags))
        self._sounds = Columns(SOUNDS, most + 1)
        super().__init__(self._hashtags, self._sounds)
        with self.writing():
            codes = np.arange(len(self._hashtags))
            self._hashtags.category[:] = words.category_of(codes)
            order = np.lexsort((items.item, items.created_step))
            step, user, category = (
                getattr(items, name)[order] for name in ("created_step", "creator", "category")
            )
            _use(self._sounds, items.sound[order], step, user, category)
            for k in range(items.hashtags.shape[1]):
                _use(self._hashtags, items.hashtags[order, k], step, user, category)

    @property
    def hashtags(self) -> FrozenColumns:
        """Read-only columns of the hashtags."""
        return self._hashtags.frozen

    @property
    def sounds(self) -> FrozenColumns:
        """Read-only columns of the sounds."""
        return self._sounds.frozen

    def on_video_created(self, created: EventBatch) -> None:
        """Count what the new videos use."""
        step = np.full(created.rows, created.step, np.int32)
        _use(self._sounds, created.sound, step, created.user, created.category)
        for name in ("hashtag_1", "hashtag_2", "hashtag_3"):
            _use(self._hashtags, getattr(created, name), step, created.user, created.category)


def _use(
    table: Columns, code: np.ndarray, step: np.ndarray, user: np.ndarray, category: np.ndarray
) -> None:
    """Count uses in order; an earlier step than the one on record becomes the first."""
    used = code > 0
    code, step, user, category = code[used], step[used], user[used], category[used]
    np.add.at(table.uses, code, np.uint32(1))
    distinct, at = np.unique(code, return_index=True)
    earlier = step[at] < table.first_step[distinct]
    new, at = distinct[earlier], at[earlier]
    table.first_step[new] = step[at]
    table.first_user[new] = user[at]
    homeless = table.category[new] == NO_CATEGORY
    table.category[new[homeless]] = category[at[homeless]]
