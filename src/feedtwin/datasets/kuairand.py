"""Adaptor of the KuaiRand logs (Gao et al., CIKM 2022) in the four-file Parquet layout.

Only the single-column swipe feed (`tab == 1`) is read. The video table's monthly platform statistics are not read: they
cover days that a held-out split needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from feedtwin.datasets import checks, tiny
from feedtwin.datasets.adaptor import (
    F8,
    GENERATED_SAMPLE,
    I4,
    I8,
    REAL_LOG,
    EarlierWatches,
    Flags,
    Impressions,
    LogUsers,
    LogVideos,
    Provenance,
    RealWorld,
    WatchLog,
)
from feedtwin.datasets.constants import Constants, fit_constants
from feedtwin.datasets.fit import fit_world
from feedtwin.datasets.parquet import (
    Column,
    Source,
    flat_lists,
    hash_files,
    integers,
    read_columns,
    rows_of,
    unique_key,
)
from feedtwin.errors import DataError

LOG = "log_standard_0425_0506.parquet"
USERS = "user_features.parquet"
VIDEOS = "video_features.parquet"
HISTORY = "user_history_0409_0424.parquet"

_FLAGS = (
    "long_view",
    "is_like",
    "is_comment",
    "is_forward",
    "is_follow",
    "is_hate",
    "is_profile_enter",
)
LOG_COLUMNS = (
    Column("user_id", "integer", meaning="anonymised user"),
    Column("video_id", "integer", meaning="anonymised video"),
    Column("date", "integer", low=10000101, high=99991231, meaning="local day, YYYYMMDD"),
    Column("hourmin", "integer", high=2359, meaning="local time, HHMM"),
    Column("time_ms", "integer", meaning="Unix time in ms"),
    *(Column(name, "integer", high=1, meaning="0 or 1") for name in _FLAGS),
    Column("play_time_ms", "integer", meaning="view time in ms"),
    Column("duration_ms", "integer", meaning="video duration in ms, 0 = unknown"),
    Column("tab", "integer", meaning="interface, 1 = single-column feed"),
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
_GENERATED = b"feedtwin.generated"
_NO_TAG = ("", "unknown", "nan", "UNKNOWN")

GENERATED_NOTES = (
    "generated, not in the log: sessions per day, session length, ties between people, returns. The log holds only the "
    "impressions of a pool of videos, so none of these can be derived from it.",
    "assumed: a person's relative activity is their share of the log's impressions; uploads happen at midday.",
)


@dataclass(frozen=True)
class KuaiRand:
    """Reads KuaiRand-Pure logs, the shipped sample, and generated files of the same schema.

    Attributes:
        parameters: a run's parameters by full path; those of the section `kuairand_fit` are the fit's constants, and
            what is not given has its default.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str = "kuairand"
    title: str = "KuaiRand: impressions of a short-video feed with watch time and explicit signals"
    licence: str = "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
    citation: str = (
        "Gao et al., KuaiRand: An Unbiased Sequential Recommendation Dataset with Randomly Exposed Videos, "
        "CIKM 2022, doi:10.1145/3511808.3557624"
    )
    expects: str = f"a folder with {LOG}, {USERS}, {VIDEOS} and, if there is one, {HISTORY}"

    def read_log(self, path: str | Path) -> WatchLog:
        """Reads and checks the folder's files. See `Adaptor.read_log`."""
        return _read_log(self, Path(path), fit_constants(self.parameters))

    def read(self, path: str | Path) -> RealWorld:
        """Reads the folder and fits the tables of a world. See `Adaptor.read`."""
        return fit_world(self.read_log(path), fit_constants(self.parameters))

    def write_tiny(
        self, path: str | Path, seed: int = 0, users: int = 60, videos: int = 40
    ) -> Path:
        """Writes a tiny generated folder of the same schema. See `Adaptor.write_tiny`."""
        return tiny.write(Path(path), seed, users, videos, marker=_GENERATED)


def _file(adaptor: KuaiRand, folder: Path, name: str) -> Path:
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "does not exist"
        raise DataError(f"{folder}: the data folder {what}; expected {adaptor.expects}.")
    path = folder / name
    if not path.is_file():
        found = ", ".join(sorted(p.name for p in folder.iterdir())) or "nothing"
        raise DataError(
            f"{path}: the file is missing; {folder} holds {found}; expected {adaptor.expects}."
        )
    return path


def _read_log(adaptor: KuaiRand, folder: Path, constants: Constants) -> WatchLog:
    paths = [_file(adaptor, folder, name) for name in (LOG, USERS, VIDEOS)]
    log = read_columns(paths[0], LOG_COLUMNS)
    user_file = read_columns(paths[1], USER_COLUMNS)
    video_file = read_columns(paths[2], VIDEO_COLUMNS)
    first, days = _days(log)
    users = LogUsers(
        unique_key(user_file, "user_id"),
        integers(user_file, "follow_user_num").astype(np.int32),
        integers(user_file, "is_video_author") == 1,
    )
    videos = _videos(video_file, first)
    kept, notes = _kept(log, int(constants["log.surface_tab"]))
    notes += clock_notes(log, days, constants)
    impressions = _impressions(log, kept, days, users, videos)
    earlier, more = _earlier(folder / HISTORY, users, videos)
    if (folder / HISTORY).is_file():
        paths.append(folder / HISTORY)
    unknown = int(np.count_nonzero(impressions.duration_s == 0))
    notes = [
        *notes,
        f"{unknown} kept impressions have duration 0 (unknown): they count in the facts and not in the fit.",
        *more,
        *GENERATED_NOTES,
    ]
    generated = _GENERATED in log.metadata
    provenance = Provenance(
        name=adaptor.name,
        state=GENERATED_SAMPLE if generated else REAL_LOG,
        licence="none: the file is generated" if generated else adaptor.licence,
        citation="generated file in the schema of KuaiRand" if generated else adaptor.citation,
        source_hash=hash_files(paths),
        first_day=first.isoformat(),
        days=int(days.max()) + 1,
        notes=tuple(notes),
    )
    return WatchLog(impressions, users, videos, earlier, provenance)


