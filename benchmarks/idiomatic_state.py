"""State of the ordinary NumPy baseline (`idiomatic.py`), and what happens to it once per step."""

from typing import Any

import numpy as np
from numpy.random import default_rng  # noqa: TID251 - the baseline draws as everybody does

from feedtwin.world.world import World

TRACES = 6
SKIP, LIKE, SHARE, COMMENT, FOLLOW, FINISHED = range(6)
USER_COLUMNS = (
    "like_logit", "share_logit", "comment_logit", "follow_logit", "stamina_s", "activity", "energy",
    "satisfaction",
)  # fmt: skip
ITEM_COLUMNS = ("duration_s", "quality", "virality", "completion_prior", "inv_norm")

Array = np.ndarray


class PlainState:
    """People, videos and ties in plain arrays."""

    like_logit: Array
    share_logit: Array
    comment_logit: Array
    follow_logit: Array
    stamina_s: Array
    activity: Array
    energy: Array
    satisfaction: Array
    duration_s: Array
    quality: Array
    virality: Array
    completion_prior: Array
    inv_norm: Array

    def __init__(self, world: World, seed: int = 0) -> None:
        """Copy people, catalogue, ties and parameters of a feedtwin world at step 0."""
        self.rng = default_rng(seed)
        self.p: dict[str, Any] = world.settings.parameters
        self.step_count, self.impressions, self.sessions = 0, 0, 0
        self.flag_totals = np.zeros(6, np.int64)
        self._copy_users(world)
        self._copy_items(world)
        ties = world.users.ties
        follower = np.repeat(np.arange(self.U), np.diff(ties.offset))
        self.edges = np.sort((follower << 32) | ties.user.astype(np.int64))
        self._index_edges()

    def _copy_users(self, world: World) -> None:
        table = world.users.table
        self.U = len(table)
        for name in USER_COLUMNS:
            setattr(self, name, np.array(getattr(table, name), np.float32))
        span = np.maximum(table.attention_span_s, self.p["interaction.span_floor_s"])
        self.span_term = (
            self.p["interaction.skip_span"] * (1 / span - self.p["interaction.span_centre"])
        ).astype(np.float32)
        self.patience = table.patience.astype(np.int16)
        self.boredom = np.zeros(self.U, np.int16)
        self.interests = table.interests.astype(np.float32) / 127
        self.taste = table.taste.astype(np.float32) / 32512
        self.estimate = np.zeros((self.U, 50), np.float32)
        self.upload_rate = table.upload_rate.copy()
        self.last_step = table.last_step.astype(np.int32).copy()
        self.session_length = np.zeros(self.U, np.int32)
        self.session_watch = np.zeros(self.U, np.float32)
        self.is_online = np.zeros(self.U, bool)
        self.trace_topic = np.full((self.U, TRACES), -1, np.int32)
        self.trace_strength = np.zeros((self.U, TRACES), np.float32)
        self.trace_step = np.zeros((self.U, TRACES), np.int32)
        self.trace_count = np.zeros((self.U, TRACES), np.int32)
        self.seen_size = int(self.p["platform.seen_size"])
        self.seen = np.full(self.U * self.seen_size, -1, np.int32)
        weights = np.asarray(world.users.config.hourly_rate(), np.float32)
        self.hourly = weights

    def _copy_items(self, world: World) -> None:
        table = world.content.table
        for name in ITEM_COLUMNS:
            setattr(self, name, np.array(getattr(table, name), np.float32))
        self.vectors = table.vector.astype(np.float32) / 127
        self.inv_norm = self.inv_norm * 127
        self.mean_vector = self.vectors.mean(0)
        hook = np.maximum(table.hook_strength, self.p["interaction.hook_floor"])
        centre = self.p["interaction.hook_centre"]
        self.hook_term = (self.p["interaction.skip_hook"] * (1 / hook - centre)).astype(np.float32)
        self.creator = table.creator.astype(np.int32)
        self.category = table.category.astype(np.int16)
        self.created_step = table.created_step.astype(np.int32).copy()
        self.topics = world.content.categories.vectors.astype(np.float32) / 127
        self.topic_units = self.topics / np.linalg.norm(self.topics, axis=1, keepdims=True)
        self.K = len(self.topics)
        videos = len(self.creator)
        self.counts = np.zeros((7, videos), np.int64)
        """Skips, likes, shares, comments, follows, finished views, impressions."""
        self.watch_s = np.zeros(videos)
        self.velocity = np.zeros(videos, np.float32)
        self.counted = np.zeros(videos, np.int64)
        self.stage = np.ones(videos, np.int8)
        self.latest = np.full(self.U, -1, np.int32)
        order = np.argsort(self.created_step, kind="stable")
        self.latest[self.creator[order]] = order

    def _start_sessions(self) -> None:
        p, rng = self.p, self.rng
        mix = np.float32(p["user.return_satisfaction"])
        mood = 1 - mix + mix * 2 * self.satisfaction
        chance = self.activity * self.hourly[self.step_count % 24] * mood
        user = np.flatnonzero((rng.random(self.U, np.float32) < chance) & ~self.is_online)
        elapsed = (self.step_count - self.last_step[user]).astype(np.float32)
        new_day = self.step_count // 24 != self.last_step[user] // 24
        self._consolidate(user[new_day])
        if p["user.interest_tau_steps"]:
            keep = np.exp(-elapsed / np.float32(p["user.interest_tau_steps"]))[:, None]
            anchor = self.taste[user]
            self.interests[user] = anchor + (self.interests[user] - anchor) * keep
        rested = 1 - (1 - self.energy[user]) * np.exp(
            -elapsed / np.float32(p["user.rest_tau_steps"])
        )
        low = np.float32(p["user.context_low"])
        self.energy[user] = rested * (low + (1 - low) * rng.random(len(user), np.float32))
        self.boredom[user] = 0
        self.session_length[user] = 0
        self.session_watch[user] = 0
        self.last_step[user] = self.step_count
        self.is_online[user] = True
        self.sessions += len(user)

    def _retained(self, user: Array) -> Array:
        p = self.p
        elapsed = (self.step_count - self.trace_step[user]).astype(np.float32)
        slower = 1 + np.float32(p["user.spacing_effect"]) * self.trace_count[user].astype(
            np.float32
        )
        return self.trace_strength[user] * np.exp(
            -elapsed / (np.float32(p["user.trace_tau_steps"]) * slower)
        )

    def _consolidate(self, user: Array) -> None:
        rate = np.float32(self.p["user.consolidation_rate"])
        weight = np.minimum(self._retained(user), 1) * rate
        weight[self.trace_topic[user] < 0] = 0
        taste = self.taste[user]
        for slot in range(TRACES):
            vector = self.topics[self.trace_topic[user, slot]]
            taste += (vector - taste) * weight[:, slot, None]
        self.taste[user] = taste

    def _upload(self) -> None:
        creator = np.flatnonzero(self.rng.random(self.U) < self.upload_rate / 24)
        creator = creator[self.latest[creator] >= 0]
        source = self.latest[creator]
        fresh = len(creator)
        if not fresh:
            return
        first = len(self.creator)
        for name in (*ITEM_COLUMNS, "vectors", "hook_term", "creator", "category"):
            values = getattr(self, name)
            setattr(self, name, np.concatenate([values, values[source]]))
        self.created_step = np.append(self.created_step, np.full(fresh, self.step_count, np.int32))
        self.counts = np.pad(self.counts, ((0, 0), (0, fresh)))
        self.watch_s = np.pad(self.watch_s, (0, fresh))
        self.velocity = np.pad(self.velocity, (0, fresh))
        self.counted = np.pad(self.counted, (0, fresh))
        self.stage = np.pad(self.stage, (0, fresh))
        self.latest[creator] = np.arange(first, first + fresh)

    def _update_items(self) -> None:
        """Velocities, and the stages of promotion."""
        p, c = self.p, self.counts
        good = c[LIKE] + c[SHARE] + c[COMMENT] + c[FINISHED]
        keep = np.float32(0.5 ** (1 / p["promotion.velocity_half_life_steps"]))
        self.velocity *= keep
        self.velocity += (1 - keep) * (good - self.counted)
        self.counted = good
        seen = np.maximum(c[6], 1)
        passes = (c[LIKE] + c[SHARE] + c[COMMENT]) / seen > p["promotion.engagement_gate"]
        active = np.count_nonzero(self.last_step > self.step_count - 24)
        gate = p["promotion.velocity_gate"] * active / 1000
        hot = (self.velocity > gate) & (c[FINISHED] / seen > p["promotion.completion_gate"])
        tested = (self.stage == 0) & (c[6] >= p["promotion.initial_audience"])
        self.stage[tested] = np.where(passes[tested], 1, 3)
        self.stage[(self.stage == 1) & hot] = 2
        self.stage[(self.stage == 1) & (c[6] >= p["promotion.expanded_audience"]) & ~passes] = 3

    def _count(self, met: list[tuple[Array, ...]]) -> None:
        row, flags, watch = (np.concatenate(part, axis=-1) for part in zip(*met, strict=True))
        videos = len(self.creator)
        self.counts[6] += np.bincount(row, minlength=videos)
        for flag in range(6):
            self.counts[flag] += np.bincount(row[flags[flag]], minlength=videos)
        self.watch_s += np.bincount(row, weights=watch, minlength=videos)
        self.impressions += len(row)
        self.flag_totals += flags.sum(axis=1)

    def _follow(self, follows: list[Array]) -> None:
        new = np.unique(np.concatenate(follows or [np.zeros(0, np.int64)]))
        at = np.searchsorted(self.edges, new)
        known = self.edges[np.minimum(at, len(self.edges) - 1)] == new
        self.edges = np.insert(self.edges, at[~known], new[~known])
        self._index_edges()

    def _index_edges(self) -> None:
        size = np.bincount(self.edges >> 32, minlength=self.U)
        self.tie_size = size.astype(np.int32)
        self.tie_begin = (np.cumsum(size) - size).astype(np.int32)
        self.tie_user = (self.edges & 0xFFFFFFFF).astype(np.int32)
