"""What is known of an impression as a matrix: features of people, of videos with their surface, and of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import F8, Flags
from feedtwin.datasets.encounters import EncounterLog, Features
from feedtwin.datasets.hashing import uniforms

USER, VIDEO, TIME = 0, 1, 2
"""Groups of features, in the order of the matrix."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Order of the features and numbers of the words, as at the time of the fit.

    Attributes:
        users, earlier, videos: names of the numbers of people, of their history, and of videos.
        user_words, video_words: name -> its words in order; other words count as missing.
        surfaces: codes of the surfaces that were seen.
    """

    users: tuple[str, ...]
    earlier: tuple[str, ...]
    videos: tuple[str, ...]
    user_words: Mapping[str, tuple[str, ...]]
    video_words: Mapping[str, tuple[str, ...]]
    surfaces: tuple[int, ...]

    def groups(self, past: int) -> list[set[int]]:
        """Feature numbers of each group, when person, video and author have `past` numbers each."""
        people = len(self.users) + len(self.user_words) + len(self.earlier) + 1 + past
        videos = people + len(self.videos) + len(self.video_words) + 1 + 2 * past
        return [set(range(people)), set(range(people, videos)), {videos, videos + 1}]

    def as_plain(self) -> dict[str, Any]:
        """The encoding in plain types, for a preset."""
        return {
            "users": list(self.users),
            "earlier": list(self.earlier),
            "videos": list(self.videos),
            "user_words": {k: list(v) for k, v in self.user_words.items()},
            "video_words": {k: list(v) for k, v in self.video_words.items()},
            "surfaces": list(self.surfaces),
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> "Encoding":
        """The encoding that `as_plain` wrote."""
        return Encoding(
            tuple(plain["users"]),
            tuple(plain["earlier"]),
            tuple(plain["videos"]),
            {k: tuple(v) for k, v in plain["user_words"].items()},
            {k: tuple(v) for k, v in plain["video_words"].items()},
            tuple(plain["surfaces"]),
        )


def encoding_of(log: EncounterLog) -> Encoding:
    """The encoding that a log's tables ask for."""
    return Encoding(
        users=tuple(log.user_features.numbers),
        earlier=tuple(log.earlier.numbers) if log.earlier is not None else (),
        videos=tuple(log.video_features.numbers),
        user_words=_words(log.user_features),
        video_words=_words(log.video_features),
        surfaces=tuple(int(s) for s in np.unique(log.rows.surface)),
    )


def _words(features: Features) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(sorted({str(w) for w in values.tolist()} - {""}))
        for name, values in features.words.items()
    }


def user_matrix(encoding: Encoding, log: EncounterLog, masked: Flags | None = None) -> F8:
    """Features of every person, (N, F); the history of those that are masked is hidden."""
    count = len(log.users.key)
    columns = _columns(encoding.users, encoding.user_words, log.user_features, count)
    known = np.zeros(count, dtype=np.bool_)
    earlier = log.earlier
    for name in encoding.earlier:
        values = (
            np.full(count, np.nan)
            if earlier is None
            else earlier.numbers.get(name, np.full(count, np.nan))
        )
        if earlier is not None:
            known[:] = True
        columns.append(values if masked is None else np.where(masked, np.nan, values))
    columns.append((known if masked is None else known & ~masked).astype(np.float64))
    return np.stack(columns, axis=1)


def video_matrix(encoding: Encoding, log: EncounterLog) -> F8:
    """Features of every video, (M, F), without the surface."""
    columns = _columns(
        encoding.videos, encoding.video_words, log.video_features, len(log.videos.key)
    )
    return np.stack(columns, axis=1)


def _columns(
    numbers: Sequence[str], words: Mapping[str, Sequence[str]], features: Features, count: int
) -> list[F8]:
    nothing = np.full(count, np.nan)
    columns = [features.numbers.get(name, nothing) for name in numbers]
    for name, levels in words.items():
        place = {word: float(i) for i, word in enumerate(levels)}
        values = features.words.get(name)
        columns.append(
            nothing
            if values is None
            else np.array([place.get(str(w), np.nan) for w in values.tolist()], dtype=np.float64)
        )
    return columns


def surface_numbers(encoding: Encoding, surface: np.ndarray) -> F8:
    """Place of each surface among those of the fit; NaN for one that was not seen."""
    known = np.array(encoding.surfaces)
    place = np.searchsorted(known, surface)
    at = np.minimum(place, len(known) - 1)
    return np.where(known[at] == surface, at.astype(np.float64), np.nan)


def time_matrix(log: EncounterLog) -> F8:
    """Hour of the day and day of the week of every impression, (n, 2)."""
    first = date.fromisoformat(log.provenance.first_day).toordinal()
    weekday = (log.rows.day.astype(np.int64) + first) % 7
    return np.stack([log.rows.hour.astype(np.float64), weekday.astype(np.float64)], axis=1)


def hidden(keys: np.ndarray, share: float, what: str) -> Flags:
    """Of whom something is hidden in training, by a hash; the same for every fit."""
    return uniforms(keys, f"calibration/hidden {what}") < share


def folds_of(keys: np.ndarray, folds: int, label: str) -> np.ndarray:
    """A fold number for every key, by a hash."""
    return np.minimum((uniforms(keys, label) * folds).astype(np.int64), folds - 1)