def _days(log: Source) -> tuple[date, I4]:
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


def _kept(log: Source, tab: int) -> tuple[I8, list[str]]:
    """Rows of the swipe feed without exact duplicates, in file order."""
    table = np.stack([integers(log, c.name) for c in LOG_COLUMNS if c.name in log], axis=1)
    order = np.lexsort(table.T[::-1])
    same = np.all(table[order][1:] == table[order][:-1], axis=1)
    distinct = np.sort(order[np.concatenate([[True], ~same])])
    kept = distinct[integers(log, "tab")[distinct] == tab]
    if not len(kept):
        raise DataError(
            f"{log.path}: no row has tab = {tab} (the single-column feed), which is the only surface read; found "
            f"{len(table)} rows of others. Pass a log with tab {tab} or set kuairand_fit.log.surface_tab."
        )
    return kept, [
        f"{len(table) - len(distinct)} exact duplicates of {len(table)} rows (in the columns read) are dropped.",
        f"{len(distinct) - len(kept)} rows of other surfaces (tab other than {tab}) are left out.",
    ]


def _impressions(
    log: Source, kept: I8, days: I4, users: LogUsers, videos: LogVideos
) -> Impressions:
    user = _lookup(log, "user_id", users.key, USERS, kept)
    video = _lookup(log, "video_id", videos.key, VIDEOS, kept)
    flag = {name: integers(log, name)[kept] == 1 for name in _FLAGS}
    random = integers(log, "is_rand")[kept] == 1 if "is_rand" in log else np.zeros(len(kept), bool)
    return Impressions(
        user=user.astype(np.int32),
        video=video.astype(np.int32),
        time_s=local_seconds(log)[kept],
        surface=integers(log, "tab")[kept].astype(np.uint8),
        random=random,
        day=days[kept],
        hour=_hours(log)[kept].astype(np.uint8),
        watch_s=integers(log, "play_time_ms")[kept] / 1000.0,
        duration_s=integers(log, "duration_ms")[kept] / 1000.0,
        long_view=flag["long_view"],
        like=flag["is_like"],
        comment=flag["is_comment"],
        share=flag["is_forward"],
        follow=flag["is_follow"],
        not_interested=flag["is_hate"],
        profile=flag["is_profile_enter"],
    )


def local_seconds(log: Source) -> F8:
    """Seconds since local midnight of the log's first day, (n,)."""
    local_ms = integers(log, "time_ms") + ZONE_MS
    first_ms = _days(log)[0].toordinal() - _UNIX_DAY
    return (local_ms - first_ms * 86_400_000) / 1000.0


def clock_notes(log: Source, days: I4, constants: Constants) -> list[str]:
    """Checks times and units of the log; what is suspect and not refused is counted.

    Raises:
        DataError: Most of `time_ms` disagrees with the local day, or a time column has the wrong unit.
    """
    stamps = local_seconds(log)
    checks.refuse_units(log, "duration_ms", integers(log, "duration_ms") / 1000.0, constants)
    checks.refuse_units(log, "play_time_ms", integers(log, "play_time_ms") / 1000.0, constants)
    checks.refuse_shuffled_days(log, "time_ms", stamps, days, constants)
    return checks.order_notes(stamps, integers(log, "user_id"))


def _hours(log: Source) -> I8:
    stamps = integers(log, "hourmin")
    wrong = np.flatnonzero(stamps % 100 > 59)
    if len(wrong):
        row = int(wrong[0])
        raise log.fail(row, "hourmin", int(stamps[row]), "a time as HHMM is expected")
    return stamps // 100


def _lookup(log: Source, column: str, keys: I8, table: str, kept: I8) -> I8:
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


def _videos(source: Source, first: date) -> LogVideos:
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


def _earlier(path: Path, users: LogUsers, videos: LogVideos) -> tuple[EarlierWatches, list[str]]:
    if not path.is_file():
        nothing = np.zeros(0, np.int32)
        no_flags = np.zeros(0, np.bool_)
        note = f"no {HISTORY}: affinities rest on the log alone."
        return EarlierWatches(nothing, nothing, no_flags, no_flags), [note]
    source = read_columns(path, HISTORY_COLUMNS)
    user_row, known_user = rows_of(users.key, unique_key(source, "user_id"))
    codes: dict[str, I8] = {}
    outside = 0
    for name in ("watch_seq", "like_seq", "long_watch_seq"):
        parent, video = flat_lists(source, name)
        video_row, known_video = rows_of(videos.key, video)
        known = known_user[parent] & known_video
        outside += int(np.count_nonzero(~known))
        codes[name] = user_row[parent[known]] * len(videos.key) + video_row[known]
    met = np.unique(np.concatenate(list(codes.values())))
    listed: dict[str, Flags] = {name: np.isin(met, entries) for name, entries in codes.items()}
    earlier = EarlierWatches(
        user=(met // len(videos.key)).astype(np.int32),
        video=(met % len(videos.key)).astype(np.int32),
        long_view=listed["long_watch_seq"],
        like=listed["like_seq"],
    )
    return earlier, [
        f"{len(met)} earlier watches are read; {outside} entries of users or videos outside the tables are left out."
    ]
