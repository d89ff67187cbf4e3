"""KuaiRand for the encounter's calibration: all surfaces, and what the tables say of people and videos.

The monthly platform statistics of the video table are not read: they cover the days that a held-out split needs.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from feedtwin.datasets import checks
from feedtwin.datasets.adaptor import (
    I8,
    SIGNALS,
    Impressions,
)
from feedtwin.datasets.constants import fit_constants
from feedtwin.datasets.encounters import (
    EncounterLog,
    Features,
    feature_columns,
    first_tags,
    videos_per_author,
)
from feedtwin.datasets.kuairand_columns import (
    HISTORY_COLUMNS,
    LOG_COLUMNS,
    SIGNAL_COLUMNS,
    USER_COLUMNS,
    VIDEO_COLUMNS,
    clock_notes,
    days_of,
    hours_of,
    local_seconds,
    look_up,
    provenance_of,
    users_of,
    videos_of,
)
from feedtwin.datasets.parquet import (
    Column,
    Source,
    column_names,
    flat_lists,
    integers,
    read_columns,
    rows_of,
    unique_key,
)

if TYPE_CHECKING:
    from feedtwin.datasets.kuairand import KuaiRand

VIDEO_WORDS = ("video_type", "upload_type")
VIDEO_NUMBERS = ("music_type", "server_width", "server_height")
_DAY_MS = 86_400_000.0


def read_files(
    adaptor: "KuaiRand",
    log: Path,
    users: Path,
    videos: Path,
    history: Path | None = None,
    *,
    every_row: bool = False,
) -> EncounterLog:
    """Reads the four files, wherever they lie.

    Args:
        adaptor: for licence and constants.
        log: the impressions.
        users: the user table.
        videos: the video table.
        history: what users met before the log; None = not known.
        every_row: keep duplicates and do not ask for outcomes (prediction).

    Raises:
        DataError: As `Adaptor.read_log`.
    """
    asked = ("play_time_ms", *SIGNAL_COLUMNS.values()) if every_row else ()
    source = read_columns(
        log, [replace(c, optional=c.optional or c.name in asked) for c in LOG_COLUMNS]
    )
    user_file, user_features = _with_features(users, USER_COLUMNS, _user_names)
    video_file, more = _with_features(videos, VIDEO_COLUMNS, _video_names)
    first, days = days_of(source)
    people, films = users_of(user_file), videos_of(video_file, first)
    rows = _rows(source, days, people.key, films.key)
    notes = clock_notes(source, days, fit_constants(adaptor.parameters))
    again = checks.duplicates([integers(source, c.name) for c in LOG_COLUMNS if c.name in source])
    notes.append(checks.duplicate_note(again, every_row))
    if not every_row:
        rows = rows.take(~again)
    unknown = int(np.count_nonzero(rows.duration_s == 0))
    notes.append(f"flagged: {unknown} rows have duration 0 (unknown).")
    paths = [p for p in (log, users, videos, history) if p is not None]
    provenance = provenance_of(adaptor, source, paths, first, int(days.max()) + 1, notes)
    duration = np.where(films.duration_s > 0, films.duration_s, np.nan)
    film_features = Features(
        {
            "duration_s": duration,
            "upload_day": films.upload_day.astype(np.float64) + first.toordinal(),
            "videos_of_author": videos_per_author(films.author),
            **more.numbers,
        },
        {"category": first_tags(films), **more.words},
    )
    recorded = tuple(name for name in SIGNALS if SIGNAL_COLUMNS[name] in source)
    recorded = (("watch",) if "play_time_ms" in source else ()) + recorded
    before, met = (None, None) if history is None else _history(history, people.key, films.key)
    return EncounterLog(
        rows, people, films, user_features, film_features, recorded, provenance, before, met
    )


def _user_names(names: list[str]) -> list[str]:
    return [n for n in names if n != "user_id" and not n.endswith("_range")]


def _video_names(names: list[str]) -> list[str]:
    return [n for n in (*VIDEO_NUMBERS, *VIDEO_WORDS) if n in names]


def _with_features(
    path: Path, columns: tuple[Column, ...], names: Callable[[list[str]], list[str]]
) -> tuple[Source, Features]:
    extra = names(column_names(path))
    own = {c.name for c in columns}
    wanted = [*columns, *(Column(n, "any", low=None, nullable=True) for n in extra if n not in own)]
    source = read_columns(path, wanted)
    return source, feature_columns(source, [n for n in extra if n in source])


def _rows(source: Source, days: object, users: I8, videos: I8) -> Impressions:
    rows = len(source.table)
    every = np.arange(rows)

    def flag(name: str) -> np.ndarray:
        return integers(source, name) == 1 if name in source else np.zeros(rows, np.bool_)

    watch = (
        integers(source, "play_time_ms") / 1000.0
        if "play_time_ms" in source
        else np.full(rows, np.nan)
    )
    return Impressions(
        user=look_up(source, "user_id", users, "the user table", every).astype(np.int32),
        video=look_up(source, "video_id", videos, "the video table", every).astype(np.int32),
        time_s=local_seconds(source),
        surface=integers(source, "tab").astype(np.uint8),
        random=flag("is_rand"),
        day=np.asarray(days, np.int32),
        hour=hours_of(source).astype(np.uint8),
        watch_s=watch,
        duration_s=integers(source, "duration_ms") / 1000.0,
        **{name: flag(column) for name, column in SIGNAL_COLUMNS.items()},
    )


def _history(path: Path, users: I8, videos: I8) -> tuple[Features, tuple[I8, I8]]:
    """What each user did before the log, NaN for users of whom the file says nothing; and who met which video."""
    source = read_columns(
        path,
        [
            *HISTORY_COLUMNS,
            Column("history_len", "integer", optional=True),
            Column("last_time_ms", "integer", optional=True),
        ],
    )
    row, known = rows_of(users, unique_key(source, "user_id"))
    found: dict[str, np.ndarray] = {}

    def put(name: str, values: np.ndarray) -> None:
        column = np.full(len(users), np.nan)
        column[row[known]] = values[known]
        found[name] = column

    count = len(source.table)
    listed = {}
    owner, entry = flat_lists(source, "watch_seq")
    video, in_table = rows_of(videos, entry)
    kept = known[owner] & in_table
    met = (row[owner[kept]], video[kept])
    for name in ("watch_seq", "like_seq", "long_watch_seq"):
        listed[name] = np.bincount(flat_lists(source, name)[0], minlength=count).astype(np.float64)
        put(f"earlier_{name}", listed[name])
    total = np.maximum(listed["watch_seq"], 1.0)
    if "history_len" in source:
        total = np.maximum(integers(source, "history_len"), 1).astype(np.float64)
        put("earlier_impressions", total)
    put("earlier_like_share", listed["like_seq"] / total)
    put("earlier_long_share", listed["long_watch_seq"] / total)
    if "last_time_ms" in source:
        put("earlier_last_day", integers(source, "last_time_ms") / _DAY_MS)
    return Features(found), met
