"""Recommendation policies: what a feed shows."""

from feedtwin.policies.recommendation.hybrid import Hybrid
from feedtwin.policies.recommendation.kuaishou import Kuaishou
from feedtwin.policies.recommendation.nulls import Popularity, Random
from feedtwin.policies.recommendation.settings import (
    HybridSettings,
    RecommendationSettings,
    SocialSettings,
)
from feedtwin.policies.recommendation.tiktok import Oracle, TikTok

__all__ = [
    "Hybrid",
    "HybridSettings",
    "Kuaishou",
    "Oracle",
    "Popularity",
    "Random",
    "RecommendationSettings",
    "SocialSettings",
    "TikTok",
]
