"""Tiny generated files (CSV, or Parquet where the map says so) with the columns of a column map, for tests and for trying things out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from feedtwin.datasets import tiny
from feedtwin.datasets.column_map import SPAN_UNITS, TIME_UNITS, ColumnMap, Part
from feedtwin.datasets.hashing import uniforms
from feedtwin.datasets.mapped_columns import GENERATED
from feedtwin.datasets.parquet import CSV_SUFFIXES


def write(folder: Path, column_map: ColumnMap, seed: int, users: int, videos: int) -> Path:
    """Writes the files that a map names; the same arguments give the same values.

    Values are those of the tiny KuaiRand files (`datasets.tiny`), in the units of the map. Feature columns hold a number
    between 0 and 1.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log, people, films = tiny.tables(seed, users, videos)
    duration = {
        i: d or 0.0
        for i, d in zip(films["video_id"].tolist(), films["video_duration"], strict=True)
    }
    neutral: dict[str, dict[str, Any]] = {
        "log": {
            "user": log["user_id"],
            "video": log["video_id"],
            "time": log["time_ms"] / 1000.0 + (tiny.ZONE_H - column_map.zone_h) * 3600.0,
            "watch": log["play_time_ms"] / 1000.0,
            "duration": log["duration_ms"] / 1000.0,
            "surface": log["tab"],
            "random": np.zeros(len(log["tab"]), np.int8),
            "author": log["author_id"],
            "category": np.array([films["tag"][v].split(",")[0] for v in log["video_id"].tolist()]),
            "long_view": log["long_view"],
            "like": log["is_like"],
            "comment": log["is_comment"],
            "share": log["is_forward"],
            "follow": log["is_follow"],
            "not_interested": log["is_hate"],
            "profile": log["is_profile_enter"],
        },
        "videos": {
            "video": films["video_id"],
            "author": films["author_id"],
            "duration": np.array([duration[i] for i in films["video_id"].tolist()]) / 1000.0,
            "category": np.array([t.split(",")[0] for t in films["tag"]]),
            "uploaded": tiny.FIRST_MS / 1000.0 - 86_400.0 * np.arange(1, videos + 1) % 9,
            "sound": films["music_id"],
        },
        "users": {
            "user": people["user_id"],
            "follow_count": people["follow_user_num"],
            "is_creator": people["is_video_author"],
        },
    }
    seconds = np.array([duration[v] for v in log["video_id"].tolist()]) / 1000.0
    for name, part in column_map.parts.items():
        columns = _columns(part, neutral[name], seconds)
        rows = len(next(iter(columns.values())))
        for number, feature in enumerate(part.features):
            columns[feature] = uniforms(np.arange(rows) + number * rows, feature, seed).round(3)
        _write(pa.table(columns), folder / part.file)
    return folder


def _write(table: pa.Table, path: Path) -> None:
    if path.name.lower().endswith(CSV_SUFFIXES):
        pacsv.write_csv(table, path)
    else:
        pq.write_table(table.replace_schema_metadata({GENERATED: b"1"}), path)


def _columns(part: Part, values: Mapping[str, Any], duration_s: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for field, place in part.columns.items():
        value = values[field]
        if place.unit == "share":
            value = np.where(duration_s > 0, value / np.maximum(duration_s, 1.0), 0.0).round(6)
        elif place.unit == "date":
            value = pa.array((value * 1000).astype(np.int64), pa.timestamp("ms"))
        elif place.unit:
            scale = TIME_UNITS.get(place.unit) or SPAN_UNITS[place.unit]
            value = (np.asarray(value) / scale).round(6)
        columns[place.column] = value
    return columns
