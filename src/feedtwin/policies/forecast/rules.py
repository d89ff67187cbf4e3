"""A stronger predictor by rules: early adopters only, growth that speeds up, room left to grow."""

import numpy as np

from feedtwin.numerics import exp32, log32, logistic32
from feedtwin.policies.forecast.heuristic import EMERGENCE, surest
from feedtwin.policies.forecast.settings import ForecastSettings
from feedtwin.policies.interface import Forecast, View, policy

_THIRD = np.float32(1.0 / 3.0)


@policy("forecast", "rules", section="forecast")
class Rules:
    """Keys in the early-adopter phase whose growth speeds up, extended by a damped trend."""

    def __init__(self, settings: ForecastSettings) -> None:
        self.settings = settings

    def forecast(self, view: View) -> Forecast:
        """Confidence: logistic in the expected velocity over the usual one, times the room that is left."""
        s, trends = self.settings, view.trends
        assert trends is not None
        newest, second, third, oldest = trends.velocity.T
        growth = (newest - oldest) * _THIRD
        faster = (newest - second) + (newest - third) > (second - oldest) + (third - oldest)
        damping = np.float32(s.damping)
        left = exp32(log32(np.maximum(damping, np.float32(1e-6))) * np.float32(s.horizon_steps))
        reach = damping * (np.float32(1.0) - left) / np.maximum(np.float32(1.0) - damping, left)
        floor = np.float32(s.floor) * np.float32(max(view.active_users, 1) / 1000)
        rise = (newest + growth * reach) / np.maximum(trends.usual, floor)
        room = np.float32(1.0) - self._share(trends) / np.float32(max(s.saturation, 1e-6))
        chance = logistic32(np.float32(s.sharpness) * (rise - np.float32(2.0)))
        confidence = chance * np.clip(room, np.float32(0.0), np.float32(1.0))
        early = (trends.lifecycle <= EMERGENCE) & (growth > 0) & faster
        confidence = np.where(early, confidence, np.float32(0.0)).astype(np.float32)
        return surest(trends.kind, trends.key, confidence, confidence, s)

    @staticmethod
    def _share(trends: object) -> np.ndarray:
        """Each key's share of all that happens with keys of its kind, float32."""
        kind, volume = trends.kind, trends.volume.astype(np.int64)  # type: ignore[attr-defined]
        total = np.zeros(256, np.int64)
        np.add.at(total, kind, volume)
        return volume.astype(np.float32) / np.maximum(total[kind], 1).astype(np.float32)
