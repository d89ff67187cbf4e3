"""Puts the parts of governance and of campaigns into the twins: sensors, controller, moderation, plans.

The parts are always there, empty and idle where nothing needs them, so that a fork may switch them on.
"""

from dataclasses import fields
from typing import Any

from feedtwin.policies.campaigns import CampaignSettings
from feedtwin.policies.forecast import ForecastSettings
from feedtwin.policies.governance import GovernanceSettings
from feedtwin.policies.interface import entry_of
from feedtwin.policies.making import make
from feedtwin.randomness import Draws
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import Settings
from feedtwin.twins.content import ContentTwin
from feedtwin.twins.content.guidance import Guidance
from feedtwin.twins.interaction import InteractionTwin
from feedtwin.twins.platform import PlatformTwin
from feedtwin.twins.platform.governance import (
    Campaigns,
    Cascades,
    Controller,
    Forecasts,
    Foresight,
    Interventions,
    Limits,
    Moderation,
    ModerationConfig,
    Participation,
    TrendsConfig,
    TrendTracker,
)
from feedtwin.twins.user import UserTwin
from feedtwin.twins.user.planning import Planning

OFF = "none"
_NEEDS_NO_TRENDS = (OFF, "template")
"""Planners that read no trends."""


def add_governance(
    twins: tuple[UserTwin, ContentTwin, InteractionTwin, PlatformTwin],
    settings: Settings,
    draws: Draws,
) -> None:
    """Append the parts to the twins they belong to."""
    users, items, _, platform = twins
    per_day = users.config.steps_per_day
    config = section_model(TrendsConfig, settings.section("trends"))
    limits = section_model(GovernanceSettings, settings.section("governance"))
    foresight = section_model(ForecastSettings, settings.section("forecast"))
    campaigns = section_model(CampaignSettings, settings.section("campaigns"))
    chosen = settings.policies
    needed = chosen["governance"] != OFF or chosen["campaigns"] not in _NEEDS_NO_TRENDS
    needed |= chosen["forecast"] == "llm"
    trends = TrendTracker(
        config, platform.config.refresh_steps, active=config.track == "always" or needed
    )
    forecasts = Forecasts(
        _taken(Foresight, foresight), _policy(settings, "forecast", foresight), trends
    )
    running = Interventions(limits.cool_down_steps)
    platform.parts += (
        trends,
        forecasts,
        Cascades(active=config.cascades == "on"),
        running,
        Controller(
            _policy(settings, "governance", limits), limits.every_steps, _taken(Limits, limits),
            trends, forecasts, running,
        ),
        Moderation(section_model(ModerationConfig, settings.section("moderation")), running, draws),
        Campaigns(
            _policy(settings, "campaigns", campaigns),
            None if campaigns.others == OFF else make(entry_of("campaigns", campaigns.others), campaigns),
            Participation(campaigns.adoption, campaigns.tiers, campaigns.every_days, per_day),
            trends, forecasts, draws,
        ),
    )  # fmt: skip
    items.parts += (Guidance(per_day),)
    users.parts += (Planning(per_day),)


def _taken(cls: type, settings: Any) -> Any:
    """Return the fields of a dataclass from settings that have them and more."""
    return cls(**{item.name: getattr(settings, item.name) for item in fields(cls)})


def _policy(settings: Settings, lever: str, section: Any) -> Any:
    """Return the policy of a lever, or None where it is off."""
    name = settings.policies[lever]
    return None if name == OFF else make(entry_of(lever, name), section)
