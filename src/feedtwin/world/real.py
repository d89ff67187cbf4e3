"""A world from a real log: its people, their tendencies, its videos and categories.

Viewers and authors are different id spaces in the data and nothing links them, so authors become
accounts that upload but never open the app. Sessions, ties and vectors, which the log does not have,
are generated and said to be so. Creators come first, so that adding a viewer renames no video.
"""

import json
import math
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from feedtwin.datasets import People, RealWorld, adaptor, sample_path
from feedtwin.errors import SettingsError
from feedtwin.numerics import exp32, log32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.settings import Settings
from feedtwin.twins.content.categories import Categories, neutral_signatures, spread_vectors
from feedtwin.twins.content.config import ContentConfig
from feedtwin.twins.content.creation import NewVideos, toxicities
from feedtwin.twins.interaction.twin import InteractionConfig
from feedtwin.twins.user.config import UserConfig
from feedtwin.twins.user.population import TASTE_UNIT, age_groups, initial_ties, tastes, traits
from feedtwin.world.origin import Arrays, Origin, SourceKeys, append_users, append_videos

JITTER_ACTIVITY, JITTER_TASTE = 0, 16
"""First attribute numbers of PEOPLE_JITTER draws: four tendencies follow activity, categories taste."""
JITTER_SIZE = np.float32(0.15)
"""Log or logit spread between a resampled person and the one copied. Source: our choice."""


def read_world(settings: Settings) -> RealWorld:
    """Read the log that the settings name.

    Raises:
        SettingsError: The world reads a folder and none was given.
    """
    folder = folder_of(settings)
    fit = {
        name: value
        for name, value in settings.parameters.items()
        if name.startswith("kuairand_fit")
    }
    return _fitted(folder, state_of(folder), json.dumps(fit, sort_keys=True))


def folder_of(settings: Settings) -> Path:
    """The folder of the log that the settings name; raises SettingsError where they name none."""
    path = (settings.data or {}).get("path") or settings.population.get("path")
    if path is None:
        raise SettingsError(
            f"world {settings.world}: no data folder is given; expected the folder of the KuaiRand-Pure "
            "files: add --set data.path=FOLDER (or run the world kuairand-sample)"
        )
    return sample_path() if path == "sample" else Path(path)


def state_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of the files of a folder: another state is another log."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return tuple((one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in files)


@lru_cache(maxsize=1)
def _fitted(folder: Path, state: tuple[tuple[str, int, int], ...], fit: str) -> RealWorld:
    """Read and fit a log once per process, for a study builds many worlds on it; what is kept cannot be written to."""
    del state
    world = adaptor("kuairand", json.loads(fit)).read(folder)
    _freeze(world)
    return world


