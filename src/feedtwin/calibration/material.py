"""A log as the matrices that fit and prediction share; nothing here looks at outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from feedtwin.calibration.design import (
    Encoding,
    folds_of,
    hidden_histories,
    surface_numbers,
    time_matrix,
    user_matrix,
    video_matrix,
)
from feedtwin.datasets.adaptor import F8, I4, I8
from feedtwin.datasets.encounters import EncounterLog


@dataclass(frozen=True)
class Material:
    """A log with its features.

    Attributes:
        log: the log.
        encoding: order of the features and numbers of the words.
        constants: the section `calibration`.
        median_s: duration that stands for an unknown one.
    """

    log: EncounterLog
    encoding: Encoding
    constants: Mapping[str, Any] = field(repr=False)
    median_s: float

    @cached_property
    def people(self) -> F8:
        """Features of every person, (N, F)."""
        return user_matrix(self.encoding, self.log)

    @cached_property
    def _hidden(self) -> F8:
        hidden = hidden_histories(self.log.users.key, self.constants["boosting.masked_share"])
        return user_matrix(self.encoding, self.log, hidden)

    @cached_property
    def films(self) -> F8:
        """Features of every video, (M, F), without the surface."""
        return video_matrix(self.encoding, self.log)

    @cached_property
    def duration_s(self) -> F8:
        """Duration of every row's video in seconds; the median where nobody knows it."""
        rows = self.log.rows
        known = np.where(
            rows.duration_s > 0, rows.duration_s, self.log.videos.duration_s[rows.video]
        )
        return np.where(known > 0, known, self.median_s)

    @cached_property
    def pairs(self) -> tuple[I8, I8]:
        """Distinct pairs of video and surface as codes, and each row's place among them."""
        rows = self.log.rows
        code, place = np.unique(
            rows.video.astype(np.int64) * 256 + rows.surface, return_inverse=True
        )
        return code, place.reshape(-1)

    def pair_features(self, code: I8) -> F8:
        """Matrix of pairs, as wide as the whole one, with the video's and the surface's features filled in."""
        groups = self.encoding.groups()
        found = np.full((len(code), sum(len(g) for g in groups)), np.nan)
        first = min(groups[1])
        film = self.films[code // 256]
        found[:, first : first + film.shape[1]] = film
        found[:, first + film.shape[1]] = surface_numbers(self.encoding, code % 256)
        return found

    @cached_property
    def times(self) -> tuple[I8, I8]:
        """Distinct pairs of hour and weekday as codes, and each row's place among them."""
        hour, weekday = time_matrix(self.log).T
        code, place = np.unique((weekday * 24 + hour).astype(np.int64), return_inverse=True)
        return code, place.reshape(-1)

    def time_features(self, code: I8) -> F8:
        """Matrix of times, as wide as the whole one, with hour and weekday filled in."""
        groups = self.encoding.groups()
        width = sum(len(g) for g in groups)
        found = np.full((len(code), width), np.nan)
        found[:, width - 2], found[:, width - 1] = code % 24, code // 24
        return found

    def matrix(self, rows: I8, hidden: bool) -> F8:
        """The whole matrix of some rows; `hidden` leaves out the histories that training does not see."""
        people = self._hidden if hidden else self.people
        log = self.log.rows
        return np.concatenate(
            [
                people[log.user[rows]],
                self.films[log.video[rows]],
                surface_numbers(self.encoding, log.surface[rows])[:, None],
                time_matrix(self.log)[rows],
            ],
            axis=1,
        )

    def user_fold(self, folds: int) -> I8:
        """Fold of every person, (N,)."""
        return folds_of(self.log.users.key, folds, "calibration/fold of people")

    def row_fold(self, folds: int) -> I8:
        """Fold of every row, (n,)."""
        return folds_of(np.arange(len(self.log.rows)), folds, "calibration/fold of rows")

    def factors(self) -> list[tuple[I4, int]]:
        """Levels and counts of person, video and author for every row."""
        rows, videos = self.log.rows, self.log.videos
        authors, author = np.unique(videos.author, return_inverse=True)
        return [
            (rows.user, len(self.log.users.key)),
            (rows.video, len(videos.key)),
            (author.reshape(-1).astype(np.int32)[rows.video], len(authors)),
        ]


def median_duration(log: EncounterLog) -> float:
    """Median duration of the known ones, in seconds; 60 where none is known."""
    known = log.rows.duration_s[log.rows.duration_s > 0]
    return float(np.median(known)) if len(known) else 60.0
