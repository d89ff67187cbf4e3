"""The paper's world: a synthetic population and a catalogue of 12 archetypes."""

from typing import Any

import numpy as np

from feedtwin.randomness import Draws, Stream
from feedtwin.schema.settings import Settings
from feedtwin.twins.content.categories import Categories, one_hot_vectors, signatures
from feedtwin.twins.content.config import ContentConfig
from feedtwin.twins.content.creation import make_videos
from feedtwin.twins.user.config import UserConfig
from feedtwin.twins.user.population import initial_ties, synthetic_users
from feedtwin.world.origin import (
    Arrays,
    Origin,
    append_users,
    append_videos,
    prospects_from,
    with_prospects,
)

CATALOGUE_SIZE = 15
"""Attribute number of the draw that rounds a creator's initial videos."""
VIDEO_AGE = 7
"""Attribute number of an initial video's age among VIDEO_ATTRIBUTE draws."""


def archetypes(section: dict[str, Any], *, fold: bool) -> Categories:
    """Return the category table of the archetypes (CON-3, CON-4)."""

    def column(name: str) -> np.ndarray:
        return np.asarray(section[name], np.float32)

    names = tuple(section["names"])
    return Categories(
        names=names,
        duration_mean_s=column("duration_mean_s"),
        duration_sd_s=column("duration_sd_s"),
        virality=column("virality"),
        hook_mean=column("hook_mean"),
        completion_prior=column("completion_prior"),
        upload_share=column("upload_share"),
        vectors=one_hot_vectors(len(names), fold=fold),
        **signatures(section),
    )


def synthetic_origin(
    settings: Settings, user: UserConfig, content: ContentConfig, draws: Draws
) -> Origin:
    """Draw the initial population and catalogue."""
    population = settings.section("population")
    fold = content.category_code == "fold"
    categories = archetypes(settings.section("archetypes"), fold=fold)
    count = settings.users or int(population["users"])

    def people(number: int) -> Arrays:
        return synthetic_users(
            number, user, population, settings.section("personas"), categories.vectors, draws
        )

    users = append_users(people(count), (settings.append or {}).get("users", []))
    if prospects := int(population["prospects"]):
        first = prospects_from(len(users["activity"]))
        users = with_prospects(users, people(first + prospects))
    ties = initial_ties(count, users["tier"][:count], population, draws)
    ties = ties.widened(len(users["activity"]))
    creator, ordinal = _initial_uploads(users, population, draws)
    videos = make_videos(
        creator, ordinal, users["expertise"][creator], users["tier"][creator], categories, content,
        draws,
    )  # fmt: skip
    age = draws.uniform(Stream.VIDEO_ATTRIBUTE, creator, ordinal, VIDEO_AGE)
    oldest = np.float32(population["catalogue_age_steps"])
    created = -1 - (age * oldest).astype(np.int32)
    public = np.ones(len(creator), np.uint8)
    hidden = (settings.append or {}).get("videos", [])
    videos, created, public = append_videos(videos, created, public, hidden)
    notes = ("archetypes 10 and 11 share the codes of 0 and 1 (spec 1.10 #2)",) if fold else ()
    return Origin(users, ties, categories, videos, created, public, notes=notes)


def _initial_uploads(
    users: Arrays, population: dict[str, Any], draws: Draws
) -> tuple[np.ndarray, np.ndarray]:
    """Creators and ordinals of the initial catalogue: each creator's share is their own draw."""
    weight = np.asarray(population["catalogue_weight"], np.float64)
    mean = float(np.asarray(population["tier_shares"], np.float64) @ weight)
    expected = weight[users["tier"]] / max(mean, 1e-12) * float(population["videos_per_user"])
    user = np.arange(len(expected), dtype=np.uint32)
    draw = draws.uniform(Stream.USER_ATTRIBUTE, user, CATALOGUE_SIZE).astype(np.float64)
    count = np.floor(expected + draw).astype(np.int64)
    count[(expected == 0) | (users.get("member", np.ones(len(user))) == 0)] = 0
    creator = np.repeat(user, count)
    first = np.repeat(np.cumsum(count) - count, count)
    return creator, (np.arange(len(creator)) - first).astype(np.uint32)
