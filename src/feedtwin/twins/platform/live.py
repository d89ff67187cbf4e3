"""Live rooms: opened and closed by their hosts, entered and left by viewers, up to a capacity.

A room is its host's: a creator has one row, used again for the next room, whose id is
`host << 32 | 1 << 31 | n-th room`. Viewers are edges (viewer, host); who watches is in one room.
"""

from collections.abc import Mapping

import numpy as np
from pydantic import BaseModel, ConfigDict

from feedtwin.columns import Columns
from feedtwin.edges import Edges
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import LiveState
from feedtwin.schema.ids import LIVE_ORDINAL, item_id, split_item
from feedtwin.schema.requests import ActionBatch
from feedtwin.schema.tables import Column, TableSpec, declare
from feedtwin.twins.part import Part

Array = np.ndarray

ROOMS = declare(
    TableSpec(
        "rooms",
        "platform",
        "room",
        (
            Column("host", "u4", (), "id", "the creator whose room it is", True),
            Column("item", "u8", (), "id", "the room, or the host's last one", True),
            Column("category", "u2", (), "code", "what it is about", True),
            Column("is_open", "u1", (), "flag", "1 while it is live", True),
            Column("since", "i4", (), "step", "when it was opened", True),
            Column("opened", "u4", (), "count", "rooms that the host has opened so far", True),
            Column("viewers", "u4", (), "count", "viewers now", True),
            Column("peak", "u4", (), "count", "most viewers at a time in this room", True),
            Column("joins", "u4", (), "count", "times that somebody entered this room", True),
        ),
    )
)


