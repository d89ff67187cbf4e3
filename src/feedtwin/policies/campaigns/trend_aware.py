"""Plans that bridge a trend to the creator's own field, from what worked for this creator before.

The rule-based counterpart of the paper's planner (spec 1.7: last five videos, top three trending hashtags).
"""

from dataclasses import replace

import numpy as np

from feedtwin.policies.campaigns.settings import CampaignSettings
from feedtwin.policies.campaigns.template import Template
from feedtwin.policies.interface import PLAN_DAYS, Plans, View, policy

HASHTAG, SOUND = 1, 2
"""Codes of `TrendKind`."""
EMERGENCE, PEAK = 1, 2


@policy("campaigns", "trend_aware", section="campaigns")
class TrendAware:
    """A trend of the hour, bridged to the category that worked best for the creator."""

    def __init__(self, settings: CampaignSettings) -> None:
        self.settings = settings
        self.template = Template(settings)

    def plan(self, view: View, creators: np.ndarray) -> Plans:
        """Start from the template; ride the trends that exist, one per day, the freshest first."""
        base = self.template.plan(view, creators)
        best, score = self._results(view, creators)
        category = np.where(best >= 0, best, base.category[:, 0])
        hashtag = np.array(base.hashtag)
        tags = self._trending(view, HASHTAG)
        for day, tag in enumerate(tags[:PLAN_DAYS]):
            hashtag[:, day] = tag
        sound = np.zeros_like(hashtag)
        for tune in self._trending(view, SOUND)[:1]:
            sound[:] = tune
        uploads = np.array(base.uploads)
        above = score > np.sort(score)[len(score) // 2] if len(score) else np.zeros(0, bool)
        if len(tags):
            uploads[above, 0] = np.minimum(uploads[above, 0] + 1, 8)  # the able ride early
        wide = np.repeat(category[:, None], PLAN_DAYS, axis=1)
        return replace(base, category=wide, hashtag=hashtag, sound=sound, uploads=uploads)

    def _trending(self, view: View, kind: int) -> np.ndarray:
        """Keys that emerge or peak, those that emerge first, then the faster; ties to the lower key."""
        trends = view.trends
        assert trends is not None
        alive = (trends.lifecycle == EMERGENCE) | (trends.lifecycle == PEAK)
        rows = np.nonzero((trends.kind == kind) & alive)[0]
        order = np.lexsort((trends.key[rows], -trends.velocity[rows, 0], trends.lifecycle[rows]))
        return trends.key[rows[order[: self.settings.trends_read]]]

    def _results(self, view: View, creators: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each creator's best category (-1: none known) and a score of the latest videos.

        The score is finished views and engagements minus skips per impression, in thousandths.
        """
        items = view.items
        rows = np.nonzero(np.isin(items.creator, creators) & (items.is_public == 1))[0]
        order = np.lexsort((items.ordinal[rows], items.creator[rows]))
        rows = rows[order]
        end = np.searchsorted(items.creator[rows], items.creator[rows], side="right")
        rows = rows[end - np.arange(len(rows)) <= self.settings.history]
        lane = np.searchsorted(creators, items.creator[rows])
        good = items.completions[rows].astype(np.int64) + items.likes[rows] + items.shares[rows]
        good = good + items.comments[rows] - items.skips[rows].astype(np.int64)
        seen = items.impressions[rows].astype(np.int64)
        score = good * 1000 // np.maximum(seen, 1)
        best = np.full(len(creators), -1, np.int64)
        order = np.lexsort((-items.category[rows].astype(np.int64), score, lane))
        best[lane[order]] = items.category[rows[order]]  # the last of each lane wins
        total, count = np.zeros(len(creators), np.int64), np.zeros(len(creators), np.int64)
        np.add.at(total, lane, score)
        np.add.at(count, lane, 1)
        return best, total // np.maximum(count, 1)
