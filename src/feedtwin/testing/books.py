"""Do the books of a world balance? What is counted twice must agree, whatever happened.

`Auditor` looks at a world after each step: impressions, engagements and watch time are counted by item, by user
and in the totals; ties are counted on both sides; stages change only along the declared ways and from where
they were; every reference exists; every number is finite and within its bounds. For tests, fuzzing and people
who write policies or twins of their own.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from feedtwin.bus import Published
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import ItemKind, Stage
from feedtwin.schema.ids import item_id
from feedtwin.world.world import World

STAGE_WAYS = frozenset(
    (int(a), int(b))
    for a, b in (
        (Stage.INITIAL_EXPOSURE, Stage.EXPANDED_EXPOSURE),
        (Stage.INITIAL_EXPOSURE, Stage.LIMITED_EXPOSURE),
        (Stage.EXPANDED_EXPOSURE, Stage.VIRAL_STAGE),
        (Stage.EXPANDED_EXPOSURE, Stage.LIMITED_EXPOSURE),
        (Stage.LIMITED_EXPOSURE, Stage.EXPANDED_EXPOSURE),
        (Stage.VIRAL_STAGE, Stage.EXPANDED_EXPOSURE),
    )
)
"""Moves between exposure stages that a promotion policy of this package makes. Spec PRO-1 to PRO-4."""

UNIT_COLUMNS = ("energy", "satisfaction", "humor_affinity", "toxicity_tolerance")
"""Float columns of users that stay within [0, 1]."""
ENGAGEMENTS = ("skips", "completions", "shares", "comments")
"""Counters of items that the totals repeat; likes can be taken back and are compared apart."""


class Auditor:
    """Watches a world and reports what does not balance.

    Use: `auditor = Auditor(world)`, then `auditor.problems()` after each `world.step()`.
    """

    def __init__(self, world: World) -> None:
        """Begin with a world at step 0; hooks onto its recorder, and passes on to an earlier one."""
        self._world = world
        self._before = world.recorder
        self._stage = world.platform.catalogue.stage.copy()
        self._found: list[str] = []
        self._unlikes = 0
        world.recorder = self._record

    def problems(self) -> list[str]:
        """Return what does not balance now, one sentence each; empty when all is well."""
        found, self._found = self._found, []
        return [*found, *views(self._world, self._unlikes), *ties(self._world), *stages(self),
                *references(self._world), *bounds(self._world)]  # fmt: skip

    @property
    def expected_stage(self) -> np.ndarray:
        """The stages that the logged changes lead to, (V,), new videos in the initial stage."""
        fresh = len(self._world.platform.catalogue.stage) - len(self._stage)
        return np.concatenate([self._stage, np.zeros(fresh, np.uint8)])

    @property
    def stage_now(self) -> np.ndarray:
        """The stages in the platform's store, (V,)."""
        return self._world.platform.catalogue.stage

    def _record(self, published: Published) -> None:
        batch = published.batch
        if isinstance(batch, EventBatch) and batch.event == "EXPOSURE_STAGE_CHANGED":
            self._follow(batch)
        if isinstance(batch, EventBatch) and batch.event == "SOCIAL_ACTIVITY":
            self._unlikes += int(np.count_nonzero(batch.kind == 18))
        if self._before is not None:
            self._before(published)

    def _follow(self, changed: EventBatch) -> None:
        row = self._world.content.rows_of(changed.item)
        was = self.expected_stage
        if not np.array_equal(was[row], changed.from_stage):
            self._found.append(f"step {changed.step}: a stage change starts where the item was not")
        ways = set(zip(changed.from_stage.tolist(), changed.to_stage.tolist(), strict=True))
        if ways - STAGE_WAYS:
            self._found.append(f"step {changed.step}: stage moves {sorted(ways - STAGE_WAYS)}")
        was[row] = changed.to_stage
        self._stage = was


def views(world: World, unlikes: int = 0) -> Iterator[str]:
    """Yield where counts of impressions, engagements and watch time disagree."""
    items, totals = world.content.table, world.platform.telemetry.as_dict()

    def total(name: str) -> int:
        return int(getattr(items, name).sum(dtype=np.int64))

    seen = int(world.platform.accounts.seen_count.sum(dtype=np.int64))
    if not total("impressions") == totals["impressions"] == seen:
        yield (
            f"impressions: {total('impressions')} by item, {totals['impressions']} in the totals, {seen} "
            "in the seen-stores"
        )
    for name in (*ENGAGEMENTS, "watch_ms"):
        if total(name) != totals[name]:
            yield f"{name}: {total(name)} by item, {totals[name]} in the totals"
    if total("likes") + unlikes != totals["likes"]:
        yield f"likes: {total('likes')} by item and {unlikes} taken back, {totals['likes']} given"
    watched = items.impressions.astype(np.int64) - items.skips
    for name in ("completions", "shares", "comments", "likes"):
        if np.any(getattr(items, name) > watched):
            yield f"{name}: an item has more than views"
    if np.any(watched < 0):
        yield "skips: an item has more than impressions"


def ties(world: World) -> Iterator[str]:
    """Yield where follow edges and their counts disagree."""
    users, edges = world.users.table, world.users.ties
    size = len(users)
    if not np.array_equal(users.follower_count, np.bincount(edges.user, minlength=size)):
        yield "follower_count: not the number of edges that end at the user"
    if not np.array_equal(users.following_count, np.diff(edges.offset)):
        yield "following_count: not the number of edges that start at the user"
    follower = np.repeat(np.arange(size), np.diff(edges.offset))
    if np.any(follower == edges.user):
        yield "ties: a user follows themselves"


def stages(auditor: Auditor) -> Iterator[str]:
    """Yield where the stage store is not what the logged changes lead to."""
    if not np.array_equal(auditor.expected_stage, auditor.stage_now):
        yield "stages: the store is not what the logged changes lead to"


def references(world: World) -> Iterator[str]:
    """Yield ids that point nowhere."""
    users, items, size = len(world.users.table), world.content.table, len(world.content.table)
    videos = items.kind == ItemKind.VIDEO
    if np.any(items.creator[videos] >= users):
        yield "items.creator: a video's creator is no user"
    if len(np.unique(items.item)) != size or not np.array_equal(
        items.item, item_id(items.creator, items.ordinal)
    ):
        yield "items.item: ids are not unique, or not creator and ordinal"
    answered = items.parent[items.parent > 0]
    if not np.isin(answered, items.item).all():
        yield "items.parent: a video answers one that is not there"
    latest = world.platform.accounts.latest_row
    if np.any((latest >= size) & (latest != 0xFFFFFFFF)):
        yield "accounts.latest_row: no such row"
    topics = world.users.table.trace_topic
    if np.any((topics >= world.content.categories.count) & (topics != 0xFFFF)):
        yield "users.trace_topic: no such category"
    uploads = np.bincount(items.creator[videos], minlength=users)[:users]
    if np.any(world.users.table.upload_count < uploads):
        yield "users.upload_count: fewer than the user's videos"


def bounds(world: World) -> Iterator[str]:
    """Yield state that is not finite, or leaves its range."""
    for name, array in world.state().items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            yield f"{name}: not finite"
    users: Any = world.users.table
    for name in UNIT_COLUMNS:
        values = getattr(users, name)
        if values.dtype.kind == "f" and len(values) and (values.min() < 0 or values.max() > 1):
            yield f"users.{name}: outside [0, 1]"
    if np.any(users.interests < world.users.config.learning_scalars()["interest_min"]):
        yield "users.interests: below its least value"
    if np.any(world.platform.catalogue.velocity < 0):
        yield "catalogue.velocity: negative"
