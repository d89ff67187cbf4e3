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
from feedtwin.twins.user.wishing import Occasion, Wishes, joined, pick, split

Array = np.ndarray

_TO_POSTS = ("LIKE_POST", "DISLIKE_POST", "REPOST", "QUOTE_POST", "CREATE_COMMENT")
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
        user = reactions.visitors
        session = self.sight.users.session[user] - np.uint32(1)
        occasions = {one.action: one for one in self._wishes.of(user, session)}
        for action in ("CREATE_POST", "CREATE_GROUP"):
            if action in occasions:
                who = occasions[action].user
                yield asked(action, reactions.step, user=who, text=self._topic(who))
        yield from self._to_found(pick(occasions, _TO_POSTS), reactions.step, comments=False)
        yield from self._to_found(pick(occasions, _TO_COMMENTS), reactions.step, comments=True)
        yield from self._taken_back(pick(occasions, tuple(_TAKEN_BACK)), reactions.step)
        yield from self._to_own_groups(pick(occasions, _IN_GROUPS), reactions.step)
        if "JOIN_GROUP" in occasions:
            yield self._to_open_groups(occasions["JOIN_GROUP"], reactions.step)

    def _topic(self, user: Array) -> Array:
        """What somebody writes about: the field they are at home in."""
        return self.sight.users.expertise[user].astype(np.uint32) | np.uint32(CATEGORY_QUERY)

    # -- posts -----------------------------------------------------------------------------------

    def _to_found(
        self, occasions: list[Occasion], step: int, *, comments: bool
    ) -> Iterator[ActionBatch]:
        """What is done to posts, or comments, that people come across."""
        if not occasions:
            return
        board = self.sight.shared["posts.board"](step, comments=comments)
        found = self._found(*joined(occasions), board)
        for occasion, item in zip(occasions, split(found, occasions), strict=True):
            user, item = occasion.user[item > 0], item[item > 0]
            wish = {"user": user, "item": item}
            if occasion.action in ("QUOTE_POST", "CREATE_COMMENT"):
                wish["text"] = self._topic(user)
            yield asked(occasion.action, step, **wish)

    def _found(self, user: Array, word: Array, board: Board) -> Array:
        """The post (or comment) that each visitor comes across and acts on, u8; 0 for none."""
        near = self._followed(user, word, board)
        entry = self._draws.bits(Stream.BOARD_ENTRY, user, word)
        item = np.concatenate([near, board.window(entry, self._choice.popular)], axis=1)
        score = self._draws.gumbel(
            Stream.POST_CHOICE, user[:, None], word[:, None], *split_item(item)
        )
        score[:, : near.shape[1]] += log32(np.float32(self._choice.followee_weight))
        author, _ = split_item(item)
        score[(item == 0) | (author == user[:, None])] = -np.inf
        return best(score, item)

    def _followed(self, user: Array, word: Array, board: Board) -> Array:
        """The newest posts of some followees in a row, u8 (N, followees); 0 where there is none."""
        ties = self.sight.ties
        low = ties.offset[user]
        degree = ties.offset[user.astype(np.int64) + 1] - low
        draw = self._draws.bits(Stream.FOLLOWEE_ENTRY, user, word)
        start = (draw.astype(np.uint64) * degree.astype(np.uint64)) >> SHIFT
        nth = np.arange(self._choice.followees)
        at = low[:, None] + (start.astype(np.int64)[:, None] + nth) % np.maximum(degree, 1)[:, None]
        item = np.zeros(at.shape, np.uint64)
        on = nth[None, :] < degree[:, None]
        item[on] = board.newest_of(user_at(ties.hash[at[on]]))
        return item

    def _taken_back(self, occasions: list[Occasion], step: int) -> Iterator[ActionBatch]:
        """Likes and dislikes of one's own that are undone."""
        posts = self.sight.shared["posts"]
        for occasion in occasions:
            edges, comments = _TAKEN_BACK[occasion.action]
            owner, row = self.sight.shared[f"posts.{edges}"].rights_of(occasion.user)
            fits = (posts.kind[row] == _COMMENT) == comments
            owner, item = owner[fits], posts.item[row[fits]]
            score = self._draws.uniform(
                Stream.POST_CHOICE, occasion.user[owner], occasion.word[owner], *split_item(item)
            )
            owner, item = best_of(owner, score, item)
            yield asked(occasion.action, step, user=occasion.user[owner], item=item)

    # -- groups ----------------------------------------------------------------------------------

    def _to_open_groups(self, occasion: Occasion, step: int) -> ActionBatch:
        """Who joins which of the groups that they come across and are not in."""
        board = self.sight.shared["groups.board"](step)
        user, word = occasion.user, occasion.word
        group = board.window(self._draws.bits(Stream.GROUP_ENTRY, user, word), self._choice.popular)
        people = np.broadcast_to(user[:, None], group.shape)
        inside = self.sight.shared["groups.members"].has(people.ravel(), group.ravel())
        score = self._draws.uniform(Stream.GROUP_CHOICE, user[:, None], word[:, None], group)
        score[inside.reshape(group.shape)] = -np.inf
        chosen = best(score, group)
        return asked("JOIN_GROUP", step, user=user[chosen > 0], group=chosen[chosen > 0])

    def _to_own_groups(self, occasions: list[Occasion], step: int) -> Iterator[ActionBatch]:
        """What is done in one of the groups that somebody is in."""
        if not occasions:
            return
        user, word = joined(occasions)
        owner, group = self.sight.shared["groups.members"].rights_of(user)
        score = self._draws.uniform(Stream.GROUP_CHOICE, user[owner], word[owner], group)
        owner, chosen = best_of(owner, score, group)
        groups = np.zeros(len(user), np.uint32)
        groups[owner] = chosen
        for occasion, group in zip(occasions, split(groups, occasions), strict=True):
            wish = {"user": occasion.user[group > 0], "group": group[group > 0]}
            if occasion.action == "SEND_TO_GROUP":
                wish["text"] = self._topic(wish["user"])
            yield asked(occasion.action, step, **wish)
