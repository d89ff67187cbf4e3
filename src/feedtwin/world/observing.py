"""A world run in memory, with everything that was shown as columns: for whoever measures many worlds and keeps none."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feedtwin.bus import Published
from feedtwin.kernels.binding import Kernels
from feedtwin.schema.batches import Outcomes, slot_mask
from feedtwin.schema.settings import Settings
from feedtwin.session import LIKE
from feedtwin.world.build import build


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

    world.recorder = take
    for _ in range(steps):
        world.step()
    if not parts:
        parts.append(_columns(_nothing(), first_new))
    return Observed(*(np.concatenate(column) for column in zip(*parts, strict=True)))


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
