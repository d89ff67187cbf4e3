"""Adaptors of series and cascades: hashtag views by day, trend lists by rank, repost trees.

They share name, title, licence, citation, expects and `write_tiny` with the adaptors of watch logs; what they read are the
neutral tables below. A licence that the source does not state is said to be unknown: read such files from a path of your
own and do not pass them on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import F8, GENERATED_SAMPLE, I4, I8, REAL_LOG, Flags
from feedtwin.datasets.encounters import Words, as_floats, as_words
from feedtwin.datasets.growth import read_growth
from feedtwin.datasets.parquet import Column, Source, hash_files, integers, read_columns
from feedtwin.datasets.stamps import seconds
from feedtwin.datasets.tiny_series import (
    GENERATED,
    tiny_cascades,
    tiny_growth,
    tiny_hashtags,
    tiny_trends,
)
from feedtwin.errors import DataError

UNKNOWN_LICENCE = (
    "unknown: the source states none; for calibration on your own machine, not to be passed on"
)
_DAY_S = 86_400
_DELAY_MAX_S = 30 * _DAY_S
"""Greatest median delay of reposts that is believed: their half-lives are hours, and milliseconds make them months."""


@dataclass(frozen=True, slots=True)
class About:
    """Where a series comes from; `notes` count what was flagged."""

    name: str
    state: str
    licence: str
    citation: str
    source_hash: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CountSeries:
    """Cumulative counts by day, in order of name and day.

    Attributes:
        names: (N,) names.
        name: (n,) row in `names`.
        day: (n,) days since the first day of the file.
        count: (n,) cumulative count.
        first_day: the first day of the file, in days since 1970-01-01 (a Thursday); -1 = the days are no dates.
        about: provenance.
    """

    names: Words
    name: I4
    day: I4
    count: F8
    first_day: int
    about: About


@dataclass(frozen=True, slots=True)
class TrendLists:
    """What a list showed: one row per list, time and rank.

    Attributes:
        names: (N,) names of what was shown.
        feed: (n,) which list.
        time_s: (n,) seconds since 1970.
        rank: (n,) 1 = first.
        name: (n,) row in `names`.
        count: (n,) its cumulative count at that time.
        about: provenance.
    """

    names: Words
    feed: Words
    time_s: F8
    rank: I8
    name: I4
    count: F8
    about: About


@dataclass(frozen=True, slots=True)
class Cascades:
    """Repost trees.

    Attributes:
        key: (C,) ids of the cascades.
        is_rumour: (C,) whether it was judged a rumour.
        cascade: (n,) row in `key` of each event.
        index: (n,) number of the event within its cascade.
        parent: (n,) number of the event it answers; -1 = the root, or outside the file.
        delay_s: (n,) seconds after the root; NaN = not known.
        about: provenance.
    """

    key: Words
    is_rumour: Flags
    cascade: I4
    index: I8
    parent: I8
    delay_s: F8
    about: About


@dataclass(frozen=True)
class SeriesAdaptor:
    """Reads one kind of series file.

    Attributes:
        name, title, licence, citation, expects: as for adaptors of watch logs.
        files: names of the files in the folder.
        reader: from folder and adaptor to the neutral table.
        writer: writes tiny generated files.
    """

    name: str
    title: str
    licence: str
    citation: str
    files: tuple[str, ...]
    reader: Callable[["SeriesAdaptor", Path], Any]
    writer: Callable[[Path, int, int], None]

    @property
    def expects(self) -> str:
        """The files it reads."""
        return "a folder with " + ", ".join(self.files)

    def read(self, path: str | Path) -> Any:
        """Reads and checks the files.

        Raises:
            DataError: A file or column is missing, or a row breaks a rule (file, row, column named).
        """
        folder = Path(path)
        for name in self.files:
            if not (folder / name).is_file():
                raise DataError(f"{folder / name}: the file is missing; expected {self.expects}.")
        return self.reader(self, folder)

    def write_tiny(self, path: str | Path, seed: int = 0, count: int = 12) -> Path:
        """Writes a tiny generated folder of the same schema; the same arguments give the same values."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        self.writer(folder, seed, count)
        return folder

    def about(self, sources: list[Source], notes: list[str]) -> About:
        """Provenance of what was read."""
        generated = GENERATED in sources[0].metadata
        return About(
            self.name,
            GENERATED_SAMPLE if generated else REAL_LOG,
            "none: the file is generated" if generated else self.licence,
            f"generated file in the schema of {self.name}" if generated else self.citation,
            hash_files([s.path for s in sources]),
            tuple(notes),
        )


