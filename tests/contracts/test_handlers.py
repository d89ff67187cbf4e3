"""A twin handles only what it is declared to consume, and its settings are its parameter file."""

import pytest

from feedtwin.llm.settings import LlmSettings
from feedtwin.policies.campaigns import CampaignSettings
from feedtwin.policies.forecast import ForecastSettings
from feedtwin.policies.governance import GovernanceSettings
from feedtwin.policies.monetization import MonetizationSettings
from feedtwin.policies.promotion import StagedSettings
from feedtwin.policies.recommendation import (
    HybridSettings,
    RecommendationSettings,
    SocialSettings,
)
from feedtwin.schema.batches import OUTCOME_EVENTS
from feedtwin.schema.events import EVENTS
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import resolve
from feedtwin.twins.content import ContentTwin
from feedtwin.twins.interaction import InteractionConfig, InteractionTwin
from feedtwin.twins.platform import PlatformConfig, PlatformTwin
from feedtwin.twins.platform.community import BoardConfig
from feedtwin.twins.platform.governance import ModerationConfig, TrendsConfig
from feedtwin.twins.platform.live import RoomConfig
from feedtwin.twins.user import UserConfig, UserTwin
from feedtwin.twins.user.acts.living import HostConfig, ViewerConfig
from feedtwin.twins.user.acts.socialising import ChoiceConfig, SocialRates
from feedtwin.twins.user.acts.spending import SpendingConfig
from feedtwin.world.market import MarketConfig

TWINS = {
    "user": UserTwin,
    "content": ContentTwin,
    "interaction": InteractionTwin,
    "platform": PlatformTwin,
}
HANDLERS = [
    (twin, name) for twin, cls in TWINS.items() for name in dir(cls) if name.startswith("on_")
]
SECTIONS = {
    "user": UserConfig,
    "interaction": InteractionConfig,
    "platform": PlatformConfig,
    "recommendation": RecommendationSettings,
    "promotion": StagedSettings,
    "llm": LlmSettings,
    "monetization": MonetizationSettings,
    "market": MarketConfig,
    "spending": SpendingConfig,
    "community.rates": SocialRates,
    "community.choice": ChoiceConfig,
    "community.board": BoardConfig,
    "live.hosts": HostConfig,
    "live.viewers": ViewerConfig,
    "live.rooms": RoomConfig,
    "trends": TrendsConfig,
    "moderation": ModerationConfig,
    "forecast": ForecastSettings,
    "governance": GovernanceSettings,
    "campaigns": CampaignSettings,
    "kuaishou": SocialSettings,
    "hybrid": HybridSettings,
}


@pytest.mark.parametrize(("twin", "handler"), HANDLERS)
def test_a_handler_answers_an_event_that_its_twin_consumes(twin, handler):
    names = OUTCOME_EVENTS if handler == "on_outcomes" else (handler.removeprefix("on_").upper(),)
    assert all(twin in EVENTS[name].consumers for name in names)


def test_there_are_handlers_at_all():
    assert {twin for twin, _ in HANDLERS} >= {"user", "content", "platform"}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_settings_model_and_its_parameter_file_have_the_same_keys(section):
    values = resolve("synthetic").section(section)
    model = section_model(SECTIONS[section], values)
    assert set(type(model).model_fields) == set(values)
