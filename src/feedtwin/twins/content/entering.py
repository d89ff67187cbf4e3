"""How new videos enter the catalogue: captioned, announced by VIDEO_CREATED, written down as rows."""

from collections.abc import Mapping

import numpy as np

from feedtwin.columns import Columns
from feedtwin.randomness import Draws
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import VideoOrigin
from feedtwin.schema.ids import item_id
from feedtwin.twins.content.captions import Words, captions, text_ids
from feedtwin.twins.content.categories import Categories, inverse_norm
from feedtwin.twins.content.config import ContentConfig
from feedtwin.twins.content.creation import NewVideos, compact_vectors
from feedtwin.twins.content.guidance import Guide


def words_of(
    categories: Categories, config: ContentConfig, hashtags: Mapping[int, str] | None = None
) -> Words:
    """Return the names of a world's categories and hashtags."""
    return Words(categories.names, config.hashtags_per_category, hashtags)


def caption_ids(made: NewVideos, words: Words, config: ContentConfig, draws: Draws) -> np.ndarray:
    """Return the text ids of the captions under new videos, u4 (I,)."""
    written = captions(
        made.creator,
        made.ordinal,
        made.category,
        made.hashtags,
        words,
        config.caption_teaser,
        draws,
    )
    return text_ids(written)


def created_batch(
    made: NewVideos,
    step: int,
    text: np.ndarray,
    origin: int = VideoOrigin.ORIGINAL,
    parent: np.ndarray | None = None,
    guide: Guide | None = None,
) -> EventBatch:
    """Return VIDEO_CREATED for new videos.

    Args:
        made: What they are like.
        step: When they are uploaded.
        text: Ids of their captions, u4 (I,).
        origin: A VideoOrigin.
        parent: The videos they answer, u8 (I,); none by default.
        guide: The plans that guided them; a plan's theme is the caption.
    """
    item = item_id(made.creator, made.ordinal)
    columns = {
        "user": made.creator.astype(np.uint32),
        "item": item,
        "category": made.category,
        **{f"hashtag_{k + 1}": made.hashtags[:, k].copy() for k in range(3)},
        "sound": made.sound,
        "duration_s": made.duration_s,
        "hook_strength": made.hook_strength,
        "quality": made.quality,
        "virality": made.virality,
        "completion_prior": made.completion_prior,
        "toxicity": made.toxicity,
        "origin": np.full(len(item), origin, np.uint8),
        "parent": np.zeros(len(item), np.uint64) if parent is None else parent,
        "plan": np.zeros(len(item), np.uint32) if guide is None else guide.plan,
        "text": text if guide is None else np.where(guide.text > 0, guide.text, text),
    }
    return EventBatch("VIDEO_CREATED", step, columns)


def add_videos(
    columns: Columns,
    created: EventBatch,
    categories: Categories,
    config: ContentConfig,
    draws: Draws,
) -> slice:
    """Append the rows of a VIDEO_CREATED batch; call it while `columns` are writable."""
    where = columns.grow(created.rows)
    hashtags = np.stack([created.hashtag_1, created.hashtag_2, created.hashtag_3], axis=1)
    ordinal = (created.item & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    vectors = compact_vectors(
        created.user, ordinal, created.category, hashtags, categories.vectors, config, draws
    )
    values = {
        "item": created.item,
        "creator": created.user,
        "ordinal": ordinal,
        "hashtags": hashtags,
        "vector": vectors,
        "inv_norm": inverse_norm(vectors),
        "created_step": created.step,
        "is_public": 1,
        **{
            name: getattr(created, name)
            for name in (
                "category", "sound", "duration_s", "hook_strength", "quality", "virality",
                "completion_prior", "toxicity", "origin", "parent", "text",
            )
        },
    }  # fmt: skip
    for name, value in values.items():
        getattr(columns, name)[where] = value
    return where
