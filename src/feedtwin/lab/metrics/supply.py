"""What creators add, and what takes off."""

from feedtwin.lab.metrics.metric import metric
from feedtwin.lab.run_data import RunData


@metric(
    "uploads",
    "uploads",
    unit="count",
    direction="higher",
    formula="videos created during the run",
    needs="uploads",
    empty=0,
)
def uploads(data: RunData) -> float | None:
    """Videos uploaded."""
    return data["uploads"]


@metric(
    "viral",
    "videos gone viral",
    unit="count",
    direction="neither",
    formula="entries into the viral stage during the run",
    needs="viral",
    empty=0,
)
def viral(data: RunData) -> float | None:
    """Videos that entered the viral stage."""
    return data["viral"]
