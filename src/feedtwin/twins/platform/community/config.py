"""Settings of what the platform puts before those who look around; see `parameters/community.yaml`."""

from pydantic import BaseModel, ConfigDict


class BoardConfig(BaseModel):
    """How much is on the board of the hour, and on a page of search results."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_steps: int
    size: int
    found: int
