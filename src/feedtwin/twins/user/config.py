"""Settings of the User twin; meanings, units, bounds and sources in `parameters/user.yaml`."""

import math

import numpy as np
from pydantic import BaseModel, ConfigDict

PER_256 = 256
NO_TIME = np.float32(1e-3)
"""A fading time (h) so short that nothing is left after a step."""


class UserConfig(BaseModel):
    """What people have in common. Their differences are columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions_per_day: float
    activity_sigma: float
    diurnal: list[float]
    memory: str
    loyalty_weight: float
    loyalty_start: float
    loyalty_slope: float
    away_rate: float
    leave_rate: float
    signup_rate: float
    creator_feedback: str
    return_satisfaction: float
    attention_span_median_s: float
    attention_span_sigma: float
    like_logit_mean: float
    share_logit_mean: float
    comment_logit_mean: float
    follow_logit_mean: float
    tendency_sigma: float
    swipe_s: float
    stamina_s: float
    stamina_sigma: float
    fatigue_base: float
    fatigue_slope: float
    energy_exit: float
    context_low: float
    bored_below: float
    pleased_above: float
    relief: int
    patience_low: int
    patience_high: int
    satisfaction_weight: float
    satisfaction_start: float
    impressions_max: int
    rest_tau_steps: float
    pull_above: float
    pull_rate: float
    push_rate: float
    push_form: str
    interest_tau_steps: float
    trace_tau_steps: float
    spacing_effect: float
    spacing_steps: int
    gain_finish: float
    gain_like: float
    gain_comment: float
    gain_share: float
    strength_max: float
    consolidation_rate: float
    steps_per_day: int
    uploads_per_day: list[float]
    ads_teach: bool
    search_rate: float
    trend_rate: float
    duet_rate: float
    stitch_rate: float

    def session_scalars(self) -> dict[str, np.float32 | int]:
        """Numbers of the session rule, which the Interaction twin needs too."""
        floats = (
            "swipe_s", "fatigue_base", "fatigue_slope", "energy_exit", "bored_below",
            "pleased_above", "satisfaction_weight",
        )  # fmt: skip
        scalars: dict[str, np.float32 | int] = {n: np.float32(getattr(self, n)) for n in floats}
        scalars["relief"] = self.relief
        scalars["impressions_max"] = self.impressions_max
        return scalars

    def learning_scalars(self) -> dict[str, np.float32 | int]:
        """Numbers of the feedback learner and of the traces it strengthens."""
        literal = self.push_form == "literal"
        floats = (
            "pull_above", "trace_tau_steps", "spacing_effect", "gain_finish", "gain_like",
            "gain_comment", "gain_share", "strength_max",
        )  # fmt: skip
        scalars: dict[str, np.float32 | int] = {n: np.float32(getattr(self, n)) for n in floats}
        scalars["pull_rate"] = round(self.pull_rate * PER_256)
        scalars["push_rate"] = round(self.push_rate * PER_256)
        scalars["literal_push"] = int(literal)
        scalars["interest_min"] = -127 if literal else 0
        scalars["spacing_steps"] = self.spacing_steps
        if self.memory == "none":  # no encounter leaves a trace
            gains = ("gain_finish", "gain_like", "gain_comment", "gain_share")
            scalars |= dict.fromkeys(gains, np.float32(0.0))
        return scalars

    def recall_scalars(self) -> dict[str, np.float32 | int]:
        """Numbers of forgetting and consolidation."""
        floats = (
            "interest_tau_steps", "trace_tau_steps", "spacing_effect", "consolidation_rate",
        )  # fmt: skip
        scalars: dict[str, np.float32 | int] = {n: np.float32(getattr(self, n)) for n in floats}
        scalars["steps_per_day"] = self.steps_per_day
        if self.memory == "none":  # a session starts from taste, and taste stays as it is
            scalars["interest_tau_steps"] = NO_TIME
            scalars["consolidation_rate"] = np.float32(0.0)
        return scalars

    def hourly_rate(self) -> np.ndarray:
        """Expected session starts of a mean user by hour of day, (24,) float32."""
        weights = np.asarray(self.diurnal, np.float64)
        mean = self.sessions_per_day / self.steps_per_day
        return (weights * (mean * len(weights) / math.fsum(self.diurnal))).astype(np.float32)
