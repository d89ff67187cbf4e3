"""Campaign policies: what the platform advises creators to post."""

from feedtwin.policies.campaigns.settings import CampaignSettings
from feedtwin.policies.campaigns.template import NoCampaigns, Template
from feedtwin.policies.campaigns.trend_aware import TrendAware

__all__ = ["CampaignSettings", "NoCampaigns", "Template", "TrendAware"]
