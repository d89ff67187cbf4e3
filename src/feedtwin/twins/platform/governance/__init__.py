"""Governance of the Platform twin: sensors that change nothing, a controller behind guard rails, moderation."""

from feedtwin.twins.platform.governance.campaigns import Campaigns, Participation
from feedtwin.twins.platform.governance.cascades import Cascades
from feedtwin.twins.platform.governance.config import ModerationConfig, TrendsConfig
from feedtwin.twins.platform.governance.controller import Controller
from feedtwin.twins.platform.governance.forecasts import Forecasts, Foresight
from feedtwin.twins.platform.governance.guard import Limits
from feedtwin.twins.platform.governance.interventions import Interventions
from feedtwin.twins.platform.governance.moderation import Moderation
from feedtwin.twins.platform.governance.trends import TrendTracker

__all__ = [
    "Campaigns", "Cascades", "Controller", "Forecasts", "Foresight", "Interventions", "Limits",
    "Moderation", "ModerationConfig", "Participation", "TrendTracker", "TrendsConfig",
]  # fmt: skip
