"""How many social activities each user has done: the ordinals of SOCIAL_ACTIVITY rows."""

import numpy as np

from feedtwin.edges import Marks
from feedtwin.schema.batches import EventBatch
from feedtwin.twins.part import Part


class Activities(Part):
    """Counts the rows of every part that publishes SOCIAL_ACTIVITY; only users who did any take room."""

    name = "activities"

    def __init__(self) -> None:
        self._done = Marks()
        super().__init__(keepers={"done": self._done})
        self.offers = {"number": self.number}

    def number(self, user: np.ndarray) -> np.ndarray:
        """Return the ordinals of new rows, u4, for their users in ascending order."""
        nth = np.arange(len(user)) - np.searchsorted(user, user)
        return self._done.get(user, np.zeros(len(user), np.uint32)) + nth.astype(np.uint32)

    def on_social_activity(self, done: EventBatch) -> None:
        """Count the rows of each user."""
        user, rows = np.unique(done.user, return_counts=True)
        zero = np.zeros(len(user), np.uint32)
        self._done.put(user, zero, self._done.get(user, zero) + rows.astype(np.uint32))
