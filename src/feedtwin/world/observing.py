"""A world run in memory, with everything that was shown as columns: for whoever measures many worlds and keeps none."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feedtwin.bus import Published
from feedtwin.kernels.binding import Kernels
from feedtwin.schema.batches import EventBatch, Outcomes, slot_mask
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.schema.settings import Settings
from feedtwin.session import LIKE
from feedtwin.world.build import build
from feedtwin.world.world import World

_HOURS = 24


@dataclass(frozen=True)
class Observed:
    """Every impression of a run on the videos that were there from the start, (n,) each.

    Attributes:
        user: user id.
        step: step (hour).
        row: row of the video in the initial catalogue.
        watch_ms: milliseconds watched.
        liked: whether it was liked.
        key: a number that no other impression of the run has: user, request and slot.
    """

    user: npt.NDArray[np.uint32]
    step: npt.NDArray[np.int32]
    row: npt.NDArray[np.uint32]
    watch_ms: npt.NDArray[np.uint32]
    liked: npt.NDArray[np.bool_]
    key: npt.NDArray[np.int64]


def observe(settings: Settings, steps: int, kernels: Kernels, from_step: int = 0) -> Observed:
    """Run a world and return what was shown.

    Args:
        settings: The world; what it asks of language models is answered by stand-ins.
        steps: Steps to run.
        kernels: The kernels to use.
        from_step: First step whose impressions count; those before warm the world up.

    Returns:
        The impressions, in the order in which they happened.
    """
    world = build(settings, kernels)
    first_new = len(world.content.table)
    parts: list[tuple[np.ndarray, ...]] = []

    def take(published: Published) -> None:
        batch = published.batch
        if isinstance(batch, Outcomes) and batch.step >= from_step:
            parts.append(_columns(batch, first_new))

    _run(world, steps, take)
    if not parts:
        parts.append(_columns(_nothing(), first_new))
    return Observed(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Spreading:
    """How hashtags and shares of a run spread; V videos, those of the run included, n shares, m hourly reports.

    Attributes:
        item, creator: (V,) ids of each video and of who made it, by row.
        created_step: (V,) step of its upload; negative for those that were there from the start.
        hashtags: (V, 3) its hashtags; 0 = none.
        views: (V, days) impressions of each whole day, as the hourly reports say them: an hour is reported in the next.
        shared, user, parent, step: (n,) item, sharer, whose share led to it (<< 32 | 1; 0 = nobody's) and when, in order of
            item, step, sharer.
        reported, report_step, report_views: (m,) item, hour and impressions so far, of videos that were uploaded in the run.
    """

    item: npt.NDArray[np.uint64]
    creator: npt.NDArray[np.uint32]
    created_step: npt.NDArray[np.int64]
    hashtags: npt.NDArray[np.int64]
    views: npt.NDArray[np.float64]
    shared: npt.NDArray[np.uint64]
    user: npt.NDArray[np.uint64]
    parent: npt.NDArray[np.uint64]
    step: npt.NDArray[np.int64]
    reported: npt.NDArray[np.uint64]
    report_step: npt.NDArray[np.int64]
    report_views: npt.NDArray[np.float64]


def observe_spreading(settings: Settings, steps: int, kernels: Kernels) -> Spreading:
    """Run a world and return how its hashtags and shares spread, as its log would say it.

    Args:
        settings: The world; what it asks of language models is answered by stand-ins.
        steps: Steps to run.
        kernels: The kernels to use.
    """
    world = build(settings, kernels)
    reports: list[np.ndarray] = []
    shares: list[np.ndarray] = []

    def take(published: Published) -> None:
        batch = published.batch
        if not isinstance(batch, EventBatch):
            return
        if batch.event == "CONTENT_STATE_UPDATED":
            when = np.full(batch.rows, batch.step)
            reports.append(_rows(batch.item, when, batch.impressions))
        elif batch.event == "SOCIAL_ACTIVITY":
            at = np.flatnonzero(batch.kind == SocialActivityKind.VIDEO_SHARED)
            when = np.full(len(at), batch.step)
            place = np.arange(len(at))
            shares.append(_rows(batch.item[at], when, batch.user[at], place, batch.parent[at]))

    _run(world, steps, take)
    items = world.content.table
    item, at, seen = np.concatenate([_rows(*[np.zeros(0)] * 3), *reports], axis=1)
    row, hour, days = world.content.rows_of(item), at.astype(np.int64) - 1, steps // _HOURS
    total = np.zeros((len(items), days + 1))
    inside = hour < days * _HOURS
    np.maximum.at(total, (row[inside], hour[inside] // _HOURS + 1), seen[inside])  # running totals
    views = np.diff(np.maximum.accumulate(total, axis=1), axis=1)
    shared, when, user, place, parent = np.concatenate([_rows(*[np.zeros(0)] * 5), *shares], axis=1)
    order = np.lexsort((place, user, when, shared))
    new = items.created_step[row] >= 0
    return Spreading(
        items.item.astype(np.uint64), items.creator.copy(), items.created_step.astype(np.int64),
        items.hashtags.astype(np.int64), views, shared[order], user[order], parent[order],
        when[order].astype(np.int64), item[new], at[new].astype(np.int64), seen[new].astype(np.float64),
    )  # fmt: skip


def _rows(*columns: np.ndarray) -> np.ndarray:
    """Columns as rows of one array, u8."""
    return np.stack([one.astype(np.uint64) for one in columns])


def _run(world: World, steps: int, take: Callable[[Published], None]) -> None:
    world.recorder = take
    for _ in range(steps):
        world.step()


def _columns(batch: Outcomes, first_new: int) -> tuple[np.ndarray, ...]:
    slots = batch.item.shape[1]
    at = slot_mask(batch.reached_count, slots) & (batch.row < first_new)
    which, slot = np.nonzero(at)
    user = batch.user[which]
    key = ((user.astype(np.int64) << 24) + batch.request[which]) * slots + slot
    return (
        user, np.full(len(user), batch.step, np.int32), batch.row[at].astype(np.uint32),
        batch.watch_ms[at].astype(np.uint32), (batch.flags[at] & LIKE) != 0, key,
    )  # fmt: skip


def _nothing() -> Outcomes:
    flat, wide = np.zeros(0, np.uint32), np.zeros((0, 1), np.uint32)
    return Outcomes(
        0, flat, flat, flat.astype(np.uint8), wide, wide.astype(np.uint8), wide,
        wide.astype(np.float32), wide,
    )  # fmt: skip