def _freeze(value: Any) -> None:
    """Make every array of nested records read-only."""
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif is_dataclass(value):
        for one in fields(value):
            _freeze(getattr(value, one.name))
    elif isinstance(value, dict):
        for inner in value.values():
            _freeze(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _freeze(inner)


def real_origin(
    settings: Settings,
    user: UserConfig,
    content: ContentConfig,
    interaction: InteractionConfig,
    draws: Draws,
) -> Origin:
    """Build the initial state from a log."""
    world = read_world(settings)
    notes = [world.citation, f"Data licence: {world.licence}", *world.notes]
    people, note = _people(world.people, settings.users, draws)
    notes += note
    population = settings.section("population")
    if population["prospects"]:
        raise SettingsError(
            f"population.prospects: found {population['prospects']}, but the people of world "
            f"{settings.world} are those of a log; expected 0: use a synthetic world for sign-ups"
        )
    notes.append("Ages are generated: the log has none.")
    categories = _categories(world, interaction)
    users = _users(people, world, user, interaction, population, categories, draws)
    extra = (settings.append or {}).get("users", [])
    count = len(users["activity"])
    users = append_users(users, extra)
    follows = np.zeros(count, np.int64)
    follows[len(world.accounts) :] = np.minimum(people.follow_count, 40)
    followed = {**population, "ties_tier_weight": [8.0, 4.0, 1.0, 0.0]}
    ties = initial_ties(count, users["tier"][:count], followed, draws, follows)
    videos, tags = _videos(world, interaction, content, draws)
    created = -1 - world.catalogue.age_h.astype(np.int32)
    public = np.ones(len(created), np.uint8)
    hidden = (settings.append or {}).get("videos", [])
    videos, created, public = append_videos(videos, created, public, hidden)
    return Origin(
        users, ties.widened(count + len(extra)), categories, videos, created, public,
        diurnal=[float(weight) for weight in world.diurnal], notes=tuple(notes), hashtags=tags,
        keys=_keys(world, people, len(extra), len(hidden)),
    )  # fmt: skip


def _keys(world: RealWorld, people: People, users: int, videos: int) -> SourceKeys:
    """Keys of accounts (none), viewers and catalogue; users added to a world are copies of the last one."""
    viewers = people.key.astype(np.int64)
    return SourceKeys(
        np.concatenate([np.full(len(world.accounts), -1), viewers, np.repeat(viewers[-1:], users)]),
        np.concatenate([world.catalogue.key.astype(np.int64), np.full(videos, -1)]),
    )


def _people(people: People, users: int | None, draws: Draws) -> tuple[People, list[str]]:
    """The log's people, cut or resampled to `users`; people beyond the log are jittered copies."""
    known = len(people)
    if users is None or users == known:
        return people, []
    if users < known:
        return people.take(np.arange(users)), [f"First {users} of the log's {known} people."]
    index = np.arange(users, dtype=np.uint32)
    source = (draws.uniform(Stream.PEOPLE_RESAMPLE, index) * np.float32(known)).astype(np.int64)
    source = np.where(index < known, index, np.minimum(source, known - 1))
    taken = people.take(source)
    copies = index >= known

    def jitter(attribute: int) -> np.ndarray:
        noise = draws.normal(Stream.PEOPLE_JITTER, index, attribute)
        return np.where(copies, JITTER_SIZE * noise, np.float32(0.0)).astype(np.float32)

    changed: dict[str, np.ndarray] = {"activity": taken.activity * exp32(jitter(JITTER_ACTIVITY))}
    names = ("like_logit", "comment_logit", "share_logit", "follow_logit", "skip_offset")
    for attribute, name in enumerate(names, start=1):
        changed[name] = getattr(taken, name) + jitter(attribute)
    dims = np.arange(taken.affinity.shape[1], dtype=np.uint32) + np.uint32(JITTER_TASTE)
    noise = draws.normal(Stream.PEOPLE_JITTER, index[:, None], dims[None, :])
    scale = np.where(copies[:, None], exp32(JITTER_SIZE * noise), np.float32(1.0))
    changed["affinity"] = np.clip(taken.affinity * scale, 0.0, 1.0).astype(np.float32)
    values = {name: getattr(taken, name) for name in People.__dataclass_fields__}
    note = f"{users - known} of {users} people are jittered copies of the log's {known}."
    return People(**{**values, **changed}), [note]


def _categories(world: RealWorld, interaction: InteractionConfig) -> Categories:
    """The log's categories with fitted durations and completions."""
    table = world.categories
    mean = exp32(table.duration_log_mean)
    count = len(table)
    neutral = np.float32(1.0 / interaction.hook_centre if interaction.hook_centre else 0.5)
    return Categories(
        names=tuple(table.names),
        duration_mean_s=mean,
        duration_sd_s=mean * np.minimum(table.duration_log_sd, np.float32(0.6)),
        virality=np.full(count, 0.5, np.float32),
        hook_mean=np.full(count, neutral, np.float32),
        completion_prior=table.completion_prior,
        upload_share=table.share_of_uploads,
        vectors=spread_vectors(count),
        **neutral_signatures(count),
    )


def _users(
    people: People,
    world: RealWorld,
    user: UserConfig,
    interaction: InteractionConfig,
    population: dict[str, Any],
    categories: Categories,
    draws: Draws,
) -> Arrays:
    """Accounts first (they upload and never watch), then viewers."""
    accounts, viewers = len(world.accounts), len(people)
    ids = np.arange(accounts + viewers, dtype=np.uint32)
    columns = traits(ids, user, draws)
    viewer = slice(accounts, accounts + viewers)
    columns["activity"][:accounts] = 0
    columns["activity"][viewer] = spread_out(
        people.activity, world.people.activity, population["activity_spread"]
    )
    for name in ("like_logit", "share_logit", "comment_logit", "follow_logit"):
        columns[name][viewer] = getattr(people, name)
    columns["attention_span_s"][viewer] = span_of(people.skip_offset, interaction)
    columns["tier"] = np.full(len(ids), 3, np.uint8)
    rate = world.accounts.upload_rate_per_day
    columns["tier"][:accounts] = np.where(rate >= 0.5, 0, np.where(rate >= 0.1, 1, 2))
    columns["upload_rate"] = np.zeros(len(ids), np.float32)
    columns["upload_rate"][:accounts] = rate
    columns["persona"] = np.full(len(ids), 255, np.uint8)
    columns["age_group"] = age_groups(ids, population, draws)
    columns["expertise"] = np.zeros(len(ids), np.uint16)
    columns["expertise"][world.catalogue.account] = world.catalogue.category
    affinity = np.zeros((len(ids), categories.count), np.float32)
    affinity[viewer] = people.affinity
    population = {**population, "persona_use": "templates"}
    columns["taste"] = tastes(ids, affinity, categories.vectors, population, draws)
    columns["interests"] = ((columns["taste"].astype(np.int32) + 128) >> 8).astype(np.int8)
    assert columns["taste"].max() <= TASTE_UNIT
    return columns


def spread_out(activity: np.ndarray, everybody: np.ndarray, power: float) -> np.ndarray:
    """Relative activity raised to a power, at the same mean over everybody in the log.

    The scale comes from the whole log, so that one more person changes nobody.
    """
    if power == 1.0:
        return activity
    raised = exp32(np.float32(power) * log32(activity))
    of_all = exp32(np.float32(power) * log32(everybody))
    scale = math.fsum(everybody.tolist()) / math.fsum(of_all.tolist())
    return (raised * np.float32(scale)).astype(np.float32)


def span_of(skip_offset: np.ndarray, interaction: InteractionConfig) -> np.ndarray:
    """The attention span (s) that gives a user's skip offset in the encounter's equation.

    Offsets beyond what the bounds of the span can express are clipped; the slope is the encounter's own.
    """
    inverse = np.float32(interaction.span_centre) + skip_offset / np.float32(
        max(interaction.skip_span, 1e-6)
    )
    low, high = np.float32(1.0 / 120.0), np.float32(1.0 / interaction.span_floor_s)
    return (np.float32(1.0) / np.clip(inverse, low, high)).astype(np.float32)


def hook_of(hook_logit: np.ndarray, interaction: InteractionConfig) -> np.ndarray:
    """The hook strength that gives an item's skip offset in the encounter's equation, clipped to bounds."""
    inverse = np.float32(interaction.hook_centre) + hook_logit / np.float32(
        max(interaction.skip_hook, 1e-6)
    )
    return (np.float32(1.0) / np.clip(inverse, 1.0, 1.0 / interaction.hook_floor)).astype(
        np.float32
    )


def _videos(
    world: RealWorld, interaction: InteractionConfig, content: ContentConfig, draws: Draws
) -> tuple[NewVideos, dict[int, str]]:
    """The log's catalogue; its hashtag codes follow those of generated uploads."""
    catalogue = world.catalogue
    first = 1 + len(world.categories) * content.hashtags_per_category
    tags = catalogue.hashtags.astype(np.int64)
    names = {first + code: name for code, name in enumerate(world.hashtags) if code}
    if max(names, default=0) > np.iinfo(np.uint16).max:
        raise SettingsError(
            f"content.hashtags_per_category: {content.hashtags_per_category} leaves no room for the "
            f"log's {len(world.hashtags)} hashtags below 65,536; lower it"
        )
    videos = NewVideos(
        creator=catalogue.account.astype(np.uint32),
        ordinal=catalogue.ordinal.astype(np.uint32),
        category=catalogue.category,
        hashtags=np.where(tags > 0, tags + first, 0).astype(np.uint16),
        sound=catalogue.sound,
        duration_s=catalogue.duration_s,
        hook_strength=hook_of(catalogue.hook_logit, interaction),
        quality=catalogue.quality,
        virality=catalogue.virality,
        completion_prior=catalogue.completion_prior,
        toxicity=toxicities(catalogue.account, catalogue.ordinal, content, draws),
    )
    return videos, names
