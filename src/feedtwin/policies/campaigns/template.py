"""The fixed three-day plan: discovery, interaction, conversion. Spec CREATOR_CAMPAIGN (fallback), EXP-1 S0."""

import numpy as np

from feedtwin.policies.campaigns.settings import CampaignSettings
from feedtwin.policies.interface import PLAN_DAYS, Plans, View, policy

LAUNCH, FOLLOW_UP, CONVERSION = 1, 2, 3
"""Themes of the three days, which captions carry."""
CALL_FOLLOW, CALL_COMMENT, CALL_JOIN_LIVE = 1, 2, 3


@policy("campaigns", "none", section="campaigns")
class NoCampaigns:
    """No plans: creators decide alone."""

    def __init__(self, settings: CampaignSettings) -> None:
        self.settings = settings

    def plan(self, view: View, creators: np.ndarray) -> Plans:
        """Plan nothing for anybody."""
        none = np.zeros((len(creators), PLAN_DAYS), np.uint32)
        return Plans(none + 0xFFFF, *([none] * 7))


@policy("campaigns", "template", section="campaigns")
class Template:
    """Three fixed days in the creator's own field: discovery, interaction, conversion."""

    def __init__(self, settings: CampaignSettings) -> None:
        self.settings = settings

    def plan(self, view: View, creators: np.ndarray) -> Plans:
        """Reads neither trends nor results: only the field, and the field's usual hashtags."""
        s, shape = self.settings, (len(creators), PLAN_DAYS)
        field = view.users.expertise[creators].astype(np.int64)

        def each_day(values: list[int]) -> np.ndarray:
            return np.broadcast_to(np.asarray(values), shape)

        return Plans(
            category=np.repeat(field[:, None], PLAN_DAYS, axis=1),
            hashtag=usual_hashtags(view)[field],
            sound=np.zeros(shape, np.uint32),
            uploads=each_day(s.uploads),
            text=each_day([LAUNCH, FOLLOW_UP, CONVERSION]),
            hour=each_day(s.hours),
            live=each_day([0, 0, 1]),
            call=each_day([CALL_FOLLOW, CALL_COMMENT, CALL_JOIN_LIVE]),
        )


def usual_hashtags(view: View) -> np.ndarray:
    """Return the three most used hashtags of each category, u4 (65536, 3); 0 where there are fewer.

    Counted over the public catalogue; ties go to the lower hashtag.
    """
    items = view.items
    public = np.nonzero(items.is_public)[0]
    tags = items.hashtags[public].astype(np.int64)
    codes = (items.category[public].astype(np.int64)[:, None] << 16) | tags
    found, count = np.unique(codes[tags > 0], return_counts=True)
    category, tag = found >> 16, found & 0xFFFF
    order = np.lexsort((tag, -count, category))
    category, tag = category[order], tag[order]
    place = np.arange(len(category)) - np.searchsorted(category, category, side="left")
    usual = np.zeros((1 << 16, PLAN_DAYS), np.uint32)
    first = place < PLAN_DAYS
    usual[category[first], place[first]] = tag[first]
    return usual
