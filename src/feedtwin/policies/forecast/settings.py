"""Settings shared by the predictors of trends; see `parameters/forecast.yaml`."""

from pydantic import BaseModel, ConfigDict


class ForecastSettings(BaseModel):
    """When forecasts are made, how long their lists are, and what counts as come true."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every_steps: int
    size: int
    horizon_steps: int
    confidence_min: float
    prior: float
    saturation: float
    damping: float
    sharpness: float
    floor: float
    call_usd: float
    budget_usd: float
