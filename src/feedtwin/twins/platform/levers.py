"""The policies that the Platform twin runs, and the settings they came with."""

from dataclasses import dataclass

from feedtwin.policies.interface import PromotionPolicy, RecommendationPolicy


@dataclass(frozen=True)
class Levers:
    """The policies in force and the serving settings they came with."""

    recommendation: RecommendationPolicy
    promotion: PromotionPolicy
    oracle: bool
    policy_code: int
    slate_size: int
    temperature: float
    category_picks: int
    category_sharpness: float
    creator_cap: int
    category_cap: int
    velocity_half_life_steps: float
    amplification: float
