"""Worlds of the twin as logs of a recommender, and the same worlds under a random feed."""

from pathlib import Path

import numpy as np

import feedtwin
from feedtwin.datasets.adaptor import Impressions, LogUsers, LogVideos, Provenance
from feedtwin.datasets.encounters import EncounterLog, Features

SIGNALS = {"like": 1, "share": 2, "comment": 3}
_ROWS = """
with met as (
  select step, "user", request, slot, item, watch_ms from video_watched
  union all select step, "user", request, slot, item, watch_ms from video_skipped)
select step, "user" as who, request, slot, item, watch_ms from met order by step, who, request, slot
"""


def world_log(folder: Path, seed: int, policy: str, users: int, steps: int) -> EncounterLog:
    """Runs a world under a policy and reads what a platform could log of it."""
    done = feedtwin.run(
        "kuairand-sample", users=users, steps=steps, seed=seed, out=folder, threads=1, log="full",
        sets=[f"policies.recommendation={policy}"],
    )  # fmt: skip
    run = feedtwin.Run.open(done.path)
    rows = run.sql(_ROWS)
    items = run.sql("select item, duration_s, category, creator from items order by item")
    column = {name: np.asarray(rows[name]) for name in rows.column_names}
    item = np.asarray(items["item"])
    key = np.rec.fromarrays([column[n] for n in ("who", "request", "slot")])
    given = {}
    for name, code in SIGNALS.items():
        found = run.sql(
            f'select "user", request, slot from video_engaged where engagement = {code}'
        )
        given[name] = np.isin(
            key, np.rec.fromarrays([np.asarray(c) for c in found.columns], dtype=key.dtype)
        )
    who, user = np.unique(column["who"], return_inverse=True)
    video = np.searchsorted(item, column["item"])
    duration = np.asarray(items["duration_s"], np.float64)
    category = np.asarray(items["category"])
    never = np.zeros(len(user), np.bool_)
    watch = column["watch_ms"] / 1000.0
    impressions = Impressions(
        user=user.astype(np.int32), video=video.astype(np.int32), time_s=column["step"] * 3600.0,
        surface=np.ones(len(user), np.uint8), random=never, day=(column["step"] // 24).astype(np.int32),
        hour=(column["step"] % 24).astype(np.uint8), watch_s=watch, duration_s=duration[video],
        long_view=watch >= np.minimum(duration[video], 18.0), **given, follow=never, not_interested=never, profile=never,
    )  # fmt: skip
    return EncounterLog(
        rows=impressions,
        users=LogUsers(who.astype(np.int64), np.zeros(len(who), np.int32), np.zeros(len(who), np.bool_)),
        videos=LogVideos(
            key=np.arange(len(item)), author=np.asarray(items["creator"]).astype(np.int64), duration_s=duration,
            upload_day=np.zeros(len(item), np.int32), tags=category.astype(np.int32)[:, None],
            tag_names=tuple(str(k) for k in range(int(category.max()) + 1)), sound=np.zeros(len(item), np.int64),
        ),
        user_features=Features(),
        video_features=Features(
            {"duration_s": duration}, {"category": np.array([str(k) for k in category], dtype=object)}
        ),
        recorded=("watch", "long_view", *SIGNALS),
        provenance=Provenance("twin", "generated sample", "none", "none", f"{seed}{policy}", "2022-04-25", 1, ()),
    )  # fmt: skip


def rates(log: EncounterLog) -> dict[str, np.ndarray]:
    """Rate of every metric by person of the log, NaN for people without impressions, (N,)."""
    rows, duration = log.rows, log.rows.duration_s
    views = {
        "valid_view": np.where(duration <= 7.0, rows.watch_s >= duration, rows.watch_s > 7.0),
        "long_view": rows.long_view,
        "finish": rows.watch_s >= duration,
        "watch_s": rows.watch_s,
        **{name: getattr(rows, name) for name in SIGNALS},
    }
    people = len(log.users.key)
    count = np.bincount(rows.user, minlength=people)
    return {name: np.bincount(rows.user, y, people) / count for name, y in views.items()}
