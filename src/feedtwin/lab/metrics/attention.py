"""How long people watch, and what they skip."""

from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import RunData


@metric(
    "watch_s",
    "watch time",
    unit="s",
    direction="higher",
    formula="sum of watch times / impressions met; skips count with the seconds they took",
    needs="watch_ms impressions",
)
def watch_s(data: RunData) -> float | None:
    """Mean watch time of an impression."""
    return ratio(data["watch_ms"] / 1000, data["impressions"])


@metric(
    "completion",
    "completion",
    unit="share",
    direction="higher",
    formula="mean over impressions met of min(watch / duration, 1), skips included",
    needs="completion_milli impressions",
)
def completion(data: RunData) -> float | None:
    """Mean share of a video that is watched; each completion is counted in whole thousandths."""
    return ratio(data["completion_milli"] / 1000, data["impressions"])


@metric(
    "finished_share",
    "watched to the end",
    unit="share",
    direction="higher",
    formula="impressions with watch >= duration / impressions met",
    needs="completions impressions",
)
def finished_share(data: RunData) -> float | None:
    """Share of impressions watched to the end."""
    return ratio(data["completions"], data["impressions"])


@metric(
    "skip_rate",
    "skip rate",
    unit="share",
    direction="lower",
    formula="impressions left before 3 s / impressions met",
    needs="skips impressions",
)
def skip_rate(data: RunData) -> float | None:
    """Share of impressions skipped early."""
    return ratio(data["skips"], data["impressions"])


@metric(
    "impressions",
    "encounters",
    unit="count",
    direction="neither",
    formula="impressions that a user reached; slots behind an exit do not count",
    needs="impressions",
    empty=0,
    headline=False,
)
def impressions(data: RunData) -> float | None:
    """Encounters between a user and a video."""
    return data["impressions"]


@metric(
    "views",
    "views",
    unit="count",
    direction="higher",
    formula="impressions met - skips",
    needs="impressions skips",
    empty=0,
    headline=False,
)
def views(data: RunData) -> float | None:
    """Impressions that were not skipped."""
    return data["impressions"] - data["skips"]
