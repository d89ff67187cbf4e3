"""Groups: opened, joined, left, written to, read.

A group's id is its owner's: owner << 4 | n-th group of the owner, from 1, so that 0 is no group and
nobody's group renames another's. So an owner has at most 15 groups, and owners have ids below 2^28.
"""

from collections.abc import Mapping

import numpy as np

from feedtwin.columns import Columns
from feedtwin.edges import Edges, Marks
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import SocialActivityKind as Kind
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.board import Board, board_of, most
from feedtwin.twins.part import Part
from feedtwin.twins.platform.community.config import BoardConfig
from feedtwin.twins.platform.community.table import GROUPS, GROUPS_PER_OWNER
from feedtwin.twins.platform.community.wishes import by_kind, by_user, first_of
from feedtwin.twins.social import activity

Array = np.ndarray
OWNER_SHIFT = 4
OWNERS_MAX = 1 << 28


class Groups(Part):
    """Owns the groups, who is in which, and how much of it each member has read."""

    name = "groups"

    def __init__(self, config: BoardConfig, draws: Draws) -> None:
        self._config = config
        self._draws = draws
        self._table = Columns(GROUPS, 0)
        self._members = Edges()
        self._read = Marks()
        super().__init__(self._table, keepers={"members": self._members, "read": self._read})
        self.offers = {"board": self.board, "rows_of": self.rows_of}
        self._index()

    def _index(self) -> None:
        """Derive what is not state: the ids in order, with their rows."""
        self._order = np.argsort(self._table.group, kind="stable")
        self._ids = self._table.group[self._order]

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Restore from a snapshot."""
        super().load_state(state)
        self._index()

    # -- look-ups --------------------------------------------------------------------------------

    def rows_of(self, group: Array) -> tuple[Array, Array]:
        """Return the row of each id, i8, and whether there is one."""
        if not len(self._ids):
            return np.zeros(len(group), np.int64), np.zeros(len(group), bool)
        at = np.minimum(np.searchsorted(self._ids, group), len(self._ids) - 1)
        return self._order[at], self._ids[at] == group

    def board(self, step: int) -> Board:
        """Return the hour's board: the groups with most members on a ring."""
        groups = self._table
        top = groups.group[most(groups.members, groups.group, self._config.size)]
        place = self._draws.bits(Stream.GROUP_PLACE, top, step)
        return board_of(place, top)

    # -- actions ---------------------------------------------------------------------------------

    def do_create_group(self, wish: ActionBatch) -> list[Batch]:
        """Open a group, whose first member is its owner."""
        asked = by_user(wish)
        user = asked["user"].astype(np.int64)
        first = user << OWNER_SHIFT
        owned = np.searchsorted(self._ids, first + GROUPS_PER_OWNER, "right")
        owned -= np.searchsorted(self._ids, first)
        nth = owned + np.arange(len(user)) - np.searchsorted(user, user)
        on = (nth < GROUPS_PER_OWNER) & (user < OWNERS_MAX)
        group = (first + 1 + nth)[on]
        text = asked["text"][on]
        return [self._done(Kind.GROUP_CREATED, wish.step, asked["user"][on], group, text)]

    def do_join_group(self, wish: ActionBatch) -> list[Batch]:
        """Join a group that exists."""
        return self._moved(Kind.GROUP_JOINED, wish, inside=False)

    def do_leave_group(self, wish: ActionBatch) -> list[Batch]:
        """Leave a group, which may stay behind empty."""
        return self._moved(Kind.GROUP_LEFT, wish, inside=True)

    def do_send_to_group(self, wish: ActionBatch) -> list[Batch]:
        """Write to a group that one is in."""
        asked = by_user(wish)
        on = self._members.has(asked["user"], asked["group"])
        user, group, text = (asked[name][on] for name in ("user", "group", "text"))
        return [self._done(Kind.GROUP_MESSAGE_SENT, wish.step, user, group, text)]

    def do_listen_from_group(self, wish: ActionBatch) -> list[Batch]:
        """Read all messages of a group that one is in."""
        return self._moved(Kind.GROUP_MESSAGES_READ, wish, inside=True)

    def _moved(self, kind: Kind, wish: ActionBatch, *, inside: bool) -> list[Batch]:
        """Rows of those who are in (or not in) an existing group, each once."""
        asked = by_user(wish)
        user, group = asked["user"], asked["group"]
        on = self.rows_of(group)[1] & (self._members.has(user, group) == inside)
        on[on] = first_of(user[on], group[on])
        return [self._done(kind, wish.step, user[on], group[on], np.zeros(int(on.sum())))]

    def _done(self, kind: Kind, step: int, user: Array, group: Array, text: Array) -> EventBatch:
        return activity(self.sight.users, step, kind, user, group=group, text=text)

    # -- handlers --------------------------------------------------------------------------------

    def on_social_activity(self, done: EventBatch) -> None:
        """Write down who opened, joined, left, wrote and read."""
        handlers = {
            Kind.GROUP_CREATED: self._open,
            Kind.GROUP_JOINED: self._join,
            Kind.GROUP_LEFT: self._leave,
            Kind.GROUP_MESSAGE_SENT: self._hear,
            Kind.GROUP_MESSAGES_READ: self._note,
        }
        for kind, rows in by_kind(done):
            if kind in handlers:
                handlers[kind]({**rows, "step": np.asarray(done.step)})

    def _open(self, rows: Mapping[str, Array]) -> None:
        columns = self._table
        where = columns.grow(len(rows["group"]))
        columns.group[where] = rows["group"]
        columns.text[where] = rows["text"]
        columns.created_step[where] = rows["step"]
        order = np.argsort(rows["group"], kind="stable")
        fresh = rows["group"][order]
        at = np.searchsorted(self._ids, fresh)
        self._order = np.insert(self._order, at, order + where.start)
        self._ids = np.insert(self._ids, at, fresh)
        self._join(rows)

    def _join(self, rows: Mapping[str, Array]) -> None:
        """What was said before one came counts as read."""
        fresh = self._members.add(rows["user"], rows["group"])
        user, group = rows["user"][fresh], rows["group"][fresh]
        row, _ = self.rows_of(group)
        np.add.at(self._table.members, row, np.uint32(1))
        self._read.put(user, group, self._table.messages[row])

    def _leave(self, rows: Mapping[str, Array]) -> None:
        gone = self._members.remove(rows["user"], rows["group"])
        user, group = rows["user"][gone], rows["group"][gone]
        np.subtract.at(self._table.members, self.rows_of(group)[0], np.uint32(1))
        self._read.put(user, group, np.zeros(len(user), np.uint32))

    def _hear(self, rows: Mapping[str, Array]) -> None:
        np.add.at(self._table.messages, self.rows_of(rows["group"])[0], np.uint32(1))

    def _note(self, rows: Mapping[str, Array]) -> None:
        row, _ = self.rows_of(rows["group"])
        self._read.put(rows["user"], rows["group"], self._table.messages[row])
