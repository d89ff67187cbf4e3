"""Settings to world: the one place where parts are chosen and put together."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from feedtwin.columns import Columns
from feedtwin.kernels.binding import Kernels
from feedtwin.policies import promotion as _promotion  # noqa: F401 - lists its policies
from feedtwin.policies import recommendation as _recommendation  # noqa: F401 - lists its policies
from feedtwin.policies.interface import PolicyEntry, entry_of
from feedtwin.policies.promotion import StagedSettings
from feedtwin.policies.recommendation import RecommendationSettings
from feedtwin.randomness import Draws
from feedtwin.schema.parameters import load_defaults, section_model
from feedtwin.schema.settings import Settings
from feedtwin.schema.tables import Column, TableSpec
from feedtwin.twins.content import ContentConfig, ContentTwin
from feedtwin.twins.content.table import ITEMS
from feedtwin.twins.content.twin import add_videos, created_batch
from feedtwin.twins.interaction import InteractionConfig, InteractionTwin
from feedtwin.twins.platform import PlatformConfig, PlatformTwin
from feedtwin.twins.platform import table as platform_table
from feedtwin.twins.platform.explicit import ExplicitFeedback
from feedtwin.twins.platform.headcount import Headcount
from feedtwin.twins.platform.reporting import Reporting
from feedtwin.twins.platform.twin import Levers, Tables
from feedtwin.twins.user import UserConfig, UserTwin
from feedtwin.twins.user.careers import CareerConfig, Careers
from feedtwin.twins.user.reacting import ReactionConfig
from feedtwin.twins.user.table import USERS
from feedtwin.world.origin import Origin
from feedtwin.world.real import real_origin
from feedtwin.world.synthetic import synthetic_origin
from feedtwin.world.world import World

_SETTINGS = {"recommendation": RecommendationSettings, "promotion": StagedSettings}


def build(settings: Settings, kernels: Kernels, **options: Any) -> World:
    """Return a world at step 0.

    Args:
        settings: Everything that determines its state.
        kernels: The native kernels or the NumPy path; no effect on state.
        options: Passed to `World` (test switches such as `reverse_handlers`).
    """
    draws = Draws(settings.seed, settings.replicate, kernels)
    user = section_model(UserConfig, settings.section("user"))
    content = section_model(ContentConfig, _content_section(settings))
    interaction = section_model(InteractionConfig, settings.section("interaction"))
    platform = section_model(PlatformConfig, settings.section("platform"))
    if settings.population["kind"] == "kuairand":
        origin = real_origin(settings, user, content, interaction, draws)
    else:
        origin = synthetic_origin(settings, user, content, draws)
    if origin.diurnal is not None and user.diurnal == load_defaults().get("user.diurnal"):
        user = user.model_copy(update={"diurnal": origin.diurnal})  # a curve that was set wins
    reactions = section_model(ReactionConfig, settings.section("reactions"))
    users = UserTwin(user, _user_columns(origin), origin.ties, draws, kernels, reactions)
    users.employ(_careers(settings, user, origin, draws))
    noise = interaction.match_source == "embedding_slice"
    items = ContentTwin(
        content, origin.categories, _item_columns(origin, content, draws), draws, kernels,
        noise_match=noise,
    )  # fmt: skip
    tables = _platform_tables(origin, platform, items)
    central = PlatformTwin(platform, tables, _levers(settings), _mean_vector(items), draws, kernels)
    explicit = ExplicitFeedback(platform, tables.accounts, lambda: central.mean_vector)
    central.parts += (explicit, Reporting(), Headcount())
    twins = (users, items, InteractionTwin(interaction, draws, kernels), central)
    return World(settings, twins, origin.notes, **options)


def _content_section(settings: Settings) -> dict[str, Any]:
    """The content parameters, with the spreads that the archetypes' file keeps beside its columns."""
    archetypes = settings.section("archetypes")
    spreads = {name: archetypes[name] for name in ("hook_sd", "quality_sd")}
    return {**settings.section("content"), **spreads}


def _careers(settings: Settings, user: UserConfig, origin: Origin, draws: Draws) -> Careers:
    """Everybody who may ever upload, and what a video costs where categories have a cost."""
    creators = np.nonzero(origin.users["upload_rate"] > 0)[0].astype(np.uint32)
    cost = getattr(origin.categories, "production_cost", None)
    config = section_model(CareerConfig, settings.section("creators"))
    return Careers(config, user, creators, cost, draws)


def _fill(columns: Columns, values: Mapping[str, np.ndarray], where: slice) -> None:
    for name, array in values.items():
        getattr(columns, name)[where] = array


def _user_columns(origin: Origin) -> Columns:
    columns = Columns(USERS, origin.count)
    with columns.writing():
        _fill(columns, origin.users, slice(None))
        columns.follower_count[:] = origin.ties.follower_counts()
        columns.following_count[:] = origin.ties.following_counts()
        uploads = np.bincount(origin.videos.creator, minlength=origin.count)
        columns.upload_count[:] = uploads.astype(np.uint32)
    return columns


def _item_columns(origin: Origin, content: ContentConfig, draws: Draws) -> Columns:
    columns = Columns(ITEMS, 0)
    with columns.writing():
        batch = created_batch(origin.videos, 0)
        where = add_videos(columns, batch, origin.categories, content, draws)
        columns.created_step[where] = origin.created_step
        columns.is_public[where] = origin.is_public
    return columns


def _platform_tables(origin: Origin, config: PlatformConfig, items: ContentTwin) -> Tables:
    """Initial videos count as tested; each creator's latest public one is remembered."""
    seen = platform_table.HISTORY.columns[0]
    sized = Column(
        seen.name, seen.dtype, (config.seen_size,), seen.unit, seen.meaning, True, seen.fill
    )
    history = TableSpec("history", "platform", "user", (sized,))
    tables = Tables(
        Columns(platform_table.ACCOUNTS, origin.count),
        Columns(history, origin.count),
        Columns(platform_table.CATALOGUE, len(items.table)),
    )
    with tables.catalogue.writing(), tables.accounts.writing():
        tables.catalogue.stage[:] = platform_table.STAGE_EXPANDED
        table = items.table
        public = np.nonzero(table.is_public)[0]
        newest = public[np.lexsort((table.ordinal[public], table.created_step[public]))]
        tables.accounts.latest_row[table.creator[newest]] = newest.astype(np.uint32)
    return tables


def _mean_vector(items: ContentTwin) -> np.ndarray:
    """The public catalogue's mean vector, int16 with 32512 = 1.0, from exact integer sums."""
    public = items.table.vector[items.table.is_public == 1].astype(np.int64)
    total = public.sum(axis=0)
    return ((total * 256) // max(len(public), 1)).astype(np.int16)


def _entry(settings: Settings, lever: str) -> PolicyEntry:
    return entry_of(lever, settings.policies[lever])


def _levers(settings: Settings) -> Levers:
    recommendation, promotion = _entry(settings, "recommendation"), _entry(settings, "promotion")
    serving = section_model(RecommendationSettings, settings.section(recommendation.section))
    staged = section_model(StagedSettings, settings.section(promotion.section))
    return Levers(
        recommendation=recommendation.factory(serving),
        promotion=promotion.factory(staged),
        oracle=recommendation.oracle,
        policy_code=recommendation.code,
        slate_size=serving.slate_size,
        temperature=serving.temperature,
        category_picks=serving.category_picks,
        category_sharpness=serving.category_sharpness,
        creator_cap=serving.creator_cap,
        category_cap=serving.category_cap,
        velocity_half_life_steps=staged.velocity_half_life_steps,
        amplification=staged.amplification,
    )
