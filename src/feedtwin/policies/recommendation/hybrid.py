"""The hybrid recommender: between the TikTok-style and the Kuaishou-style one. Spec REC-3."""

import numpy as np

from feedtwin.policies.interface import View, policy
from feedtwin.policies.recommendation.features import overexposed
from feedtwin.policies.recommendation.settings import (
    HybridSettings,
    RecommendationSettings,
    SocialSettings,
)
from feedtwin.policies.recommendation.tiktok import TikTok


@policy(
    "recommendation", "hybrid", section="recommendation", code=6,
    more={"kuaishou": SocialSettings, "hybrid": HybridSettings},
)  # fmt: skip
class Hybrid(TikTok):
    """Quotas and weights between the TikTok- and the Kuaishou-style; may keep out what was shown much."""

    def __init__(
        self, settings: RecommendationSettings, social: SocialSettings, hybrid: HybridSettings
    ) -> None:
        super().__init__(between(settings, social, hybrid.social_weight))
        self.hybrid = hybrid

    def eligible(self, view: View) -> np.ndarray:
        """Return the rows that the pools choose from: the exposure filter comes before ranking."""
        h = self.hybrid
        much = overexposed(view, h.exposure_filter, h.exposure_share, h.exposure_quantile)
        return np.nonzero((view.items.is_public == 1) & ~much)[0]


def between(
    settings: RecommendationSettings, social: SocialSettings, weight: float
) -> RecommendationSettings:
    """Return settings that lie `weight` of the way from one recommender to the other.

    Quotas are rounded; a cap on a creator's videos that only one of them has loosens with distance from it.
    """
    mixed: dict[str, float] = {}
    for name, far in social.model_dump().items():
        near = getattr(settings, name)
        value = (1.0 - weight) * near + weight * far
        mixed[name] = value if isinstance(far, float) else round(value)
    near, far = settings.pool_creator_cap, social.pool_creator_cap
    if not near or not far:
        share = weight if far else 1.0 - weight
        mixed["pool_creator_cap"] = round(max(near, far) / share) if share > 0 else 0
    return settings.model_copy(update=mixed)
