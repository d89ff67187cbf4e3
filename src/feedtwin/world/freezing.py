"""One twin's decisions held at what another run decided, so that an effect can be taken apart.

A treated world is executed again while the videos that are made (supply), or the slates that are served
(exposure), are those that were recorded in the base. What remains of the effect did not come through the
twin that was frozen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from feedtwin.bus import Published
from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import Kernels
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.batches import Batch, EventBatch, SlateBatch
from feedtwin.schema.codes import VideoOrigin
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.world.options import Finished, RunOptions
from feedtwin.world.running import start_from
from feedtwin.world.segments import Segment, advance, begin, enter
from feedtwin.world.world import World

SUPPLY: Final = "supply"
EXPOSURE: Final = "exposure"
ANSWERS: Final = {VideoOrigin.DUET: "DUET_VIDEO", VideoOrigin.STITCH: "STITCH_VIDEO"}
"""Videos that are made while people watch, and the action that makes them."""
PARTS: Final = (SUPPLY, EXPOSURE)
"""What can be frozen: the Content twin's making of videos, the Platform twin's serving of slates."""

_COPIED = ("item", "score", "propensity", "pool", "inserted", "stage", "meeting")


@dataclass
class Decisions:
    """What a run decided: uploads by step, answers to videos by step and action, slates by (user, request)."""

    created: dict[int, EventBatch] = field(default_factory=dict)
    answers: dict[int, dict[str, list[Batch]]] = field(default_factory=dict)
    slates: list[SlateBatch] = field(default_factory=list)
    _index: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def note(self, published: Published) -> None:
        """Take a published batch, if it is a decision that can be frozen."""
        batch = published.batch
        if isinstance(batch, SlateBatch):
            self.slates.append(batch)
        elif isinstance(batch, EventBatch) and batch.event == "VIDEO_CREATED":
            if published.phase == "create":
                self.created[batch.step] = batch
            else:
                action = ANSWERS[VideoOrigin(int(batch.origin[0]))]
                self.answers.setdefault(batch.step, {}).setdefault(action, []).append(batch)

    def find(self, user: np.ndarray, request: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the batch and the lane of each request's slate, -1 where the run had no such request.

        Args:
            user: (R,) user ids.
            request: (R,) each user's request ordinal.
        """
        if self._index is None:
            keys = [_key(one.user, one.request) for one in self.slates]
            batch = [np.full(len(key), k) for k, key in enumerate(keys)]
            lane = [np.arange(len(key)) for key in keys]
            key = np.concatenate(keys) if keys else np.zeros(0, np.uint64)
            order = np.argsort(key, kind="stable")
            empty = np.zeros(0, np.int64)
            self._index = (
                key[order],
                np.concatenate(batch)[order] if keys else empty,
                np.concatenate(lane)[order] if keys else empty,
            )
        known, batch_of, lane_of = self._index
        wanted = _key(user, request)
        if not len(known):
            nowhere = np.full(len(wanted), -1)
            return nowhere, nowhere
        at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        found = known[at] == wanted
        return np.where(found, batch_of[at], -1), np.where(found, lane_of[at], -1)

    def pairs(self) -> np.ndarray:
        """Return the distinct (user, item) pairs that were served, as sorted structured rows."""
        rows = []
        for slates in self.slates:
            filled = np.arange(slates.item.shape[1]) < slates.served_count[:, None]
            user = np.broadcast_to(slates.user[:, None], slates.item.shape)
            pair = np.zeros(int(filled.sum()), [("user", np.uint32), ("item", np.uint64)])
            pair["user"], pair["item"] = user[filled], slates.item[filled]
            rows.append(pair)
        return (
            np.unique(np.concatenate(rows))
            if rows
            else np.zeros(0, [("user", np.uint32), ("item", np.uint64)])
        )


def _key(user: np.ndarray, request: np.ndarray) -> np.ndarray:
    return (user.astype(np.uint64) << np.uint64(32)) | request.astype(np.uint64)


def decisions_of(segments: Sequence[Segment], at: int, steps: int, kernels: Kernels) -> Decisions:
    """Execute a run again from its settings and return what it decided from step `at` on."""
    world = advance(begin(segments, kernels), segments, kernels, at)
    noted = Decisions()
    world.recorder = noted.note
    advance(world, segments, kernels, steps)
    return noted


@dataclass
class Replayed:
    """How much of what was frozen could be replayed."""

    requests: int = 0
    found: int = 0

    @property
    def share(self) -> float:
        """Share of the requests that got the slate of the base; 1 where none was asked."""
        return self.found / self.requests if self.requests else 1.0


