"""Creators react to their results: they post more or less, turn to what works, and may stop.

Once a day a creator with recent uploads compares what these brought, in points per upload, with what they
have come to expect. `drive` moves with the logarithm of the ratio and back to rest; it multiplies the upload
rate. Below a threshold it drops to zero for good. Points are views, engagements and money.

State is one row per creator. A review is an event (PREFERENCE_UPDATED, cause RESULTS); its results follow
from the items table at that barrier, so the handler recomputes them. Shapes: C creators, I recent uploads.
"""

from collections.abc import Iterator

import numpy as np
from pydantic import BaseModel, ConfigDict

from feedtwin.columns import Columns, FrozenColumns
from feedtwin.numerics import exp32, log32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import PreferenceCause
from feedtwin.schema.tables import Column, TableSpec, declare
from feedtwin.twins.part import Part
from feedtwin.twins.user.belonging import MEMBER
from feedtwin.twins.user.config import UserConfig
from feedtwin.twins.user.preferences import NO_TOPIC

CREATORS = declare(
    TableSpec(
        "creators",
        "user",
        "creator",
        (
            Column("user", "u4", (), "id", "the creator", True),
            Column("drive", "f4", (), "1", "factor on the upload rate; 0 stopped", False, 1.0),
            Column("expected", "f4", (), "points", "points per upload the creator expects", False),
            Column("earned", "u8", (), "micro-USD", "money received so far", False),
            Column("counted", "u8", (), "micro-USD", "money received by the last review", False),
        ),
    )
)
_USD = np.float32(1e-6)
_NO_CREATOR = -1
_ONE = np.float32(1.0)


