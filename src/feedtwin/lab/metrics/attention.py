"""How long people watch, and what they skip."""

import numpy as np

from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import RunData


@metric(
    "watch_s",
    "watch time",
    unit="s",
    direction="higher",
    formula="sum of watch times / impressions met; skips count with the seconds they took",
    needs="watch_ms impressions",
    headline=True,
    control="interaction.skip_intercept=1.5 down",
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
    headline=True,
    control="interaction.skip_intercept=1.5 down",
)
def completion(data: RunData) -> float | None:
    """Mean share of a video that is watched; each completion is counted in whole thousandths."""
    return ratio(data["completion_milli"] / 1000, data["impressions"])


@metric(
    "completion_uncapped",
    "completion, replays counted",
    unit="1",
    direction="higher",
    formula="mean over impressions met of watch / duration: above 1 where a video is watched again",
    needs="items.watch_ms items.duration_s items.impressions",
    control="interaction.skip_intercept=1.5 down",
)
def completion_uncapped(data: RunData) -> float | None:
    """Mean of ratios without a cap; impressions of one video share its duration, so tables suffice."""
    items = data.items
    ratios = items["watch_ms"].astype(np.float64) / 1000 / items["duration_s"]
    return ratio(float(ratios.sum()), int(items["impressions"].sum(dtype=np.int64)))


@metric(
    "completion_of_totals",
    "completion, ratio of sums, replays counted",
    unit="1",
    direction="higher",
    formula="sum of watch times / sum of durations of the impressions met: long videos weigh more",
    needs="items.watch_ms items.duration_s items.impressions",
    control="interaction.skip_intercept=1.5 down",
)
def completion_of_totals(data: RunData) -> float | None:
    """Ratio of means: the share of the time shown that is watched."""
    items = data.items
    shown_s = float((items["impressions"] * items["duration_s"].astype(np.float64)).sum())
    return ratio(int(items["watch_ms"].sum(dtype=np.int64)) / 1000, shown_s)


@metric(
    "completion_of_totals_capped",
    "completion, ratio of sums",
    unit="share",
    direction="higher",
    formula="sum of min(watch time, duration) / sum of durations of the impressions met",
    needs="log.video_watched log.video_skipped items.item items.duration_s",
    control="interaction.skip_intercept=1.5 down",
)
def completion_of_totals_capped(data: RunData) -> float | None:
    """Ratio of means with each impression capped at one viewing; durations in whole milliseconds."""
    found = data.events(
        """
        WITH met AS (
            SELECT item, watch_ms FROM video_watched WHERE STEPS
            UNION ALL SELECT item, watch_ms FROM video_skipped WHERE STEPS
        ), timed AS (
            SELECT met.watch_ms, CAST(round(duration_s * 1000) AS BIGINT) AS length_ms
            FROM met JOIN items USING (item)
        )
        SELECT CAST(sum(least(watch_ms, length_ms)) AS BIGINT) AS watched,
               CAST(sum(length_ms) AS BIGINT) AS shown, count(*) AS rows
        FROM timed
        """
    )
    if not int(found["rows"][0]):
        return None
    return ratio(int(found["watched"][0]), int(found["shown"][0]))


@metric(
    "finished_share",
    "watched to the end",
    unit="share",
    direction="higher",
    formula="impressions with watch >= duration / impressions met",
    needs="completions impressions",
    control="interaction.skip_intercept=1.5 down",
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
    headline=True,
    control="interaction.skip_intercept=1.5 up",
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
    control="user.sessions_per_day=8 up",
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
    control="user.sessions_per_day=8 up",
)
def views(data: RunData) -> float | None:
    """Impressions that were not skipped."""
    return data["impressions"] - data["skips"]
