"""The life of one video, read from the event log alone: stages, views, velocity, trends of its keys, shares.

The log says all of it; the state of no twin is asked. Velocity is smoothed as the platform smooths it, with
the half-life that the run's settings have.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from feedtwin.errors import RunFolderError, SettingsError
from feedtwin.lab.cascades import share_trees
from feedtwin.lab.metrics.cascades import Shape, shape
from feedtwin.lab.run_data import Array
from feedtwin.record.reader import Run
from feedtwin.schema.codes import SocialActivityKind, Stage, TrendKind, TrendLifecycle

Row = dict[str, Any]
_TOTALS: Final = (
    "impressions", "skips", "likes", "shares", "comments", "completions", "watch_ms"
)  # fmt: skip
_STATE: Final = "content_state_updated"


@dataclass(frozen=True)
class Life:
    """What the log says of a video. Arrays have one entry per hour, from `first_step` to `last_step`.

    Attributes:
        item: The video.
        created: Its VIDEO_CREATED row, or what the closing table says of a video from before the run.
        first_step: First hour of the arrays: its upload, or the first hour of the log.
        last_step: Last hour of the log.
        hourly: What happened in each hour: views (impressions - skips) and the totals' increments, (H,) each.
        velocity: Smoothed finished views and engagements per hour, after each hour, float64 (H,).
        stages: Changes of its exposure stage, in order.
        viral: Steps in which it went viral.
        trends: Changes in the life of its hashtags, its sound and its category, in order.
        shape: Its tree of shares, the upload as the root; None where nobody shared it.
        half_life_steps: Half-life of the velocity.
    """

    item: int
    created: Row
    first_step: int
    last_step: int
    hourly: dict[str, Array]
    velocity: Array
    stages: list[Row]
    viral: list[int]
    trends: list[Row]
    shape: Shape | None
    half_life_steps: float

    def as_json(self) -> dict[str, object]:
        """Return a plain mapping."""
        return {
            "item": self.item,
            "creator": self.item >> 32,
            "ordinal": self.item & 0xFFFFFFFF,
            "created": self.created,
            "first_step": self.first_step,
            "last_step": self.last_step,
            "hourly": {name: values.tolist() for name, values in self.hourly.items()},
            "velocity": self.velocity.tolist(),
            "stages": self.stages,
            "viral": self.viral,
            "trends": self.trends,
            "cascade": None if self.shape is None else vars(self.shape),
        }


def parse_video(text: str) -> int:
    """Read an item id, or `CREATOR:ORDINAL`.

    Raises:
        SettingsError: It is neither.
    """
    parts = text.split(":")
    if all(part.isdecimal() for part in parts) and len(parts) <= 2:
        numbers = [int(part) for part in parts]
        if len(numbers) == 1 and numbers[0] < 2**64:
            return numbers[0]
        if len(numbers) == 2 and max(numbers) < 2**32:
            return numbers[0] << 32 | numbers[1]
    raise SettingsError(
        f"--video {text!r}: expected an item id, or CREATOR:ORDINAL, as in 502:2 for the creator's third upload"
    )


def life_of(path: str | Path, item: int) -> Life:
    """Read a video's life.

    Args:
        path: The run folder; it may still be running.
        item: Item id.

    Raises:
        RunFolderError: There is no run, or it keeps no events.
        SettingsError: The log does not know the video; names those that were seen most.
    """
    run = Run.open(path)
    if not run.has_events:
        raise RunFolderError(
            f"{path}: the run keeps no events (--log digest); expected the log of a video's life. "
            "Run it again with --log full: the settings and the seed give the same world"
        )
    states = run.sql(f"SELECT * FROM {_STATE} WHERE item = {item} ORDER BY step").to_pylist()
    created = _created(run, item)
    if not created and not states:
        raise _unknown(run, item)
    begin = int(run.frames[0].payload["start_step"])
    uploaded = created["step"] if "step" in created else created.get("created_step", begin)
    first = max(int(uploaded), begin)
    settings = run.manifest["settings"]["parameters"]
    half_life = float(settings["promotion.velocity_half_life_steps"])
    hourly = _hourly(states, first, run.last_step)
    engaged = sum(hourly[name] for name in ("completions", "likes", "shares", "comments"))
    stages = run.sql(
        f"SELECT * FROM exposure_stage_changed WHERE item = {item} ORDER BY step"
    ).to_pylist()
    viral = run.sql(f"SELECT step FROM video_goes_viral WHERE item = {item} ORDER BY step")
    return Life(
        item=item,
        created=created,
        first_step=first,
        last_step=run.last_step,
        hourly=hourly,
        velocity=smoothed(np.asarray(engaged, np.float64), half_life),
        stages=[
            {**row, "from": Stage(row["from_stage"]).name, "to": Stage(row["to_stage"]).name}
            for row in stages
        ],
        viral=[int(step) for step in viral.column("step").to_pylist()],
        trends=_trends(run, created),
        shape=_shape(run, item),
        half_life_steps=half_life,
    )


def smoothed(events: Array, half_life_steps: float) -> Array:
    """Return the velocity after each hour: an exponential mean of events per hour, from 0."""
    keep, velocity, found = 0.5 ** (1 / half_life_steps), 0.0, []
    for count in events.tolist():
        velocity = keep * velocity + (1 - keep) * count
        found.append(velocity)
    return np.asarray(found, np.float64)


def _created(run: Run, item: int) -> Row:
    """The video's description: from its upload, or from the closing table for one from before the run."""
    rows: list[Row] = run.sql(f"SELECT * FROM video_created WHERE item = {item}").to_pylist()
    if not rows and "items" in run.table_names:
        rows = run.sql(f"SELECT * FROM items WHERE item = {item}").to_pylist()
    return rows[0] if rows else {}


