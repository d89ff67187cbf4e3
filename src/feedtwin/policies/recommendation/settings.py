"""Settings shared by the recommenders; see `parameters/recommendation.yaml`."""

from pydantic import BaseModel, ConfigDict


class RecommendationSettings(BaseModel):
    """Pools, weights and caps of serving."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slate_size: int
    temperature: float
    category_picks: int
    category_sharpness: float
    interest_quota: int
    trending_quota: int
    recent_quota: int
    followed_quota: int
    community_quota: int
    limited_quota: int
    trending_share: float
    weight_similarity: float
    weight_quality: float
    weight_recency: float
    weight_social: float
    weight_popularity: float
    recency_half_life_steps: float
    prior_impressions: float
    creator_cap: int
    category_cap: int
    pool_creator_cap: int

    @property
    def candidates(self) -> int:
        """Candidates per request over all pools."""
        general = self.interest_quota + self.trending_quota + self.recent_quota + self.limited_quota
        return general + self.followed_quota + self.community_quota


class SocialSettings(BaseModel):
    """What the Kuaishou-style recommender has instead; see `parameters/kuaishou.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    interest_quota: int
    trending_quota: int
    recent_quota: int
    followed_quota: int
    community_quota: int
    limited_quota: int
    weight_similarity: float
    weight_quality: float
    weight_recency: float
    weight_social: float
    weight_popularity: float
    pool_creator_cap: int


class HybridSettings(BaseModel):
    """How far between both the hybrid lies, and its filter; see `parameters/hybrid.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    social_weight: float
    exposure_filter: str
    exposure_share: float
    exposure_quantile: float
