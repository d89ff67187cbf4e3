"""The TikTok-style recommender, and its oracle twin. Spec REC-1, REC-4, REC-5."""

import math

import numpy as np

from feedtwin.policies.interface import (
    COMMUNITY,
    FOLLOWED,
    INTEREST,
    LIMITED,
    RECENT,
    TRENDING,
    Block,
    Pool,
    Ranking,
    View,
    policy,
)
from feedtwin.policies.recommendation.features import (
    best_of_creator,
    performance,
    popularity,
    recency,
    top_rows,
)
from feedtwin.policies.recommendation.settings import RecommendationSettings

STAGE_INITIAL, STAGE_VIRAL, STAGE_LIMITED = 0, 2, 3


@policy("recommendation", "tiktok", section="recommendation", code=1)
class TikTok:
    """Interest, trending, fresh and followed pools, ranked by relevance, performance and freshness."""

    def __init__(self, settings: RecommendationSettings) -> None:
        self.settings = settings

    def pools(self, view: View) -> list[Pool]:
        """Tested videos by interest, the fastest 1 %, uploads still in their test, followed creators, their own.

        Videos that failed their test are in a pool of their own, whose quota is their limited traffic (PRO-2).
        """
        s = self.settings
        public = self.eligible(view)
        stage = view.catalogue.stage[public]
        testing, limited = public[stage == STAGE_INITIAL], public[stage == STAGE_LIMITED]
        tested = public[(stage != STAGE_INITIAL) & (stage != STAGE_LIMITED)]
        if s.pool_creator_cap:
            tested = best_of_creator(view, tested, s.prior_impressions, s.pool_creator_cap)
        count = max(math.ceil(s.trending_share * len(public)), s.trending_quota)
        trending = top_rows(view.catalogue.velocity, view.items.item, tested, count)
        viral = tested[view.catalogue.stage[tested] == STAGE_VIRAL]
        none = public[:0]
        return [
            Pool(INTEREST, tested, s.interest_quota, by_category=True),
            Pool(TRENDING, np.union1d(trending, viral), s.trending_quota),
            Pool(RECENT, testing, s.recent_quota),
            Pool(LIMITED, limited, s.limited_quota),
            Pool(FOLLOWED, none, s.followed_quota),
            Pool(COMMUNITY, none, s.community_quota),
        ]

    def eligible(self, view: View) -> np.ndarray:
        """Return the rows that the pools choose from."""
        return np.nonzero(view.items.is_public)[0]

    def ranking(self, view: View) -> Ranking:
        """w1 Sim + w2 Quality + w3 Recency + w4 SocialBoost, with a popularity boost (REC-5)."""
        s = self.settings
        quality = np.float32(s.weight_quality) * performance(view, s.prior_impressions)
        fresh = np.float32(s.weight_recency) * recency(view, s.recency_half_life_steps)
        trending = np.float32(s.weight_popularity) * popularity(view)
        terms = {"quality": quality, "recency": fresh, "popularity": trending}
        base = (quality + fresh) + trending
        return Ranking(s.weight_similarity, s.weight_social, base, terms)

    def scores(self, view: View, block: Block) -> np.ndarray:
        """Not used: the kernel scores feature weights."""
        raise NotImplementedError("a feature-weight policy has no scores")


@policy("recommendation", "oracle", section="recommendation", oracle=True, code=2)
class Oracle(TikTok):
    """The TikTok-style recommender fed with true interests: an upper bound no platform can reach."""
