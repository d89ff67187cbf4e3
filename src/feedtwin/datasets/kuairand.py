"""Adaptor of the KuaiRand logs (Gao et al., CIKM 2022) in the four-file Parquet layout.

Only the single-column swipe feed (`tab == 1`) is read. The video table's monthly platform statistics are not read: they
cover days that a held-out split needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from feedtwin.datasets import tiny
from feedtwin.datasets.adaptor import (
    I4,
    I8,
    EarlierWatches,
    Flags,
    Impressions,
    LogUsers,
    LogVideos,
    RealWorld,
    WatchLog,
)
from feedtwin.datasets.constants import Constants, fit_constants
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.fit import fit_world
from feedtwin.datasets.kuairand_columns import (
    GENERATED,
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
from feedtwin.datasets.kuairand_encounters import read_files
from feedtwin.datasets.parquet import (
    Source,
    flat_lists,
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

    @property
    def surface(self) -> int:
        """Code of the surface that a world shows: the single-column swipe feed."""
        return int(fit_constants(self.parameters)["log.surface_tab"])

    def read_log(self, path: str | Path) -> WatchLog:
        """Reads and checks the folder's files. See `Adaptor.read_log`."""
        return _read_log(self, Path(path), fit_constants(self.parameters))

    def read(self, path: str | Path) -> RealWorld:
        """Reads the folder and fits the tables of a world. See `Adaptor.read`."""
        return fit_world(self.read_log(path), fit_constants(self.parameters))

    def read_encounters(self, path: str | Path) -> EncounterLog:
        """Reads all surfaces with what is known of people and videos; exact duplicates are dropped and counted."""
        folder = Path(path)
        log, users, videos = (_file(self, folder, name) for name in (LOG, USERS, VIDEOS))
        history = folder / HISTORY
        return read_files(self, log, users, videos, history if history.is_file() else None)

    def write_tiny(
        self, path: str | Path, seed: int = 0, users: int = 60, videos: int = 40
    ) -> Path:
        """Writes a tiny generated folder of the same schema. See `Adaptor.write_tiny`."""
        return tiny.write(Path(path), seed, users, videos, marker=GENERATED)


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
    first, days = days_of(log)
    users = users_of(user_file)
    videos = videos_of(video_file, first)
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
    provenance = provenance_of(adaptor, log, paths, first, int(days.max()) + 1, notes)
    return WatchLog(impressions, users, videos, earlier, provenance)


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
    user = look_up(log, "user_id", users.key, USERS, kept)
    video = look_up(log, "video_id", videos.key, VIDEOS, kept)
    flag = {name: integers(log, column)[kept] == 1 for name, column in SIGNAL_COLUMNS.items()}
    random = integers(log, "is_rand")[kept] == 1 if "is_rand" in log else np.zeros(len(kept), bool)
    return Impressions(
        user=user.astype(np.int32),
        video=video.astype(np.int32),
        time_s=local_seconds(log)[kept],
        surface=integers(log, "tab")[kept].astype(np.uint8),
        random=random,
        day=days[kept],
        hour=hours_of(log)[kept].astype(np.uint8),
        watch_s=integers(log, "play_time_ms")[kept] / 1000.0,
        duration_s=integers(log, "duration_ms")[kept] / 1000.0,
        **flag,
    )


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
