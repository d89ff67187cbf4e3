"""Groups of impressions whose ratios are asked for: all, the activity segments of people, and the surfaces."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from feedtwin.datasets.adaptor import F8, Flags
from feedtwin.datasets.encounters import EncounterLog

ACTIVITY: Final = "user_active_degree"
"""Column of the table of people that names activity segments, where there is one (KuaiRand)."""
ALL: Final = "all"
_BY_ROWS: Final = ("light", "middle", "heavy")
"""Segments where no column names any: thirds of the people by their number of impressions."""


@dataclass(frozen=True, slots=True)
class Group:
    """Some impressions, with the weight that gives every person in them the same say.

    Attributes:
        kind: "all", "segment" or "surface".
        name: its name.
        weight: (n,) 1 / (the person's impressions in the group); 0 outside.
        users: number of people.
        rows: number of impressions.
    """

    kind: str
    name: str
    weight: F8
    users: int
    rows: int


def groups_of(log: EncounterLog) -> list[Group]:
    """The groups of a log, all of it first; segments and surfaces by falling size."""
    every = np.ones(len(log.rows), dtype=np.bool_)
    found = [_group(log, ALL, ALL, every)]
    segment = _segments(log)[log.rows.user]
    by_segment = [_group(log, "segment", name, segment == name) for name in np.unique(segment)]
    surfaces = np.unique(log.rows.surface).tolist()
    by_surface = (
        [_group(log, "surface", str(code), log.rows.surface == code) for code in surfaces]
        if len(surfaces) > 1
        else []
    )
    for more in (by_segment, by_surface):
        found += sorted(more, key=lambda group: -group.users)
    return found


def _group(log: EncounterLog, kind: str, name: str, rows: Flags) -> Group:
    count = np.bincount(log.rows.user[rows], minlength=len(log.users.key))
    weight = np.where(rows, 1.0 / np.maximum(count[log.rows.user], 1), 0.0)
    return Group(kind, str(name), weight, int((count > 0).sum()), int(rows.sum()))


def _segments(log: EncounterLog) -> np.ndarray:
    """Segment of every person, (N,) text."""
    named = log.user_features.words.get(ACTIVITY)
    if named is not None:
        return np.array([str(word) or "unknown" for word in named.tolist()])
    count = np.bincount(log.rows.user, minlength=len(log.users.key))
    edges = np.quantile(count[count > 0], [1.0 / 3.0, 2.0 / 3.0])
    return np.array(_BY_ROWS)[np.searchsorted(edges, count, side="left")]
