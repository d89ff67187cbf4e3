"""Where a world starts: the initial users, ties, categories and videos, before anything has happened."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from feedtwin.twins.content.categories import Categories
from feedtwin.twins.content.creation import NewVideos
from feedtwin.twins.user.ties import Ties
from feedtwin.world.digest import BLOCK_USERS

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class SourceKeys:
    """Who and what of a log the initial rows are, int64; -1 for what the log does not have.

    Attributes:
        user: (U,) key of each user.
        video: (V,) key of each initial video; those of the log come first.
    """

    user: np.ndarray
    video: np.ndarray


@dataclass(frozen=True)
class Origin:
    """Initial state by twin, and what a reader should know about where it came from.

    Attributes:
        users: User columns by name, (U,) each; columns left out keep their fill value.
        ties: Who follows whom.
        categories: The world's category table.
        videos: The initial catalogue.
        created_step: Upload step of each initial video, negative.
        is_public: 0 hides a video from everybody.
        diurnal: 24 hourly weights fitted to a log, or None for the parameter's.
        notes: Sentences for the manifest: licence, citation, what is generated.
        hashtags: Names of hashtag codes, where the data has names.
        keys: Who and what of a log the rows are, or None in a world without one.
    """

    users: Arrays
    ties: Ties
    categories: Categories
    videos: NewVideos
    created_step: np.ndarray
    is_public: np.ndarray
    diurnal: list[float] | None = None
    notes: tuple[str, ...] = ()
    hashtags: dict[int, str] = field(default_factory=dict)
    keys: SourceKeys | None = None

    @property
    def count(self) -> int:
        """Number of users."""
        return len(self.users["activity"])


def append_users(users: Arrays, extra: list[dict[str, Any]]) -> Arrays:
    """Return user columns with `extra` isolated people at the end.

    Each starts as a copy of the last user who follows nobody, posts nothing and never opens the app;
    the given columns replace that.
    """
    out = dict(users)
    for person in extra:
        row = {name: values[-1:].copy() for name, values in out.items()}
        for name, value in {"activity": 0.0, "upload_rate": 0.0, "tier": 3, **person}.items():
            row[name][...] = value
        out = {name: np.concatenate([values, row[name]]) for name, values in out.items()}
    return out


def with_prospects(users: Arrays, everybody: Arrays) -> Arrays:
    """Return user columns with people who may sign up later, from the next block of ids on.

    Args:
        users: Those who are there from the start, N of them.
        everybody: The same population drawn larger; its rows from `prospects_from(N)` on are the prospects.

    The rows between belong to nobody. So one more initial user renames no prospect, unless N is a multiple
    of the block (docs/decisions/0021).
    """
    count, first = len(users["activity"]), prospects_from(len(users["activity"]))
    out = {
        name: np.concatenate([users[name], values[count:]]) for name, values in everybody.items()
    }
    nobody = slice(count, first)
    out["activity"][nobody] = 0.0
    out["upload_rate"][nobody] = 0.0
    out["tier"][nobody] = 3
    out["member"] = np.ones(len(out["activity"]), np.uint8)
    out["member"][count:] = 0
    return out


def prospects_from(users: int) -> int:
    """Return the id of the first prospect after `users` initial users: the next block boundary."""
    return -(-users // BLOCK_USERS) * BLOCK_USERS


def append_videos(
    videos: NewVideos, created: np.ndarray, public: np.ndarray, extra: list[dict[str, Any]]
) -> tuple[NewVideos, np.ndarray, np.ndarray]:
    """Return the catalogue with `extra` videos at the end: copies of the last one, not public."""
    for video in extra:
        values = {name: getattr(videos, name) for name in NewVideos.__dataclass_fields__}
        row = {name: array[-1:].copy() for name, array in values.items()}
        row["creator"][...] = video["creator"]
        row["ordinal"][...] = video.get("ordinal", 0)
        videos = NewVideos(**{n: np.concatenate([values[n], row[n]]) for n in values})
        created = np.append(created, np.int32(video.get("created_step", -1)))
        public = np.append(public, np.uint8(video.get("is_public", 0)))
    return videos, created, public
