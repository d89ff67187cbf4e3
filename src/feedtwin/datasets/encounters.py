"""Impressions with what is known of the people and videos in them: the input of the encounter's calibration.

Unlike a world's log, all surfaces and rows of unknown duration are kept, in the file's order, and tables carry whatever
else the source says of people and videos (`Features`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feedtwin.datasets.adaptor import F8, I8, Impressions, LogUsers, LogVideos, Provenance
from feedtwin.datasets.parquet import Source

Words = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Features:
    """What a source says of each person or video beyond ids.

    Attributes:
        numbers: name -> (N,) float64; NaN = not known.
        words: name -> (N,) text; the empty text = not known.
    """

    numbers: Mapping[str, F8] = field(default_factory=dict)
    words: Mapping[str, Words] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """All names, numbers first."""
        return (*self.numbers, *self.words)


@dataclass(frozen=True, slots=True)
class EncounterLog:
    """A log for calibration or prediction.

    Attributes:
        rows: impressions; `watch_s` is NaN where the log does not hold watch times (prediction).
        users, videos: everybody and everything the tables name.
        user_features, video_features: what is known of them, in the order of `users` and `videos`.
        recorded: those of `adaptor.SIGNALS` that the log holds, and "watch".
        provenance: licence, citation, notes.
        earlier: what is known of the users from before the log; None = no such source was given.
        met: (h,) rows in `users` and `videos` of who met what before the log; None = not known.
        ids: (n,) each row's person and video as the log names them; None = their keys are those names.
    """

    rows: Impressions
    users: LogUsers
    videos: LogVideos
    user_features: Features
    video_features: Features
    recorded: tuple[str, ...]
    provenance: Provenance
    earlier: Features | None = None
    met: tuple[I8, I8] | None = None
    ids: tuple[Any, Any] | None = None


def feature_columns(source: Source, names: Sequence[str]) -> Features:
    """Columns of a table as features: numbers and flags as they are, everything else as words."""
    numbers: dict[str, F8] = {}
    words: dict[str, Words] = {}
    for name in names:
        column = source.table[name]
        if is_number(column.type):
            numbers[name] = as_floats(column)
        else:
            words[name] = as_words(column)
    return Features(numbers, words)


def is_number(dtype: pa.DataType) -> bool:
    """Whether a column holds numbers or flags."""
    return bool(
        pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_boolean(dtype)
    )


def as_floats(column: Any) -> F8:
    """A numeric or flag column as float64, NaN where a value is missing."""
    values: F8 = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return values


def as_words(column: Any) -> Words:
    """Any column as text, the empty text where a value is missing."""
    found = np.empty(len(column), dtype=object)
    found[:] = ["" if value is None else str(value) for value in column.to_pylist()]
    return found


def first_tags(videos: LogVideos) -> Words:
    """The category of each video as text; the empty text where it has none."""
    names = np.array(["", *videos.tag_names], dtype=object)
    found: Words = names[videos.tags[:, 0] + 1]
    return found


def videos_per_author(author: I8) -> F8:
    """Number of videos in the table by each video's author."""
    _, inverse, count = np.unique(author, return_inverse=True, return_counts=True)
    return np.asarray(count[inverse.reshape(-1)], dtype=np.float64)
