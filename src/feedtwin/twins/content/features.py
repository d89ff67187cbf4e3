"""One video as a record: the paper's `VideoContentFeatures`, in its three layers (CON-2, CON-7).

The simulation works on columns; this is how a human, a test or a language model looks at one row.
"""

from dataclasses import dataclass

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.twins.content.categories import Categories


@dataclass(frozen=True)
class VideoContentFeatures:
    """Metadata, predictors of behaviour, and the compact vector of a video.

    Attributes:
        item: creator << 32 | upload ordinal.
        title: Generated from category, first hashtag and ordinal.
        category: Name of the category.
        hashtags: Codes, without gaps.
        duration_s: Length in seconds.
        hook_strength: Chance to hold a viewer, 0 to 1; no platform sees it.
        quality_score: Watch quality, 0 to 1; no platform sees it.
        viral_potential: 0 to 1; no platform sees it.
        content_vector: float32 (50,): category, hashed hashtags, idiosyncratic noise.
    """

    item: int
    title: str
    category: str
    hashtags: tuple[int, ...]
    duration_s: float
    hook_strength: float
    quality_score: float
    viral_potential: float
    content_vector: np.ndarray


def features_of(items: FrozenColumns, row: int, categories: Categories) -> VideoContentFeatures:
    """Return the features of the video in a content row.

    Raises:
        IndexError: There is no such row.
    """
    category = categories.names[int(items.category[row])]
    tags = tuple(int(tag) for tag in items.hashtags[row] if tag)
    about = f" #{tags[0]}" if tags else ""
    return VideoContentFeatures(
        item=int(items.item[row]),
        title=f"{category.replace('_', ' ')}{about}, no. {int(items.ordinal[row]) + 1}",
        category=category,
        hashtags=tags,
        duration_s=float(items.duration_s[row]),
        hook_strength=float(items.hook_strength[row]),
        quality_score=float(items.quality[row]),
        viral_potential=float(items.virality[row]),
        content_vector=items.vector[row] / np.float32(127.0),
    )
