"""The Content twin: the catalogue and its engagement state. Spec CON-1 to CON-9.

It owns the `items` table. `create` turns upload requests into VIDEO_CREATED; `report` says which items
changed in the last step. What a video is like is drawn once and travels in its event, so a replay
rebuilds the catalogue from the log. Its parts keep hashtags and sounds, and make duets and stitches.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from feedtwin.columns import Columns, FrozenColumns
from feedtwin.errors import IntegrityError
from feedtwin.kernels.binding import Kernels
from feedtwin.randomness import Draws
from feedtwin.schema.batches import EventBatch, Outcomes
from feedtwin.schema.codes import GovernanceAction, GuardResult, SocialActivityKind
from feedtwin.schema.targets import ITEM_ACTIONS, ITEM_MARKS, targeted
from feedtwin.twins.content.adopting import Fashion
from feedtwin.twins.content.captions import THEMES, Caption, captions
from feedtwin.twins.content.categories import Categories
from feedtwin.twins.content.config import ContentConfig
from feedtwin.twins.content.counting import count_reference
from feedtwin.twins.content.creation import make_videos
from feedtwin.twins.content.embeddings import KINDS, P_UNIT
from feedtwin.twins.content.entering import add_videos, caption_ids, created_batch, words_of
from feedtwin.twins.content.guidance import Guide
from feedtwin.twins.content.matching import FUSED, Matching, MatchRule
from feedtwin.twins.content.remixes import Remixes
from feedtwin.twins.content.vocabulary import Vocabulary
from feedtwin.twins.hot import run
from feedtwin.twins.lookup import ItemLookup
from feedtwin.twins.part import nothing_trends

__all__ = ["ContentConfig", "ContentTwin"]

Trending = Callable[[int], np.ndarray]
"""Gives the keys of a TrendKind that trend now."""

_GOVERNED = {
    GovernanceAction.LABEL: (("label", 1),),
    GovernanceAction.AGE_GATE: (("restricted", 1),),
    GovernanceAction.SLOW_DOWN: (("slowed", 1),),
    GovernanceAction.REMOVE: (("is_public", 0),),
    GovernanceAction.RESTORE: (("label", 0), ("restricted", 0), ("slowed", 0), ("is_public", 1)),
}
"""What governance does to a video's own columns; boosts and suppressions are the ranker's."""
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
        match: MatchRule | None = None,
        hashtags: Mapping[int, str] | None = None,
    ) -> None:
        """Build the twin.

        Args:
            config: How videos are made and described.
            categories: The world's categories.
            columns: The items table with the initial catalogue.
            draws: Keyed chance.
            kernels: Native kernels or the NumPy path.
            match: What interests are matched against; items' compact vectors by default.
            hashtags: Names of hashtag codes, where the data have names.
        """
        self.config = config
        self.categories = categories
        self._columns = columns
        self._draws = draws
        self._kernels = kernels
        self.words = words_of(categories, config, hashtags)
        self.matching = Matching(match or MatchRule(), categories, config, draws, kernels)
        self.vocabulary = Vocabulary(self.words, config.sounds, self.table)
        remixes = Remixes(categories, config, self.words, draws)
        self.parts: tuple[Any, ...] = (self, self.vocabulary, remixes)
        self._trending: Trending = nothing_trends
        self.written: dict[int, tuple[str, str]] = dict(THEMES)
        """Titles and descriptions by text id that are not this twin's own: a plan's, a language model's."""
        self._index()

    def bind(self, trending: Trending) -> None:
        """Give this twin what creators may see of trends."""
        self._trending = trending

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
        self._lookup = ItemLookup(items.item)
        if not self.matching.rule.is_compact:
            self._match = self.matching.vectors(items, slice(0, len(items)))

    def _index_more(self, where: slice) -> None:
        """Enter new rows into the index; their ids are sorted."""
        items = self._columns
        rows = np.arange(where.start, where.stop)
        order = rows[np.argsort(items.item[where], kind="stable")]
        self._lookup.enter(items.item[order], order)
        if not self.matching.rule.is_compact:
            vectors, factor = self.matching.vectors(self.table, where)
            known, known_factor = self._match
            self._match = (
                np.concatenate([known, vectors]), np.concatenate([known_factor, factor])
            )  # fmt: skip

    @property
    def match_vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """The vectors an encounter matches interests against, int8 (V, D), and their factors (V,).

        The match is the product with the interests over their norm, times the factor: 1 / norm for a cosine.
        """
        if self.matching.rule.is_compact:
            return self.table.vector, self.table.inv_norm
        return self._match

    def rows_of(self, item: np.ndarray) -> np.ndarray:
        """Return the content rows of item ids, u4.

        Raises:
            IndexError: An id is of no item of this world.
        """
        rows = self._lookup.find(item)
        if rows.min(initial=0) < 0:
            unknown = int(item[np.argmin(rows)])
            raise IndexError(
                f"item {unknown} (creator {unknown >> 32}, upload {unknown & 0xFFFFFFFF}) is not among "
                f"the {len(self._lookup)} items of this world; expected an item that was created"
            )
        return rows.astype(np.uint32)

    def captions(self, rows: np.ndarray) -> list[Caption]:
        """Return the captions under the videos of some rows, rendered from what the table holds."""
        items = self.table
        own = captions(
            items.creator[rows], items.ordinal[rows], items.category[rows], items.hashtags[rows],
            self.words, self.config.caption_teaser, self._draws,
        )  # fmt: skip
        return [
            Caption(*self.written[text], one.hashtags) if text in self.written else one
            for text, one in zip(items.text[rows].tolist(), own, strict=True)
        ]

    @property
    def projections(self) -> dict[str, np.ndarray] | None:
        """How interests become preferences per modality, float64 (length, 50); None unless fused."""
        if self.matching.rule.source != FUSED:
            return None
        made = self.matching.embedder.projections
        return {name: made[kind] / P_UNIT for name, kind in KINDS.items()}

    # -- verbs -----------------------------------------------------------------------------------

    def create(self, creators: np.ndarray, users: FrozenColumns, step: int) -> EventBatch:
        """Return the videos that `creators` (sorted, one entry per video) upload now."""
        first = np.searchsorted(creators, creators, side="left")
        nth = (np.arange(len(creators)) - first).astype(np.uint32)
        ordinal = users.upload_count[creators] + nth
        guide = self._guide(creators, step)
        fashion = Fashion(
            self._trending, self.vocabulary.hashtags.category, self.vocabulary.sounds.category,
            self.config.trend_adoption, self._draws,
        )  # fmt: skip
        made = make_videos(
            creators, ordinal, users.expertise[creators], users.tier[creators], self.categories,
            self.config, self._draws, fashion, guide,
        )  # fmt: skip
        text = caption_ids(made, self.words, self.config, self._draws)
        return created_batch(made, step, text, guide=guide)

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

    def on_social_activity(self, activity: EventBatch) -> None:
        """Count saves, and take back likes."""
        saved = activity.kind == SocialActivityKind.VIDEO_SAVED
        unliked = activity.kind == SocialActivityKind.VIDEO_UNLIKED
        if not (saved | unliked).any():
            return
        columns = self._columns
        kept, left = self.rows_of(activity.item[saved]), self.rows_of(activity.item[unliked])
        np.add.at(columns.saves, kept, np.uint32(1))
        fewer = np.bincount(left, minlength=len(columns)).astype(np.uint32)
        if (fewer > columns.likes).any():
            row = int(np.argmax(fewer > columns.likes))
            raise IntegrityError(
                f"step {activity.step}: {int(fewer[row])} likes of item {int(columns.item[row])} are taken "
                f"back, it has {int(columns.likes[row])}; expected at most as many"
            )
        columns.likes[:] -= fewer
        columns.touched_step[np.concatenate([kept, left])] = activity.step

    def on_governance_action_applied(self, applied: EventBatch) -> None:
        """Label, gate, slow down, remove or restore what governance aims at; what was blocked stays."""
        columns = self._columns
        done = (applied.guard != GuardResult.BLOCKED) & np.isin(applied.action, ITEM_ACTIONS)
        for at in np.nonzero(done)[0].tolist():
            kind, target = int(applied.target_kind[at]), int(applied.target[at])
            rows = targeted(self.table, self.rows_of, kind, target)
            for name, value in ITEM_MARKS[GovernanceAction(int(applied.action[at]))].items():
                getattr(columns, name)[rows] = value

    # -- state -----------------------------------------------------------------------------------

    def state(self) -> dict[str, np.ndarray]:
        """Return everything a snapshot must keep."""
        return self._columns.state()

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        self._columns.load_state(state)
        self._index()
