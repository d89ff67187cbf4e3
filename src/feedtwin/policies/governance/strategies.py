"""The strategies of the paper: no control, reactive on velocity, proactive on forecasts. Spec GOV-4.

They ask; guard rails on size, rate, budget and goals decide what passes.
"""

import numpy as np

from feedtwin.policies.governance.settings import GovernanceSettings
from feedtwin.policies.interface import Intervention, View, policy

BOOST, HASHTAG, TREND_HASHTAG = 1, 3, 1
"""Codes of `GovernanceAction`, `TargetKind` and `TrendKind`."""


@policy("governance", "none", section="governance")
class NoControl:
    """No intervention: the feed and the stages alone decide."""

    def __init__(self, settings: GovernanceSettings) -> None:
        self.settings = settings

    def decide(self, view: View) -> list[Intervention]:
        """Ask for nothing."""
        return []

    def boosts(self, view: View, keys: np.ndarray) -> list[Intervention]:
        """Return boosts of the first hashtags of `keys` that are not boosted already."""
        s, running = self.settings, view.interventions
        assert running is not None
        now = (running.action == BOOST) & (running.target_kind == HASHTAG)
        boosted = set(running.target[now & (running.until_step > view.step)].tolist())
        wanted = [key for key in keys.tolist() if key not in boosted][: s.boosts_max]
        return [Intervention(BOOST, HASHTAG, key, s.boost_size, s.boost_steps) for key in wanted]


@policy("governance", "reactive", section="governance")
class Reactive(NoControl):
    """Boost a hashtag once its velocity is above the gate (100 per hour in the paper)."""

    def decide(self, view: View) -> list[Intervention]:
        """Boost the fastest hashtags above the gate; ties go to the lower hashtag."""
        s, trends = self.settings, view.trends
        assert trends is not None
        gate = s.boost_gate_absolute
        if s.gates == "per_thousand":
            gate = s.boost_gate * view.active_users / 1000.0
        fast = (trends.kind == TREND_HASHTAG) & (trends.velocity[:, 0] > np.float32(gate))
        rows = np.nonzero(fast)[0]
        order = np.lexsort((trends.key[rows], -trends.velocity[rows, 0]))
        return self.boosts(view, trends.key[rows[order]])


@policy("governance", "proactive", section="governance")
class Proactive(NoControl):
    """Boost hashtags that the forecast expects to peak, before they do."""

    def decide(self, view: View) -> list[Intervention]:
        """Boost the surest hashtags of the latest forecast, if they are sure enough."""
        forecast = view.forecast
        assert forecast is not None
        sure = forecast.confidence >= np.float32(self.settings.confidence_gate)
        rows = np.nonzero((forecast.kind == TREND_HASHTAG) & sure)[0]
        order = np.lexsort((forecast.key[rows], -forecast.confidence[rows]))
        return self.boosts(view, forecast.key[rows[order]])
