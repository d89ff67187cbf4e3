"""Tiny generated files in the schemas of series, trend lists and cascades, for tests and for trying a command."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from feedtwin.datasets.hashing import normals, uniforms

GENERATED = b"feedtwin.generated"
"""Metadata key of a file that was generated and is nobody's data."""
_DAY_S = 86_400


def _write(path: Path, columns: dict[str, Any]) -> None:
    table = pa.table(columns).replace_schema_metadata({GENERATED: b"1"})
    pq.write_table(table, path, compression="zstd")


def _stamps(seconds: npt.ArrayLike) -> pa.Array:
    return pa.array(
        (np.asarray(seconds, dtype=np.float64) * 1000).astype(np.int64), pa.timestamp("ms")
    )


def tiny_hashtags(folder: Path, seed: int, count: int) -> None:
    """Thirty days of `count` hashtags that grow by about 2 % a day."""
    days = 30
    name = np.repeat(np.arange(count), days)
    day = np.tile(np.arange(days), count)
    growth = 0.02 * np.exp(normals(name * days + day, "growth", seed))
    start = np.exp(10.0 + 2.0 * normals(np.arange(count), "start", seed))
    total = start[name] * np.exp(np.cumsum(growth.reshape(count, days), axis=1).reshape(-1))
    _write(
        folder / "daily_views.parquet",
        {
            "hashtag": [f"tag{i:03d}" for i in name.tolist()],
            "day": _stamps(1_650_000_000 // _DAY_S * _DAY_S + day * _DAY_S),
            "views": total.astype(np.int64),
        },
    )


def tiny_trends(folder: Path, seed: int, count: int) -> None:
    """Twenty lists of five hashtags, renewed every six."""
    times, ranks = 20, 5
    at = np.repeat(np.arange(times), ranks)
    rank = np.tile(np.arange(1, ranks + 1), times)
    name = (at // 6 * 2 + rank) % max(count, 1)
    _write(
        folder / "hashtags.parquet",
        {
            "feed": ["t"] * len(at),
            "ts": _stamps(1_650_000_000 + at * 21_600),
            "rank": rank,
            "hashtag_id": [str(i) for i in name.tolist()],
            "hashtag": [f"tag{i}" for i in name.tolist()],
            "views": (1e6 * np.exp(0.05 * at + uniforms(name, "level", seed))).astype(np.int64),
        },
    )


def tiny_cascades(folder: Path, seed: int, count: int) -> None:
    """`count` trees of up to 22 events with exponential delays (mean 2 h)."""
    size = 2 + (20.0 * uniforms(np.arange(count), "size", seed)).astype(np.int64)
    cascade = np.repeat(np.arange(count), size)
    index = np.concatenate([np.arange(n) for n in size.tolist()])
    parent = (
        np.floor(uniforms(np.arange(len(index)), "parent", seed) * (index + 1)).astype(np.int64) - 1
    )
    _write(
        folder / "cascades.parquet",
        {
            "cascade": [f"c{i}" for i in range(count)],
            "is_rumor": (np.arange(count) % 2).astype(np.int64),
        },
    )
    _write(
        folder / "events.parquet",
        {
            "cascade": [f"c{i}" for i in cascade.tolist()],
            "idx": index,
            "parent_idx": parent,
            "dt_s": np.sort(
                -7200.0 * np.log(uniforms(np.arange(len(index)), "delay", seed))
            ).astype(np.int64),
        },
    )


def tiny_growth(folder: Path, seed: int, count: int) -> None:
    """`count` videos of three channels, read every six hours for five days; half of what comes has come after a day."""
    readings = 20
    video = np.repeat(np.arange(count), readings)
    age_h = 3.0 + 6.0 * np.tile(np.arange(readings), count)
    size = np.exp(8.0 + uniforms(np.arange(count), "size", seed))
    born = 1_650_000_000 + 7200 * video
    _write(
        folder / "panel.parquet",
        {
            "ts": _stamps(born + 3600.0 * age_h),
            "video": [f"v{i}" for i in video.tolist()],
            "channel": [f"c{i % 3}" for i in video.tolist()],
            "views": (size[video] * (1.0 - 0.5 ** (age_h / 24.0))).astype(np.int64),
            "published": _stamps(born),
        },
    )
