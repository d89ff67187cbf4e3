"""Adaptor of any CSV or Parquet log, told by a column map what its columns are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from feedtwin.datasets import checks
from feedtwin.datasets.adaptor import (
    F8,
    GENERATED_SAMPLE,
    I8,
    REAL_LOG,
    SIGNALS,
    EarlierWatches,
    Impressions,
    LogUsers,
    LogVideos,
    Provenance,
    RealWorld,
    WatchLog,
)
from feedtwin.datasets.column_map import ColumnMap, read_map
from feedtwin.datasets.constants import Constants, fit_constants
from feedtwin.datasets.encounters import (
    EncounterLog,
    Features,
    feature_columns,
    first_tags,
    videos_per_author,
)
from feedtwin.datasets.fit import fit_world
from feedtwin.datasets.mapped_columns import Table, read_part
from feedtwin.datasets.parquet import hash_files
from feedtwin.errors import DataError

_DAY_S = 86_400.0


@dataclass(frozen=True)
class Mapped:
    """Reads a log by a column map.

    Attributes:
        map_file: the column map.
        parameters: a run's parameters by full path; those of `kuairand_fit` are the constants of fit and checks.
    """

    map_file: str | Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str = "table"

    @property
    def map(self) -> ColumnMap:
        """The column map; read again at each call, so that an edit counts."""
        return read_map(self.map_file)

    @property
    def title(self) -> str:
        """One line for people."""
        return self.map.title

    @property
    def licence(self) -> str:
        """Licence of the data, as the map says."""
        return self.map.licence

    @property
    def citation(self) -> str:
        """How to cite the data, as the map says."""
        return self.map.citation

    @property
    def expects(self) -> str:
        """The files that the map names."""
        return "a folder with " + ", ".join(part.file for part in self.map.parts.values())

    def read_log(self, path: str | Path) -> WatchLog:
        """Reads and checks the files. See `Adaptor.read_log`."""
        log = self.read_encounters(path)
        feed = self.map.feed
        rows, notes = log.rows, list(log.provenance.notes)
        if feed is not None:
            kept = rows.surface == feed
            if not kept.any():
                raise DataError(f"{path}: no row has surface {feed}, which the map calls the feed.")
            notes.append(f"{int((~kept).sum())} rows of other surfaces than {feed} are left out.")
            rows = rows.take(kept)
        nothing, never = np.zeros(0, np.int32), np.zeros(0, np.bool_)
        return WatchLog(
            rows,
            log.users,
            log.videos,
            EarlierWatches(nothing, nothing, never, never),
            replace(log.provenance, notes=tuple(notes)),
            tuple(name for name in log.recorded if name != "watch"),
        )

    def read(self, path: str | Path) -> RealWorld:
        """Reads the files and fits the tables of a world. See `Adaptor.read`."""
        return fit_world(self.read_log(path), fit_constants(self.parameters))

    def read_encounters(self, path: str | Path) -> EncounterLog:
        """Reads all rows with what is known of people and videos; exact duplicates are dropped and counted."""
        folder = Path(path)
        if not folder.is_dir():
            raise DataError(f"{folder}: the data folder does not exist; expected {self.expects}.")
        parts = {name: folder / part.file for name, part in self.map.parts.items()}
        return self.read_files(parts["log"], parts.get("users"), parts.get("videos"))

    def read_files(
        self,
        log: Path,
        users: Path | None,
        videos: Path | None,
        *,
        every_row: bool = False,
    ) -> EncounterLog:
        """Reads files by the map's columns, wherever they lie.

        Args:
            log: the file of the impressions.
            users: the file of the people; None = those of the log.
            videos: the file of the videos; None = those of the log.
            every_row: keep duplicates and do not ask for watch times (prediction).

        Raises:
            DataError: As `Adaptor.read_log`.
        """
        column_map, relaxed = self.map, ("watch",) if every_row else ()
        tables: dict[str, Table | None] = {}
        for name, file in (("users", users), ("videos", videos)):
            if file is not None and name not in column_map.parts:
                raise DataError(
                    f"{column_map.where}: {file} is given and the map has no {name!r}; add its columns."
                )
            tables[name] = None if file is None else read_part(file, column_map, name)
        reading = Reading(column_map, fit_constants(self.parameters))
        return reading.of(
            read_part(log, column_map, "log", relaxed), tables["users"], tables["videos"], every_row
        )

    def write_tiny(
        self, path: str | Path, seed: int = 0, users: int = 60, videos: int = 40
    ) -> Path:
        """Writes tiny generated files with the columns of the map. See `Adaptor.write_tiny`."""
        from feedtwin.datasets.tiny_mapped import write

        return write(Path(path), self.map, seed, users, videos)


@dataclass(frozen=True)
class Reading:
    """Tables of a mapped log as an `EncounterLog`."""

    map: ColumnMap
    constants: Constants

    def of(
        self, table: Table, people: Table | None, films: Table | None, every_row: bool = False
    ) -> EncounterLog:
        """Read one log with its tables.

        Args:
            table: the impressions.
            people: the people, if there is such a table.
            films: the videos, if there is such a table.
            every_row: keep duplicates, and do not check order (prediction).
        """
        time_s = table.times("time") + self.map.zone_h * 3600.0
        early = checks.early_notes(
            self.map.parts["log"].columns["time"].column, time_s, self.constants
        )
        first = int(np.floor(time_s.min() / _DAY_S))
        time_s = time_s - first * _DAY_S
        user_table, user_row = self._users(table, people)
        video_table, video_row, notes = self._videos(table, films, first)
        rows = self._rows(table, time_s, user_row, video_row, video_table)
        rows, more = self._checked(table, rows, every_row)
        notes += [*early, *more]
        recorded = tuple(name for name in ("watch", *SIGNALS) if name in table)
        missing = [name for name in SIGNALS if name not in table]
        if missing:
            notes.append(f"not recorded by this log: {', '.join(missing)}.")
        if "surface" not in table:
            notes.append("no surface is mapped: all rows count as surface 0.")
        notes += table.notes
        files = hash_files([t.source.path for t in (table, people, films) if t is not None])
        provenance = Provenance(
            name=self.map.name,
            state=GENERATED_SAMPLE if table.generated else REAL_LOG,
            licence=self.map.licence,
            citation=self.map.citation,
            source_hash=sha256(f"{files} {self.map.digest()}".encode()).hexdigest(),
            first_day=date.fromordinal(first + date(1970, 1, 1).toordinal()).isoformat(),
            days=int(rows.day.max()) + 1,
            notes=tuple(notes),
        )
        extra = Features() if people is None else feature_columns(people.source, people.features)
        more_videos = Features() if films is None else feature_columns(films.source, films.features)
        return EncounterLog(
            rows,
            user_table,
            video_table,
            Features(
                {
                    "follow_count": user_table.follow_count.astype(np.float64),
                    "is_creator": user_table.is_creator.astype(np.float64),
                    **extra.numbers,
                },
                extra.words,
            ),
            Features(
                {
                    "duration_s": np.where(
                        video_table.duration_s > 0, video_table.duration_s, np.nan
                    ),
                    "videos_of_author": videos_per_author(video_table.author),
                    **more_videos.numbers,
                },
                {"category": first_tags(video_table), **more_videos.words},
            ),
            recorded,
            provenance,
            ids=(table.as_written("user"), table.as_written("video")) if every_row else None,
        )

    def _users(self, log: Table, people: Table | None) -> tuple[LogUsers, I8]:
        wanted = log.ids("user")
        if people is None:
            keys, row = np.unique(wanted, return_inverse=True)
            nobody = np.zeros(len(keys))
            return LogUsers(keys, nobody.astype(np.int32), nobody > 0), row.reshape(-1)
        keys = people.unique_ids("user")
        found = LogUsers(
            keys,
            people.numbers("follow_count", 0.0).astype(np.int32),
            people.flags("is_creator"),
        )
        return found, log.found("user", keys, wanted, people)

    def _videos(
        self, log: Table, films: Table | None, first: int
    ) -> tuple[LogVideos, I8, list[str]]:
        wanted = log.ids("video")
        if films is None:
            keys, at, row = np.unique(wanted, return_index=True, return_inverse=True)
            table, row = log, row.reshape(-1)
        else:
            keys, table = films.unique_ids("video"), films
            at, row = np.arange(len(keys)), log.found("video", keys, wanted, films)
        duration = table.spans("duration", self.constants)[at]
        if "duration" in log:
            of_log = np.zeros(len(keys))
            of_log[row] = log.spans("duration", self.constants)
            duration = np.where(duration > 0, duration, of_log)
        tags, names, notes = table.tags("category", self.map.categories, at)
        author_table = table if "author" in table else log
        author = author_table.ids("author") if "author" in author_table else None
        if author is not None and author_table is log and films is not None:
            of_log_author = np.full(len(keys), -1, dtype=np.int64)
            of_log_author[row] = author
            author = of_log_author
        elif author is not None:
            author = author[at]
        uploaded = table.times("uploaded")[at] if "uploaded" in table else None
        day = np.zeros(len(keys)) if uploaded is None else np.floor(uploaded / _DAY_S) - first
        videos = LogVideos(
            key=keys,
            author=np.zeros(len(keys), np.int64) if author is None else author,
            duration_s=duration,
            upload_day=day.astype(np.int32),
            tags=tags,
            tag_names=names,
            sound=table.ids("sound")[at] if "sound" in table else np.zeros(len(keys), np.int64),
        )
        return videos, row, notes

    def _rows(self, log: Table, time_s: F8, user: I8, video: I8, videos: LogVideos) -> Impressions:
        duration = (
            log.spans("duration", self.constants) if "duration" in log else videos.duration_s[video]
        )
        if log.unit("watch") == "share":
            watch = log.numbers("watch", np.nan) * duration
        else:
            watch = log.spans("watch", self.constants, missing=np.nan)
        parts = [self.map.parts[one] for one in ("log", "videos") if one in self.map.parts]
        said = [one.columns["duration"].column for one in parts if "duration" in one.columns]
        if "watch" in log and said:
            names = (log.part.columns["watch"].column, said[0])
            checks.refuse_ratio(log.source, names, watch, duration, self.constants)
        day = np.floor(time_s / _DAY_S)
        return Impressions(
            user=user.astype(np.int32),
            video=video.astype(np.int32),
            time_s=time_s,
            surface=log.codes("surface").astype(np.uint8),
            random=log.flags("random"),
            day=day.astype(np.int32),
            hour=((time_s - day * _DAY_S) // 3600.0).astype(np.uint8),
            watch_s=watch,
            duration_s=duration,
            **{name: log.flags(name) for name in SIGNALS},
        )

    def _checked(
        self, log: Table, rows: Impressions, every_row: bool
    ) -> tuple[Impressions, list[str]]:
        """Rows without duplicates, or all rows, and notes; only a log to be fitted must be in its order."""
        if self.map.order == "ascending" and not every_row:
            column = self.map.parts["log"].columns["time"].column
            checks.refuse_disorder(log.source, column, rows.time_s, rows.user, self.constants)
        notes = checks.order_notes(rows.time_s, rows.user)
        again = checks.duplicates(
            [getattr(rows, name) for name in Impressions.__dataclass_fields__]
        )
        notes.append(checks.duplicate_note(again, every_row))
        rows = rows if every_row else rows.take(~again)
        for name in ("watch", "duration"):
            notes += checks.long_notes(name, getattr(rows, f"{name}_s"), self.constants)
        unknown = int(np.count_nonzero(~(rows.duration_s > 0)))
        if unknown:
            notes.append(f"flagged: {unknown} rows have duration 0 or none (unknown).")
        return rows, notes
