"""Columns of the KuaiRand files, and how each becomes a neutral one."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from feedtwin.datasets import checks
from feedtwin.datasets.adaptor import (
    F8,
    GENERATED_SAMPLE,
    I4,
    I8,
    REAL_LOG,
    Adaptor,
    LogUsers,
    LogVideos,
    Provenance,
)
from feedtwin.datasets.constants import Constants
from feedtwin.datasets.parquet import Column, Source, hash_files, integers, rows_of, unique_key
from feedtwin.errors import DataError

SIGNAL_COLUMNS = {
    "long_view": "long_view",
    "like": "is_like",
    "comment": "is_comment",
    "share": "is_forward",
    "follow": "is_follow",
    "not_interested": "is_hate",
    "profile": "is_profile_enter",
}
"""Column of each signal."""
LOG_COLUMNS = (
    Column("user_id", "integer", meaning="anonymised user"),
    Column("video_id", "integer", meaning="anonymised video"),
    Column("date", "integer", low=10000101, high=99991231, meaning="local day, YYYYMMDD"),
    Column("hourmin", "integer", high=2359, meaning="local time, HHMM"),
    Column("time_ms", "integer", meaning="Unix time in ms"),
    *(Column(name, "integer", high=1, meaning="0 or 1") for name in SIGNAL_COLUMNS.values()),
    Column("play_time_ms", "integer", meaning="view time in ms"),
    Column("duration_ms", "integer", meaning="video duration in ms, 0 = unknown"),
    Column("tab", "integer", high=255, meaning="interface, 0 to 255; 1 = single-column feed"),
    Column("is_rand", "integer", high=1, meaning="0 or 1: exposed at random", optional=True),
)
USER_COLUMNS = (
    Column("user_id", "integer", meaning="anonymised user"),
    Column("follow_user_num", "integer", meaning="accounts followed"),
    Column("is_video_author", "integer", high=1, meaning="0 or 1: ever uploaded"),
)
VIDEO_COLUMNS = (
    Column("video_id", "integer", meaning="anonymised video"),
    Column("author_id", "integer", meaning="anonymised author"),
    Column("upload_dt", "text", meaning="upload day, YYYY-MM-DD"),
    Column("video_duration", "number", nullable=True, meaning="duration in ms, missing = unknown"),
    Column("music_id", "integer", meaning="sound, 0 = none"),
    Column("tag", "text", nullable=True, meaning="category ids, comma-separated"),
)
HISTORY_COLUMNS = (
    Column("user_id", "integer", meaning="anonymised user"),
    Column("watch_seq", "integers", nullable=True, meaning="video ids watched before the log"),
    Column("like_seq", "integers", nullable=True, meaning="video ids liked before the log"),
    Column(
        "long_watch_seq", "integers", nullable=True, meaning="video ids long-viewed before the log"
    ),
)
ZONE_MS = 8 * 3_600_000
"""`time_ms` is UTC, `date` and `hourmin` are Beijing time (KuaiRand data card)."""
_UNIX_DAY = date(1970, 1, 1).toordinal()
GENERATED = b"feedtwin.generated"
_NO_TAG = ("", "unknown", "nan", "UNKNOWN")


def days_of(log: Source) -> tuple[date, I4]:
    """First day of the log, and each row's day after it."""
    stamps = integers(log, "date")
    distinct, inverse = np.unique(stamps, return_inverse=True)
    numbers = []
    for stamp in distinct.tolist():
        try:
            numbers.append(date(stamp // 10000, stamp // 100 % 100, stamp % 100).toordinal())
        except ValueError:
            row = int(np.flatnonzero(stamps == stamp)[0])
            raise log.fail(row, "date", stamp, "a calendar day as YYYYMMDD is expected") from None
    days = np.array(numbers, dtype=np.int32)[inverse.reshape(-1)]
    first = int(days.min())
    return date.fromordinal(first), days - np.int32(first)


def local_seconds(log: Source) -> F8:
    """Seconds since local midnight of the log's first day, (n,)."""
    local_ms = integers(log, "time_ms") + ZONE_MS
    first_ms = days_of(log)[0].toordinal() - _UNIX_DAY
    return (local_ms - first_ms * 86_400_000) / 1000.0


def clock_notes(log: Source, days: I4, constants: Constants) -> list[str]:
    """Checks times and units of the log; what is suspect and not refused is counted.

    Raises:
        DataError: Most of `time_ms` disagrees with the local day, or a time column has the wrong unit.
    """
    stamps = local_seconds(log)
    spans = {
        name: integers(log, name) / 1000.0
        for name in ("play_time_ms", "duration_ms")
        if name in log
    }
    for name, seconds in spans.items():
        checks.refuse_units(log, name, seconds, constants)
    if len(spans) == 2:
        watch_s, duration_s = spans.values()
        checks.refuse_ratio(log, tuple(spans), watch_s, duration_s, constants)
    checks.refuse_shuffled_days(log, "time_ms", stamps, days, constants)
    long = [note for name, s in spans.items() for note in checks.long_notes(name, s, constants)]
    return [*checks.order_notes(stamps, integers(log, "user_id")), *long]


def hours_of(log: Source) -> I8:
    """Local hour of each row."""
    stamps = integers(log, "hourmin")
    wrong = np.flatnonzero(stamps % 100 > 59)
    if len(wrong):
        row = int(wrong[0])
        raise log.fail(row, "hourmin", int(stamps[row]), "a time as HHMM is expected")
    return stamps // 100


def look_up(log: Source, column: str, keys: I8, table: str, kept: I8) -> I8:
    """Rows of a table's keys for the kept rows; every id of the log must be there."""
    wanted = integers(log, column)
    rows, known = rows_of(keys, wanted)
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        missing = len(np.unique(wanted[~known]))
        raise DataError(
            f"{log.path}: row {row + 1} (the first row is row 1), column {column}: {int(wanted[row])} is not in {table}; "
            f"{missing} ids of {int(np.count_nonzero(~known))} rows are not. Every id of the log is expected there: pass "
            "the tables that belong to this log."
        )
    return rows[kept]


def videos_of(source: Source, first: date) -> LogVideos:
    """The video table in neutral form."""
    duration = source.table["video_duration"].to_numpy().astype(np.float64)
    tags, names = _tags(source.table["tag"].to_pylist())
    return LogVideos(
        key=unique_key(source, "video_id"),
        author=integers(source, "author_id"),
        duration_s=np.nan_to_num(duration, nan=0.0) / 1000.0,
        upload_day=_upload_days(source, first),
        tags=tags,
        tag_names=names,
        sound=integers(source, "music_id"),
    )


def _upload_days(source: Source, first: date) -> I4:
    numbers: dict[str, int] = {}
    days = np.empty(source.table.num_rows, dtype=np.int32)
    for row, text in enumerate(source.table["upload_dt"].to_pylist()):
        if text not in numbers:
            try:
                numbers[text] = date.fromisoformat(text).toordinal() - first.toordinal()
            except ValueError:
                raise source.fail(
                    row, "upload_dt", text, "a calendar day as YYYY-MM-DD is expected"
                ) from None
        days[row] = numbers[text]
    return days


def _tags(texts: list[str | None]) -> tuple[I4, tuple[str, ...]]:
    split = [[t.strip() for t in (x or "").split(",") if t.strip() not in _NO_TAG] for x in texts]
    names = sorted({t for tags in split for t in tags}, key=lambda t: (not t.isdigit(), len(t), t))
    number = {name: i for i, name in enumerate(names)}
    table = np.full((len(split), max(map(len, split), default=0) or 1), -1, dtype=np.int32)
    for row, tags in enumerate(split):
        table[row, : len(tags)] = [number[t] for t in tags]
    return table, tuple(f"tag {name}" for name in names)


def users_of(source: Source) -> LogUsers:
    """The user table in neutral form."""
    return LogUsers(
        unique_key(source, "user_id"),
        integers(source, "follow_user_num").astype(np.int32),
        integers(source, "is_video_author") == 1,
    )


def provenance_of(
    adaptor: Adaptor,
    log: Source,
    paths: Sequence[Path],
    first: date,
    days: int,
    notes: Sequence[str],
) -> Provenance:
    """Return where a log comes from; a generated file has neither licence nor citation."""
    is_generated = GENERATED in log.metadata
    return Provenance(
        name=adaptor.name,
        state=GENERATED_SAMPLE if is_generated else REAL_LOG,
        licence="none: the file is generated" if is_generated else adaptor.licence,
        citation="generated file in the schema of KuaiRand" if is_generated else adaptor.citation,
        source_hash=hash_files(paths),
        first_day=first.isoformat(),
        days=days,
        notes=tuple(notes),
    )