class RoomConfig(BaseModel):
    """What the platform sets; see `parameters/live.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    capacity: int


class Live(Part):
    """Owns the rooms and who is in them."""

    name = "live"

    def __init__(self, config: RoomConfig, draws: Draws) -> None:
        self._config = config
        self._draws = draws
        self._table = Columns(ROOMS, 0)
        self._viewers = Edges()
        super().__init__(self._table, keepers={"viewers": self._viewers})
        self.offers = {"rows_of": self.rows_of}
        self._index()

    def _index(self) -> None:
        """Derive what is not state: the hosts in order, with their rows."""
        self._order = np.argsort(self._table.host, kind="stable")
        self._hosts = self._table.host[self._order]

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Restore from a snapshot."""
        super().load_state(state)
        self._index()

    def rows_of(self, host: Array) -> tuple[Array, Array]:
        """Return the row of each host, i8, and whether the host ever had a room."""
        if not len(self._hosts):
            return np.zeros(len(host), np.int64), np.zeros(len(host), bool)
        at = np.minimum(np.searchsorted(self._hosts, host), len(self._hosts) - 1)
        return self._order[at], self._hosts[at] == host

    # -- actions ---------------------------------------------------------------------------------

    def do_start_live(self, wish: ActionBatch) -> list[Batch]:
        """Open a room; a host has one at a time. The item asked for is 0 or the id it will get."""
        host, first = np.unique(wish.user, return_index=True)
        row, known = self.rows_of(host)
        opened = np.zeros(len(host), np.uint32)
        opened[known] = self._table.opened[row[known]]
        free = ~known
        free[known] = self._table.is_open[row[known]] == 0
        item = item_id(host, opened.astype(np.uint64) + LIVE_ORDINAL)
        told = wish.item[first]
        on = free & ((told == 0) | (told == item))
        category = wish.category[first][on]
        return [self._changed(wish.step, LiveState.STARTED, host[on], item[on], 0, category)]

    def do_end_live(self, wish: ActionBatch) -> list[Batch]:
        """Close one's room; whoever is in it is out of it."""
        host, row = self._open_rooms(*self._once(wish.user, wish.user, wish.item))
        columns = self._table
        return [
            self._changed(
                wish.step, LiveState.ENDED, host, columns.item[row], 0, columns.category[row]
            )
        ]

    def do_join_live(self, wish: ActionBatch) -> list[Batch]:
        """Enter an open room that is not full; who watches already stays where they are."""
        user, host, item = self._once(wish.user, split_item(wish.item)[0], wish.item)
        inside = np.searchsorted(self._viewers.left, user, "right") > np.searchsorted(
            self._viewers.left, user
        )
        keep = ~inside & (user != host)
        user, row = self._open_rooms(user[keep], host[keep], item[keep])
        room = self._table.item[row]
        door = self._draws.bits(Stream.LIVE_DOOR, user, *split_item(room), wish.step)
        order = np.lexsort((user, door, row))
        place = np.arange(len(order)) - np.searchsorted(row[order], row[order])
        fits = np.zeros(len(user), bool)
        fits[order] = self._table.viewers[row[order]] + place < self._config.capacity
        return [self._moved(wish.step, LiveState.JOINED, user[fits], row[fits])]

    def do_leave_live(self, wish: ActionBatch) -> list[Batch]:
        """Leave the room that one is in; the item asked for is 0 or that room."""
        user, _, item = self._once(wish.user, wish.user, wish.item)
        place, host = self._viewers.rights_of(user)
        user, row = self._open_rooms(user[place], host, item[place])
        return [self._moved(wish.step, LiveState.LEFT, user, row)]

    def _once(self, user: Array, host: Array, item: Array) -> tuple[Array, Array, Array]:
        """The first wish of each user, users ascending."""
        user, first = np.unique(user, return_index=True)
        return user, host[first], item[first]

    def _open_rooms(self, user: Array, host: Array, item: Array) -> tuple[Array, Array]:
        """Those whose room is open and the one they mean, and its row."""
        row, on = self.rows_of(host)
        on = on.copy()
        columns = self._table
        at = row[on]
        on[on] = (columns.is_open[at] == 1) & ((item[on] == 0) | (item[on] == columns.item[at]))
        return user[on], row[on]

    def _moved(self, step: int, change: LiveState, user: Array, row: Array) -> EventBatch:
        """Rows of those who come or go, users ascending, with the viewers after each."""
        order = np.argsort(row, kind="stable")
        nth = np.empty(len(row), np.int64)
        nth[order] = np.arange(len(row)) - np.searchsorted(row[order], row[order]) + 1
        sign = 1 if change is LiveState.JOINED else -1
        columns = self._table
        viewers = columns.viewers[row].astype(np.int64) + sign * nth
        return self._changed(step, change, user, columns.item[row], viewers, columns.category[row])

    def _changed(
        self, step: int, change: LiveState, user: Array, item: Array, viewers: Array | int,
        category: Array,
    ) -> EventBatch:  # fmt: skip
        columns = {
            "user": user,
            "item": item,
            "change": np.full(len(user), change, np.uint8),
            "viewers": np.broadcast_to(np.asarray(viewers, np.uint32), user.shape).copy(),
            "category": category,
        }
        return EventBatch("LIVE_STATE_CHANGED", step, columns)

    # -- handlers --------------------------------------------------------------------------------

    def on_live_state_changed(self, changed: EventBatch) -> None:
        """Write down which rooms opened and closed, and who came and went."""
        handlers = {
            LiveState.STARTED: self._started,
            LiveState.ENDED: self._ended,
            LiveState.JOINED: self._joined,
            LiveState.LEFT: self._left,
        }
        for code in np.unique(changed.change).tolist():
            rows = {n: v[changed.change == code] for n, v in changed.columns.items()}
            handlers[LiveState(code)](rows, changed.step)

    def _started(self, rows: Mapping[str, Array], step: int) -> None:
        columns = self._table
        fresh = rows["user"][~self.rows_of(rows["user"])[1]]
        if len(fresh):
            where = columns.grow(len(fresh))
            columns.host[where] = fresh
            self._index()
        row, _ = self.rows_of(rows["user"])
        columns.item[row] = rows["item"]
        columns.category[row] = rows["category"]
        columns.since[row] = step
        columns.is_open[row] = 1
        columns.opened[row] += np.uint32(1)
        for name in ("viewers", "peak", "joins"):
            getattr(columns, name)[row] = 0

    def _ended(self, rows: Mapping[str, Array], step: int) -> None:
        row, _ = self.rows_of(rows["user"])
        self._table.is_open[row] = 0
        self._table.viewers[row] = 0
        out = np.isin(self._viewers.right, rows["user"])
        self._viewers.remove(self._viewers.left[out], self._viewers.right[out])

    def _joined(self, rows: Mapping[str, Array], step: int) -> None:
        host, _ = split_item(rows["item"])
        row, _ = self.rows_of(host)
        self._viewers.add(rows["user"], host)
        columns = self._table
        np.add.at(columns.viewers, row, np.uint32(1))
        np.add.at(columns.joins, row, np.uint32(1))
        np.maximum.at(columns.peak, row, rows["viewers"])

    def _left(self, rows: Mapping[str, Array], step: int) -> None:
        host, _ = split_item(rows["item"])
        self._viewers.remove(rows["user"], host)
        np.subtract.at(self._table.viewers, self.rows_of(host)[0], np.uint32(1))
