"""The platform's terms; see `parameters/monetization.yaml`."""

from pydantic import BaseModel, ConfigDict


class MonetizationSettings(BaseModel):
    """Ad load, shares, prices and calendar."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ad_load: float
    ad_candidates: int
    ad_relevance: float
    ad_share: float
    gift_share: float
    subscription_share: float
    sale_share: float
    subscription_price_microusd: int
    subscription_steps: int
    subscription_followers_min: int
    subscriptions_max: int
    fund_microusd_per_user_day: int
    fund_steps: int
    payout_steps: int
    payout_minimum_microusd: int
