"""What visitors do among themselves: post, like, comment, quote; open, join, write to and read groups.

Plain behaviour: each session gives each action its chance; what it is done to is a keyed choice among the
newest posts of some followees and a window of the board of popular ones.
"""

from collections.abc import Iterator

import numpy as np
from pydantic import BaseModel, ConfigDict

from feedtwin.numerics import log32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.ids import CATEGORY_QUERY, SHIFT, split_item, user_at
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.twins.board import Board
from feedtwin.twins.part import Part
from feedtwin.twins.user.choosing import best, best_of
from feedtwin.twins.user.wishing import Occasion, Wishes

Array = np.ndarray

_TO_COMMENTS = ("LIKE_COMMENT", "DISLIKE_COMMENT")
_TAKEN_BACK = {
    "UNLIKE_POST": ("likes", False),
    "UNDO_DISLIKE_POST": ("dislikes", False),
    "UNLIKE_COMMENT": ("likes", True),
    "UNDO_DISLIKE_COMMENT": ("dislikes", True),
}
_IN_GROUPS = ("LEAVE_GROUP", "SEND_TO_GROUP", "LISTEN_FROM_GROUP")
_COMMENT = 1
"""Kind of a comment in the posts table."""


class SocialRates(BaseModel):
    """Chance of each action per session; see `parameters/community.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    create_post: float
    like_post: float
    unlike_post: float
    dislike_post: float
    undo_dislike_post: float
    repost: float
    quote_post: float
    create_comment: float
    like_comment: float
    unlike_comment: float
    dislike_comment: float
    undo_dislike_comment: float
    create_group: float
    join_group: float
    leave_group: float
    send_to_group: float
    listen_from_group: float
    search_user: float

    def wishes(self, draws: Draws, *, searching: bool) -> Wishes:
        """Return the wishes by action: for searches, or for all else."""
        rates = {name.upper(): rate for name, rate in self.model_dump().items()}
        chosen = {n: rate for n, rate in rates.items() if (n == "SEARCH_USER") == searching}
        return Wishes(chosen, draws)


class ChoiceConfig(BaseModel):
    """What people look at before they act; see `parameters/community.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    followees: int
    popular: int
    followee_weight: float
    famous_share: float
    follow_found: float


class Socialising(Part):
    """Asks for posts, comments, likes and group actions; owns nothing."""

    name = "socialising"

    def __init__(self, rates: SocialRates, choice: ChoiceConfig, draws: Draws) -> None:
        super().__init__()
        self._wishes = rates.wishes(draws, searching=False)
        self._choice = choice
        self._draws = draws

    def act(self, reactions: Reactions) -> Iterator[ActionBatch]:
        """Yield what visitors ask for after the slates of a step."""
        if not self._wishes:
            return
        user = reactions.visitors()
        session = self.sight.users.session[user] - np.uint32(1)
        boards: dict[bool, Board] = {}
        for occasion in self._wishes.of(user, session):
            yield from self._asked(occasion, reactions.step, boards)

    def _asked(
        self, occasion: Occasion, step: int, boards: dict[bool, Board]
    ) -> Iterator[ActionBatch]:
        action, user = occasion.action, occasion.user
        if action in ("CREATE_POST", "CREATE_GROUP"):
            yield asked(action, step, user=user, text=self._topic(user))
        elif action in _IN_GROUPS or action == "JOIN_GROUP":
            yield self._group_asked(occasion, step)
        elif action in _TAKEN_BACK:
            chosen, item = self._given(occasion)
            yield asked(action, step, user=chosen, item=item)
        else:
            comments = action in _TO_COMMENTS
            if comments not in boards:
                boards[comments] = self.sight.shared["posts.board"](step, comments=comments)
            item = self._found(occasion, boards[comments])
            on = item > 0
            wish = {"user": user[on], "item": item[on]}
            if action in ("QUOTE_POST", "CREATE_COMMENT"):
                wish["text"] = self._topic(user[on])
            yield asked(action, step, **wish)

    def _topic(self, user: Array) -> Array:
        """What somebody writes about: the field they are at home in."""
        return self.sight.users.expertise[user].astype(np.uint32) | np.uint32(CATEGORY_QUERY)

    # -- posts -----------------------------------------------------------------------------------

    def _found(self, occasion: Occasion, board: Board) -> Array:
        """The post (or comment) that each visitor comes across and acts on, u8; 0 for none."""
        near = self._followed(occasion, board)
        entry = self._draws.bits(Stream.BOARD_ENTRY, occasion.user, occasion.word)
        far = board.window(entry, self._choice.popular)
        item = np.concatenate([near, far], axis=1)
        weight = np.zeros(item.shape, np.float32)
        weight[:, : near.shape[1]] = log32(np.float32(self._choice.followee_weight))
        score = weight + self._race(occasion.user[:, None], occasion.word[:, None], item)
        author, _ = split_item(item)
        out = (item == 0) | (author == occasion.user[:, None])
        return best(np.where(out, np.float32(-np.inf), score), item)

    def _followed(self, occasion: Occasion, board: Board) -> Array:
        """The newest posts of some followees in a row, u8 (N, followees); 0 where there is none."""
        ties, user = self.sight.ties, occasion.user
        low = ties.offset[user]
        degree = ties.offset[user.astype(np.int64) + 1] - low
        draw = self._draws.bits(Stream.FOLLOWEE_ENTRY, user, occasion.word)
        start = (draw.astype(np.uint64) * degree.astype(np.uint64)) >> SHIFT
        nth = np.arange(self._choice.followees)
        at = low[:, None] + (start.astype(np.int64)[:, None] + nth) % np.maximum(degree, 1)[:, None]
        item = np.zeros(at.shape, np.uint64)
        on = nth[None, :] < degree[:, None]
        item[on] = board.newest_of(user_at(ties.hash[at[on]]))
        return item

    def _race(self, user: Array, word: Array, item: Array) -> Array:
        return self._draws.gumbel(Stream.POST_CHOICE, user, word, *split_item(item))

    def _given(self, occasion: Occasion) -> tuple[Array, Array]:
        """Who takes back what of their own likes or dislikes."""
        edges, comments = _TAKEN_BACK[occasion.action]
        posts = self.sight.shared["posts"]
        owner, row = self.sight.shared[f"posts.{edges}"].rights_of(occasion.user)
        fits = (posts.kind[row] == _COMMENT) == comments
        owner, item = owner[fits], posts.item[row[fits]]
        score = self._race(occasion.user[owner], occasion.word[owner], item)
        owner, item = best_of(owner, score, item)
        return occasion.user[owner], item

    # -- groups ----------------------------------------------------------------------------------

    def _group_asked(self, occasion: Occasion, step: int) -> ActionBatch:
        if occasion.action == "JOIN_GROUP":
            user, group = self._open_groups(occasion, step)
        else:
            user, group = self._own_groups(occasion)
        wish = {"user": user, "group": group}
        if occasion.action == "SEND_TO_GROUP":
            wish["text"] = self._topic(user)
        return asked(occasion.action, step, **wish)

    def _open_groups(self, occasion: Occasion, step: int) -> tuple[Array, Array]:
        """Who joins which of the groups that they come across and are not in."""
        board = self.sight.shared["groups.board"](step)
        user, word = occasion.user, occasion.word
        entry = self._draws.bits(Stream.GROUP_ENTRY, user, word)
        group = board.window(entry, self._choice.popular)
        people = np.broadcast_to(user[:, None], group.shape)
        inside = self.sight.shared["groups.members"].has(people.ravel(), group.ravel())
        score = self._draws.gumbel(Stream.GROUP_CHOICE, user[:, None], word[:, None], group)
        score = np.where(inside.reshape(group.shape), np.float32(-np.inf), score)
        chosen = best(score, group)
        return user[chosen > 0], chosen[chosen > 0]

    def _own_groups(self, occasion: Occasion) -> tuple[Array, Array]:
        """Who acts in which of their own groups."""
        owner, group = self.sight.shared["groups.members"].rights_of(occasion.user)
        score = self._draws.gumbel(
            Stream.GROUP_CHOICE, occasion.user[owner], occasion.word[owner], group
        )
        owner, group = best_of(owner, score, group)
        return occasion.user[owner], group
