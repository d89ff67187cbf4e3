"""The tables a finished run leaves beside its log: users, items and totals per step."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from feedtwin.record.closed import write_table
from feedtwin.record.registry import Registry
from feedtwin.world.world import World

USER_COLUMNS = (
    "tier", "persona", "activity", "attention_span_s", "satisfaction", "session", "request",
    "upload_count", "follower_count", "following_count", "last_step",
)  # fmt: skip
ITEM_COLUMNS = (
    "item", "creator", "ordinal", "category", "sound", "duration_s", "created_step", "is_public",
    "hook_strength", "quality", "virality", "completion_prior", "toxicity", "impressions", "skips", "likes",
    "shares", "comments", "completions", "watch_ms",
)  # fmt: skip


OUTPUTS = (
    "manifest.json", "tables/users.parquet", "tables/items.parquet", "tables/step_metrics.parquet",
)  # fmt: skip
"""Files of a finished run whose bytes its closing record vouches for."""


def file_hashes(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of files of a run folder by name; empty for one that is missing."""
    hashes = {}
    for name in names:
        path = folder / name
        hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return hashes


def write_tables(folder: Path, world: World, registry: Registry) -> None:
    """Write users.parquet, items.parquet and step_metrics.parquet."""
    import pyarrow as pa

    folder.mkdir(exist_ok=True)
    users, items = world.users.table, world.content.table
    columns = {"user": np.arange(len(users), dtype=np.uint32)}
    columns |= {name: getattr(users, name) for name in USER_COLUMNS}
    write_table(folder / "users.parquet", pa.table(columns))
    columns = {name: getattr(items, name) for name in ITEM_COLUMNS}
    columns |= {f"hashtag_{k + 1}": items.hashtags[:, k] for k in range(3)}
    columns["stage"] = world.platform.catalogue.stage
    write_table(folder / "items.parquet", pa.table(columns))
    names, rows = registry.table("step_metrics")
    values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    write_table(folder / "step_metrics.parquet", pa.table(dict(zip(names, values, strict=True))))
