"""The Platform twin: serves feeds, learns users from behaviour, moves videos through exposure stages.

It owns `accounts` (its estimate of each user), `history` (the seen-store), `catalogue` (stages and
velocities) and the telemetry totals. The levers run here but are chosen elsewhere; what they may see is
a `View` of policy-visible columns.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.columns import Columns, FrozenColumns, policy_view
from feedtwin.kernels.binding import Kernels
from feedtwin.numerics import exp32
from feedtwin.policies.interface import PromotionPolicy, RecommendationPolicy, Ties, View
from feedtwin.randomness import Draws
from feedtwin.schema.batches import Batch, EventBatch, Outcomes, SlateBatch
from feedtwin.twins.hot import run
from feedtwin.twins.platform import seen
from feedtwin.twins.platform.asking import ask_boost, ask_due, ask_pools, ask_ranking
from feedtwin.twins.platform.cards import serving_cards
from feedtwin.twins.platform.config import PlatformConfig
from feedtwin.twins.platform.estimates import estimate_reference
from feedtwin.twins.platform.rings import build_rings, public_only
from feedtwin.twins.platform.serving import serve, serve_scored, slate_batch
from feedtwin.twins.platform.table import STAGE_VIRAL
from feedtwin.twins.platform.tally import TALLIED, tally_reference
from feedtwin.twins.platform.telemetry import Telemetry

__all__ = ["PlatformConfig", "PlatformTwin"]

_LN2 = 0.6931472


@dataclass(frozen=True)
class Levers:
    """The policies in force and the serving settings they came with."""

    recommendation: RecommendationPolicy
    promotion: PromotionPolicy
    oracle: bool
    policy_code: int
    slate_size: int
    temperature: float
    category_picks: int
    category_sharpness: float
    creator_cap: int
    category_cap: int
    velocity_half_life_steps: float
    amplification: float


@dataclass(frozen=True)
class Tables:
    """The platform's own columns."""

    accounts: Columns
    history: Columns
    catalogue: Columns


