"""What people look for: lists of videos (search, trends) within a session, and other users after it."""

from collections.abc import Iterator

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.codes import FeedKind
from feedtwin.schema.ids import CATEGORY_QUERY, TIER_QUERY
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.twins.part import Part
from feedtwin.twins.user.choosing import best
from feedtwin.twins.user.config import UserConfig
from feedtwin.twins.user.socialising import ChoiceConfig, SocialRates

Array = np.ndarray
NO_SLOT = 255
"""Slot of a follow that grew out of no impression."""
_ELITE = 0
_NOBODY = 0xFFFFFFFF


def list_kinds(
    config: UserConfig, draws: Draws, users: FrozenColumns, topic_vectors: Array, user: Array
) -> tuple[Array, Array]:
    """Return what kind of list each request is for, u1, and its query, u4.

    A search is for a category that the user is interested in; a trend page needs no query.
    """
    request = users.request[user]
    draw = draws.uniform(Stream.REQUEST_KIND, user, request)
    kind = np.zeros(len(user), np.uint8)
    kind[draw < np.float32(config.search_rate + config.trend_rate)] = FeedKind.TREND
    searching = draw < np.float32(config.search_rate)
    kind[searching] = FeedKind.SEARCH
    query = np.zeros(len(user), np.uint32)
    who = user[searching]
    query[searching] = wanted_category(
        draws, users.interests[who], topic_vectors, who, request[searching]
    )
    return kind, query


def wanted_category(
    draws: Draws, interests: Array, topic_vectors: Array, user: Array, occasion: Array
) -> Array:
    """Return a category query per user, u4: a category in proportion to the interest in it.

    Whole numbers throughout: shares of a sum, cut at a keyed share of it.
    """
    weight = np.maximum(interest_dots("nd,kd->nk", interests, topic_vectors), 0).astype(np.int64)
    weight[weight.sum(axis=1) == 0] = 1  # no interest at all: any category
    edges = np.cumsum(weight, axis=1)
    share = draws.bits(Stream.QUERY_CHOICE, user, occasion).astype(np.int64)
    chosen = (edges > (share * edges[:, -1] >> 32)[:, None]).argmax(axis=1)
    return chosen.astype(np.uint32) | np.uint32(CATEGORY_QUERY)


def interest_dots(which: str, interests: Array, vectors: Array) -> Array:
    """Return interests in categories, int32, 127 * 127 = full: exact integer dot products.

    Args:
        which: What goes with what, as `einsum` writes it; d are the dimensions.
        interests: int8 (..., D).
        vectors: Category vectors, int8 (..., D).
    """
    return np.einsum(which, interests.astype(np.int32), vectors.astype(np.int32))


def interest_in(which: str, interests: Array, vectors: Array) -> Array:
    """Return interests in categories, float32 in [-1, 1]; arguments as for `interest_dots`."""
    dots = interest_dots(which, interests, vectors)
    return dots.astype(np.float32) * np.float32(1.0 / (127 * 127))


class Seeking(Part):
    """Asks for searches for users, and for a follow where one pleases; owns nothing."""

    name = "seeking"

    def __init__(self, rates: SocialRates, choice: ChoiceConfig, draws: Draws) -> None:
        super().__init__()
        self._wishes = rates.wishes(draws, searching=True)
        self._choice = choice
        self._draws = draws

    def act(self, reactions: Reactions) -> Iterator[ActionBatch]:
        """Yield searches for users, and whom they make visitors follow."""
        if not self._wishes:
            return
        users = self.sight.users
        user = reactions.visitors
        for occasion in self._wishes.of(user, users.session[user] - np.uint32(1)):
            user, word = occasion.user, occasion.word
            query = self._query(user, word)
            yield asked("SEARCH_USER", reactions.step, user=user, query=query)
            target = self._liked(user, word, query)
            on = target != _NOBODY
            yield asked(
                "FOLLOW", reactions.step, user=user[on], target=target[on],
                request=users.request[user[on]] - np.uint32(1),
                slot=np.full(int(on.sum()), NO_SLOT),
            )  # fmt: skip

    def _query(self, user: Array, word: Array) -> Array:
        """The famous, or whoever is at home in a category of interest."""
        users = self.sight.users
        wanted = wanted_category(
            self._draws, users.interests[user], self.sight.topics[0], user, word
        )
        famous = self._draws.uniform(Stream.FOUND_FAMOUS, user, word) < np.float32(
            self._choice.famous_share
        )
        return np.where(famous, np.uint32(TIER_QUERY | _ELITE), wanted)

    def _liked(self, user: Array, word: Array, query: Array) -> Array:
        """Whom each searcher follows of those found, u4; 4294967295 for nobody."""
        found = self.sight.shared["finding.users"](query)
        people = np.broadcast_to(user[:, None], found.shape)
        out = (found == _NOBODY) | (found == people)
        out[~out] = self.sight.ties.has(people[~out], found[~out])
        score = self._draws.uniform(Stream.FOUND_CHOICE, user[:, None], word[:, None], found)
        chosen = best(np.where(out, np.float32(-np.inf), score), found, _NOBODY)
        follows = self._draws.uniform(Stream.FOUND_FOLLOW, user, word) < np.float32(
            self._choice.follow_found
        )
        return np.where(follows, chosen, np.uint32(_NOBODY))
