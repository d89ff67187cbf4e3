"""The Content twin: the catalogue and its engagement state. Spec CON-1 to CON-9.

It owns the `items` table. `create` turns upload requests into VIDEO_CREATED; `report` says which items
changed in the last step. What a video is like is drawn once and travels in its event, so a replay
rebuilds the catalogue from the log.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from feedtwin.columns import Columns, FrozenColumns
from feedtwin.kernels.binding import Kernels
from feedtwin.randomness import Draws
from feedtwin.schema.batches import EventBatch, Outcomes
from feedtwin.schema.codes import GovernanceAction, GuardResult, SocialActivityKind
from feedtwin.schema.ids import item_id
from feedtwin.schema.targets import ITEM_ACTIONS, ITEM_MARKS, targeted
from feedtwin.twins.content.categories import DIMENSIONS, Categories, inverse_norm
from feedtwin.twins.content.config import ContentConfig
from feedtwin.twins.content.counting import count_reference
from feedtwin.twins.content.creation import NewVideos, compact_vectors, make_videos
from feedtwin.twins.content.embeddings import embedding_slices, visual_keys
from feedtwin.twins.content.guidance import Guide
from feedtwin.twins.hot import run

__all__ = ["ContentConfig", "ContentTwin"]

_COUNTERS = ("impressions", "skips", "likes", "shares", "comments", "completions")


class ContentTwin:
    """Videos as columns."""

    def __init__(
        self,
        config: ContentConfig,
        categories: Categories,
        columns: Columns,
        draws: Draws,
        kernels: Kernels,
        *,
        noise_match: bool = False,
    ) -> None:
        """Build the twin; `noise_match` keeps the literal match vectors beside the compact ones."""
        self.config = config
        self.categories = categories
        self._columns = columns
        self._draws = draws
        self._kernels = kernels
        self._noise_match = noise_match
        self.parts: tuple[Any, ...] = (self,)
        self._index()

    @property
    def table(self) -> FrozenColumns:
        """Read-only columns."""
        return self._columns.frozen

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let this twin's handlers write; opened by the bus."""
        with self._columns.writing():
            yield

    def _index(self) -> None:
        """Derive what is not state: the order of ids, and the match vectors."""
        items = self.table
        self._id_order = np.argsort(items.item, kind="stable")
        self._ids = items.item[self._id_order]
        if self._noise_match:
            keys = visual_keys(items.creator, items.category, items.hashtags)
            self._match = embedding_slices(keys, DIMENSIONS, self._draws)
            self._match_inv_norm = inverse_norm(self._match)

    def _index_more(self, where: slice) -> None:
        """Enter new rows into the index; their ids are sorted."""
        items = self._columns
        rows = np.arange(where.start, where.stop)
        order = rows[np.argsort(items.item[where], kind="stable")]
        at = np.searchsorted(self._ids, items.item[order])
        self._id_order = np.insert(self._id_order, at, order)
        self._ids = np.insert(self._ids, at, items.item[order])
        if self._noise_match:
            keys = visual_keys(items.creator[where], items.category[where], items.hashtags[where])
            fresh = embedding_slices(keys, DIMENSIONS, self._draws)
            self._match = np.concatenate([self._match, fresh])
            self._match_inv_norm = inverse_norm(self._match)

    @property
    def match_vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """The vectors an encounter matches interests against, int8 (V, D), and 1 / their norms."""
        if self._noise_match:
            return self._match, self._match_inv_norm
        return self.table.vector, self.table.inv_norm

    def rows_of(self, item: np.ndarray) -> np.ndarray:
        """Return the content rows of item ids, u4; every id must exist."""
        at = np.searchsorted(self._ids, item)
        return self._id_order[at].astype(np.uint32)

    # -- verbs -----------------------------------------------------------------------------------

    def create(self, creators: np.ndarray, users: FrozenColumns, step: int) -> EventBatch:
        """Return the videos that `creators` (sorted, one entry per video) upload now."""
        first = np.searchsorted(creators, creators, side="left")
        nth = (np.arange(len(creators)) - first).astype(np.uint32)
        ordinal = users.upload_count[creators] + nth
        guide = self._guide(creators, step)
        made = make_videos(
            creators, ordinal, users.expertise[creators], users.tier[creators], self.categories,
            self.config, self._draws, guide,
        )  # fmt: skip
        return created_batch(made, step, guide)

    def _guide(self, creators: np.ndarray, step: int) -> Guide | None:
        """What campaign plans say about uploads, if anything does."""
        found = [part.guide(creators, step) for part in self.parts[1:] if hasattr(part, "guide")]
        return found[0] if found else None

    def report(self, step: int) -> EventBatch:
        """Return the running totals of the items that were met since the last report."""
        items = self.table
        rows = np.nonzero(items.touched_step == step - 1)[0]
        order = rows[np.argsort(items.item[rows], kind="stable")]
        columns = {"item": items.item[order]}
        columns |= {name: getattr(items, name)[order] for name in _COUNTERS}
        columns["watch_ms"] = items.watch_ms[order]
        return EventBatch("CONTENT_STATE_UPDATED", step, columns, {"row": order.astype(np.uint32)})

    # -- handlers --------------------------------------------------------------------------------

    def on_video_created(self, created: EventBatch) -> None:
        """Enter new videos into the catalogue."""
        if created.rows:
            where = add_videos(self._columns, created, self.categories, self.config, self._draws)
            self._index_more(where)

    def on_outcomes(self, outcomes: Outcomes) -> None:
        """Count views, skips and engagements."""
        columns = self._columns
        arrays = {name: getattr(columns, name) for name in _COUNTERS}
        arrays |= {
            "item_watch_ms": columns.watch_ms,
            "touched_step": columns.touched_step,
            "row": outcomes.row,
            "flags": outcomes.flags,
            "watch_ms": outcomes.watch_ms,
            "reached_count": outcomes.reached_count,
        }
        scalars = {"step": outcomes.step}
        run(
            self._kernels,
            "count",
            count_reference,
            arrays,
            scalars,
            len(outcomes.user),
            serial=True,
        )

    def on_governance_action_applied(self, applied: EventBatch) -> None:
        """Label, gate, slow down, remove or restore what governance aims at."""
        columns = self._columns
        done = (applied.guard != GuardResult.BLOCKED) & np.isin(applied.action, ITEM_ACTIONS)
        for at in np.nonzero(done)[0].tolist():
            kind, target = int(applied.target_kind[at]), int(applied.target[at])
            rows = targeted(self.table, self.rows_of, kind, target)
            for name, value in ITEM_MARKS[GovernanceAction(int(applied.action[at]))].items():
                getattr(columns, name)[rows] = value

    def on_social_activity(self, said: EventBatch) -> None:
        """Take likes back, and count who keeps a video."""
        unliked = said.kind == SocialActivityKind.VIDEO_UNLIKED
        saved = said.kind == SocialActivityKind.VIDEO_SAVED
        np.subtract.at(self._columns.likes, self.rows_of(said.item[unliked]), np.uint32(1))
        np.add.at(self._columns.saves, self.rows_of(said.item[saved]), np.uint32(1))

    # -- state -----------------------------------------------------------------------------------

    def state(self) -> dict[str, np.ndarray]:
        """Return everything a snapshot must keep."""
        return self._columns.state()

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        self._columns.load_state(state)
        self._index()


