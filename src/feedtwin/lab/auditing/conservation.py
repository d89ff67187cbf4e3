"""Nothing appears or disappears: what is counted twice agrees."""

from feedtwin.lab.auditing.finding import SKIPPED, Finding, judged
from feedtwin.lab.run_data import RunData
from feedtwin.lab.study.since import since

COUNTED_TWICE = ("impressions", "skips", "completions", "shares", "comments", "watch_ms")
"""Totals that the table of videos repeats."""


def check_conservation(data: RunData, past: RunData | None = None) -> Finding:
    """Return whether totals, the table of videos and the log agree.

    Args:
        data: What the run says.
        past: What the run it branches from says, closed where it branches; None for a run from step 0.
    """
    if not data.is_closed:
        return Finding("conservation", SKIPPED, "the run is not finished: it has no tables yet")
    if data.first_step and past is None:
        return Finding(
            "conservation",
            SKIPPED,
            "a fork's tables cover its parent's steps too; audit the parent",
        )
    data = data if past is None else since(data, past)
    problems = []
    for name in COUNTED_TWICE:
        by_item = int(data.items[name].astype("int64").sum())
        if by_item != data[name]:
            problems.append(f"{name}: {by_item:,} by video, {data[name]:,} in the totals")
    exits = sum(data[f"exits_{cause}"] for cause in ("boredom", "energy", "cap", "feed_exhausted"))
    if exits > data["sessions"]:
        problems.append(f"sessions: {data['sessions']:,} ended, {exits:,} have a cause")
    kept = ""
    if data.log is not None:
        problems += _against_log(data)
        kept = ", the event log"
    return judged(
        "conservation", problems,
        f"{', '.join(COUNTED_TWICE)} agree between totals, table of videos{kept}",
    )  # fmt: skip


def _against_log(data: RunData) -> list[str]:
    assert data.log is not None
    if not (data.log.has("video_watched") and data.log.has("video_skipped")):
        return []
    rows = data.events(
        """
        SELECT (SELECT count(*) FROM video_watched WHERE STEPS AND is_skipped = 0) AS watched,
               (SELECT count(*) FROM video_skipped WHERE STEPS) AS skipped
        """
    )
    watched, skipped = int(rows["watched"][0]), int(rows["skipped"][0])
    problems = []
    if watched + skipped != data["impressions"]:
        problems.append(
            f"impressions: {watched + skipped:,} in the log, {data['impressions']:,} in the totals"
        )
    if skipped != data["skips"]:
        problems.append(f"skips: {skipped:,} in the log, {data['skips']:,} in the totals")
    return problems
