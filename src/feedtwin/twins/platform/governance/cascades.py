"""The cascade tracker: who shared what after whom. Spec GOV-2. A sensor: it changes nothing.

A share is a SOCIAL_ACTIVITY row of kind VIDEO_SHARED; its `parent` is sharer << 32 | 1 where the user met the
video through somebody's share, and 0 where not. A user counts once per video, with the first share. The
upload is the root of the tree (depth 0), shares without a parent are its children (depth 1), so that one
video has one tree. Structural virality needs all pairs and is computed from the log (`lab/cascades.py`).
"""

from collections.abc import Mapping

import numpy as np

from feedtwin.columns import Columns
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.schema.ids import SHIFT
from feedtwin.twins.lookup import Lookup
from feedtwin.twins.part import Part
from feedtwin.twins.platform.governance.table import CASCADES, LEVELS, SHARES

_DEPTH_MAX = 0xFFFF


class Cascades(Part):
    """Share trees as columns: one row per video shared, one per share."""

    name = "cascades"

    def __init__(self, *, active: bool) -> None:
        self._own = Columns(CASCADES, 0)
        self._shares = Columns(SHARES, 0)
        super().__init__(self._own, self._shares)
        self.active = active
        self._index()

    @property
    def table(self) -> Columns:
        """One row per video that was shared."""
        return self._own

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        super().load_state(state)
        self._index()

    def _index(self) -> None:
        """Derive what is not state: the order of videos and of (video, sharer) pairs."""
        self._videos = Lookup(self._own.item)
        self._pairs = Lookup(_pair(self._shares.cascade, self._shares.user))

    # -- handlers --------------------------------------------------------------------------------

    def on_social_activity(self, activity: EventBatch) -> None:
        """Add the shares of a batch to their trees."""
        if not self.active:
            return
        chosen = np.nonzero(activity.kind == SocialActivityKind.VIDEO_SHARED)[0]
        if not len(chosen):
            return
        cascade = self._cascades_of(activity.item[chosen], activity.step)
        pair = _pair(cascade, activity.user[chosen])
        _, first = np.unique(pair, return_index=True)
        chosen, pair = chosen[first], pair[first]  # by video and user; a repeat counts once
        new = self._pairs.find(pair) < 0
        chosen, pair = chosen[new], pair[new]
        if not len(chosen):
            return
        sharer = (activity.parent[chosen] >> SHIFT).astype(np.uint32)
        has_parent = activity.parent[chosen] > 0
        self._append(pair, _pair(cascade[first][new], sharer), has_parent, activity.step)

    def _append(
        self, pair: np.ndarray, parent_pair: np.ndarray, has_parent: np.ndarray, step: int
    ) -> None:
        """Enter new (video, user) pairs, sorted, below their parents."""
        where = self._shares.grow(len(pair))
        rows = np.arange(where.start, where.stop)
        self._pairs.add(pair, where)
        shares = self._shares
        shares.cascade[where] = (pair >> SHIFT).astype(np.uint32)
        shares.user[where] = pair.astype(np.uint32)
        parent = np.full(len(pair), -1, np.int64)
        parent[has_parent] = self._pairs.find(parent_pair[has_parent])
        parent[parent == rows] = -1
        self._place(rows, parent)
        self._count(rows, parent, step)

    def _place(self, rows: np.ndarray, parent: np.ndarray) -> None:
        """Write depths: a parent may be of the same batch, so levels are settled one after another."""
        depth = self._shares.depth
        waiting = parent >= 0
        depth[rows[~waiting]] = 1
        while waiting.any():
            ready = waiting & (depth[np.maximum(parent, 0)] > 0)
            if not ready.any():  # shares that name each other: nobody was first, all are roots
                parent[waiting] = -1
                depth[rows[waiting]] = 1
                break
            below = depth[parent[ready]].astype(np.int64) + 1
            depth[rows[ready]] = np.minimum(below, _DEPTH_MAX)
            waiting &= ~ready

    def _count(self, rows: np.ndarray, parent: np.ndarray, step: int) -> None:
        """Add placed shares to their videos' rows and to the totals."""
        c, shares, telemetry = self._own, self._shares, self.sight.telemetry
        cascade, depth = shares.cascade[rows], shares.depth[rows]
        np.add.at(c.size, cascade, np.uint32(1))
        np.add.at(c.roots, cascade[parent < 0], np.uint32(1))
        np.add.at(c.levels, (cascade, np.minimum(depth, LEVELS) - 1), np.uint32(1))
        np.maximum.at(c.depth, cascade, depth)
        c.last_step[cascade] = step
        child = parent[parent >= 0]
        first = np.unique(child[shares.children[child] == 0])
        np.add.at(shares.children, child, np.uint32(1))
        np.add.at(c.parents, shares.cascade[first], np.uint32(1))
        telemetry.add("cascade_shares", len(rows))
        telemetry.add("cascade_children", len(child))
        telemetry.add("cascade_parents", len(first))
        telemetry.put("cascade_depth_max", int(c.depth.max()))
        telemetry.put("cascade_breadth_max", int(c.levels.max()))

    # -- rows ------------------------------------------------------------------------------------

    def _cascades_of(self, item: np.ndarray, step: int) -> np.ndarray:
        """Return the cascades of videos, u4, opening those that are new in the order of ids."""
        video, which = np.unique(item, return_inverse=True)
        cascade = self._videos.find(video)
        new = cascade < 0
        if new.any():
            where = self._own.grow(int(np.count_nonzero(new)))
            self._own.item[where] = video[new]
            self._own.first_step[where] = step
            self._videos.add(video[new], where)
            cascade[new] = np.arange(where.start, where.stop)
        return cascade[which].astype(np.uint32)


def _pair(cascade: np.ndarray, user: np.ndarray) -> np.ndarray:
    return (cascade.astype(np.uint64) << SHIFT) | user.astype(np.uint64)
