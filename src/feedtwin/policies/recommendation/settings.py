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

    @property
    def candidates(self) -> int:
        """Candidates per request over all pools."""
        return self.interest_quota + self.trending_quota + self.recent_quota + self.followed_quota
