"""A tiny generated folder in the schema of the KuaiRand files, for tests and for trying things out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from feedtwin.datasets.adaptor import F8, I8
from feedtwin.datasets.hashing import normals, uniforms

_TAGS = ("1", "2", "3,1", "7", "12", "39,12", "unknown")
FIRST_MS = 1_650_816_000_000
ZONE_H = 8.0
"""`FIRST_MS` is midnight in the zone of the KuaiRand logs."""
_HOUR_MS = 3_600_000
_DAYS = 5


def _write(path: Path, columns: Mapping[str, Any], marker: bytes) -> None:
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    table = table.replace_schema_metadata({marker: b"1"})
    pq.write_table(table, path, compression="zstd")


def _video_columns(videos: int, seed: int) -> dict[str, Any]:
    ids = np.arange(videos)
    duration = np.round(np.exp(3.6 + 0.8 * normals(ids, "duration", seed)) + 5.0, 1) * 1000.0
    tag = (uniforms(ids, "tag", seed) * len(_TAGS)).astype(np.int64)
    day = (uniforms(ids, "upload", seed) * 3.0).astype(np.int64)
    sound = (uniforms(ids, "sound", seed) * videos).astype(np.int64)
    return {
        "video_id": ids,
        "author_id": 900_000
        + (uniforms(ids, "author", seed) * max(videos * 3 // 4, 1)).astype(np.int64),
        "video_type": ["NORMAL"] * videos,
        "upload_dt": [f"2022-04-{9 + d:02d}" for d in day.tolist()],
        "video_duration": [None if i % 20 == 19 else float(duration[i]) for i in range(videos)],
        "music_id": sound,
        "tag": [_TAGS[t] for t in tag.tolist()],
    }


def _user_columns(users: int, seed: int) -> dict[str, Any]:
    ids = np.arange(users)
    return {
        "user_id": 3 * ids + 2,
        "is_video_author": (uniforms(ids, "creator", seed) < 0.8).astype(np.int64),
        "follow_user_num": np.exp(4.0 + normals(ids, "follows", seed)).astype(np.int64),
    }


def _outcomes(user: I8, video: I8, duration_s: F8, row: I8, seed: int) -> dict[str, Any]:
    """Watch times and signals with some spread over people and videos; a fifth of the people like."""
    slope = 0.6 * normals(user, "user skip", seed) + 0.6 * normals(video, "video skip", seed)
    skip = uniforms(row, "skip", seed) < 1.0 / (1.0 + np.exp(0.65 - slope))
    known = np.maximum(duration_s, 5.0)
    watch = np.where(
        skip,
        3.0 * uniforms(row, "skip time", seed),
        3.0 + known * 0.4 * np.exp(0.9 * normals(row, "watch time", seed)),
    )
    fond = uniforms(user, "likes at all", seed) < 0.2
    return {
        "play_time_ms": np.minimum(watch * 1000.0, 999_000.0).astype(np.int32),
        "long_view": (watch >= np.minimum(known, 18.0)).astype(np.int8),
        "is_like": (fond & ~skip & (uniforms(row, "like", seed) < 0.25)).astype(np.int8),
        "is_comment": (~skip & (uniforms(row, "comment", seed) < 0.01)).astype(np.int8),
        "is_forward": (~skip & (uniforms(row, "share", seed) < 0.01)).astype(np.int8),
        "is_follow": (~skip & (uniforms(row, "follow", seed) < 0.01)).astype(np.int8),
        "is_hate": (uniforms(row, "hate", seed) < 0.005).astype(np.int8),
        "is_profile_enter": (uniforms(row, "profile", seed) < 0.02).astype(np.int8),
    }


def _log_columns(
    user_columns: Mapping[str, Any], video_columns: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    users, videos = len(user_columns["user_id"]), len(video_columns["video_id"])
    count = 1 + (-12.0 * np.log(uniforms(np.arange(users), "activity", seed))).astype(np.int64)
    user = np.repeat(np.arange(users), count)
    row = np.arange(len(user))
    video = (uniforms(row, "video", seed) ** 2 * videos).astype(np.int64)
    hour = (uniforms(row, "hour", seed) * 24 * _DAYS).astype(np.int64)
    time_ms = FIRST_MS + hour * _HOUR_MS + row
    duration_ms = np.array([d or 0.0 for d in video_columns["video_duration"]])[video]
    columns = {
        "user_id": user_columns["user_id"][user].astype(np.int32),
        "video_id": video.astype(np.int32),
        "author_id": video_columns["author_id"][video].astype(np.int32),
        "date": (20220425 + hour // 24).astype(np.int32),
        "hourmin": (hour % 24 * 100).astype(np.int32),
        "time_ms": time_ms,
        "duration_ms": duration_ms.astype(np.int32),
        "tab": np.where(uniforms(row, "tab", seed) < 0.1, 0, 1).astype(np.int8),
        **_outcomes(user, video, duration_ms / 1000.0, row, seed),
    }
    order = np.argsort(time_ms, kind="stable")
    order = np.insert(order, len(order) // 2, order[:3])
    return {name: values[order] for name, values in columns.items()}


def _history_columns(
    user_columns: Mapping[str, Any], video_columns: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    lists: dict[str, list[list[int]]] = {"watch_seq": [], "like_seq": [], "long_watch_seq": []}
    videos = len(video_columns["video_id"])
    known = user_columns["user_id"][::2]
    for key in known.tolist():
        entries = np.arange(1 + key % 7) + 1000 * key
        met = (uniforms(entries, "earlier", seed) * videos).astype(np.int64).tolist()
        lists["watch_seq"].append(met)
        lists["long_watch_seq"].append(met[::2])
        lists["like_seq"].append(met[:1] if key % 5 == 0 else [])
    dtype = pa.list_(pa.int64())
    return {"user_id": known} | {name: pa.array(x, dtype) for name, x in lists.items()}


def tables(seed: int, users: int, videos: int) -> tuple[dict[str, Any], ...]:
    """Columns of log, users and videos as `write` writes them."""
    user_columns, video_columns = _user_columns(users, seed), _video_columns(videos, seed)
    return _log_columns(user_columns, video_columns, seed), user_columns, video_columns


def write(folder: Path, seed: int, users: int, videos: int, *, marker: bytes) -> Path:
    """Writes the four files; the same arguments give the same values.

    The log holds three exact duplicates, rows of another surface, and videos of unknown duration, as the real one does.

    Args:
        folder: where to write; made if missing.
        seed: changes all values.
        users: number of users, at least 2.
        videos: number of videos, at least 2.
        marker: metadata key that marks the files as generated.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log_columns, user_columns, video_columns = tables(seed, users, videos)
    _write(folder / "log_standard_0425_0506.parquet", log_columns, marker)
    _write(folder / "user_features.parquet", user_columns, marker)
    _write(folder / "video_features.parquet", video_columns, marker)
    history = _history_columns(user_columns, video_columns, seed)
    _write(folder / "user_history_0409_0424.parquet", history, marker)
    return folder
