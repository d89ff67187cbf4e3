"""Adaptor of the KuaiRec layout (Gao et al., CIKM 2022): CSV files with watch ratios and no explicit signals.

The log is `big_matrix.csv` (or `small_matrix.csv`, whose impressions are a nearly complete matrix of users and videos).
`item_daily_features.csv` has a row per video and day; its first row of each video describes the video. The daily
platform counts in it are not read: they cover the days of the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from feedtwin.datasets.adaptor import EarlierWatches, RealWorld, WatchLog
from feedtwin.datasets.column_map import ColumnMap, Part, Place
from feedtwin.datasets.constants import fit_constants
from feedtwin.datasets.encounters import EncounterLog, as_words
from feedtwin.datasets.fit import fit_world
from feedtwin.datasets.mapped import Reading
from feedtwin.datasets.mapped_columns import Table, read_part
from feedtwin.datasets.parquet import Source
from feedtwin.datasets.tiny_mapped import write
from feedtwin.errors import DataError

LOGS = ("big_matrix.csv", "small_matrix.csv")
USERS = "user_features.csv"
VIDEOS = "item_daily_features.csv"
CATEGORIES = "item_categories.csv"
_LICENCE = "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
_CITATION = (
    "Gao et al., KuaiRec: A Fully-observed Dataset and Insights for Evaluating Recommender Systems, CIKM 2022, "
    "doi:10.1145/3511808.3557220"
)
_LOG = {
    "user": Place("user_id", ""),
    "video": Place("video_id", ""),
    "time": Place("timestamp", "s"),
    "watch": Place("play_duration", "ms"),
    "duration": Place("video_duration", "ms"),
}
_USERS = {
    "user": Place("user_id", ""),
    "follow_count": Place("follow_user_num", ""),
    "is_creator": Place("is_video_author", ""),
}
_VIDEOS = {
    "video": Place("video_id", ""),
    "author": Place("author_id", ""),
    "uploaded": Place("upload_dt", "date"),
    "sound": Place("music_id", ""),
}
_USER_FEATURES = ("user_active_degree", "fans_user_num", "friend_user_num", "register_days")
_VIDEO_FEATURES = ("video_type", "upload_type", "music_type")


def _map(log: str) -> ColumnMap:
    return ColumnMap(
        where="the KuaiRec layout", name="kuairec", title=KuaiRec.title, licence=_LICENCE, citation=_CITATION,
        order="any", zone_h=8.0, categories=(), feed=None,
        parts={
            "log": Part(log, _LOG),
            "users": Part(USERS, _USERS, _USER_FEATURES),
            "videos": Part(VIDEOS, _VIDEOS, _VIDEO_FEATURES),
        },
    )  # fmt: skip


@dataclass(frozen=True)
class KuaiRec:
    """Reads a folder in the layout of KuaiRec.

    Attributes:
        parameters: a run's parameters by full path; those of `kuairand_fit` are the constants of fit and checks.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str = "kuairec"
    title: str = (
        "KuaiRec: watch ratios of a short-video feed, with a nearly full matrix of users and videos"
    )
    licence: str = _LICENCE
    citation: str = _CITATION
    expects: str = f"a folder with {LOGS[0]} or {LOGS[1]}, {USERS}, {VIDEOS} and, if there is one, {CATEGORIES}"

    def read_encounters(self, path: str | Path) -> EncounterLog:
        """Reads all rows with what is known of people and videos. See `Mapped.read_encounters`."""
        folder = Path(path)
        found = [name for name in LOGS if (folder / name).is_file()]
        if not found:
            raise DataError(f"{folder}: no log is there; expected {self.expects}.")
        column_map = _map(found[0])
        log = _timed(read_part(folder / found[0], column_map, "log"))
        people = read_part(folder / USERS, column_map, "users")
        films = _categorised(
            _once(read_part(folder / VIDEOS, column_map, "videos")), folder / CATEGORIES
        )
        return Reading(column_map, fit_constants(self.parameters)).of(log, people, films)

    def read_log(self, path: str | Path) -> WatchLog:
        """Reads and checks the folder's files. See `Adaptor.read_log`."""
        log = self.read_encounters(path)
        nothing, never = np.zeros(0, np.int32), np.zeros(0, np.bool_)
        earlier = EarlierWatches(nothing, nothing, never, never)
        recorded = tuple(name for name in log.recorded if name != "watch")
        return WatchLog(log.rows, log.users, log.videos, earlier, log.provenance, recorded)

    def read(self, path: str | Path) -> RealWorld:
        """Reads the folder and fits the tables of a world. See `Adaptor.read`."""
        return fit_world(self.read_log(path), fit_constants(self.parameters))

    def write_tiny(
        self, path: str | Path, seed: int = 0, users: int = 60, videos: int = 40
    ) -> Path:
        """Writes a tiny generated folder of the same layout. See `Adaptor.write_tiny`."""
        folder = write(Path(path), _map(LOGS[0]), seed, users, videos)
        ids = pa.array(np.arange(videos))
        feats = [f"[{i % 5}, {5 + i % 3}]" if i % 2 else f"[{i % 5}]" for i in range(videos)]
        pacsv.write_csv(pa.table({"video_id": ids, "feat": feats}), folder / CATEGORIES)
        return folder


def _with_table(table: Table, rows: pa.Table, note: str = "") -> Table:
    source = Source(table.source.path, rows, table.source.metadata)
    return replace(table, source=source, notes=(*table.notes, *([note] if note else [])))


def _timed(log: Table) -> Table:
    """The rows that have a time; the others are counted."""
    missing = log.source.table["timestamp"].is_null().to_numpy()
    if not missing.any():
        return log
    rows = log.source.table.filter(pa.array(~missing))
    note = f"flagged: {int(missing.sum())} of {len(missing)} rows have no time and are left out."
    return _with_table(log, rows, note)


def _once(films: Table) -> Table:
    """The first row of each video; the layout repeats a video for every day."""
    _, first = np.unique(films.source.table["video_id"].to_numpy(), return_index=True)
    return _with_table(films, films.source.table.take(pa.array(np.sort(first))))


def _categorised(films: Table, path: Path) -> Table:
    """The videos with their categories from `item_categories.csv`, where there is one."""
    if not path.is_file():
        return films
    column_map = ColumnMap(
        "the KuaiRec layout", "", "", "", "", "any", 0.0, (), None,
        {"videos": Part(CATEGORIES, {"video": Place("video_id", "")}, ("feat",))},
    )  # fmt: skip
    tags = read_part(path, column_map, "videos")
    texts = [text.strip("[] ") for text in as_words(tags.source.table["feat"]).tolist()]
    of = dict(zip(tags.ids("video").tolist(), texts, strict=True))
    column = [of.get(key, "") for key in films.ids("video").tolist()]
    rows = films.source.table.append_column("category", pa.array(column, pa.string()))
    part = replace(films.part, columns={**films.part.columns, "category": Place("category", "")})
    return replace(_with_table(films, rows), part=part)
