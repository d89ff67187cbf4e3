"""A board: the most popular things of the hour on a ring, from which people take windows.

A ring keeps people apart: one thing more on the board changes what those see whose window it falls into,
and nobody else (decision 0005).
"""

from dataclasses import dataclass

import numpy as np

from feedtwin.schema.ids import SHIFT

Array = np.ndarray


@dataclass(frozen=True)
class Board:
    """Things on a ring, and the newest of each author.

    Attributes:
        place: Places on the ring, u4 (W,), ascending.
        item: What is there, (W,).
        newest: The newest thing of each author who made one lately, u8 ascending.
    """

    place: Array
    item: Array
    newest: Array

    def window(self, entry: Array, size: int) -> Array:
        """Return the next `size` things from where each of N people enters, (N, up to size)."""
        width = min(size, len(self.place))
        start = np.searchsorted(self.place, entry)
        return self.item[(start[:, None] + np.arange(width)) % max(len(self.place), 1)]

    def newest_of(self, author: Array) -> Array:
        """Return the newest thing of each author, u8 of the authors' shape; 0 for none."""
        if not len(self.newest):
            return np.zeros(author.shape, np.uint64)
        authors = (self.newest >> SHIFT).astype(np.uint32)
        at = np.minimum(np.searchsorted(authors, author), len(authors) - 1)
        return np.where(authors[at] == author, self.newest[at], np.uint64(0))


def board_of(place: Array, thing: Array, newest: Array | None = None) -> Board:
    """Return a board of things at places; things at one place follow by id."""
    order = np.lexsort((thing, place))
    return Board(place[order], thing[order], np.zeros(0, np.uint64) if newest is None else newest)


def newest_by_author(item: Array) -> Array:
    """Return the last id of each author, u8 ascending: ordinals grow with time."""
    ordered = np.sort(item)
    author = ordered >> SHIFT
    last = np.ones(len(ordered), bool)
    last[:-1] = author[1:] != author[:-1]
    return ordered[last]


def most(popularity: Array, thing: Array, size: int) -> Array:
    """Return the indices of the `size` most popular things; ties go to the lower id."""
    return np.lexsort((thing, -popularity.astype(np.int64)))[:size]