def _names(source: Source, name: str) -> tuple[Words, I4]:
    distinct, inverse = np.unique(as_words(source.table[name]).astype(str), return_inverse=True)
    return distinct.astype(object), inverse.reshape(-1).astype(np.int32)


def _hashtags(adaptor: SeriesAdaptor, folder: Path) -> CountSeries:
    source = read_columns(
        folder / adaptor.files[0],
        [
            Column("hashtag", "text", meaning="name"),
            Column("day", "any", low=None, meaning="day"),
            Column("views", "integer", meaning="cumulative views"),
        ],
    )
    names, name = _names(source, "hashtag")
    day = np.floor(seconds(source, "day") / _DAY_S)
    first_day = int(day.min())
    day -= first_day
    count = integers(source, "views").astype(np.float64)
    order = np.lexsort((day, name))
    same = name[order][1:] == name[order][:-1]
    again = same & (np.diff(day[order]) == 0)
    if again.any():
        row = int(order[1:][again].min())
        raise source.fail(
            row,
            "day",
            names[name[row]],
            f"each hashtag has a day once; {int(again.sum())} rows repeat one",
        )
    falls = int((same & (np.diff(count[order]) < 0)).sum())
    disorder = int((np.diff(order) < 0).sum())
    notes = (
        [f"flagged: cumulative views fall on {falls} of {int(same.sum())} days."] if falls else []
    )
    if disorder:
        notes.append(
            f"flagged: the rows are not in order of hashtag and day ({disorder} places); they are sorted."
        )
    return CountSeries(
        names,
        name[order],
        day[order].astype(np.int32),
        count[order],
        first_day,
        adaptor.about([source], notes),
    )


def _trends(adaptor: SeriesAdaptor, folder: Path) -> TrendLists:
    source = read_columns(
        folder / adaptor.files[0],
        [
            Column("feed", "text", meaning="which list"),
            Column("ts", "any", low=None, meaning="time, UTC"),
            Column("rank", "integer", low=1, meaning="place on the list"),
            Column("hashtag", "text", meaning="name"),
            Column("views", "integer", meaning="cumulative views"),
        ],
    )
    names, name = _names(source, "hashtag")
    feed, time_s, rank = (
        as_words(source.table["feed"]),
        seconds(source, "ts"),
        integers(source, "rank"),
    )
    _, which = np.unique(feed.astype(str), return_inverse=True)
    order = np.lexsort((rank, time_s, which.reshape(-1)))
    again = np.zeros(len(order), dtype=np.bool_)
    keys = np.stack([which.reshape(-1)[order], time_s[order], rank[order]])
    again[order[1:]] = np.all(keys[:, 1:] == keys[:, :-1], axis=0)
    notes = (
        [f"flagged: {int(again.sum())} rows repeat feed, time and rank of another."]
        if again.any()
        else []
    )
    return TrendLists(
        names,
        feed,
        time_s,
        rank,
        name,
        integers(source, "views").astype(np.float64),
        adaptor.about([source], notes),
    )


