"""Settings of the campaign planner; see `parameters/campaigns.yaml`."""

from pydantic import BaseModel, ConfigDict


class CampaignSettings(BaseModel):
    """Who takes part, and what a plan looks like."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    adoption: float
    others: str
    tiers: int
    every_days: int
    uploads: list[int]
    hours: list[int]
    history: int
    trends_read: int
