"""The terms on which money moves; values and meanings in `parameters/monetization.yaml`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """What the platform's parts need of the monetization settings; shares are the policy's own business."""

    ad_load: float
    ad_candidates: int
    ad_relevance: float
    subscription_price_microusd: int
    subscription_steps: int
    subscription_followers_min: int
    subscriptions_max: int
    fund_microusd_per_user_day: int
    fund_steps: int
    payout_steps: int
    payout_minimum_microusd: int
