"""The search for users: creators at home in a category, or of a tier, those with most followers first."""

import numpy as np

from feedtwin.schema.batches import Batch
from feedtwin.schema.codes import SocialActivityKind as Kind
from feedtwin.schema.ids import CATEGORY_QUERY, TIER_QUERY
from feedtwin.schema.requests import ActionBatch
from feedtwin.twins.board import most
from feedtwin.twins.part import Part
from feedtwin.twins.platform.community.config import BoardConfig
from feedtwin.twins.platform.community.wishes import by_user
from feedtwin.twins.social import activity

Array = np.ndarray
_NO_ROW = 0xFFFFFFFF


class Finding(Part):
    """Answers searches for users; keeps nothing."""

    name = "finding"

    def __init__(self, config: BoardConfig) -> None:
        self._config = config
        super().__init__()
        self.offers = {"users": self.users}

    def users(self, query: Array) -> Array:
        """Return who is found, u4 (N, found), 4294967295 for none, most followers first.

        Args:
            query: (N,) `CATEGORY_QUERY | category`, `TIER_QUERY | tier`, or 0 for all creators.
        """
        people = self.sight.users
        creators = np.nonzero(people.upload_count > 0)[0].astype(np.uint32)
        found = np.full((len(query), self._config.found), 0xFFFFFFFF, np.uint32)
        for asked in np.unique(query).tolist():
            fits = np.ones(len(creators), bool)
            if asked & CATEGORY_QUERY:
                fits = people.expertise[creators] == (asked & 0xFFFF)
            elif asked & TIER_QUERY:
                fits = people.tier[creators] == (asked & 0xFFFF)
            hits = creators[fits]
            best = hits[most(people.follower_count[hits], hits, self._config.found)]
            found[query == asked, : len(best)] = best
        return found

    def do_search_user(self, wish: ActionBatch) -> list[Batch]:
        """Log a search with what it was for and the newest video of the best hit."""
        asked = by_user(wish)
        best = self.users(asked["query"])[:, 0]
        item = np.zeros(len(best), np.uint64)
        hit = best != 0xFFFFFFFF
        row = self.sight.accounts.latest_row[best[hit]]
        item[hit] = np.where(
            row == _NO_ROW, np.uint64(0), self.sight.items.item[np.where(row == _NO_ROW, 0, row)]
        )
        return [
            activity(
                self.sight.users, wish.step, Kind.SEARCHED_USERS, asked["user"], item=item,
                text=asked["query"],
            )
        ]  # fmt: skip