def _hourly(states: list[Row], first: int, last: int) -> dict[str, Array]:
    """Increments of the totals by the hour in which they came: a report at step s is of the hour before."""
    hours = max(last - first + 1, 1)
    found = {name: np.zeros(hours, np.int64) for name in _TOTALS}
    before = dict.fromkeys(_TOTALS, 0)
    for row in states:
        hour = row["step"] - 1 - first
        for name in _TOTALS:
            if 0 <= hour < hours:
                found[name][hour] = row[name] - before[name]
            before[name] = row[name]
    found["views"] = found["impressions"] - found["skips"]
    return found


def _trends(run: Run, created: Row) -> list[Row]:
    """Changes in the life of what the video carries."""
    keys = [(TrendKind.HASHTAG, created.get(f"hashtag_{k}", 0)) for k in (1, 2, 3)]
    keys += [(TrendKind.SOUND, created.get("sound", 0))]
    wanted = [f"(kind = {kind} AND key = {key})" for kind, key in keys if key]
    if "category" in created:
        wanted.append(f"(kind = {int(TrendKind.CATEGORY)} AND key = {created['category']})")
    if not wanted:
        return []
    rows = run.sql(
        f"SELECT * FROM trend_state_changed WHERE {' OR '.join(wanted)} ORDER BY step, kind, key"
    ).to_pylist()
    return [
        {
            "step": row["step"],
            "kind": TrendKind(row["kind"]).name,
            "key": row["key"],
            "from": TrendLifecycle(row["from_lifecycle"]).name,
            "to": TrendLifecycle(row["to_lifecycle"]).name,
            "velocity": row["velocity"],
            "volume": row["volume"],
        }
        for row in rows
    ]


def _shape(run: Run, item: int) -> Shape | None:
    kind = int(SocialActivityKind.VIDEO_SHARED)
    found = run.sql(
        f'SELECT item, "user", parent, step FROM social_activity WHERE item = {item} AND kind = {kind} '
        'ORDER BY step, "user", ordinal'
    )
    columns = {name: found.column(name).to_numpy() for name in found.column_names}
    return next((shape(parent) for _, parent in share_trees(**columns)), None)


def _unknown(run: Run, item: int) -> SettingsError:
    most = run.sql(
        f"SELECT item, max(impressions) AS n FROM {_STATE} GROUP BY item ORDER BY n DESC, item LIMIT 3"
    ).to_pylist()
    known = ", ".join(_words(row["item"]) for row in most) or "none"
    own = run.sql(
        f"SELECT DISTINCT item FROM {_STATE} WHERE item >> 32 = {item >> 32} "
        f"ORDER BY abs((item & 4294967295)::BIGINT - {item & 0xFFFFFFFF}), item LIMIT 1"
    ).to_pylist()
    near = f"the nearest of that creator is {_words(own[0]['item'])}" if own else ""
    if (
        item < 1 << 32
    ):  # a bare number that is no item id: most likely somebody's number, or an ordinal
        near = f"a bare number is a whole item id; expected CREATOR:ORDINAL, such as {item}:0"
    return SettingsError(
        f"{run.path}: no video {_words(item)} (item {item}) in the log up to step {run.last_step}; "
        f"{near}{near and '; '}those seen most are {known}"
    )


def _words(item: int) -> str:
    """Return `CREATOR:ORDINAL`."""
    return f"{item >> 32}:{item & 0xFFFFFFFF}"
