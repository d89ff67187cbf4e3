"""How a video comes to be: archetype, static part, description, vector. Spec CON-6, CON-7.

Every attribute is keyed by (creator, that creator's upload ordinal), so the same upload is the same
video in every arm, whatever else was uploaded before it.
"""

from dataclasses import dataclass

import numpy as np

from feedtwin.numerics import exp32, log32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.plans import NO_CATEGORY
from feedtwin.twins.content.adopting import Fashion
from feedtwin.twins.content.categories import (
    KEYWORD_COUNT,
    KEYWORD_FIRST,
    NOISE_COUNT,
    NOISE_FIRST,
    UNIT,
    Categories,
)
from feedtwin.twins.content.config import ContentConfig
from feedtwin.twins.content.guidance import Guide, with_first

DURATION, HOOK, QUALITY, VIRALITY, COMPLETION, EXPERT = range(6)
TOXICITY = 8  # 7 is the age of an initial video
"""Attribute numbers of VIDEO_ATTRIBUTE draws."""
CREATOR_QUALITY = 20
"""Attribute number of a creator's quality level among USER_ATTRIBUTE draws."""
HASHTAGS = 3
SOUND_KEYWORD = 3
_KEYWORD_MULTIPLIERS = (np.uint32(2654435761), np.uint32(2246822519))
"""Two multiplicative hashes: each hashtag lights two keyword dimensions."""


@dataclass(frozen=True)
class NewVideos:
    """Static part of new videos, (I,) each; `hashtags` is (I, 3)."""

    creator: np.ndarray
    ordinal: np.ndarray
    category: np.ndarray
    hashtags: np.ndarray
    sound: np.ndarray
    duration_s: np.ndarray
    hook_strength: np.ndarray
    quality: np.ndarray
    virality: np.ndarray
    completion_prior: np.ndarray
    toxicity: np.ndarray


def make_videos(
    creator: np.ndarray,
    ordinal: np.ndarray,
    expertise: np.ndarray,
    tier: np.ndarray,
    categories: Categories,
    config: ContentConfig,
    draws: Draws,
    fashion: Fashion | None = None,
    guide: Guide | None = None,
) -> NewVideos:
    """Draw the videos that `creator` uploads as their `ordinal`-th, given field and tier of each.

    With `fashion`, some take what trends now. What a plan's `guide` says about category, hashtag and
    sound takes the place of all that.
    """
    category = _category(creator, ordinal, expertise, categories, config, draws)
    if guide is not None:
        category = np.where(guide.category != NO_CATEGORY, guide.category, category)

    def normal(attribute: int) -> np.ndarray:
        return draws.normal(Stream.VIDEO_ATTRIBUTE, creator, ordinal, attribute)

    def bounded(values: np.ndarray) -> np.ndarray:
        return np.clip(values, np.float32(0.02), np.float32(0.98))

    level = np.float32(0.5) + np.float32(config.creator_quality_sd) * draws.normal(
        Stream.USER_ATTRIBUTE, creator, CREATOR_QUALITY
    )
    level = level + np.where(tier == 0, np.float32(config.elite_quality), np.float32(0.0))
    duration = categories.duration_mean_s[category] + categories.duration_sd_s[category] * normal(
        DURATION
    )
    lift = np.float32(0.15) * normal(COMPLETION)
    hashtags = _hashtags(creator, ordinal, category, config, draws)
    sound = _sound(creator, ordinal, config, draws)
    if fashion is not None:
        hashtags = _first(fashion.hashtag(creator, ordinal, category), hashtags)
        trending = fashion.sound(creator, ordinal, category)
        sound = np.where(trending > 0, trending, sound).astype(np.uint32)
    if guide is not None:
        hashtags = with_first(hashtags, guide.hashtag)
        sound = np.where(guide.sound > 0, guide.sound, sound)
    sync = sound_pull(sound, category, categories, config, fashion)
    return NewVideos(
        creator=creator,
        ordinal=ordinal,
        category=category,
        hashtags=hashtags,
        sound=sound,
        duration_s=np.clip(duration, config.duration_min_s, config.duration_max_s).astype(
            np.float32
        ),
        hook_strength=bounded(
            categories.hook_mean[category] + config.hook_sd * normal(HOOK) + sync
        ),
        quality=bounded(level + config.quality_sd * normal(QUALITY)),
        virality=bounded(categories.virality[category] + np.float32(0.1) * normal(VIRALITY) + sync),
        completion_prior=bounded(categories.completion_prior[category] * (np.float32(1.0) + lift)),
        toxicity=toxicities(creator, ordinal, config, draws),
    )


def toxicities(
    creator: np.ndarray, ordinal: np.ndarray, config: ContentConfig, draws: Draws
) -> np.ndarray:
    """How offensive each video is, float32 (I,) in [0, 1): most hardly, few very."""
    draw = draws.uniform(Stream.VIDEO_ATTRIBUTE, creator, ordinal, TOXICITY)
    return exp32(np.float32(config.toxicity_tail) * log32(draw))


