"""The tables a finished run leaves beside its log: users, items and totals per step."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from feedtwin.record.closed import write_table
from feedtwin.record.registry import Registry
from feedtwin.twins.content.captions import THEMES, sound_name
from feedtwin.twins.content.vocabulary import NOBODY
from feedtwin.world.world import World

USER_COLUMNS = (
    "tier", "persona", "activity", "attention_span_s", "satisfaction", "session", "request",
    "upload_count", "follower_count", "following_count", "last_step", "age_group", "member",
    "joined_day", "days_active", "loyalty", "social_count",
)  # fmt: skip
ITEM_COLUMNS = (
    "item", "creator", "ordinal", "category", "sound", "duration_s", "created_step", "is_public", "kind",
    "hook_strength", "quality", "virality", "completion_prior", "toxicity", "impressions", "skips", "likes",
    "shares", "comments", "saves", "completions", "watch_ms", "origin", "parent", "text", "label",
)  # fmt: skip


TEXT_COLUMNS = {
    "text": "uint32", "kind": "string", "owner": "uint32", "number": "uint32", "step": "int32",
    "words": "string",
}  # fmt: skip
"""Columns of texts.parquet and their types."""
VOCABULARY_COLUMNS = ("category", "uses", "first_step", "first_user")

OUTPUTS = (
    "manifest.json", "tables/users.parquet", "tables/items.parquet", "tables/hashtags.parquet",
    "tables/sounds.parquet", "tables/step_metrics.parquet", "tables/products.parquet",
    "tables/texts.parquet",
)  # fmt: skip
"""Files of a finished run whose bytes its closing record vouches for; products only where there are shops, texts
only where there are words that no table spells."""


def file_hashes(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of files of a run folder by name; empty for one that is missing."""
    hashes = {}
    for name in names:
        path = folder / name
        hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return hashes


def vocabulary(world: World) -> dict[str, dict[str, Any]]:
    """Return the columns of the hashtags and sounds that have ever been used, with their names."""
    words, known = world.content.words, world.content.vocabulary
    used = {"hashtags": known.hashtags, "sounds": known.sounds}
    tables: dict[str, dict[str, Any]] = {}
    for name, table in used.items():
        codes = np.nonzero(table.uses)[0].astype(np.uint32)
        tables[name] = {name.removesuffix("s"): codes}
        tables[name] |= {column: getattr(table, column)[codes] for column in VOCABULARY_COLUMNS}
    tags = tables["hashtags"]["hashtag"].tolist()
    tables["hashtags"]["name"] = [words.hashtags[code] for code in tags]
    tables["sounds"]["name"] = [sound_name(code) for code in tables["sounds"]["sound"].tolist()]
    return tables


def texts(world: World) -> list[tuple[int, str, int, int, int, str]]:
    """Return the words behind text ids that tables do not spell: those on record, and themes of fixed plans.

    Columns are text, kind (caption, comment, plan, theme, persona, action), owner, number, step and words; the
    number is the creator's upload for a caption, the day for a plan, the step for an action and the upload that a
    comment is about, else 0. The owner of a theme is nobody.
    """
    used = set(np.unique(world.content.table.text).tolist())
    themes = [
        (number, "theme", NOBODY, 0, 0, " | ".join(words))
        for number, words in THEMES.items()
        if number in used
    ]
    if world.adviser is None:
        return themes
    on_record = set(world.adviser.texts.rows)  # in an order that no interruption changes
    return themes + sorted(on_record, key=lambda row: (row[4], row[1:4], row[0]))


def write_counts(folder: Path, world: World) -> None:
    """Write users and items as they are now, one Parquet file each."""
    import pyarrow as pa

    folder.mkdir(parents=True, exist_ok=True)
    users, items = world.users.table, world.content.table
    columns = {"user": np.arange(len(users), dtype=np.uint32)}
    columns |= {name: getattr(users, name) for name in USER_COLUMNS}
    for part in world.platform.parts:
        if hasattr(part, "user_outputs"):
            columns |= dict(part.user_outputs())
    write_table(folder / "users.parquet", pa.table(columns))
    columns = {name: getattr(items, name) for name in ITEM_COLUMNS}
    columns |= {f"hashtag_{k + 1}": items.hashtags[:, k] for k in range(3)}
    columns["stage"] = world.platform.catalogue.stage
    write_table(folder / "items.parquet", pa.table(columns))


def write_tables(folder: Path, world: World, registry: Registry) -> None:
    """Write users, items, hashtags, sounds and step_metrics, one Parquet file each."""
    import pyarrow as pa

    write_counts(folder, world)
    for part in world.platform.parts:
        for name, table in part.outputs(world.step_count) if hasattr(part, "outputs") else ():
            write_table(folder / f"{name}.parquet", pa.table(table))
    for name, columns in vocabulary(world).items():
        write_table(folder / f"{name}.parquet", pa.table(columns))
    words = texts(world)
    if words:
        arrays = [
            pa.array(values, kind)
            for values, kind in zip(zip(*words, strict=True), TEXT_COLUMNS.values(), strict=True)
        ]
        write_table(folder / "texts.parquet", pa.table(arrays, list(TEXT_COLUMNS)))
    names, rows = registry.table("step_metrics")
    values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    write_table(folder / "step_metrics.parquet", pa.table(dict(zip(names, values, strict=True))))
