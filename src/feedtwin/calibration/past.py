"""What a person, a video and an author did so far in the log: shrunk means of outcomes, and how many rows there are.

As features of the trees they let a column bend: two likes of somebody of whom one expects none say more than a normal
prior believes. A row of the fit sees the past of the other folds of rows only, so no outcome explains itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import F8, I8, Flags
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.parquet import rows_of

Constants = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Past:
    """The past of a log's people and videos, r numbers each; NaN where there is none.

    Attributes:
        user: (N, r) of each person.
        video: (M, r) of each video.
        author: (M, r) of each video's author.
    """

    user: F8
    video: F8
    author: F8

    @property
    def width(self) -> int:
        """Numbers per person or video."""
        return self.user.shape[1]


def pasts(
    log: EncounterLog, outcomes: Sequence[F8], rows: Flags, fold: I8, folds: int, c: Constants
) -> tuple[list[Past], Past]:
    """The past without each fold of rows, and the whole of it.

    Args:
        log: the log.
        outcomes: (n,) each; their means are taken.
        rows: (n,) rows of the fit; others are not looked at.
        fold: (n,) fold of every row.
        folds: number of folds.
        c: constant `past.rows`.
    """
    at = np.flatnonzero(rows)
    authors, author = np.unique(log.videos.author, return_inverse=True)
    author = author.reshape(-1)
    levels = (
        (log.rows.user[at], len(log.users.key)),
        (log.rows.video[at], len(log.videos.key)),
        (author[log.rows.video[at]], len(authors)),
    )
    tables = [
        _sums(level, count, [y[at] for y in outcomes], fold[at], folds) for level, count in levels
    ]
    middle = np.array([float(y[at].mean()) for y in outcomes])

    def one(left_out: int | None) -> Past:
        found = []
        for sums in tables:
            total = sums.sum(axis=0) if left_out is None else sums.sum(axis=0) - sums[left_out]
            found.append(_means(total, middle, float(c["past.rows"])))
        return Past(found[0], found[1], found[2][author])

    return [one(k) for k in range(folds)], one(None)


def _sums(level: np.ndarray, count: int, outcomes: Sequence[F8], fold: I8, folds: int) -> F8:
    """Rows and summed outcomes by fold and level, (folds, levels, 1 + outcomes)."""
    cell = fold * count + level
    columns: list[F8] = [np.bincount(cell, minlength=folds * count).astype(np.float64)]
    columns += [np.asarray(np.bincount(cell, y, folds * count), np.float64) for y in outcomes]
    return np.stack(columns, axis=1).reshape(folds, count, -1)


def _means(total: F8, middle: F8, pseudo: float) -> F8:
    """Shrunk means and the log of the number of rows; NaN where there are none."""
    rows = total[:, :1]
    means = (total[:, 1:] + pseudo * middle) / (rows + pseudo)
    found = np.concatenate([means, np.log1p(rows)], axis=1)
    return np.where(rows > 0, found, np.nan)


def remembered(
    log: EncounterLog, width: int, videos: tuple[I8, F8], authors: tuple[I8, F8]
) -> Past:
    """The past of a log's videos and authors as a fit remembers it; people without a column have none.

    Args:
        log: the log.
        width: numbers per person or video.
        videos: keys of the fit's videos, ascending, and their past.
        authors: likewise.
    """
    return Past(
        np.full((len(log.users.key), width), np.nan),
        _looked_up(*videos, log.videos.key),
        _looked_up(*authors, log.videos.author),
    )


def _looked_up(keys: I8, values: F8, wanted: I8) -> F8:
    row, known = rows_of(keys, wanted)
    return np.where(known[:, None], values[row], np.nan)