def _category(
    creator: np.ndarray,
    ordinal: np.ndarray,
    expertise: np.ndarray,
    categories: Categories,
    config: ContentConfig,
    draws: Draws,
) -> np.ndarray:
    """A Gumbel race over categories: one number per category, keyed by the upload."""
    expert = draws.uniform(Stream.VIDEO_ATTRIBUTE, creator, ordinal, EXPERT) < np.float32(
        config.expertise_weight
    )
    index = np.arange(categories.count, dtype=np.uint32)
    gumbel = draws.gumbel(Stream.VIDEO_CATEGORY, creator[:, None], ordinal[:, None], index[None, :])
    log_share = log32(np.maximum(categories.upload_share, np.float32(1e-6)))
    picked = (log_share[None, :] + gumbel).argmax(axis=1)
    return np.where(expert, expertise, picked).astype(np.uint16)


def _hashtags(
    creator: np.ndarray,
    ordinal: np.ndarray,
    category: np.ndarray,
    config: ContentConfig,
    draws: Draws,
) -> np.ndarray:
    """Three hashtags from the category's vocabulary by a Zipf law; a repeat leaves a gap (0)."""
    size = config.hashtags_per_category
    rank = np.arange(1, size + 1, dtype=np.float32)
    weight = exp32(np.float32(-config.hashtag_zipf) * log32(rank))
    edges = np.cumsum(weight)
    edges = edges / edges[-1]
    tags = np.zeros((len(creator), HASHTAGS), np.uint16)
    for k in range(HASHTAGS):
        draw = draws.uniform(Stream.VIDEO_KEYWORD, creator, ordinal, k)
        place = np.minimum(np.searchsorted(edges, draw), size - 1)
        tag = (1 + category.astype(np.int64) * size + place).astype(np.uint16)
        repeat = (tags[:, :k] == tag[:, None]).any(axis=1)
        tags[:, k] = np.where(repeat, 0, tag)
    return tags


def _sound(
    creator: np.ndarray, ordinal: np.ndarray, config: ContentConfig, draws: Draws
) -> np.ndarray:
    """A sound of the library; squaring the draw makes some sounds popular."""
    draw = draws.uniform(Stream.VIDEO_KEYWORD, creator, ordinal, SOUND_KEYWORD)
    return (np.float32(1.0) + draw * draw * np.float32(config.sounds - 1)).astype(np.uint32)


def _first(tag: np.ndarray, hashtags: np.ndarray) -> np.ndarray:
    """Put `tag` (0 for none) in front of hashtags (I, 3), where it stands once."""
    taken = tag > 0
    out = hashtags.copy()
    out[taken] = np.where(hashtags[taken] == tag[taken, None], 0, hashtags[taken])
    out[:, 0] = np.where(taken, tag, hashtags[:, 0])
    return out


def sound_pull(
    sound: np.ndarray,
    category: np.ndarray,
    categories: Categories,
    config: ContentConfig,
    fashion: Fashion | None = None,
) -> np.ndarray:
    """What a video's sound adds to its hook and viral potential, float32 (I,).

    Popularity runs from 0 to 1 along the library, as `_sound` draws it; the mean sound adds nothing, and
    a sound that trends now counts as the most popular. Source: CON-4 (dance and music live from sounds).
    """
    most = np.float32(max(config.sounds - 1, 1))
    place = np.minimum((np.maximum(sound, 1) - np.uint32(1)).astype(np.float32) / most, 1)
    popularity = np.float32(1.0) - np.sqrt(place.astype(np.float32))
    if fashion is not None:
        popularity = np.where(fashion.is_hot(sound), np.float32(1.0), popularity)
    return categories.sound_sync[category] * (popularity - np.float32(0.5))


def compact_vectors(
    creator: np.ndarray,
    ordinal: np.ndarray,
    category: np.ndarray,
    hashtags: np.ndarray,
    category_vectors: np.ndarray,
    config: ContentConfig,
    draws: Draws,
) -> np.ndarray:
    """The 50 dimensions of CON-7 as int8 (I, D): category, hashed hashtags, idiosyncratic noise."""
    vectors = category_vectors[category].astype(np.int32)
    entry = round(config.keyword_weight * UNIT)
    rows = np.arange(len(creator))
    for k in range(HASHTAGS):
        tag = hashtags[:, k].astype(np.uint32)
        used = tag > 0
        for multiplier in _KEYWORD_MULTIPLIERS:
            dim = KEYWORD_FIRST + ((tag * multiplier) >> np.uint32(16)) % np.uint32(KEYWORD_COUNT)
            vectors[rows[used], dim[used]] += entry
    dims = np.arange(NOISE_COUNT, dtype=np.uint32)
    noise = draws.uniform(Stream.VIDEO_NOISE, creator[:, None], ordinal[:, None], dims[None, :])
    scale = np.float32(config.noise_max * UNIT)
    vectors[:, NOISE_FIRST:] = (noise * scale).astype(np.int32)
    return np.minimum(vectors, UNIT).astype(np.int8)