class CareerConfig(BaseModel):
    """Numbers of the review; meanings and sources in `parameters/creators.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_steps: int
    expectation: float
    expectation_weight: float
    engagement_points: int
    dollar_points: float
    drive_rate: float
    drive_max: float
    rest_rate: float
    cost_weight: float
    quit_below: float
    niche_margin: float
    niche_rate: float


class Careers(Part):
    """The daily review of creators."""

    name = "careers"

    def __init__(
        self,
        config: CareerConfig,
        user: UserConfig,
        creators: np.ndarray,
        production_cost: np.ndarray | None,
        draws: Draws,
    ) -> None:
        """Build the part.

        Args:
            config: Numbers of the review.
            user: Whether there is feedback at all, and the steps between reviews.
            creators: Ids of all who may ever upload, u4 (C,), ascending.
            production_cost: Cost of a video by category, float (K,), or None where all cost the same.
            draws: Keyed chance.
        """
        columns = Columns(CREATORS, len(creators))
        with columns.writing():
            columns.user[:] = creators
            columns.expected[:] = config.expectation
        super().__init__(columns)
        self.config = config
        self._creators = columns
        self._row_of = np.full(int(creators.max(initial=0)) + 1, _NO_CREATOR, np.int64)
        self._row_of[creators] = np.arange(len(creators))
        self._is_on = user.creator_feedback == "on"
        self._steps_per_day = user.steps_per_day
        self._rest = _resting(production_cost, config.cost_weight)
        self._draws = draws

    @property
    def table(self) -> FrozenColumns:
        """Read-only columns."""
        return self._creators.frozen

    def drive(self, user: np.ndarray) -> np.ndarray:
        """Return the drive of creators, float32; 1 while there is no feedback."""
        if not self._is_on:
            return np.ones(len(user), np.float32)
        return self.table.drive[self._rows(user)]

    def _rows(self, user: np.ndarray) -> np.ndarray:
        """Rows of creators, int64; every one must be known."""
        return self._row_of[user]

    def _known(self, user: np.ndarray) -> np.ndarray:
        """Which of these users are creators."""
        known = user < len(self._row_of)
        known[known] = self._row_of[user[known]] != _NO_CREATOR
        return known

    # -- the review ------------------------------------------------------------------------------

    def due(self, step: int) -> Iterator[Batch]:
        """Yield the reviews of the day, and who turns to another category."""
        if not self._is_on or step == 0 or step % self._steps_per_day:
            return
        recent = self._recent(step)
        row, ratio = self._ratio(recent)
        old = self.table.drive[row]
        user = self.table.user[row]
        new = self._moved(user, old, ratio)
        going = (self.sight.users.member[user] == MEMBER) & (old > 0)
        yield self._updated(step, user[going], PreferenceCause.RESULTS, change=(new - old)[going])
        who, topic = self._turning(recent, step)
        yield self._updated(step, who, PreferenceCause.NICHE, topic=topic)

    def _recent(self, step: int) -> np.ndarray:
        """Content rows of the creators' uploads that are young enough to count."""
        created = self.sight.items.created_step
        young = np.nonzero((created >= step - self.config.window_steps) & (created < step))[0]
        return young[self._known(self.sight.items.creator[young])]

    def _points(self, row: np.ndarray) -> np.ndarray:
        """What each upload brought, int64: views, and engagements at their worth."""
        items = self.sight.items
        engaged = (items.likes[row] + items.shares[row] + items.comments[row]).astype(np.int64)
        views = items.impressions[row].astype(np.int64) - items.skips[row]
        return views + self.config.engagement_points * engaged

    def _results(self, recent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the creators with recent uploads, ascending, and their points per upload, float32."""
        creator = self._rows(self.sight.items.creator[recent])
        size = len(self.table)
        points, uploads = np.zeros(size, np.int64), np.zeros(size, np.int64)
        np.add.at(points, creator, self._points(recent))
        np.add.at(uploads, creator, 1)
        row = np.nonzero(uploads)[0]
        table = self.table
        dollars = (table.earned[row] - table.counted[row]).astype(np.float32) * _USD
        total = points[row].astype(np.float32) + dollars * np.float32(self.config.dollar_points)
        return row, total / uploads[row].astype(np.float32)

    def _ratio(self, recent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        row, result = self._results(recent)
        return row, (result + _ONE) / (self.table.expected[row] + _ONE)

    def _moved(self, user: np.ndarray, old: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        """The drive after a review."""
        config = self.config
        rest = self._rest[np.minimum(self.sight.users.expertise[user], len(self._rest) - 1)]
        new = old + np.float32(config.drive_rate) * log32(ratio)
        new = new + np.float32(config.rest_rate) * (rest - old)
        new = np.clip(new, np.float32(0.0), np.float32(config.drive_max))
        return np.where(new < np.float32(config.quit_below), np.float32(0.0), new)

    def _turning(self, recent: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Creators whose uploads did clearly better in another category than in their own, and which."""
        items, users = self.sight.items, self.sight.users
        key = (items.creator[recent].astype(np.int64) << 16) | items.category[recent]
        pair, place = np.unique(key, return_inverse=True)
        points, uploads = np.zeros(len(pair), np.int64), np.zeros(len(pair), np.int64)
        np.add.at(points, place, self._points(recent))
        np.add.at(uploads, place, 1)
        mean = (points.astype(np.float32) + _ONE) / uploads.astype(np.float32)
        creator, category = (pair >> 16).astype(np.uint32), (pair & 0xFFFF).astype(np.uint16)
        order = np.lexsort((category, -mean, creator))
        best = order[np.unique(creator[order], return_index=True)[1]]
        user, topic = creator[best], category[best]
        own = self._own_field(pair, mean, user)
        better = (topic != users.expertise[user]) & (
            mean[best] > np.float32(self.config.niche_margin) * own
        )
        day = step // self._steps_per_day
        draw = self._draws.uniform(Stream.NICHE, user, day)
        turns = better & (users.member[user] == MEMBER) & (self.drive(user) > 0)
        turns &= draw < np.float32(self.config.niche_rate)
        return user[turns], topic[turns]

    def _own_field(self, pair: np.ndarray, mean: np.ndarray, user: np.ndarray) -> np.ndarray:
        """What uploads in their own field brought on average; without any, what they expect."""
        key = (user.astype(np.int64) << 16) | self.sight.users.expertise[user]
        at = np.minimum(np.searchsorted(pair, key), max(len(pair) - 1, 0))
        expected = self.table.expected[self._rows(user)]
        return np.where(pair[at] == key, mean[at], expected) if len(pair) else expected

    def _updated(
        self,
        step: int,
        user: np.ndarray,
        cause: PreferenceCause,
        change: np.ndarray | None = None,
        topic: np.ndarray | None = None,
    ) -> EventBatch:
        rows = len(user)
        columns: dict[str, np.ndarray] = {
            "user": user,
            "request": self.sight.users.request[user],
            "change": np.zeros(rows, np.float32) if change is None else change,
            "cause": np.full(rows, cause, np.uint8),
            "topic": np.full(rows, NO_TOPIC, np.uint16) if topic is None else topic,
        }
        return EventBatch("PREFERENCE_UPDATED", step, columns)

    # -- handlers --------------------------------------------------------------------------------

    def on_preference_updated(self, updated: EventBatch) -> None:
        """Write reviews down: drive, and what the creator is used to."""
        reviewed = updated.cause == PreferenceCause.RESULTS
        if not reviewed.any():
            return
        config, columns = self.config, self._creators
        row = self._rows(updated.user[reviewed])
        known, result = self._results(self._recent(updated.step))
        result = result[np.searchsorted(known, row)]
        drive = columns.drive[row] + updated.change[reviewed]
        columns.drive[row] = np.clip(drive, np.float32(0.0), np.float32(config.drive_max))
        expected = columns.expected[row]
        columns.expected[row] = expected + np.float32(config.expectation_weight) * (
            result - expected
        )
        columns.counted[row] = columns.earned[row]

    def on_transaction_completed(self, paid: EventBatch) -> None:
        """Count the money that creators receive."""
        known = self._known(paid.recipient)
        row = self._rows(paid.recipient[known])
        np.add.at(self._creators.earned, row, paid.share_microusd[known])


def _resting(cost: np.ndarray | None, weight: float) -> np.ndarray:
    """The drive to which creators of each field return, float32 (K,): relative cost ** -weight."""
    if cost is None:
        return np.ones(1, np.float32)
    relative = cost.astype(np.float32)
    total = np.float32(0.0)
    for value in relative:
        total += value
    relative = relative * np.float32(len(relative)) / total
    return exp32(np.float32(-weight) * log32(relative))
