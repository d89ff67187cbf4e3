"""Event batches: the only thing that crosses a border between twins.

A batch is many rows of one event type as columns. Three shapes exist. `EventBatch` holds flat columns.
`SlateBatch` (IMPRESSION_SERVED) and `Outcomes` hold one row per request and one column per slot, which
is how the hot path computes; they flatten to the declared columns when they are logged. `Outcomes` is
logged as exactly one VIDEO_WATCHED or VIDEO_SKIPPED per impression plus a VIDEO_ENGAGED row per
engagement, and is handed to `on_outcomes` whole, because learning needs the slots in order.

`hints` are derived arrays (such as content rows of item ids) that spare the receiver a look-up. They are
never logged, hashed or needed: a receiver that finds none looks up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from feedtwin.errors import SchemaError
from feedtwin.schema.events import EVENTS
from feedtwin.schema.fields import Field
from feedtwin.session import COMMENT, LIKE, SHARE, SKIP

OUTCOME_EVENTS = ("VIDEO_WATCHED", "VIDEO_SKIPPED", "VIDEO_ENGAGED")
ENGAGEMENTS = ((LIKE, 1), (SHARE, 2), (COMMENT, 3))
"""Flag bit and code of VIDEO_ENGAGED.engagement."""

Array = np.ndarray
EMPTY: Mapping[str, Array] = {}


def check_columns(what: str, declared: Sequence[Field], columns: Mapping[str, Array]) -> None:
    """Hold columns to their declaration, and make them read-only.

    Raises:
        SchemaError: Names, lengths or types are not the declared ones.
    """
    found = tuple(columns)
    expected = tuple(item.name for item in declared)
    if found != expected:
        raise SchemaError(f"{what}: columns {found}, expected {expected}")
    rows = {len(values) for values in columns.values()}
    if len(rows) > 1:
        raise SchemaError(f"{what}: columns of different lengths {sorted(rows)}")
    for item in declared:
        values = columns[item.name]
        if values.dtype != item.numpy_dtype:
            raise SchemaError(
                f"{what}: column {item.name} is {values.dtype}, expected {item.numpy_dtype}"
            )
        values.flags.writeable = False


@dataclass(frozen=True)
class EventBatch:
    """Rows of one event type at one step; `columns` are flat and leave out `step`."""

    event: str
    step: int
    columns: Mapping[str, Array]
    hints: Mapping[str, Array] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        check_columns(f"batch of {self.event}", EVENTS[self.event].fields[1:], self.columns)

    def __getattr__(self, name: str) -> Array:
        try:
            return self.columns[name]
        except KeyError:
            raise AttributeError(f"{self.event} has no column {name!r}") from None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))

    @property
    def handler(self) -> str:
        """Name of the method that receives this batch."""
        return EVENTS[self.event].handler

    @property
    def consumers(self) -> tuple[str, ...]:
        """Twins that receive this batch, in order."""
        return EVENTS[self.event].consumers

    def logged(self) -> Iterator[EventBatch]:
        """Yield the flat batches that the log keeps."""
        yield self

    def digested(self) -> tuple[Array | None, list[Array]]:
        """Return the user of each row (None when the event belongs to no user) and what is hashed."""
        reports = EVENTS[self.event].reports
        columns = [
            np.full_like(column, reports[name]) if name in reports else column
            for name, column in self.columns.items()
        ]
        return self.columns.get("user"), columns


@dataclass(frozen=True)
class SlateBatch:
    """Slates as served: (R,) `user`, `request`, `served_count`; (R, S) everything else.

    `row` and `meeting` serve the encounter; `score`, `propensity`, `pool`, `inserted`, `stage` explain it.
    """

    step: int
    user: Array
    request: Array
    served_count: Array
    item: Array
    score: Array
    propensity: Array
    pool: Array
    inserted: Array
    stage: Array
    meeting: Array
    policy: int
    row: Array

    event = "IMPRESSION_SERVED"
    handler = "on_impression_served"

    @property
    def consumers(self) -> tuple[str, ...]:
        """Twins that receive this batch, in order."""
        return EVENTS[self.event].consumers

    @property
    def rows(self) -> int:
        """Number of slots served."""
        return int(self.served_count.sum(dtype=np.int64))

    def logged(self) -> Iterator[EventBatch]:
        """Yield the flat IMPRESSION_SERVED batch."""
        at = slot_mask(self.served_count, self.item.shape[1])
        user, request, slot = _keys(self.user, self.request, at)
        yield EventBatch(
            self.event,
            self.step,
            {
                "user": user,
                "request": request,
                "slot": slot,
                "item": self.item[at],
                "pool": self.pool[at],
                "score": self.score[at],
                "propensity": self.propensity[at],
                "inserted": self.inserted[at],
                "stage": self.stage[at],
                "meeting": self.meeting[at],
                "policy": np.full(len(user), self.policy, np.uint8),
            },
        )

    def digested(self) -> tuple[Array, list[Array]]:
        """Return the user of each request and what is hashed; the policy's label is left out."""
        return self.user, [
            self.user, self.request, self.served_count, self.item, self.score, self.propensity,
            self.pool, self.inserted, self.stage, self.meeting,
        ]  # fmt: skip


