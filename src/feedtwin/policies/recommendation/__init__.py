"""Recommendation policies: what a feed shows."""

from feedtwin.policies.recommendation.nulls import Popularity, Random
from feedtwin.policies.recommendation.settings import RecommendationSettings
from feedtwin.policies.recommendation.tiktok import Oracle, TikTok

__all__ = ["Oracle", "Popularity", "Random", "RecommendationSettings", "TikTok"]
