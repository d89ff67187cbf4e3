"""Text posts and comments: published, liked, disliked, reposted, quoted, and each of it taken back.

An id is the author's: author << 32 | 1 << 30 | n-th post, so that no video has it and no other author's
post renames it. Edges hold a post's row, which never changes, because rows are only added.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feedtwin.columns import Columns
from feedtwin.edges import Edges
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import SocialActivityKind as Kind
from feedtwin.schema.ids import POST_ORDINAL, item_id, split_item
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.board import Board, board_of, most, newest_by_author
from feedtwin.twins.part import Part
from feedtwin.twins.platform.community.config import BoardConfig
from feedtwin.twins.platform.community.table import (
    COMMENT,
    POST,
    POSTS,
    QUOTE,
    REPOST,
)
from feedtwin.twins.platform.community.wishes import by_kind, by_user, first_of
from feedtwin.twins.social import activity

Array = np.ndarray


@dataclass(frozen=True)
class _Mark:
    """A like or dislike: of a comment or a post, given or taken back."""

    edges: str
    comment: bool
    given: bool


_MARKS: Mapping[Kind, _Mark] = {
    Kind.POST_LIKED: _Mark("likes", False, True),
    Kind.POST_UNLIKED: _Mark("likes", False, False),
    Kind.POST_DISLIKED: _Mark("dislikes", False, True),
    Kind.POST_DISLIKE_UNDONE: _Mark("dislikes", False, False),
    Kind.COMMENT_LIKED: _Mark("likes", True, True),
    Kind.COMMENT_UNLIKED: _Mark("likes", True, False),
    Kind.COMMENT_DISLIKED: _Mark("dislikes", True, True),
    Kind.COMMENT_DISLIKE_UNDONE: _Mark("dislikes", True, False),
}
_MADE: Mapping[Kind, int] = {
    Kind.POST_CREATED: POST,
    Kind.COMMENT_CREATED: COMMENT,
    Kind.POST_REPOSTED: REPOST,
    Kind.POST_QUOTED: QUOTE,
}


class Posts(Part):
    """Owns the posts and who likes, dislikes and reposts which."""

    name = "posts"

    def __init__(self, config: BoardConfig, draws: Draws) -> None:
        self._config = config
        self._draws = draws
        self._table = Columns(POSTS, 0)
        self._edges = {name: Edges() for name in ("likes", "dislikes", "reposts")}
        super().__init__(self._table, keepers=self._edges)
        self.offers = {"board": self.board, "rows_of": self.rows_of}
        self._index()

    def _index(self) -> None:
        """Derive what is not state: the ids in order, with their rows."""
        self._order = np.argsort(self._table.item, kind="stable")
        self._ids = self._table.item[self._order]

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Restore from a snapshot."""
        super().load_state(state)
        self._index()

    # -- look-ups --------------------------------------------------------------------------------

    def rows_of(self, item: Array) -> tuple[Array, Array]:
        """Return the row of each id, i8, and whether there is one."""
        if not len(self._ids):
            return np.zeros(len(item), np.int64), np.zeros(len(item), bool)
        at = np.minimum(np.searchsorted(self._ids, item), len(self._ids) - 1)
        return self._order[at], self._ids[at] == item

    def board(self, step: int, *, comments: bool) -> Board:
        """Return the hour's board of posts, or of comments: recent, the most popular ones on its ring."""
        posts, config = self._table, self._config
        first = np.searchsorted(posts.created_step, step - config.window_steps)
        recent = first + np.nonzero((posts.kind[first:] == COMMENT) == comments)[0]
        item = posts.item[recent]
        popularity = posts.likes[recent] + posts.reposts[recent] + posts.comments[recent]
        top = item[most(popularity, item, config.size)]
        place = self._draws.bits(Stream.BOARD_PLACE, *split_item(top), step)
        return board_of(place, top, newest_by_author(item))

    # -- actions ---------------------------------------------------------------------------------

    def do_create_post(self, wish: ActionBatch) -> list[Batch]:
        """Publish a text post."""
        asked = by_user(wish)
        return [self._published(Kind.POST_CREATED, wish.step, asked["user"], 0, asked["text"])]

    def do_create_comment(self, wish: ActionBatch) -> list[Batch]:
        """Comment on a post, or on what a repost shows."""
        asked = by_user(wish)
        row, known = self._shown(asked["item"])
        on = known.copy()
        on[on] = self._table.kind[row[on]] != COMMENT
        parent = self._table.item[row[on]]
        user, text = asked["user"][on], asked["text"][on]
        return [self._published(Kind.COMMENT_CREATED, wish.step, user, parent, text)]

    def do_repost(self, wish: ActionBatch) -> list[Batch]:
        """Repost a post, each user each post once; a repost of a repost is one of the original."""
        asked = by_user(wish)
        row, known = self._shown(asked["item"])
        user = asked["user"]
        on = known & ~self._edges["reposts"].has(user, row)
        on[on] = first_of(user[on], row[on]) & (self._table.kind[row[on]] != COMMENT)
        parent = self._table.item[row[on]]
        none = np.zeros(len(parent), np.uint32)
        return [self._published(Kind.POST_REPOSTED, wish.step, user[on], parent, none)]

    def do_quote_post(self, wish: ActionBatch) -> list[Batch]:
        """Repost a post with words of one's own, as often as one likes."""
        asked = by_user(wish)
        row, known = self._shown(asked["item"])
        on = known.copy()
        on[on] = self._table.kind[row[on]] != COMMENT
        parent = self._table.item[row[on]]
        user, text = asked["user"][on], asked["text"][on]
        return [self._published(Kind.POST_QUOTED, wish.step, user, parent, text)]

    def do_like_post(self, wish: ActionBatch) -> list[Batch]:
        """Like a post."""
        return self._marked(Kind.POST_LIKED, wish)

    def do_unlike_post(self, wish: ActionBatch) -> list[Batch]:
        """Take back the like of a post."""
        return self._marked(Kind.POST_UNLIKED, wish)

    def do_dislike_post(self, wish: ActionBatch) -> list[Batch]:
        """Dislike a post."""
        return self._marked(Kind.POST_DISLIKED, wish)

    def do_undo_dislike_post(self, wish: ActionBatch) -> list[Batch]:
        """Take back the dislike of a post."""
        return self._marked(Kind.POST_DISLIKE_UNDONE, wish)

    def do_like_comment(self, wish: ActionBatch) -> list[Batch]:
        """Like a comment."""
        return self._marked(Kind.COMMENT_LIKED, wish)

    def do_unlike_comment(self, wish: ActionBatch) -> list[Batch]:
        """Take back the like of a comment."""
        return self._marked(Kind.COMMENT_UNLIKED, wish)

    def do_dislike_comment(self, wish: ActionBatch) -> list[Batch]:
        """Dislike a comment."""
        return self._marked(Kind.COMMENT_DISLIKED, wish)

    def do_undo_dislike_comment(self, wish: ActionBatch) -> list[Batch]:
        """Take back the dislike of a comment."""
        return self._marked(Kind.COMMENT_DISLIKE_UNDONE, wish)

    def _shown(self, item: Array) -> tuple[Array, Array]:
        """Rows of posts, or of what a repost shows, and whether there is one."""
        row, known = self.rows_of(item)
        again = np.zeros(len(item), bool)
        again[known] = self._table.kind[row[known]] == REPOST
        row[again] = self.rows_of(self._table.parent[row[again]])[0]
        return row, known

    def _published(
        self, kind: Kind, step: int, user: Array, parent: Array | int, text: Array
    ) -> EventBatch:
        """New rows with the next ids of their authors (`user`, ascending)."""
        first = np.searchsorted(self._ids, item_id(user, np.zeros(len(user), np.uint32)))
        after = np.searchsorted(self._ids, item_id(user, np.full(len(user), 0xFFFFFFFF)), "right")
        nth = np.arange(len(user)) - np.searchsorted(user, user)
        item = item_id(user, (after - first + nth).astype(np.uint64) + POST_ORDINAL)
        parents = np.broadcast_to(np.asarray(parent, np.uint64), item.shape)
        users = self.sight.users
        return activity(users, step, kind, user, item=item, parent=parents.copy(), text=text)

    def _marked(self, kind: Kind, wish: ActionBatch) -> list[Batch]:
        """Likes and dislikes that change something: given once, taken back only if given."""
        mark, asked = _MARKS[kind], by_user(wish)
        user, item = asked["user"], asked["item"]
        row, on = self.rows_of(item)
        on = on.copy()
        on[on] = (self._table.kind[row[on]] == COMMENT) == mark.comment
        on[on] = self._edges[mark.edges].has(user[on], row[on]) != mark.given
        on[on] = first_of(user[on], row[on])
        item, parent = item[on], self._table.parent[row[on]]
        return [activity(self.sight.users, wish.step, kind, user[on], item=item, parent=parent)]

    # -- handlers --------------------------------------------------------------------------------

    def on_social_activity(self, done: EventBatch) -> None:
        """Write down what was published, liked, disliked and taken back."""
        for kind, rows in by_kind(done):
            if kind in _MADE:
                self._add(rows, kind, done.step)
            elif kind in _MARKS:
                self._count_mark(rows, _MARKS[kind])

    def _add(self, made: Mapping[str, Array], kind: Kind, step: int) -> None:
        columns = self._table
        where = columns.grow(len(made["item"]))
        for name in ("item", "parent", "text"):
            getattr(columns, name)[where] = made[name]
        columns.kind[where] = _MADE[kind]
        columns.created_step[where] = step
        self._index_more(where)
        if kind is Kind.POST_CREATED:
            return
        parent, _ = self.rows_of(made["parent"])
        counted = columns.comments if kind is Kind.COMMENT_CREATED else columns.reposts
        np.add.at(counted, parent, np.uint32(1))
        if kind is Kind.POST_REPOSTED:
            self._edges["reposts"].add(made["user"], parent)

    def _index_more(self, where: slice) -> None:
        fresh = self._table.item[where]
        order = np.argsort(fresh, kind="stable")
        at = np.searchsorted(self._ids, fresh[order])
        self._order = np.insert(self._order, at, order + where.start)
        self._ids = np.insert(self._ids, at, fresh[order])

    def _count_mark(self, rows: Mapping[str, Array], mark: _Mark) -> None:
        row, _ = self.rows_of(rows["item"])
        edges = self._edges[mark.edges]
        changed = (edges.add if mark.given else edges.remove)(rows["user"], row)
        one = np.int64(1 if mark.given else -1).astype(np.uint32)
        np.add.at(getattr(self._table, mark.edges), row[changed], one)
