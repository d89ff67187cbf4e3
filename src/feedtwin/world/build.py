"""Settings to world: the one place where parts are chosen and put together."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel

from feedtwin.columns import Columns
from feedtwin.kernels.binding import Kernels
from feedtwin.policies import behaviour as _behaviour  # noqa: F401 - lists its policies
from feedtwin.policies import campaigns as _campaigns  # noqa: F401 - lists its policies
from feedtwin.policies import forecast as _forecast  # noqa: F401 - lists its policies
from feedtwin.policies import governance as _governance  # noqa: F401 - lists its policies
from feedtwin.policies import promotion as _promotion  # noqa: F401 - lists its policies
from feedtwin.policies import recommendation as _recommendation  # noqa: F401 - lists its policies
from feedtwin.policies.interface import BehaviourPolicy, PolicyEntry, entry_of
from feedtwin.policies.making import make
from feedtwin.policies.promotion import StagedSettings
from feedtwin.policies.recommendation import RecommendationSettings
from feedtwin.randomness import Draws
from feedtwin.schema.parameters import load_defaults, section_model
from feedtwin.schema.settings import Settings
from feedtwin.schema.tables import Column, TableSpec
from feedtwin.twins.content import ContentConfig, ContentTwin
from feedtwin.twins.content.entering import add_videos, caption_ids, created_batch, words_of
from feedtwin.twins.content.matching import MatchRule
from feedtwin.twins.content.table import ITEMS
from feedtwin.twins.interaction import InteractionConfig, InteractionTwin
from feedtwin.twins.platform import PlatformConfig, PlatformTwin
from feedtwin.twins.platform import table as platform_table
from feedtwin.twins.platform.levers import Levers
from feedtwin.twins.platform.twin import Tables
from feedtwin.twins.user import UserConfig, UserTwin
from feedtwin.twins.user.acts.reacting import ReactionConfig
from feedtwin.twins.user.careers import CareerConfig, Careers
from feedtwin.twins.user.table import USERS
from feedtwin.world import community
from feedtwin.world.calibrating import calibrated
from feedtwin.world.counsel import Counsel
from feedtwin.world.fitted import fitted_columns
from feedtwin.world.governing import add_governance
from feedtwin.world.market import join_market, open_market
from feedtwin.world.origin import Origin
from feedtwin.world.real import real_origin
from feedtwin.world.synthetic import synthetic_origin
from feedtwin.world.world import World


def build(
    settings: Settings, kernels: Kernels, counsel: Counsel | None = None, **options: Any
) -> World:
    """Return a world at step 0.

    Args:
        settings: Everything that determines its state.
        kernels: The native kernels or the NumPy path; no effect on state.
        counsel: Who answers what the world asks of language models; stand-ins by default.
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
    item_columns = _item_columns(origin, content, draws)
    market = open_market(settings, item_columns, origin.categories, content, draws)
    items = ContentTwin(
        content, origin.categories, item_columns, draws, kernels, _match_rule(interaction),
        origin.hashtags,
    )  # fmt: skip
    interaction, notes = calibrated(settings, interaction, users.table, items, draws)
    fitted = fitted_columns(settings, origin, users.table, items, draws)
    twins = (
        users,
        items,
        InteractionTwin(interaction, draws, kernels, _behaviour_of(settings, interaction), fitted),
        PlatformTwin(
            platform, _platform_tables(origin, platform, items), _levers(settings),
            _mean_vector(items), draws, kernels,
        ),
    )  # fmt: skip
    add_governance(twins, settings, draws)
    join_market(market, settings, users, twins[3], draws, kernels)
    users.parts += community.user_parts(settings, user, draws)
    twins[3].parts += community.platform_parts(settings, draws)
    world = World(settings, twins, (*origin.notes, *notes), **options)
    (counsel or Counsel(is_offline=True)).join(world)
    return world


def _content_section(settings: Settings) -> dict[str, Any]:
    """The content parameters, with the spreads that the archetypes' file keeps beside its columns."""
    archetypes = settings.section("archetypes")
    spreads = {name: archetypes[name] for name in ("hook_sd", "quality_sd")}
    return {**settings.section("content"), **spreads}


def _careers(settings: Settings, user: UserConfig, origin: Origin, draws: Draws) -> Careers:
    """Everybody who may ever upload, and what a video of each category costs."""
    creators = np.nonzero(origin.users["upload_rate"] > 0)[0].astype(np.uint32)
    config = section_model(CareerConfig, settings.section("creators"))
    return Careers(config, user, creators, origin.categories.production_cost, draws)


def _match_rule(interaction: InteractionConfig) -> MatchRule:
    weights = ("w_visual", "w_audio", "w_text", "w_compact", "caption_channel")
    values = {name: getattr(interaction, name) for name in weights}
    return MatchRule(interaction.match_source, **values)


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
        words = words_of(origin.categories, content, origin.hashtags)
        text = caption_ids(origin.videos, words, content, draws)
        batch = created_batch(origin.videos, 0, text)
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


def _behaviour_of(settings: Settings, interaction: InteractionConfig) -> BehaviourPolicy | None:
    """The rule of a user's own, or None where the encounter's equations hold."""
    if settings.policies["behaviour"] == "kernel":
        return None
    return make(_entry(settings, "behaviour"), interaction)


def _made(settings: Settings, entry: PolicyEntry, own: BaseModel) -> Any:
    """Make a policy from the settings of its section, and of further sections that it asks for."""
    more = (section_model(model, settings.section(name)) for name, model in entry.more.items())
    return make(entry, own, *more)


def _levers(settings: Settings) -> Levers:
    recommendation, promotion = _entry(settings, "recommendation"), _entry(settings, "promotion")
    serving = section_model(RecommendationSettings, settings.section(recommendation.section))
    staged = section_model(StagedSettings, settings.section(promotion.section))
    return Levers(
        recommendation=_made(settings, recommendation, serving),
        promotion=_made(settings, promotion, staged),
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