def _cascades(adaptor: SeriesAdaptor, folder: Path) -> Cascades:
    roots = read_columns(
        folder / adaptor.files[0],
        [
            Column("cascade", "text", meaning="id of the cascade"),
            Column("is_rumor", "integer", high=1, meaning="0 or 1: judged a rumour"),
        ],
    )
    events = read_columns(
        folder / adaptor.files[1],
        [
            Column("cascade", "text", meaning="id of the cascade"),
            Column("idx", "integer", meaning="number of the event"),
            Column("parent_idx", "integer", low=-1, meaning="number of its parent, -1 = root"),
            Column("dt_s", "number", low=None, nullable=True, meaning="seconds after the root"),
        ],
    )
    key = as_words(roots.table["cascade"])
    place = {name: row for row, name in enumerate(key.tolist())}
    if len(place) != len(key):
        raise roots.fail(len(key) - 1, "cascade", None, "each cascade is expected once")
    cascade = np.array(
        [place.get(name, -1) for name in as_words(events.table["cascade"]).tolist()], np.int32
    )
    if (cascade < 0).any():
        row = int(np.argmax(cascade < 0))
        raise events.fail(
            row,
            "cascade",
            events.table["cascade"][row].as_py(),
            f"a cascade of {adaptor.files[0]} is expected",
        )
    index = integers(events, "idx")
    order = np.lexsort((index, cascade))
    again = (np.diff(cascade[order]) == 0) & (np.diff(index[order]) == 0)
    if again.any():
        row = int(order[1:][again].min())
        raise events.fail(
            row, "idx", int(index[row]), "each event of a cascade has a number of its own"
        )
    delay = as_floats(events.table["dt_s"])
    known = delay[np.isfinite(delay)]
    if len(known) and np.median(known) > _DELAY_MAX_S:
        row = int(np.nanargmax(delay))
        raise events.fail(
            row,
            "dt_s",
            float(delay[row]),
            f"seconds are expected: the median is {np.median(known):,.0f}, more than {_DELAY_MAX_S // _DAY_S} days, which is what "
            "milliseconds look like",
        )
    early, unknown = int((delay < 0).sum()), int(np.isnan(delay).sum())
    notes = []
    if early or unknown:
        notes.append(
            f"flagged: {early} of {len(delay)} events lie before their root and {unknown} have no time; their times are unknown."
        )
    return Cascades(
        key, integers(roots, "is_rumor") == 1, cascade, index, integers(events, "parent_idx"),
        np.where(delay < 0, np.nan, delay), adaptor.about([roots, events], notes),
    )  # fmt: skip


HASHTAGS = SeriesAdaptor(
    "hashtag-views", "Cumulative views of hashtags by day", UNKNOWN_LICENCE,
    "tiktok-hashtag-tracker, https://github.com/marginalhours/tiktok-hashtag-tracker",
    ("daily_views.parquet",), _hashtags, tiny_hashtags,
)  # fmt: skip
TRENDS = SeriesAdaptor(
    "trend-lists", "What a discover page promoted: hashtags by time and rank", UNKNOWN_LICENCE,
    "tiktok-trending-data-api, https://github.com/ogohogo/tiktok-trending-data-api",
    ("hashtags.parquet",), _trends, tiny_trends,
)  # fmt: skip
CASCADES = SeriesAdaptor(
    "cascades", "Repost trees with times and a rumour label", UNKNOWN_LICENCE,
    "Song et al., CED: Credible Early Detection of Social Media Rumors, arXiv:1811.04175",
    ("cascades.parquet", "events.parquet"), _cascades, tiny_cascades,
)  # fmt: skip
GROWTH = SeriesAdaptor(
    "video-growth", "Cumulative views of videos, some hours apart, from their first hours on", UNKNOWN_LICENCE,
    "shorts-finder, https://github.com/Heechincho/shorts-finder",
    ("panel.parquet",), read_growth, tiny_growth,
)  # fmt: skip
SERIES = {one.name: one for one in (HASHTAGS, TRENDS, CASCADES, GROWTH)}