@dataclass(frozen=True)
class Outcomes:
    """What happened at each reached slot: (R,) `user`, `request`, `reached_count`; (R, S) the rest.

    With `doubled`, a skip is also logged as a VIDEO_WATCHED that says so, as printed (spec 1.10 #7). `text` holds
    the text ids of comments, u4, where comments have words.
    """

    step: int
    user: Array
    request: Array
    reached_count: Array
    item: Array
    flags: Array
    watch_ms: Array
    completion: Array
    row: Array
    doubled: bool = False
    text: Array | None = None

    event = "OUTCOMES"
    handler = "on_outcomes"

    @property
    def consumers(self) -> tuple[str, ...]:
        """Twins that receive outcomes, in order: those of the events they are logged as."""
        return EVENTS["VIDEO_WATCHED"].consumers

    @property
    def rows(self) -> int:
        """Number of impressions."""
        return int(self.reached_count.sum(dtype=np.int64))

    def logged(self) -> Iterator[EventBatch]:
        """Yield VIDEO_WATCHED, VIDEO_SKIPPED and VIDEO_ENGAGED; always all three, perhaps empty."""
        reached = slot_mask(self.reached_count, self.item.shape[1])
        skipped = (self.flags & SKIP) != 0
        shown = reached if self.doubled else reached & ~skipped
        watched = self._columns(shown)
        watched["completion"] = self.completion[shown]
        watched["is_skipped"] = skipped[shown].astype(np.uint8)
        yield EventBatch("VIDEO_WATCHED", self.step, watched)
        yield EventBatch("VIDEO_SKIPPED", self.step, self._columns(reached & skipped))
        yield self._engaged(reached)

    def _columns(self, at: Array) -> dict[str, Array]:
        user, request, slot = _keys(self.user, self.request, at)
        return {
            "user": user,
            "request": request,
            "slot": slot,
            "item": self.item[at],
            "watch_ms": self.watch_ms[at],
        }

    def _engaged(self, reached: Array) -> EventBatch:
        parts = []
        for bit, code in ENGAGEMENTS:
            at = reached & ((self.flags & bit) != 0)
            user, request, slot = _keys(self.user, self.request, at)
            kind, text = np.full(len(user), code, np.uint8), np.zeros(len(user), np.uint32)
            if self.text is not None and bit == COMMENT:
                text = self.text[at]
            parts.append((user, request, slot, self.item[at], kind, text))
        names = ("user", "request", "slot", "item", "engagement", "text")
        joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
        order = np.lexsort((joined[4], joined[2], joined[1], joined[0]))
        columns = {name: values[order] for name, values in zip(names, joined, strict=True)}
        return EventBatch("VIDEO_ENGAGED", self.step, columns)

    def digested(self) -> tuple[Array, list[Array]]:
        """Return the user of each request and what is hashed."""
        words = [] if self.text is None else [self.text]
        return self.user, [
            self.user, self.request, self.reached_count, self.flags, self.watch_ms, self.completion, *words,
        ]  # fmt: skip


Batch = EventBatch | SlateBatch | Outcomes


def slot_mask(count: Array, slots: int) -> Array:
    """Return bool (R, S): which slots of each request are filled."""
    return np.arange(slots, dtype=np.uint8)[None, :] < count[:, None]


def _keys(user: Array, request: Array, at: Array) -> tuple[Array, Array, Array]:
    """Return user, request and slot of the True cells of `at`, in user and slot order."""
    which, slot = np.nonzero(at)
    return user[which], request[which], slot.astype(np.uint8)


def empty(event: str, step: int) -> EventBatch:
    """Return a batch without rows."""
    fields = EVENTS[event].fields[1:]
    return EventBatch(event, step, {item.name: np.zeros(0, item.numpy_dtype) for item in fields})
