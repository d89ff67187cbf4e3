"""Where a world starts: the initial users, ties, categories and videos, before anything has happened."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from feedtwin.twins.content.categories import Categories
from feedtwin.twins.content.creation import NewVideos
from feedtwin.twins.user.ties import Ties

Arrays = dict[str, np.ndarray]


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
