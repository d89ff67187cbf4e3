"""Fold recorded events back into the twins' tables: state as the sum of its events.

Nothing is decided, served or drawn here: batches go through the same handlers that took them the first
time, and what handlers answer is dropped, because it is in the log.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from feedtwin.schema.batches import OUTCOME_EVENTS, Batch, EventBatch, Outcomes, SlateBatch
from feedtwin.schema.events import EVENTS
from feedtwin.session import COMMENT, FINISHED, LIKE, SHARE, SKIP
from feedtwin.world.world import World

_ENGAGEMENT_BITS = {1: LIKE, 2: SHARE, 3: COMMENT}


def flat_batch(event: str, step: int, record_batch: Any) -> EventBatch:
    """Return a logged Arrow batch as an event batch (its `step` column is checked and dropped)."""
    columns = {}
    for item in EVENTS[event].fields[1:]:
        values = record_batch.column(item.name).to_numpy(zero_copy_only=False)
        columns[item.name] = np.ascontiguousarray(values, item.numpy_dtype).copy()
    return EventBatch(event, step, columns)


def regroup(flat: Iterable[EventBatch], world: World) -> Iterator[Batch]:
    """Yield what was published, in order: outcomes are put together from their three logged events."""
    pending: list[EventBatch] = []
    for batch in flat:
        if batch.event in OUTCOME_EVENTS:
            pending.append(batch)
            if len(pending) == len(OUTCOME_EVENTS):
                yield outcomes_of(*pending, world=world)
                pending = []
        elif batch.event == "IMPRESSION_SERVED":
            yield slates_of(batch, world)
        else:
            yield batch


def outcomes_of(
    watched: EventBatch, skipped: EventBatch, engaged: EventBatch, *, world: World
) -> Outcomes:
    """Put the outcomes of one round of slates together again, slots in order."""
    watched = _without_skips(watched)
    user = np.concatenate([watched.user, skipped.user])
    slot = np.concatenate([watched.slot, skipped.slot])
    order = np.lexsort((slot, user))
    completion = np.concatenate([watched.completion, _skip_completion(skipped, world)])
    flags = np.concatenate(
        [np.zeros(watched.rows, np.uint8), np.full(skipped.rows, SKIP, np.uint8)]
    )
    flags |= np.where(completion >= np.float32(1.0), FINISHED, 0).astype(np.uint8)
    request = np.concatenate([watched.request, skipped.request])[order]
    values = {
        "item": np.concatenate([watched.item, skipped.item]),
        "watch_ms": np.concatenate([watched.watch_ms, skipped.watch_ms]),
        "completion": completion,
        "flags": flags,
    }
    people, first, count = np.unique(user[order], return_index=True, return_counts=True)
    lane = np.repeat(np.arange(len(people)), count)
    place = slot[order]
    out = {name: _padded(array[order], lane, place, len(people)) for name, array in values.items()}
    for code, bit in _ENGAGEMENT_BITS.items():
        chosen = engaged.engagement == code
        at = np.searchsorted(people, engaged.user[chosen])
        out["flags"][at, engaged.slot[chosen]] |= np.uint8(bit)
    row = world.content.rows_of(out["item"].ravel()) if len(people) else np.zeros(0, np.uint32)
    return Outcomes(
        step=watched.step,
        user=people.astype(np.uint32),
        request=request[first] if len(people) else request,
        reached_count=count.astype(np.uint8),
        item=out["item"],
        flags=out["flags"],
        watch_ms=out["watch_ms"],
        completion=out["completion"],
        row=row.reshape(out["item"].shape).astype(np.uint32),
    )


def _without_skips(watched: EventBatch) -> EventBatch:
    """Leave out what VIDEO_SKIPPED says again, where skips are logged twice."""
    stays = watched.is_skipped == 0
    if stays.all():
        return watched
    columns = {name: values[stays] for name, values in watched.columns.items()}
    return EventBatch(watched.event, watched.step, columns)


def _skip_completion(skipped: EventBatch, world: World) -> np.ndarray:
    """A skip logs its watch time only; the share watched is not needed to rebuild state."""
    return np.zeros(skipped.rows, np.float32)


def _padded(values: np.ndarray, lane: np.ndarray, slot: np.ndarray, lanes: int) -> np.ndarray:
    width = int(slot.max(initial=0)) + 1
    out = np.zeros((lanes, width), values.dtype)
    if values.dtype == np.uint64 and lanes:
        out[:] = values[0]  # any known item: unreached slots are never read
    out[lane, slot] = values
    return out


def slates_of(served: EventBatch, world: World) -> SlateBatch:
    """Put slates together again; requests that got nothing left no rows and change no state."""
    people, first, count = np.unique(served.user, return_index=True, return_counts=True)
    lane = np.repeat(np.arange(len(people)), count)
    names = ("item", "score", "propensity", "pool", "inserted", "stage", "meeting")
    out = {name: _padded(served.columns[name], lane, served.slot, len(people)) for name in names}
    return SlateBatch(
        step=served.step,
        user=people.astype(np.uint32),
        request=served.request[first],
        served_count=count.astype(np.uint8),
        policy=int(served.policy[0]) if served.rows else 0,
        row=np.zeros(out["item"].shape, np.uint32),
        **out,
    )


def fold(world: World, flat: Iterable[EventBatch]) -> None:
    """Deliver logged batches to the twins of `world` and drop their answers."""
    for batch in regroup(flat, world):
        world.bus.deliver(batch)
