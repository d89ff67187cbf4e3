"""The User twin: who opens the app, what they ask for, and what stays with them.

It owns the `users` table and the ties. Verbs (`decide`, `ask`, `give_up`) read and return batches; only
the `on_<event>` handlers write. Source: USR-1 to USR-15.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from feedtwin.columns import Columns, FrozenColumns
from feedtwin.edges import Edges
from feedtwin.kernels.binding import Kernels
from feedtwin.numerics import exp32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import Batch, EventBatch, Outcomes, SlateBatch
from feedtwin.schema.codes import ItemKind, PreferenceCause, SocialActivityKind
from feedtwin.session import FEED_EXHAUSTED
from feedtwin.twins.hot import run
from feedtwin.twins.user.acts.acting import Acting
from feedtwin.twins.user.acts.reacting import Reacting, ReactionConfig
from feedtwin.twins.user.acts.remixing import Remixing
from feedtwin.twins.user.acts.seeking import list_kinds
from feedtwin.twins.user.belonging import LEFT, MEMBER, NOT_YET, Belonging
from feedtwin.twins.user.careers import Careers
from feedtwin.twins.user.config import UserConfig
from feedtwin.twins.user.muting import Muting
from feedtwin.twins.user.preferences import (
    NO_TOPIC,
    TEACHES_NOTHING,
    learn_reference,
    recall_reference,
)
from feedtwin.twins.user.ties import Ties, split_key
from feedtwin.twins.user.written import take_personas

__all__ = ["UserConfig", "UserTwin"]

_TRACES = ("trace_topic", "trace_strength", "trace_step", "trace_count")
DAYS_KEPT = 32
"""Days after joining that `days_active` has bits for."""
_FOLLOW = 1
_FEEDBACK = 1


class UserTwin:
    """People as columns."""

    def __init__(
        self,
        config: UserConfig,
        columns: Columns,
        ties: Ties,
        draws: Draws,
        kernels: Kernels,
        reactions: ReactionConfig | None = None,
    ) -> None:
        """Build the twin; without `reactions` people do nothing rare about what they saw."""
        self.config = config
        self.ties = ties
        self._columns = columns
        self._draws = draws
        self._kernels = kernels
        self._all = np.arange(len(columns), dtype=np.uint32)
        rate = reactions.unmute_rate if reactions else 0.0
        waiting = (columns.member == NOT_YET) & (columns.activity > 0)
        self._muting = Muting(len(columns), rate, config.steps_per_day, draws)
        self._belonging = Belonging(config, self._all[waiting], draws)
        self._careers: Careers | None = None
        self.parts: tuple[Any, ...] = (
            self, Acting(), Remixing(config, draws), self._muting, self._belonging
        )  # fmt: skip
        if reactions and reactions.any_after_watching:
            self.parts += (Reacting(reactions, draws, kernels),)

    def employ(self, careers: Careers) -> None:
        """Let creators react to their results."""
        self._careers = careers
        self.parts += (careers,)

    @property
    def mutes(self) -> Edges:
        """Who does not want to see whom; `key` is sorted, user << 32 | target."""
        return self._muting.mutes

    @property
    def mute_offset(self) -> np.ndarray:
        """Where each user's mutes lie in `mutes.key`, i8 (U + 1,)."""
        return self._muting.offset

    @property
    def table(self) -> FrozenColumns:
        """Read-only columns."""
        return self._columns.frozen

    def bind(self, items: FrozenColumns, topic_vectors: np.ndarray) -> None:
        """Give this twin what it may read of items: their public vectors and categories."""
        self._items = items
        self._topic_vectors = topic_vectors
        ads = np.nonzero(items.kind == ItemKind.AD)[0]  # there from the start, side by side
        self._ads = (int(ads[0]) if len(ads) else 0, len(ads))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let this twin's handlers write; opened by the bus."""
        with self._columns.writing():
            yield

    # -- verbs -----------------------------------------------------------------------------------

    def decide(self, step: int) -> tuple[list[Batch], np.ndarray]:
        """Return the sessions that start at `step`, and who uploads (one entry per video)."""
        users = self.table
        hour = step % self.config.steps_per_day
        weight = np.float32(self.config.return_satisfaction)
        mood = (np.float32(1.0) - weight) + weight * np.float32(2.0) * users.satisfaction
        chance = users.activity * self.config.hourly_rate()[hour] * mood
        draw = self._draws.uniform(Stream.SESSION_START, self._all, step)
        may = (users.in_session == 0) & (users.member == MEMBER)
        starting = self._belonging.come(self._all[(draw < chance) & may], step)
        uploads = self._uploads(step)
        for part in self.parts[1:]:
            if hasattr(part, "replan"):  # campaign plans take the place of usual uploads
                uploads = part.replan(uploads, step)
        return [self._session_started(starting, step)], uploads

    def _session_started(self, user: np.ndarray, step: int) -> EventBatch:
        """Sessions begin with the energy regained since the last one, times the day's context."""
        users = self.table
        elapsed = (step - users.last_step[user]).astype(np.float32)
        rested = np.float32(1.0) - (np.float32(1.0) - users.energy[user]) * exp32(
            -(elapsed / np.float32(self.config.rest_tau_steps))
        )
        low = np.float32(self.config.context_low)
        context = low + (np.float32(1.0) - low) * self._draws.uniform(
            Stream.SESSION_CONTEXT, user, users.session[user]
        )
        columns = {"user": user, "session": users.session[user], "energy": rested * context}
        return EventBatch("SESSION_STARTED", step, columns)

    def _uploads(self, step: int) -> np.ndarray:
        """Creators who upload in this hour: the day's count and hour are drawn per creator and day."""
        users = self.table
        creators = self._all[(users.upload_rate > 0) & (users.member == MEMBER)]
        if len(creators) == 0:
            return creators
        per_day = self.config.steps_per_day
        day, hour = step // per_day, step % per_day
        rate = users.upload_rate[creators]
        if self._careers is not None:
            rate = rate * self._careers.drive(creators)
        whole = np.floor(rate)
        extra = self._draws.uniform(Stream.UPLOAD_COUNT, creators, day) < rate - whole
        count = whole.astype(np.int64) + extra
        first = self._draws.uniform(Stream.UPLOAD_HOUR, creators, day) * np.float32(per_day)
        first_hour = np.minimum(first.astype(np.int64), per_day - 1)
        due = []
        for nth in range(int(count.max(initial=0))):
            spaced = first_hour + nth * per_day // np.maximum(count, 1)
            due.append(creators[(nth < count) & (spaced % per_day == hour)])
        return np.sort(np.concatenate(due)) if due else creators[:0]

    def ask(self, step: int) -> EventBatch:
        """Return the feed requests of everybody whose session is open."""
        users = self.table
        user = self._all[users.in_session == 1]
        zero = np.zeros(len(user), np.uint32)
        kind, query = zero.astype(np.uint8), zero
        if self.config.search_rate > 0 or self.config.trend_rate > 0:
            kind, query = list_kinds(self.config, self._draws, users, self._topic_vectors, user)
        columns = {"user": user, "request": users.request[user], "kind": kind, "query": query}
        return EventBatch("FEED_REQUESTED", step, columns)

    def give_up(self, slates: SlateBatch) -> EventBatch:
        """End the sessions of users to whom the platform had nothing to show."""
        return self._session_ended(
            slates.user[slates.served_count == 0], FEED_EXHAUSTED, slates.step
        )

    def _session_ended(self, user: np.ndarray, cause: np.ndarray | int, step: int) -> EventBatch:
        users = self.table
        columns = {
            "user": user,
            "session": users.session[user] - np.uint32(1),
            "cause": np.broadcast_to(np.asarray(cause, np.uint8), user.shape).copy(),
            "impressions": users.session_impressions[user],
            "watch_ms": users.session_watch_ms[user],
        }
        return EventBatch("SESSION_ENDED", step, columns)

    # -- handlers --------------------------------------------------------------------------------

    def on_session_started(self, started: EventBatch) -> None:
        """Wake up: consolidate yesterday, let short-term interests fade, start the counters."""
        columns, user = self._columns, started.user
        arrays = {name: getattr(columns, name) for name in ("interests", "taste", "last_step")}
        arrays |= {name: getattr(columns, name) for name in _TRACES}
        arrays |= {"user": user, "topic_vectors": self._topic_vectors}
        scalars = {**self.config.recall_scalars(), "step": started.step}
        run(self._kernels, "recall", recall_reference, arrays, scalars, len(user))
        columns.energy[user] = started.energy
        columns.boredom[user] = 0
        columns.session_impressions[user] = 0
        columns.session_watch_ms[user] = 0
        columns.session[user] += np.uint32(1)
        columns.in_session[user] = 1
        columns.last_step[user] = started.step
        day = started.step // self.config.steps_per_day - columns.joined_day[user].astype(np.int64)
        bit = np.uint32(1) << np.minimum(day, DAYS_KEPT).astype(np.uint32)
        columns.days_active[user] |= np.where(day < DAYS_KEPT, bit, np.uint32(0))

    def on_session_ended(self, ended: EventBatch) -> None:
        """Close the session; loyalty takes in how it satisfied."""
        columns, user = self._columns, ended.user
        columns.in_session[user] = 0
        columns.loyalty[user] += np.float32(self.config.loyalty_weight) * (
            columns.satisfaction[user] - columns.loyalty[user]
        )

    def on_feed_requested(self, asked: EventBatch) -> None:
        """Count the request."""
        self._columns.request[asked.user] += np.uint32(1)

    def on_outcomes(self, outcomes: Outcomes) -> list[Batch]:
        """Learn from a slate in slot order; answer who leaves and whose interests moved."""
        rows = len(outcomes.user)
        change = np.zeros(rows, np.float32)
        cause = np.zeros(rows, np.uint8)
        owned = (
            "interests", "energy", "boredom", "satisfaction", "session_impressions",
            "session_watch_ms", *_TRACES, "stamina_s", "patience",
        )  # fmt: skip
        arrays = {name: getattr(self._columns, name) for name in owned}
        arrays |= {
            "user": outcomes.user,
            "row": self._teaching(outcomes.row),
            "flags": outcomes.flags,
            "watch_ms": outcomes.watch_ms,
            "completion": outcomes.completion,
            "reached_count": outcomes.reached_count,
            "vectors": self._items.vector,
            "category": self._items.category,
            "change": change,
            "exit_cause": cause,
        }
        scalars = {
            **self.config.learning_scalars(),
            **self.config.session_scalars(),
            "step": outcomes.step,
        }
        run(self._kernels, "learn", learn_reference, arrays, scalars, rows)
        leaving, moved = cause > 0, change > 0
        ended = self._session_ended(outcomes.user[leaving], cause[leaving], outcomes.step)
        learned = EventBatch(
            "PREFERENCE_UPDATED",
            outcomes.step,
            {
                "user": outcomes.user[moved],
                "request": outcomes.request[moved],
                "change": change[moved],
                "cause": np.full(int(moved.sum()), _FEEDBACK, np.uint8),
                "topic": np.full(int(moved.sum()), NO_TOPIC, np.uint16),
            },
        )
        return [learned, ended]

    def _teaching(self, row: np.ndarray) -> np.ndarray:
        """The rows from which users learn: those of ads are left out, unless ads teach."""
        first, count = self._ads
        if self.config.ads_teach or count == 0:
            return row
        return np.where(
            row - np.uint32(first) < count, TEACHES_NOTHING, row
        )  # unsigned: from first on

    def on_social_graph_updated(self, updated: EventBatch) -> None:
        """Make and cut follow ties, and count them on both sides."""
        follows = updated.edge == _FOLLOW
        made, cut = self.ties.change(
            updated.user[follows], updated.target[follows], updated.added[follows] == 1
        )
        for keys, sign in ((made, 1), (cut, -1)):
            follower, followee = split_key(keys)
            one = np.int64(sign).astype(np.uint32)
            np.add.at(self._columns.following_count, follower, one)
            np.add.at(self._columns.follower_count, followee, one)

    def on_social_activity(self, said: EventBatch) -> None:
        """Count social activities, and write down who joined and who left."""
        columns, day = self._columns, said.step // self.config.steps_per_day
        np.add.at(columns.social_count, said.user, np.uint32(1))
        joined = said.user[said.kind == SocialActivityKind.SIGNED_UP]
        columns.member[joined] = MEMBER
        columns.joined_day[joined] = day
        columns.member[said.user[said.kind == SocialActivityKind.LEFT_PLATFORM]] = LEFT

    def on_preference_updated(self, updated: EventBatch) -> None:
        """Turn creators to the category that works, and take up personas that were written."""
        turned = updated.cause == PreferenceCause.NICHE
        if turned.any():
            self._columns.expertise[updated.user[turned]] = updated.topic[turned]
        take_personas(self._columns, updated, self._topic_vectors)

    def on_video_created(self, created: EventBatch) -> None:
        """Count the creator's uploads."""
        np.add.at(self._columns.upload_count, created.user, np.uint32(1))

    # -- state -----------------------------------------------------------------------------------

    def state(self) -> dict[str, np.ndarray]:
        """Return everything a snapshot must keep."""
        return {**self._columns.state(), **self.ties.state()}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        rest = dict(state)
        self.ties.load_state({name: rest.pop(name) for name in self.ties.state()})
        self._columns.load_state(rest)

    def block_state(self) -> dict[str, Any]:
        """Return the per-user columns that the digest covers, block by block."""
        return self._columns.state()