def run_frozen(
    segments: Sequence[Segment],
    at: int,
    base: Decisions,
    parts: Sequence[str],
    out: Path,
    options: RunOptions,
    kernels: Kernels,
) -> tuple[Finished, Replayed]:
    """Run a treated world with some decisions held at the base's.

    Args:
        segments: Settings over time of the treated run.
        at: Step from which decisions are held.
        base: What the base decided from that step on.
        parts: Of PARTS, what is held.
        out: A new run folder. It cannot be replayed from its journal: the base's decisions are not in it.
        options: Steps at its end, and log level.
        kernels: The kernels to use.

    Returns:
        The run, and how many of its requests the base had a slate for. Requests that the base never had (a user
        went on longer), or whose videos are not there, are served by the treated platform.

    Raises:
        SettingsError: A part is unknown.
    """
    for part in parts:
        if part not in PARTS:
            raise SettingsError(f"freeze {part!r}: expected one of {', '.join(PARTS)}")
    world = enter(advance(begin(segments, kernels), segments, kernels, at), segments, kernels)
    replayed = Replayed()
    if SUPPLY in parts:
        _freeze_supply(world, base)
    if EXPOSURE in parts:
        _freeze_exposure(world, base, replayed)
    kept = [one for one in segments if one.from_step <= at]
    return start_from(world, list(kept), out, options, kernels), replayed


def _freeze_supply(world: World, base: Decisions) -> None:
    """Let the base's uploads be made, and its answers to videos, whoever would upload or answer now."""
    native = world.content.create

    def create(creators: np.ndarray, users: object, step: int) -> EventBatch:
        recorded = base.created.get(step)
        if recorded is not None:
            return recorded
        return native(creators[:0], users, step)  # type: ignore[arg-type]

    world.content.create = create  # type: ignore[method-assign]
    acts = world.actions

    def actions(reactions: Reactions) -> list[ActionBatch]:
        kept = [one for one in acts(reactions) if one.action not in ANSWERS.values()]
        held = base.answers.get(reactions.step, {})
        wishes = [
            asked(action, reactions.step) for action in held
        ]  # who asked is in what is replayed
        return sorted([*kept, *wishes], key=lambda wish: ACTIONS[wish.action].number)

    def answer(wish: ActionBatch) -> list[Batch]:
        return base.answers[wish.step][wish.action]

    world.actions = actions  # type: ignore[method-assign]
    for part in world.content.parts:
        for action in ANSWERS.values():
            method = f"do_{action.lower()}"
            if hasattr(part, method):
                setattr(part, method, answer)


def _freeze_exposure(world: World, base: Decisions, replayed: Replayed) -> None:
    """Serve the base's slates to the requests that the base had."""
    native = world.platform.serve

    def serve(asked: EventBatch) -> SlateBatch:
        own = native(asked)
        batch, lane = base.find(own.user, own.request)
        replayed.requests += len(own.user)
        arrays = {name: getattr(own, name).copy() for name in (*_COPIED, "row", "served_count")}
        for number in np.unique(batch[batch >= 0]).tolist():
            source = base.slates[number]
            here = np.nonzero(batch == number)[0]
            there = lane[here]
            filled = np.arange(source.item.shape[1]) < source.served_count[there][:, None]
            rows, known = _rows(world, source.item[there], filled)
            fits = known & (source.item.shape[1] == own.item.shape[1])
            here, there, rows = here[fits], there[fits], rows[fits]
            for name in _COPIED:
                arrays[name][here] = getattr(source, name)[there]
            arrays["row"][here] = rows
            arrays["served_count"][here] = source.served_count[there]
            replayed.found += len(here)
        return SlateBatch(
            step=own.step, user=own.user, request=own.request, policy=own.policy, **arrays
        )

    world.platform.serve = serve  # type: ignore[method-assign]


def _rows(world: World, items: np.ndarray, filled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Content rows (R, S) of item ids, and whether every filled slot of a lane has one, bool (R,)."""
    have = world.content.table.item
    order = np.argsort(have, kind="stable")
    at = np.minimum(np.searchsorted(have[order], items), max(len(have) - 1, 0))
    row = order[at]
    same = have[row] == items
    return np.where(filled, row, 0).astype(np.uint32), (same | ~filled).all(axis=1)


def jaccard(a: Decisions, b: Decisions) -> float | None:
    """Return the share of (user, video) pairs served in either run that were served in both."""
    left, right = a.pairs(), b.pairs()
    both = len(np.intersect1d(left, right, assume_unique=True))
    either = len(left) + len(right) - both
    return both / either if either else None
