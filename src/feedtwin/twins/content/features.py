"""One video as a record: the paper's `VideoContentFeatures`, in its three layers (CON-1, CON-2, CON-7).

The simulation works on columns; this is how a human, a test or a language model looks at one row.
"""

from dataclasses import dataclass

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.twins.content.captions import Caption
from feedtwin.twins.content.categories import Categories


@dataclass(frozen=True)
class EngagementState:
    """What became of a video: counts, rates per view, and how fresh it is in hours (CON-1).

    Rates are 0 for a video without views; `since_last_view_h` is then None.
    """

    views: int
    likes: int
    shares: int
    comments: int
    saves: int
    skip_rate: float
    like_rate: float
    share_rate: float
    completion_rate: float
    mean_watch_s: float
    age_h: int
    since_last_view_h: int | None


@dataclass(frozen=True)
class VideoContentFeatures:
    """Metadata, predictors of behaviour, the compact vector and the engagement state of a video.

    Attributes:
        item: creator << 32 | upload ordinal.
        title: First part of the caption.
        description: Second part of the caption.
        category: Name of the category.
        hashtags: Names, without the sign.
        sound: Code of the sound; 0 for none.
        duration_s: Length in seconds.
        hook_strength: Chance to hold a viewer, 0 to 1; no platform sees it.
        quality_score: Watch quality, 0 to 1; no platform sees it.
        viral_potential: 0 to 1; no platform sees it.
        content_vector: float32 (50,): category, hashed hashtags, idiosyncratic noise.
        engagement: What became of it so far.
    """

    item: int
    title: str
    description: str
    category: str
    hashtags: tuple[str, ...]
    sound: int
    duration_s: float
    hook_strength: float
    quality_score: float
    viral_potential: float
    content_vector: np.ndarray
    engagement: EngagementState


def features_of(
    items: FrozenColumns, row: int, categories: Categories, caption: Caption, step: int
) -> VideoContentFeatures:
    """Return the features of the video in a content row at a step.

    Raises:
        IndexError: There is no such row.
    """
    return VideoContentFeatures(
        item=int(items.item[row]),
        title=caption.title,
        description=caption.description,
        category=categories.names[int(items.category[row])],
        hashtags=caption.hashtags,
        sound=int(items.sound[row]),
        duration_s=float(items.duration_s[row]),
        hook_strength=float(items.hook_strength[row]),
        quality_score=float(items.quality[row]),
        viral_potential=float(items.virality[row]),
        content_vector=items.vector[row] / np.float32(127.0),
        engagement=engagement_of(items, row, step),
    )


def engagement_of(items: FrozenColumns, row: int, step: int) -> EngagementState:
    """Return what became of the video in a content row until a step."""

    def count(name: str) -> int:
        return int(getattr(items, name)[row])

    views = count("impressions")
    each = 1 / max(views, 1)
    return EngagementState(
        views=views,
        likes=count("likes"),
        shares=count("shares"),
        comments=count("comments"),
        saves=count("saves"),
        skip_rate=count("skips") * each,
        like_rate=count("likes") * each,
        share_rate=count("shares") * each,
        completion_rate=count("completions") * each,
        mean_watch_s=count("watch_ms") / 1000 * each,
        age_h=step - count("created_step"),
        since_last_view_h=step - count("touched_step") if views else None,
    )
