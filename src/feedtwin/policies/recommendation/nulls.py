"""Two null recommenders: worlds against which a policy or a calibration must show its worth."""

import numpy as np

from feedtwin.numerics import log32
from feedtwin.policies.interface import ALL, Block, Pool, Ranking, View, policy
from feedtwin.policies.recommendation.settings import RecommendationSettings


@policy("recommendation", "random", section="recommendation", code=3)
class Random:
    """Uniform random exposure over all public videos."""

    def __init__(self, settings: RecommendationSettings) -> None:
        self.settings = settings

    def pools(self, view: View) -> list[Pool]:
        """One ring of everything public."""
        public = np.nonzero(view.items.is_public)[0]
        return [Pool(ALL, public, self.settings.candidates)]

    def ranking(self, view: View) -> Ranking:
        """Every candidate scores the same; the Gumbel race draws uniformly."""
        return Ranking(0.0, 0.0, np.zeros(len(view.items), np.float32))

    def scores(self, view: View, block: Block) -> np.ndarray:
        """Not used: the kernel scores feature weights."""
        raise NotImplementedError("a feature-weight policy has no scores")


@policy("recommendation", "popularity", section="recommendation", code=4)
class Popularity(Random):
    """The most engaged-with videos for everybody, whoever asks."""

    def ranking(self, view: View) -> Ranking:
        """Log of engagements and finished views so far."""
        items = view.items
        total = items.completions.astype(np.int64) + items.likes + items.shares + items.comments
        return Ranking(0.0, 0.0, log32(np.float32(1.0) + total.astype(np.float32)))
