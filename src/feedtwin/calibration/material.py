"""A log as the matrices that fit and prediction share; nothing here looks at outcomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from feedtwin.calibration.design import (
    VIDEO,
    Encoding,
    folds_of,
    hidden,
    surface_numbers,
    time_matrix,
    user_matrix,
    video_matrix,
)
from feedtwin.calibration.past import Past
from feedtwin.datasets.adaptor import F8, I4, I8
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.parquet import rows_of


@dataclass(frozen=True)
class Material:
    """A log with its features.

    Attributes:
        log: the log.
        encoding: order of the features and numbers of the words.
        constants: the section `calibration`.
        median_s: duration that stands for an unknown one.
        known: keys of the fit's videos, ascending, and their features; None while it is fitted.
    """

    log: EncounterLog
    encoding: Encoding
    constants: Mapping[str, Any] = field(repr=False)
    median_s: float
    known: tuple[I8, F8] | None = field(default=None, repr=False)

    @cached_property
    def people(self) -> F8:
        """Features of every person, (N, F)."""
        return user_matrix(self.encoding, self.log)

    @cached_property
    def _hidden(self) -> F8:
        masked = hidden(self.log.users.key, self.constants["boosting.masked_share"], "history")
        return user_matrix(self.encoding, self.log, masked)

    @cached_property
    def films(self) -> F8:
        """Features of every video, (M, F), without the surface; those of the fit's videos are as the fit knew them."""
        found = video_matrix(self.encoding, self.log)
        if self.known is None:
            return found
        row, is_known = rows_of(self.known[0], self.log.videos.key)
        return np.where(is_known[:, None], self.known[1][row], found)

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

    def pair_features(self, code: I8, past: Past) -> F8:
        """Matrix of pairs, as wide as the whole one, with the video's and the surface's features filled in."""
        groups = self.encoding.groups(past.width)
        found = np.full((len(code), sum(len(g) for g in groups)), np.nan)
        film = code // 256
        found[:, sorted(groups[VIDEO])] = self._of_videos(film, code % 256, past)
        return found

    def _of_videos(self, film: I8, surface: np.ndarray, past: Past) -> F8:
        where = surface_numbers(self.encoding, surface)[:, None]
        return np.concatenate(
            [self.films[film], where, past.video[film], past.author[film]], axis=1
        )

    def people_features(self, past: Past, rows: I8) -> F8:
        """Features of some people with their past: the first columns of the whole matrix."""
        return np.concatenate([self.people[rows], past.user[rows]], axis=1)

    @cached_property
    def times(self) -> tuple[I8, I8]:
        """Distinct pairs of hour and weekday as codes, and each row's place among them."""
        hour, weekday = time_matrix(self.log).T
        code, place = np.unique((weekday * 24 + hour).astype(np.int64), return_inverse=True)
        return code, place.reshape(-1)

    def time_features(self, code: I8, past: Past) -> F8:
        """Matrix of times, as wide as the whole one, with hour and weekday filled in."""
        groups = self.encoding.groups(past.width)
        width = sum(len(g) for g in groups)
        found = np.full((len(code), width), np.nan)
        found[:, width - 2], found[:, width - 1] = code % 24, code // 24
        return found

    def training_matrix(self, rows: I8, versions: Sequence[Past], fold: I8) -> F8:
        """The whole matrix of some rows, with the past of the other folds.

        The history of some people and the past of others are hidden, so that strangers are met in training.

        Args:
            rows: row numbers.
            versions: the past without each fold.
            fold: (n,) fold of every row of the log.
        """
        width = versions[0].width
        found = np.empty((len(rows), sum(len(g) for g in self.encoding.groups(width))))
        masked = hidden(self.log.users.key, self.constants["boosting.masked_share"], "past")
        times = time_matrix(self.log)
        for number, past in enumerate(versions):
            mine = np.flatnonzero(fold[rows] == number)
            user, video = (
                self.log.rows.user[rows[mine]],
                self.log.rows.video[rows[mine]].astype(np.int64),
            )
            own = np.where(masked[user][:, None], np.nan, past.user[user])
            film = self._of_videos(video, self.log.rows.surface[rows[mine]], past)
            found[mine] = np.concatenate([self._hidden[user], own, film, times[rows[mine]]], axis=1)
        return found

    def matrix(self) -> F8:
        """Features of every row without any past: what a baseline gets, besides its own means."""
        rows = self.log.rows
        none = Past(
            *(np.zeros((n, 0)) for n in (len(self.people), len(self.films), len(self.films)))
        )
        film = self._of_videos(rows.video.astype(np.int64), rows.surface, none)
        return np.concatenate([self.people[rows.user], film, time_matrix(self.log)], axis=1)

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
