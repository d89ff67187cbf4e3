"""Columns of the fitted encounter: those of the log's people and videos, and what everybody and everything else gets.

Columns never change and follow from the settings, the preset and the items table, so they are no state: no snapshot keeps
them. A video that the log does not have (an upload, an ad) takes the columns of a donor, a video of the log of the same
category, drawn by the key of the video; so the spread among new videos is that among the fitted ones.
"""

from dataclasses import dataclass, field

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.randomness import Draws, Stream
from feedtwin.twins.interaction.fitted import WIDTH

HOURS_PER_WEEK = 168


@dataclass(frozen=True)
class FittedTables:
    """What a preset gives an encounter beside columns; shapes as in `fitted.fitted_reference`.

    Attributes:
        edges_s: (B-1,) upper edges of the duration bins in seconds, inclusive.
        centre, curves: (B, J) and (B, J, 66) float32 watch tables.
        skip_curve: (66,) float32 seconds of a skip.
        fate: (4, 3) float32 what becoming of the watch adds to a signal's log-odds.
        half_way: progress from which an unfinished watch counts as far.
        moments: (168, 8) float32 columns of the hours of a week.
        first_hour: hour of the week, from Sunday 0:00, of step 0.
    """

    edges_s: np.ndarray
    centre: np.ndarray
    curves: np.ndarray
    skip_curve: np.ndarray
    fate: np.ndarray
    half_way: float
    moments: np.ndarray
    first_hour: int


def donors_among(count: int, uniform: np.ndarray) -> np.ndarray:
    """Return which of `count` donors each uniform in (0, 1) chooses, int64."""
    at = (uniform.astype(np.float64) * count).astype(np.int64)
    return np.minimum(at, count - 1)


@dataclass
class FittedColumns:
    """Columns of everybody and of every video so far.

    Attributes:
        tables: The tables.
        person: (U, 8) float32.
        known: (n, 8) float32 columns of the videos of the log: the first n rows of the items table.
        category: (n,) their categories.
        draws: Keyed chance.
    """

    tables: FittedTables
    person: np.ndarray
    known: np.ndarray
    category: np.ndarray
    draws: Draws
    _video: np.ndarray = field(init=False)
    _bin: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._video = np.zeros((0, WIDTH), np.float32)
        self._bin = np.zeros(0, np.uint8)

    def arrays(self, items: FrozenColumns, step: int) -> dict[str, np.ndarray]:
        """Return what the kernel takes beside the columns of the twins.

        Args:
            items: The items table; its columns grow with it.
            step: The step, an hour each.
        """
        if len(self._video) < len(items):
            self._grow(items)
        tables = self.tables
        return {
            "person": self.person,
            "video": self._video,
            "duration_bin": self._bin,
            "moment": tables.moments[(tables.first_hour + step) % HOURS_PER_WEEK],
            "centre": tables.centre,
            "curves": tables.curves,
            "skip_curve": tables.skip_curve,
            "fate": tables.fate,
        }

    def _grow(self, items: FrozenColumns) -> None:
        first, known = len(self._video), len(self.known)
        made = [self.known[first:]] if first < known else []
        start = max(first, known)
        if start < len(items):
            where = slice(start, len(items))
            made.append(self.known[self._donors(items, where)])
        self._video = np.concatenate([self._video, *made])
        edges = self.tables.edges_s
        bins = np.searchsorted(edges, items.duration_s[first:].astype(np.float64), side="left")
        self._bin = np.concatenate([self._bin, bins.astype(np.uint8)])

    def _donors(self, items: FrozenColumns, where: slice) -> np.ndarray:
        """Rows of the donors of some rows; of any category where the log has no video of theirs."""
        uniform = self.draws.uniform(
            Stream.FITTED_VIDEO, items.creator[where], items.ordinal[where].astype(np.uint32)
        )
        category, donor = items.category[where], np.zeros(len(uniform), np.int64)
        for one in np.unique(category).tolist():
            own = np.nonzero(self.category == one)[0]
            pool = own if len(own) else np.arange(len(self.known))
            mine = category == one
            donor[mine] = pool[donors_among(len(pool), uniform[mine])]
        return donor
