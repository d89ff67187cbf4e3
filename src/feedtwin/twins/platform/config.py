"""Settings of the Platform twin; see `parameters/platform.yaml`."""

import numpy as np
from pydantic import BaseModel, ConfigDict

PER_32768 = 32768


class PlatformConfig(BaseModel):
    """What the platform keeps and how it learns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seen_size: int
    no_repeat: int
    estimate_source: str
    estimate_rate: float
    signal_completion: float
    signal_centre: float
    signal_like: float
    signal_skip: float
    signal_not_interested: float
    signal_saved: float
    signal_unliked: float
    active_window_steps: int
    refresh_steps: int
    share_window_steps: int
    list_candidates: int

    def learning_scalars(self) -> dict[str, np.float32 | int]:
        """Numbers of the estimate's learner."""
        floats = ("signal_completion", "signal_centre", "signal_like", "signal_skip")
        scalars: dict[str, np.float32 | int] = {n: np.float32(getattr(self, n)) for n in floats}
        scalars["estimate_rate"] = round(self.estimate_rate * PER_32768)
        return scalars