def created_batch(made: NewVideos, step: int, guide: Guide | None = None) -> EventBatch:
    """Return VIDEO_CREATED for new videos, with the plans that guided them."""
    item = item_id(made.creator, made.ordinal)
    columns = {
        "user": made.creator.astype(np.uint32),
        "item": item,
        "category": made.category,
        **{f"hashtag_{k + 1}": made.hashtags[:, k].copy() for k in range(3)},
        "sound": made.sound,
        "duration_s": made.duration_s,
        "hook_strength": made.hook_strength,
        "quality": made.quality,
        "virality": made.virality,
        "completion_prior": made.completion_prior,
        "toxicity": made.toxicity,
        "origin": np.zeros(len(item), np.uint8),
        "parent": np.zeros(len(item), np.uint64),
        "plan": np.zeros(len(item), np.uint32) if guide is None else guide.plan,
        "text": np.zeros(len(item), np.uint32) if guide is None else guide.text,
    }
    return EventBatch("VIDEO_CREATED", step, columns)


def add_videos(
    columns: Columns,
    created: EventBatch,
    categories: Categories,
    config: ContentConfig,
    draws: Draws,
) -> slice:
    """Append the rows of a VIDEO_CREATED batch; call it while `columns` are writable."""
    where = columns.grow(created.rows)
    hashtags = np.stack([created.hashtag_1, created.hashtag_2, created.hashtag_3], axis=1)
    ordinal = (created.item & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    vectors = compact_vectors(
        created.user, ordinal, created.category, hashtags, categories.vectors, config, draws
    )
    values = {
        "item": created.item,
        "creator": created.user,
        "ordinal": ordinal,
        "hashtags": hashtags,
        "vector": vectors,
        "inv_norm": inverse_norm(vectors),
        "created_step": created.step,
        "is_public": 1,
        **{
            name: getattr(created, name)
            for name in (
                "category", "sound", "duration_s", "hook_strength", "quality", "virality",
                "completion_prior", "toxicity", "origin", "parent",
            )
        },
    }  # fmt: skip
    for name, value in values.items():
        getattr(columns, name)[where] = value
    return where
