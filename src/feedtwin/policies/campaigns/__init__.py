"""Campaign policies: what the platform advises creators to post."""

from feedtwin.policies.campaigns.llm import Consulting
from feedtwin.policies.campaigns.settings import CampaignSettings
from feedtwin.policies.campaigns.template import NoCampaigns, Template
from feedtwin.policies.campaigns.trend_aware import TrendAware

__all__ = ["CampaignSettings", "Consulting", "NoCampaigns", "Template", "TrendAware"]
