"""How long a watch is: quantile tables of progress, by duration and by the row's index.

Progress has two fixed points: 0 is 3 s, where a watch stops being a skip; 1 is the end of the video. Between them it is
the log of time, beyond them each doubling adds 1:

    watch < duration:  progress = ln(watch / 3 s) / ln(duration / 3 s)
    otherwise:         progress = 1 + log2(watch / duration)

so a table shared by videos of similar length keeps both the end of the video and the first seconds where they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import F8, I8, Flags

Constants = Mapping[str, Any]
LEVELS = 64
"""Equally likely parts of a table's column; their middles are stored, with the least and the greatest value."""
LEVEL = np.concatenate([[0.0], (np.arange(LEVELS) + 0.5) / LEVELS, [1.0]])
SKIP_S = 3.0
_SHORTEST_S = 3.5
"""Shorter videos count as this long, so that progress stays finite."""


def progress(watch_s: F8, duration_s: F8) -> F8:
    """Progress of watches of at least 3 s."""
    span = np.log(np.maximum(duration_s, _SHORTEST_S) / SKIP_S)
    before = np.log(np.maximum(watch_s, SKIP_S) / SKIP_S) / span
    beyond = 1.0 + np.log2(np.maximum(watch_s / np.maximum(duration_s, 1e-3), 1.0))
    return np.where(watch_s < duration_s, np.minimum(before, 1.0), beyond)


def seconds(at: F8, duration_s: F8) -> F8:
    """Watch time of a progress; the inverse of `progress`, at least 3 s."""
    base = np.maximum(duration_s, _SHORTEST_S) / SKIP_S
    before = np.minimum(SKIP_S * base ** np.minimum(at, 1.0), np.maximum(duration_s, SKIP_S))
    return np.maximum(
        np.where(at < 1.0, before, duration_s * 2.0 ** np.maximum(at - 1.0, 0.0)), SKIP_S
    )


@dataclass(frozen=True, slots=True)
class WatchTables:
    """Fitted tables; B duration bins, J index bins, S surfaces with skip times of their own.

    Attributes:
        edges_s: (B-1,) upper edges of the duration bins, inclusive.
        columns: (B,) index bins in use.
        centre: (B, J) middle index of each bin.
        progress: (B, J, LEVELS + 2) progress at `LEVEL`.
        surface: (S,) codes of surfaces with a table of their own.
        skip_s: (S + 1, LEVELS + 2) seconds of a skip at `LEVEL`; the first for all other surfaces.
    """

    edges_s: F8
    columns: I8
    centre: F8
    progress: F8
    surface: I8
    skip_s: F8

    def curves(self, index: F8, duration_s: F8) -> F8:
        """Progress of each row at `LEVEL`, between the two nearest index bins, (n, LEVELS + 2)."""
        which = np.searchsorted(self.edges_s, duration_s, side="left")
        found = np.empty((len(index), len(LEVEL)))
        for b in np.unique(which).tolist():
            rows = which == b
            used = int(self.columns[b])
            place = np.interp(index[rows], self.centre[b, :used], np.arange(used))
            low = np.minimum(place.astype(np.int64), max(used - 2, 0))
            part = (place - low)[:, None]
            high = np.minimum(low + 1, used - 1)
            found[rows] = (1.0 - part) * self.progress[b, low] + part * self.progress[b, high]
        return found

    def skips(self, surface: np.ndarray) -> F8:
        """Seconds of a skip of each row at `LEVEL`, (n, LEVELS + 2)."""
        place = np.zeros(len(surface), dtype=np.int64)
        for number, code in enumerate(self.surface.tolist(), start=1):
            place[surface == code] = number
        result: F8 = self.skip_s[place]
        return result

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def at_level(curves: F8, level: F8) -> F8:
    """Value of each row's curve at its level in 0..1."""
    place = np.interp(level, LEVEL, np.arange(len(LEVEL)))
    low = np.minimum(place.astype(np.int64), len(LEVEL) - 2)
    rows = np.arange(len(curves))
    part = place - low
    result: F8 = (1.0 - part) * curves[rows, low] + part * curves[rows, low + 1]
    return result


def below(curves: F8, value: F8) -> F8:
    """Share of each row's curve that lies below its value: the inverse of `at_level`."""
    count = (curves < value[:, None]).sum(axis=1)
    high = np.clip(count, 1, len(LEVEL) - 1)
    rows = np.arange(len(curves))
    left, right = curves[rows, high - 1], curves[rows, high]
    part = np.clip((value - left) / np.maximum(right - left, 1e-12), 0.0, 1.0)
    inside = LEVEL[high - 1] + part * (LEVEL[high] - LEVEL[high - 1])
    return np.where(count == 0, 0.0, np.where(count == len(LEVEL), 1.0, inside))


def fit_tables(
    index: F8,
    watch_s: F8,
    duration_s: F8,
    surface: np.ndarray,
    skip: Flags,
    rows: Flags,
    c: Constants,
) -> WatchTables:
    """Fits the tables.

    Args:
        index: (n,) index of each row that was watched, from a model that did not see the row.
        watch_s: (n,) seconds watched.
        duration_s: (n,) seconds of the video.
        surface: (n,) surface codes.
        skip: (n,) watched for less than 3 s.
        rows: (n,) rows of the fit.
        c: constants `watch.*`.

    Returns:
        The tables.
    """
    edges = np.array(c["watch.duration_edges_s"], dtype=np.float64)
    bins, most = len(edges) + 1, int(c["watch.index_bins"])
    stay = rows & ~skip & np.isfinite(index)
    which = np.searchsorted(edges, duration_s, side="left")
    at = progress(watch_s, duration_s)
    centre, table = np.zeros((bins, most)), np.zeros((bins, most, len(LEVEL)))
    columns = np.ones(bins, dtype=np.int64)
    for b in range(bins):
        own = np.flatnonzero(stay & (which == b))
        chosen = own if len(own) >= LEVELS else np.flatnonzero(stay)
        used = int(np.clip(len(own) // int(c["watch.bin_rows"]), 1, most))
        order = chosen[np.argsort(index[chosen], kind="stable")]
        columns[b] = used
        for j, part in enumerate(np.array_split(order, used)):
            centre[b, j] = float(np.mean(index[part]))
            table[b, j] = np.quantile(at[part], LEVEL)
    skipped = rows & skip
    codes, counts = np.unique(surface[skipped], return_counts=True)
    own_surface = codes[counts >= c["watch.surface_rows"]].astype(np.int64)
    others = skipped & ~np.isin(surface, own_surface)
    rest = others if others.sum() >= LEVELS else skipped
    curves = [np.quantile(watch_s[rest], LEVEL) if rest.any() else LEVEL * SKIP_S]
    curves += [
        np.quantile(watch_s[skipped & (surface == code)], LEVEL) for code in own_surface.tolist()
    ]
    return WatchTables(edges, columns, centre, table, own_surface, np.stack(curves))
