"""The Kuaishou-style recommender: ties and community before trends. Spec REC-2."""

from feedtwin.policies.interface import policy
from feedtwin.policies.recommendation.settings import RecommendationSettings, SocialSettings
from feedtwin.policies.recommendation.tiktok import TikTok


@policy(
    "recommendation",
    "kuaishou",
    section="recommendation",
    code=5,
    more={"kuaishou": SocialSettings},
)
class Kuaishou(TikTok):
    """Followed creators and whom they follow, heavier social weight, few videos per creator in a pool."""

    def __init__(self, settings: RecommendationSettings, social: SocialSettings) -> None:
        super().__init__(settings.model_copy(update=social.model_dump()))
