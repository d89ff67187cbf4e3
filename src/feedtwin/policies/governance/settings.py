"""Settings of the controller and of its guard rails; see `parameters/governance.yaml`."""

from pydantic import BaseModel, ConfigDict


class GovernanceSettings(BaseModel):
    """What strategies ask for, and what the guard rails let pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every_steps: int
    boost_gate: float
    boost_gate_absolute: float
    gates: str
    boost_size: float
    boost_steps: int
    boosts_max: int
    confidence_gate: float
    size_max: float
    duration_max_steps: int
    per_step_max: int
    per_target_max: int
    cool_down_steps: int
    active_max: int
    top_share_max: float
    suppressed_share_max: float
