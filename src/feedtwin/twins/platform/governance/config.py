"""Settings of the sensors and of moderation; see `parameters/trends.yaml` and `parameters/moderation.yaml`."""

from pydantic import BaseModel, ConfigDict


class TrendsConfig(BaseModel):
    """How trends are measured and when they change their state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    track: str
    cascades: str
    window_steps: int
    signal: str
    gates: str
    emergence_gate: float
    emergence_gate_absolute: float
    rise: float
    usual_half_life_steps: float
    warm_up_steps: int
    stall_steps: int
    decline_share: float
    hysteresis: float


class ModerationConfig(BaseModel):
    """How many reports reviewers decide, by what standard, and how often they err."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    capacity: float
    reports_min: int
    label_above: float
    gate_above: float
    remove_above: float
    false_negative: float
    false_positive: float
    false_outcome: str
