"""The Platform twin: serves feeds, learns users from behaviour, moves videos through exposure stages.

It owns `accounts` (its estimate of each user), `history` (the seen-store), `catalogue` (stages and
velocities) and the telemetry totals. The levers run here but are chosen elsewhere; what they may see is
a `View` of policy-visible columns.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from feedtwin.columns import Columns, FrozenColumns, policy_view
from feedtwin.edges import Edges
from feedtwin.kernels.binding import Kernels
from feedtwin.numerics import exp32
from feedtwin.policies.interface import Ties, View
from feedtwin.randomness import Draws
from feedtwin.schema.batches import Batch, EventBatch, Outcomes, SlateBatch
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.twins.hot import run
from feedtwin.twins.platform.config import PlatformConfig
from feedtwin.twins.platform.explicit import ExplicitFeedback
from feedtwin.twins.platform.feed import seen
from feedtwin.twins.platform.feed.asking import ask_due
from feedtwin.twins.platform.feed.estimates import estimate_reference
from feedtwin.twins.platform.feed.explaining import explain
from feedtwin.twins.platform.feed.feeds import Feeds, Sources, some
from feedtwin.twins.platform.feed.inserting import inserted_rows
from feedtwin.twins.platform.headcount import Headcount
from feedtwin.twins.platform.levers import Levers
from feedtwin.twins.platform.reporting import Reporting
from feedtwin.twins.platform.sharing import Sharing
from feedtwin.twins.platform.table import STAGE_VIRAL
from feedtwin.twins.platform.tally import TALLIED, tally_reference
from feedtwin.twins.platform.telemetry import Telemetry

__all__ = ["PlatformConfig", "PlatformTwin"]

_LN2 = 0.6931472
MINORS = 0
"""Age group from which what is restricted is kept."""


class Muting(Protocol):
    """Who does not want to see whom."""

    @property
    def mutes(self) -> Edges:
        """Pairs of user and creator."""
        ...

    @property
    def mute_offset(self) -> np.ndarray:
        """Where each user's pairs begin in the sorted `mutes.key`, i8 (U + 1,)."""
        ...


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
        explicit = ExplicitFeedback(config, tables.accounts, lambda: self.mean_vector)
        sharing = Sharing(tables.accounts, config.share_window_steps)
        self.parts: tuple[Any, ...] = (self, sharing, explicit, Headcount(), Reporting())

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
        muting: Muting | None = None,
    ) -> None:
        """Give this twin what it may read: the others' frozen tables, the ties, the category vectors.

        `ties` needs `offset` and `hash`; `topics` are the category vectors and 1 / their norms;
        `rows_of` looks up content rows by item id; `muting` says who does not want to see whom.
        """
        self._users, self._items, self._ties, self._rows_of = users, items, ties, rows_of
        self._muting = muting
        sources = Sources(
            self._query, self._restrictions, items, self.accounts, self.catalogue, self.history, ties,
            topics,
        )  # fmt: skip
        config = self.config
        limits = (min(config.no_repeat, config.seen_size), config.share_window_steps,
                  config.list_candidates)  # fmt: skip
        self._feeds = Feeds(self.levers, sources, limits, self._draws, self._kernels)

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

    def routines(self, step: int) -> list[ActionBatch]:
        """Return what the platform asks of itself at this barrier."""
        is_due = step % self.config.refresh_steps == 0
        return [asked("UPDATE_REC_TABLE", step)] if is_due else []

    def do_update_rec_table(self, wish: ActionBatch) -> list[Batch]:
        """Return the exposure stages that change at this barrier, and the videos that go viral."""
        step = wish.step
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
        """Build the step's serving index from the policies: rings, base scores, what followees show."""
        odds: np.ndarray | None = None
        for part in self.parts[1:]:
            added = part.exposure_log_odds(step) if hasattr(part, "exposure_log_odds") else None
            if added is not None:  # odds are exp(score / temperature)
                more = np.float32(self.levers.temperature) * added
                odds = more if odds is None else odds + more
        self._feeds.prepare(self.view(step), odds)

    def serve(self, asked: EventBatch) -> SlateBatch:
        """Return one slate per request, for feeds and lists alike."""
        inserts = inserted_rows(self.parts, asked, self.levers.slate_size)
        return self._feeds.serve(asked, self.view, inserts)

    def explain(self, asked: EventBatch, lane: int) -> list[dict[str, Any]]:
        """Return why request `lane` of a batch is shown what it is: one mapping per candidate.

        Call it on a world that stands just before it serves `asked`; see `explaining.explain`.
        """
        one = some(asked, np.array([lane]))
        inserts = inserted_rows(self.parts, one, self.levers.slate_size)
        return explain(self._feeds, one, self.view, inserts)

    def _query(self) -> np.ndarray:
        """The vectors matched against: the learned estimate, or true interests for an oracle."""
        if self.levers.oracle or self.config.estimate_source == "interests":
            return self._users.interests.astype(np.int16) << 8
        return self.accounts.estimate

    def _restrictions(self) -> dict[str, np.ndarray]:
        """What some users may not see: whom they muted, and what is kept from minors."""
        found: dict[str, np.ndarray] = {}
        if self._muting is not None and len(self._muting.mutes):
            found |= {
                "mute_key": self._muting.mutes.key, "mute_offset": self._muting.mute_offset
            }  # fmt: skip
        if self._items.restricted.any():
            minor = (self._users.age_group == MINORS).astype(np.uint8)
            found |= {"minor": minor, "restricted": self._items.restricted}
        return found

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
        totals = np.trim_zeros(self.telemetry.values, "b")  # a mechanism that is off adds none
        return {**self._tables.catalogue.state(), "totals": totals}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        self.telemetry.values = np.array(state["totals"], np.int64)
        self._mean_vector = np.array(state["mean_vector"], np.int16)
        tables = self._tables
        for columns in (tables.accounts, tables.catalogue):
            columns.load_state({name: state[name] for name in columns.spec.by_name})
        rows = seen.unpack(state["seen"], state["seen_count"], self.config.seen_size)
        tables.history.load_state({"seen_row": rows})
