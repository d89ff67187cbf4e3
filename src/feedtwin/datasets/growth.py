"""Growth of single videos: cumulative views by age, from files of crawlers and from runs alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from feedtwin.datasets.encounters import Words, as_words
from feedtwin.datasets.parquet import Column, integers, read_columns
from feedtwin.datasets.stamps import seconds

if TYPE_CHECKING:
    from pathlib import Path

    from feedtwin.datasets.adaptor import F8, I4, I8
    from feedtwin.datasets.series import About


@dataclass(frozen=True, slots=True)
class GrowthCurves:
    """Cumulative views of videos by age, in order of video and age.

    Attributes:
        key: (V,) ids of the videos.
        channel: (V,) whose they are; videos of one channel are not independent.
        video: (n,) row in `key` of each reading.
        age_h: (n,) hours since the video was published, 0 or more.
        views: (n,) cumulative views at that age.
        about: provenance.
    """

    key: Words
    channel: I8
    video: I4
    age_h: F8
    views: F8
    about: About


def read_growth(adaptor: Any, folder: Path) -> GrowthCurves:
    """Reads `panel.parquet`: a row per video and time.

    Raises:
        DataError: A row breaks a rule, or a video has two readings at one time.
    """
    source = read_columns(
        folder / adaptor.files[0],
        [
            Column("ts", "any", low=None, meaning="time of the reading, UTC"),
            Column("video", "text", meaning="id of the video"),
            Column("channel", "text", meaning="id of its channel"),
            Column("views", "integer", meaning="cumulative views"),
            Column("published", "any", low=None, meaning="time of publication, UTC"),
        ],
    )
    key, which = np.unique(as_words(source.table["video"]).astype(str), return_inverse=True)
    _, channel = np.unique(as_words(source.table["channel"]).astype(str), return_inverse=True)
    video: I4 = which.reshape(-1).astype(np.int32)
    channel = channel.reshape(-1).astype(np.int64)
    age_h = (seconds(source, "ts") - seconds(source, "published")) / 3600.0
    views = integers(source, "views").astype(np.float64)
    order = np.lexsort((age_h, video))
    same = np.diff(video[order]) == 0
    again = same & (np.diff(age_h[order]) == 0)
    if again.any():
        row = int(order[1:][again].min())
        raise source.fail(
            row, "ts", key[video[row]], f"each video has a time once; {int(again.sum())} rows repeat one"
        )  # fmt: skip
    falls = int((same & (np.diff(views[order]) < 0)).sum())
    early = age_h < 0
    notes = (
        [f"flagged: cumulative views fall at {falls} of {int(same.sum())} readings."]
        if falls
        else []
    )
    if early.any():
        notes.append(
            f"flagged: {int(early.sum())} of {len(early)} readings lie before their video's publication; they are left out."
        )
    of_video = np.zeros(len(key), np.int64)
    of_video[video] = channel
    kept = order[~early[order]]
    return GrowthCurves(
        key.astype(object), of_video, video[kept], age_h[kept], views[kept], adaptor.about([source], notes)
    )  # fmt: skip
