"""Impressions as a log holds them, whether a log was read or a world was run."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import F8, I8, Catalogue, Flags
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.hashing import uniforms
from feedtwin.errors import DataError

_HALVINGS = 60
"""Steps of the search for the share that is kept: beyond the precision of a float."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The videos that a log records; both sides of a comparison read videos from here, (V,) each.

    Attributes:
        author: row of the author.
        category: row of the category.
        duration_s: seconds.
    """

    author: I8
    category: I8
    duration_s: F8

    @staticmethod
    def of(catalogue: Catalogue) -> "Pool":
        """The catalogue of a world that was built from a log."""
        return Pool(
            catalogue.account.astype(np.int64),
            catalogue.category.astype(np.int64),
            catalogue.duration_s.astype(np.float64),
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """One row per impression, (n,) each.

    Attributes:
        user: anybody's number, 0 and up; gaps are allowed.
        day: days since the first.
        hour: hour of the day, 0..23.
        video: row in the pool.
        watch_s: seconds watched.
        like: whether it was liked.
    """

    user: I8
    day: I8
    hour: I8
    video: I8
    watch_s: F8
    like: Flags

    def __len__(self) -> int:
        """Number of impressions."""
        return len(self.user)

    def take(self, rows: Any) -> "Seen":
        """The impressions named by a mask or by row numbers."""
        return Seen(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @property
    def per_person(self) -> float:
        """Impressions per person who has any."""
        return len(self) / max(len(np.unique(self.user)), 1)


def seen_of_log(log: EncounterLog, catalogue: Catalogue, surface: int, people: Flags) -> Seen:
    """The impressions of some people on one surface.

    Args:
        log: the log.
        catalogue: the pool; rows of other videos (those of unknown duration) are left out.
        surface: the surface's code.
        people: (N,) who counts, in the order of the log's users.

    Raises:
        DataError: Nothing is left.
    """
    rows = log.rows
    order = np.argsort(catalogue.key, kind="stable")
    key = log.videos.key[rows.video]
    at = np.minimum(np.searchsorted(catalogue.key[order], key), len(order) - 1)
    film = order[at]
    chosen = (catalogue.key[film] == key) & (rows.surface == surface) & people[rows.user]
    if not chosen.any():
        raise DataError(
            f"{log.provenance.name}: no impression on surface {surface} of the people asked for has a known video; expected "
            "some. Check kuairand_fit.log.surface_tab"
        )
    return Seen(
        rows.user[chosen].astype(np.int64), rows.day[chosen].astype(np.int64),
        rows.hour[chosen].astype(np.int64), film[chosen].astype(np.int64), rows.watch_s[chosen],
        rows.like[chosen],
    )  # fmt: skip


def thinned(everything: Seen, key: I8, per_person: float, seed: int) -> Seen:
    """What a log of the pool would hold of everything that was shown.

    A log of a pool holds a few of a person's impressions: those whose video happens to be in the pool. So every
    impression is kept with the same chance, such that people who appear have as many as in the log.

    Args:
        everything: all impressions of a world.
        key: (n,) a number of each impression that no other has.
        per_person: impressions per person who appears, in the log.
        seed: changes which are kept.

    Returns:
        The impressions kept, in order.

    Raises:
        DataError: The world showed fewer impressions per person than the log holds.
    """
    if everything.per_person < per_person:
        raise DataError(
            f"the simulated world shows {everything.per_person:.2f} impressions per person, the log holds {per_person:.2f}; "
            "expected at least as many. Worlds of this level show too little for such a log: fit its encounter alone (--levels encounter)"
        )
    counts = np.bincount(everything.user)
    share = _share(counts[counts > 0].astype(np.float64), per_person)
    return everything.take(uniforms(key, "ecosystem/logged", seed) < share)


def _share(counts: F8, per_person: float) -> float:
    """The chance at which the expected impressions per person who appears are those asked for."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        appear = float(-np.expm1(counts * np.log1p(-min(middle, 1.0 - 1e-12))).sum())
        if middle * float(counts.sum()) / max(appear, 1e-300) < per_person:
            low = middle
        else:
            high = middle
    return high
