"""The naive baseline: whatever has grown over the last four points. Spec TREND_PREDICTION (default)."""

import numpy as np

from feedtwin.policies.forecast.settings import ForecastSettings
from feedtwin.policies.interface import Forecast, View, policy

EMERGENCE = 1


@policy("forecast", "heuristic", section="forecast")
class Heuristic:
    """Keys whose velocity grew most over the last four points."""

    def __init__(self, settings: ForecastSettings) -> None:
        self.settings = settings

    def forecast(self, view: View) -> Forecast:
        """Confidence is (now - then) / (now + then): 0 for none, 1 for growth out of nothing."""
        trends = view.trends
        assert trends is not None
        now, then = trends.velocity[:, 0], trends.velocity[:, 3]
        confidence = (now - then) / np.maximum(now + then, np.float32(1e-6))
        young = trends.lifecycle <= EMERGENCE
        confidence = np.where(young, confidence, np.float32(0.0)).astype(np.float32)
        return surest(trends.kind, trends.key, confidence, now - then, self.settings)


def surest(
    kind: np.ndarray,
    key: np.ndarray,
    confidence: np.ndarray,
    rank: np.ndarray,
    settings: ForecastSettings,
) -> Forecast:
    """Return the entries of highest `rank` that are confident enough; ties go by kind and key."""
    listed = np.nonzero(confidence >= np.float32(settings.confidence_min))[0]
    order = np.lexsort((key[listed], kind[listed], -rank[listed]))
    best = listed[order[: settings.size]]
    return Forecast(kind[best], key[best], confidence[best])
