"""Hangs the parts of community life on their twins: posts, groups, searches, live rooms, interviews."""

from typing import Any

from feedtwin.randomness import Draws
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import Settings
from feedtwin.twins.platform.community import BoardConfig, Finding, Groups, Posts
from feedtwin.twins.platform.live import Live, RoomConfig
from feedtwin.twins.platform.spending import Spending
from feedtwin.twins.user import UserConfig
from feedtwin.twins.user.acts.living import HostConfig, Living, ViewerConfig
from feedtwin.twins.user.acts.seeking import Seeking
from feedtwin.twins.user.acts.socialising import ChoiceConfig, Socialising, SocialRates
from feedtwin.twins.user.interview import Interviewed

Parts = tuple[Any, ...]


def user_parts(settings: Settings, config: UserConfig, draws: Draws) -> Parts:
    """Return the parts of the User twin: what people ask for, and what they answer."""
    rates = section_model(SocialRates, settings.section("community.rates"))
    choice = section_model(ChoiceConfig, settings.section("community.choice"))
    hosts = section_model(HostConfig, settings.section("live.hosts"))
    viewers = section_model(ViewerConfig, settings.section("live.viewers"))
    return (
        Socialising(rates, choice, draws),
        Seeking(rates, choice, draws),
        Living(hosts, viewers, config.steps_per_day, draws),
        Interviewed(config),
    )


def platform_parts(settings: Settings, draws: Draws) -> Parts:
    """Return the parts of the Platform twin: what it keeps and executes."""
    board = section_model(BoardConfig, settings.section("community.board"))
    rooms = section_model(RoomConfig, settings.section("live.rooms"))
    return (
        Posts(board, draws), Groups(board, draws), Finding(board),
        Live(rooms, draws), Spending(),
    )  # fmt: skip