class PlatformTwin:
    """The central platform as columns and levers."""

    def __init__(
        self,
        config: PlatformConfig,
        tables: Tables,
        levers: Levers,
        mean_vector: np.ndarray,
        draws: Draws,
        kernels: Kernels,
    ) -> None:
        """Build the twin; `mean_vector` int16 (D,) is the catalogue's mean at the start, in 1/32512."""
        self.config = config
        self.levers = levers
        self.telemetry = Telemetry()
        self._tables = tables
        self._mean_vector = mean_vector
        self._draws = draws
        self._kernels = kernels
        self.parts: tuple[Any, ...] = (self,)

    @property
    def mean_vector(self) -> np.ndarray:
        """The catalogue's mean at the start, int16 (D,), in 1/32512."""
        return self._mean_vector

    @property
    def accounts(self) -> FrozenColumns:
        """Read-only estimates of users."""
        return self._tables.accounts.frozen

    @property
    def catalogue(self) -> FrozenColumns:
        """Read-only stages and velocities of items."""
        return self._tables.catalogue.frozen

    @property
    def history(self) -> FrozenColumns:
        """Read-only seen-store."""
        return self._tables.history.frozen

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let this twin's handlers write; opened by the bus."""
        tables = self._tables
        with tables.accounts.writing(), tables.history.writing(), tables.catalogue.writing():
            yield

    def bind(
        self,
        users: FrozenColumns,
        items: FrozenColumns,
        ties: Any,
        topics: tuple[np.ndarray, np.ndarray],
        rows_of: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        """Give this twin what it may read: the others' frozen tables, the ties, the category vectors.

        `ties` needs `offset` and `hash`; `topics` are the category vectors and 1 / their norms;
        `rows_of` looks up content rows by item id.
        """
        self._users, self._items, self._ties, self._topics = users, items, ties, topics
        self._rows_of = rows_of

    def _rows(self, batch: EventBatch) -> np.ndarray:
        """Content rows of a batch of items: the hint, or a look-up."""
        hint = batch.hints.get("row")
        return self._rows_of(batch.item) if hint is None else hint

    # -- verbs -----------------------------------------------------------------------------------

    def view(self, step: int) -> View:
        """Return what policies may see now."""
        ties = self._ties
        return View(
            step=step,
            users=policy_view(self._users),
            items=policy_view(self._items),
            accounts=policy_view(self.accounts),
            catalogue=policy_view(self.catalogue),
            ties=Ties(ties.offset, ties.hash),
            active_users=self.active_users(step),
        )

    def active_users(self, step: int) -> int:
        """Users with a session within the active window."""
        since = step - self.config.active_window_steps
        users = self._users
        return int(np.count_nonzero((users.last_step >= max(since, 0)) & (users.session > 0)))

    def run_due(self, step: int) -> list[Batch]:
        """Return the exposure stages that change at this barrier, and the videos that go viral."""
        row, to_stage = ask_due(self.levers.promotion, self.view(step))
        items, catalogue = self._items, self.catalogue
        impressions = items.impressions[row]
        shown = np.maximum(impressions, 1).astype(np.float32)
        engaged = (items.likes[row] + items.shares[row] + items.comments[row]).astype(np.float32)
        changes = EventBatch(
            "EXPOSURE_STAGE_CHANGED",
            step,
            {
                "item": items.item[row],
                "from_stage": catalogue.stage[row],
                "to_stage": to_stage,
                "impressions": impressions,
                "engagement_rate": engaged / shown,
                "velocity": catalogue.velocity[row],
                "completion": items.completions[row].astype(np.float32) / shown,
            },
            {"row": row},
        )
        viral = row[to_stage == STAGE_VIRAL]
        goes = EventBatch(
            "VIDEO_GOES_VIRAL",
            step,
            {
                "item": items.item[viral],
                "velocity": catalogue.velocity[viral],
                "amplification": np.full(len(viral), self.levers.amplification, np.float32),
            },
        )
        return [changes, goes]

    def prepare(self, step: int) -> None:
        """Build the step's serving index from the policies: rings, base scores, query vectors."""
        levers, items = self.levers, self._items
        view = self.view(step)
        pools = [public_only(pool, items) for pool in ask_pools(levers.recommendation, view)]
        self._rings = build_rings(
            pools, items.category, items.creator, items.ordinal, len(self._topics[0]),
            levers.category_picks, step, self._draws,
        )  # fmt: skip
        self._ranking = ask_ranking(levers.recommendation, view)
        boost = ask_boost(levers.promotion, view)
        base = boost if self._ranking is None else self._ranking.base + boost
        self._base = np.ascontiguousarray(base, np.float32)
        self._cards: dict[str, np.ndarray] = {}  # an index for the native path (decision 0014)
        if self._kernels.native:
            self._cards = serving_cards(
                items.vector, items.ordinal, items.inv_norm, items.creator, self._base,
                self._rings.row,
            )  # fmt: skip

    def serve(self, asked: EventBatch) -> SlateBatch:
        """Return one slate per feed request."""
        levers = self.levers
        rings, ranking = self._rings, self._ranking
        index, scalars = self._serving_index(), self._serving_scalars()
        size, candidates = levers.slate_size, rings.candidates
        if ranking is None:
            out = serve_scored(
                self._kernels, asked, index, scalars, size, candidates, levers.recommendation,
                self.view(asked.step),
            )  # fmt: skip
        else:
            out = serve(self._kernels, asked, index, scalars, size, candidates)
        return slate_batch(asked, out, levers.policy_code)

    def _serving_index(self) -> dict[str, np.ndarray]:
        items, rings, ties = self._items, self._rings, self._ties
        return {
            "query": self._query(),
            "topic_vectors": self._topics[0],
            "topic_inv_norm": self._topics[1],
            "ring_offset": rings.offset,
            "ring_hash": rings.hash,
            "ring_row": rings.row,
            "global_pool": rings.global_pool,
            "global_quota": rings.global_quota,
            "follow_offset": ties.offset,
            "follow_hash": ties.hash,
            "latest_row": self.accounts.latest_row,
            "vectors": items.vector,
            "inv_norm": items.inv_norm,
            "creator": items.creator,
            "ordinal": items.ordinal,
            "category": items.category,
            "base": self._base,
            **self._cards,
            "stage": self.catalogue.stage,
            "seen_row": self.history.seen_row,
            "seen_count": self.accounts.seen_count,
        }

    def _serving_scalars(self) -> dict[str, np.float32 | int]:
        levers, rings, ranking = self.levers, self._rings, self._ranking
        hot = levers.temperature > 0
        return {
            "seed": self._draws.root_seed,
            "key_base": self._draws.replicate << 12,
            "categories_count": len(self._topics[0]),
            "category_picks": rings.category_picks,
            "category_quota": rings.category_quota,
            "category_sharpness": np.float32(levers.category_sharpness),
            "followed_quota": rings.followed_quota,
            "weight_similarity": np.float32(ranking.weight_similarity if ranking else 0.0),
            "weight_followed": np.float32(ranking.weight_followed if ranking else 0.0),
            "inverse_temperature": np.float32(1.0 / levers.temperature if hot else 0.0),
            "no_repeat": min(self.config.no_repeat, self.config.seen_size),
            "creator_cap": levers.creator_cap,
            "category_cap": levers.category_cap,
        }

    def _query(self) -> np.ndarray:
        """The vectors matched against: the learned estimate, or true interests for an oracle."""
        if self.levers.oracle or self.config.estimate_source == "interests":
            return self._users.interests.astype(np.int16) << 8
        return self.accounts.estimate

    # -- handlers --------------------------------------------------------------------------------

    def on_feed_requested(self, asked: EventBatch) -> None:
        """Count the request."""
        self.telemetry.add("requests", asked.rows)

    def on_impression_served(self, slates: SlateBatch) -> None:
        """Count the slots served."""
        self.telemetry.add("slots_served", slates.rows)

    def on_outcomes(self, outcomes: Outcomes) -> None:
        """Learn each user from what they did, and remember what they saw."""
        arrays = {
            "user": outcomes.user,
            "row": outcomes.row,
            "flags": outcomes.flags,
            "completion": outcomes.completion,
            "reached_count": outcomes.reached_count,
            "vectors": self._items.vector,
            "mean_vector": self._mean_vector,
            "estimate": self._tables.accounts.estimate,
            "seen_count": self._tables.accounts.seen_count,
            "seen_row": self._tables.history.seen_row,
        }
        scalars = self.config.learning_scalars()
        run(self._kernels, "estimate", estimate_reference, arrays, scalars, len(outcomes.user))
        self._tally(outcomes)

    def _tally(self, outcomes: Outcomes) -> None:
        rows = len(outcomes.user)
        tally = np.zeros((rows, len(TALLIED)), np.uint32)
        arrays = {
            "row": outcomes.row,
            "flags": outcomes.flags,
            "watch_ms": outcomes.watch_ms,
            "reached_count": outcomes.reached_count,
            "duration_s": self._items.duration_s,
            "tally": tally,
        }
        run(self._kernels, "tally", tally_reference, arrays, {}, rows)
        self.telemetry.add_tally(tally)

    def on_session_ended(self, ended: EventBatch) -> None:
        """Count sessions and causes of exit."""
        self.telemetry.on_session_ended(ended)

    def on_social_graph_updated(self, updated: EventBatch) -> None:
        """Count new follows."""
        self.telemetry.add(
            "follows", int(np.count_nonzero((updated.edge == 1) & (updated.added == 1)))
        )

    def on_content_state_updated(self, updated: EventBatch) -> None:
        """Smooth each video's velocity: finished views and engagements per hour."""
        self.telemetry.put("active_users", self.active_users(updated.step))
        catalogue = self._tables.catalogue
        keep = exp32(np.float32(-_LN2 / self.levers.velocity_half_life_steps))
        catalogue.velocity[:] *= keep
        row = self._rows(updated)
        total = updated.completions + updated.likes + updated.shares + updated.comments
        fresh = (total - catalogue.counted[row]).astype(np.float32)
        catalogue.velocity[row] += (np.float32(1.0) - keep) * fresh
        catalogue.counted[row] = total

    def on_exposure_stage_changed(self, changed: EventBatch) -> None:
        """Write the stage store."""
        row = self._rows(changed)
        self._tables.catalogue.stage[row] = changed.to_stage
        self._tables.catalogue.stage_step[row] = changed.step
        self.telemetry.add("stage_changes", changed.rows)
        self.telemetry.add("viral", int(np.count_nonzero(changed.to_stage == STAGE_VIRAL)))

    def on_video_created(self, created: EventBatch) -> None:
        """Open a stage for new videos and remember each creator's latest."""
        if not created.rows:
            return
        catalogue = self._tables.catalogue
        where = catalogue.grow(created.rows)
        catalogue.stage_step[where] = created.step
        rows = np.arange(where.start, where.stop, dtype=np.uint32)
        self._tables.accounts.latest_row[created.user] = rows
        self.telemetry.add("uploads", created.rows)

    # -- state -----------------------------------------------------------------------------------

    def state(self) -> dict[str, np.ndarray]:
        """Return everything a snapshot must keep."""
        tables = self._tables
        parts = {"totals": self.telemetry.values, "mean_vector": self._mean_vector}
        for columns in (tables.accounts, tables.catalogue):
            parts |= columns.state()
        parts["seen"] = seen.pack(self.history.seen_row, self.accounts.seen_count)
        return parts

    def block_state(self) -> dict[str, np.ndarray]:
        """Return the per-user columns that the digest covers; the seen-store follows from the outcomes."""
        return self._tables.accounts.state()

    def rest_state(self) -> dict[str, np.ndarray]:
        """Return what the digest covers beside users."""
        return {**self._tables.catalogue.state(), "totals": self.telemetry.values}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        self.telemetry.values = np.array(state["totals"], np.int64)
        self._mean_vector = np.array(state["mean_vector"], np.int16)
        tables = self._tables
        for columns in (tables.accounts, tables.catalogue):
            columns.load_state({name: state[name] for name in columns.spec.by_name})
        rows = seen.unpack(state["seen"], state["seen_count"], self.config.seen_size)
        tables.history.load_state({"seen_row": rows})
