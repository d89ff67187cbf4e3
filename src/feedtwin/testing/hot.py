"""Generated worlds for the hot functions: every array they read, from tiny and odd to realistic.

`HotWorld` holds arrays by the names that the references in `feedtwin.twins` and the kernels share.
`inputs(name)` returns what one call of a kernel takes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.kernels.specs import KERNELS, POINTERS
from feedtwin.schema.ids import ring_position
from feedtwin.schema.traits import ENCOUNTER_TRAITS
from feedtwin.testing.dice import Dice
from feedtwin.twins.interaction.fitted import LEVELS, WIDTH
from feedtwin.twins.platform.feed.cards import pack_cards, ring_cards
from feedtwin.twins.platform.feed.retrieval import NO_ITEM

DIMENSIONS = 50


@dataclass(frozen=True)
class Sizes:
    """How large a generated world is."""

    users: int = 40
    items: int = 60
    categories: int = 5
    creators: int = 10
    history: int = 64
    traces: int = 6
    slots: int = 10
    rows: int = 30
    global_pool: tuple[int, ...] = (1, 2)
    global_quota: tuple[int, ...] = (15, 15)
    category_picks: int = 3
    category_quota: int = 20
    followed_quota: int = 10
    followees: int = 8
    """Mean number of followees."""
    impressions: int = 200
    """Impressions that a user has had, at most."""
    inserted: float = 0.0
    """Share of slots that a rule fills."""
    ring_share: float = 1.0
    """Share of the catalogue on the category rings."""
    community_quota: int = 0
    restricted: float = 0.0
    """Share of users who mute somebody or are minors, and of items that are kept from minors."""
    global_share: tuple[float, ...] = (1.0, 1.0, 1.0)
    """Share of the catalogue on each global ring, at most."""


class HotWorld:
    """Arrays and scalars of a generated world."""

    def __init__(self, dice: Dice, sizes: Sizes, scalars: dict[str, Any] | None = None) -> None:
        """Generate everything; `scalars` overrides the defaults of `default_scalars`."""
        self.sizes = sizes
        self.scalars = {**default_scalars(sizes), **(scalars or {})}
        self.arrays: dict[str, np.ndarray] = {}
        self._items(dice)
        self._users(dice)
        self._ties(dice)
        self._rings(dice)
        self._requests(dice)
        self._outcomes(dice)
        self._fitted(dice)

    def inputs(self, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any], int]:
        """Return copies of the arrays, the scalars and the row count of a call of kernel `name`."""
        fields = KERNELS[name].fields
        arrays = {
            f.name: self.arrays[f.name].copy()
            for f in fields
            if f.kind in POINTERS and f.name in self.arrays
        }
        scalars = {
            f.name: self.scalars[f.name]
            for f in fields
            if f.kind not in POINTERS and f.kind != "dim"
        }
        return arrays, scalars, self.sizes.rows

    # -- parts -----------------------------------------------------------------------------------

    def _items(self, dice: Dice) -> None:
        s, a = self.sizes, self.arrays
        skewed = dice.uniform(0, 1, s.items) ** np.float32(2)
        creator = np.sort((skewed * np.float32(s.creators)).astype(np.uint32))
        a["creator"] = creator
        a["ordinal"] = (np.arange(s.items) - np.searchsorted(creator, creator)).astype(np.uint32)
        a["category"] = dice.integers(0, s.categories, s.items, np.uint16)
        a["topic_vectors"] = dice.integers(-128, 128, (s.categories, DIMENSIONS), np.int8)
        noise = dice.integers(-128, 128, (s.items, DIMENSIONS))
        near = (a["topic_vectors"][a["category"]].astype(np.int64) + noise) // 2
        a["vectors"] = near.astype(np.int8)
        a["match_vectors"] = np.roll(a["vectors"], 1, axis=0)
        a["topic_inv_norm"] = inverse_norm(a["topic_vectors"])
        a["inv_norm"] = inverse_norm(a["vectors"])
        a["match_inv_norm"] = inverse_norm(a["match_vectors"])
        a["base"] = dice.uniform(-0.5, 1, s.items)
        a["mean_vector"] = (a["vectors"].astype(np.int64).mean(axis=0) * 256).astype(np.int16)
        a["stage"] = dice.integers(0, 4, s.items, np.uint8)
        a["label"] = (dice.bits(s.items) % 4 == 0).astype(np.uint8)
        a["traits"] = dice.uniform(-0.5, 2.5, (s.categories, len(ENCOUNTER_TRAITS)))
        a["duration_s"] = dice.uniform(0.5, 90, s.items)
        for name in ("hook_strength", "quality", "virality", "completion_prior"):
            a[name] = dice.uniform(0, 1, s.items)
        for name in ("impressions", "skips", "likes", "shares", "comments", "completions"):
            a[name] = dice.integers(0, 1000, s.items, np.uint32)
        a["item_watch_ms"] = dice.integers(0, 2**40, s.items, np.uint64)
        a["touched_step"] = dice.integers(-5, 90, s.items, np.int32)
        a["cards"] = pack_cards(a["vectors"], a["ordinal"], a["inv_norm"], creator, a["base"])

    def _users(self, dice: Dice) -> None:
        s, a = self.sizes, self.arrays
        vector = (s.users, DIMENSIONS)
        a["interests"] = dice.integers(-128, 128, vector, np.int8)
        a["taste"] = (dice.integers(-127, 128, vector) * 256).astype(np.int16)
        a["query"] = dice.integers(-32768, 32768, vector, np.int16)
        a["estimate"] = dice.integers(-32767, 32768, vector, np.int16)
        a["attention_span_s"] = dice.uniform(0.1, 30, s.users)
        for name, mean in (("like", -2.4), ("share", -4.2), ("comment", -4.0), ("follow", -4.6)):
            a[f"{name}_logit"] = dice.uniform(mean - 2, mean + 2, s.users)
        a["stamina_s"] = dice.uniform(60, 900, s.users)
        a["patience"] = dice.integers(1, 15, s.users, np.uint8)
        a["energy"] = dice.uniform(0, 1, s.users)
        a["boredom"] = dice.integers(0, 8, s.users, np.uint8)
        a["satisfaction"] = dice.uniform(0, 1, s.users)
        a["session_impressions"] = dice.integers(0, 40, s.users, np.uint16)
        a["session_watch_ms"] = dice.bits(s.users)
        step = int(self.scalars["step"])
        a["last_step"] = dice.integers(step - 60, step + 1, s.users, np.int32)
        traces = (s.users, s.traces)
        topic = dice.integers(0, s.categories + 2, traces)
        a["trace_topic"] = np.where(topic < s.categories, topic, 0xFFFF).astype(np.uint16)
        a["trace_strength"] = dice.uniform(0, 3, traces)
        a["trace_step"] = dice.integers(step - 200, step + 1, traces, np.int32)
        a["trace_count"] = dice.integers(0, 256, traces, np.uint8)
        a["seen_row"] = dice.integers(0, s.items, (s.users, s.history), np.uint32)
        a["seen_count"] = dice.integers(0, s.impressions + 1, s.users, np.uint32)

    def _ties(self, dice: Dice) -> None:
        s, a = self.sizes, self.arrays
        degree = dice.integers(0, 2 * s.followees + 1, s.users)
        user = dice.integers(0, s.users, int(degree.sum()), np.uint32)
        owner = np.repeat(np.arange(s.users), degree)
        order = np.lexsort((ring_position(user), owner))
        a["follow_hash"] = ring_position(user[order])
        a["follow_offset"] = np.concatenate([[0], np.cumsum(degree)]).astype(np.int64)
        latest = dice.integers(0, s.items, s.users, np.uint32)
        a["latest_row"] = np.where(dice.bits(s.users) % 4 == 0, NO_ITEM, latest)
        muted = dice.integers(1, 4, s.users) * (dice.uniform(0, 1, s.users) < s.restricted)
        owner = np.repeat(np.arange(s.users, dtype=np.uint64), muted)
        target = dice.integers(0, s.creators, len(owner), np.uint64)
        a["mute_key"] = np.sort((owner << np.uint64(32)) | target)
        a["mute_offset"] = np.concatenate([[0], np.cumsum(muted)]).astype(np.int64)
        a["minor"] = (dice.uniform(0, 1, s.users) < s.restricted).astype(np.uint8)
        a["restricted"] = (dice.uniform(0, 1, s.items) < s.restricted).astype(np.uint8)

    def _rings(self, dice: Dice) -> None:
        s, a = self.sizes, self.arrays
        on_ring = dice.uniform(0, 1, s.items) < s.ring_share
        groups = [np.nonzero(on_ring & (a["category"] == k))[0] for k in range(s.categories)]
        for _, share in zip(s.global_pool, s.global_share, strict=False):
            most = int(s.items * share)
            groups.append(dice.subset(s.items, dice.one(0, most + 1)).astype(np.int64))
        rows, hashes = [], []
        for group in groups:
            key = dice.bits(len(group))
            order = np.argsort(key, kind="stable")
            rows.append(group[order])
            hashes.append(key[order])
        a["ring_row"] = np.concatenate(rows).astype(np.uint32)
        a["ring_hash"] = np.concatenate(hashes).astype(np.uint32)
        sizes = [len(group) for group in groups]
        a["ring_offset"] = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        a["ring_cards"] = ring_cards(a["cards"], a["ring_row"])
        a["global_pool"] = np.asarray(s.global_pool, np.int64)
        a["global_quota"] = np.asarray(s.global_quota, np.int64)

    def _requests(self, dice: Dice) -> None:
        s, a = self.sizes, self.arrays
        columns = s.category_picks * s.category_quota + sum(s.global_quota) + s.followed_quota
        columns += s.community_quota
        a["user"] = dice.subset(s.users, s.rows)
        a["request"] = dice.integers(0, 5000, s.rows, np.uint32)
        candidate = dice.integers(0, s.items, (s.rows, columns), np.uint32)
        none = dice.bits((s.rows, columns)) % 8 == 0
        a["candidate"] = np.where(none, NO_ITEM, candidate)
        a["candidate_pool"] = dice.integers(0, 5, (s.rows, columns), np.uint8)
        a["score"] = dice.uniform(-1, 2, (s.rows, columns))
        shape = (s.rows, s.slots)
        insert = dice.integers(0, s.items, shape, np.uint32)
        ruled = dice.uniform(0, 1, shape) < s.inserted
        a["insert_row"] = np.where(ruled, insert, NO_ITEM)
        for name, kind in (
            ("item", np.uint64), ("slot_score", np.float32), ("propensity", np.float32),
            ("pool", np.uint8), ("stage_out", np.uint8), ("inserted", np.uint8),
        ):  # fmt: skip
            a[name] = dice.integers(0, 100, shape).astype(kind)

    def _outcomes(self, dice: Dice) -> None:
        s, a = self.sizes, self.arrays
        shape = (s.rows, s.slots)
        a["meeting"] = dice.integers(0, 3, shape, np.uint16)
        a["served_count"] = dice.integers(0, s.slots + 1, s.rows, np.uint8)
        served = np.arange(s.slots)[None, :] < a["served_count"][:, None]
        a["row"] = np.where(served, dice.integers(0, s.items, shape, np.uint32), NO_ITEM)
        a["flags"] = dice.integers(0, 64, shape, np.uint8)
        a["watch_ms"] = dice.integers(0, 200_000, shape, np.uint32)
        a["completion"] = dice.uniform(0, 2, shape)
        a["reached_count"] = np.minimum(
            dice.integers(0, s.slots + 1, s.rows, np.uint8), a["served_count"]
        )
        a["change"] = np.zeros(s.rows, np.float32)
        a["exit_cause"] = np.zeros(s.rows, np.uint8)
        a["tally"] = np.zeros((s.rows, 8), np.uint32)

    def _fitted(self, dice: Dice) -> None:
        """Columns and tables of a fitted encounter; tables beyond the last used one repeat it."""
        s, a = self.sizes, self.arrays
        a["person"] = dice.uniform(-2, 2, (s.users, WIDTH))
        a["video"] = dice.uniform(-2, 2, (s.items, WIDTH))
        a["moment"] = dice.uniform(-0.5, 0.5, WIDTH)
        bins, columns = dice.one(1, 14), dice.one(2, 13)
        a["duration_bin"] = dice.integers(0, bins, s.items, np.uint8)
        a["centre"] = np.sort(dice.uniform(-2, 2, (bins, columns)), axis=1)
        a["curves"] = np.sort(dice.uniform(-0.2, 3, (bins, columns, LEVELS + 2)), axis=2)
        used = dice.integers(1, columns + 1, bins)
        for b in range(bins):
            a["centre"][b, used[b] :] = np.inf
            a["curves"][b, used[b] :] = a["curves"][b, used[b] - 1]
        a["skip_curve"] = np.sort(dice.uniform(0, 3.1, LEVELS + 2))
        a["fate"] = dice.uniform(-1, 3, (4, 3))


def inverse_norm(vectors: np.ndarray) -> np.ndarray:
    """1 / max(norm, 1) of integer vectors, float32."""
    norm2 = np.maximum((vectors.astype(np.int64) ** 2).sum(axis=-1), 1).astype(np.float32)
    inverse: np.ndarray = np.float32(1.0) / np.sqrt(norm2)
    return inverse


def default_scalars(sizes: Sizes) -> dict[str, Any]:
    """The parameters of the shipped worlds."""
    f = np.float32
    return {
        "seed": 7, "key_base": 3 << 12, "step": 40, "steps_per_day": 24,
        "categories_count": sizes.categories, "category_picks": sizes.category_picks,
        "category_quota": sizes.category_quota, "category_sharpness": f(6),
        "followed_quota": sizes.followed_quota, "community_quota": sizes.community_quota,
        "weight_similarity": f(1),
        "weight_followed": f(0.2), "inverse_temperature": f(12.5), "no_repeat": 48,
        "creator_cap": 1, "category_cap": 5,
        "skip_intercept": f(-0.75), "skip_hook": f(0.8), "hook_floor": f(0.1),
        "hook_centre": f(1.9), "skip_span": f(1.5), "span_floor_s": f(0.5), "span_centre": f(0.2),
        "skip_match": f(3), "match_centre": f(0.5), "skip_noise": f(0.3), "index_match": f(0.4), "half_way": f(0.5), "watch_match": f(1),
        "watch_quality": f(0.6), "watch_sigma": f(0.65), "watch_sigma_half_square": f(0.21125),
        "loops_max": f(2), "engage_completion": f(1.2), "engage_match": f(2),
        "like_quality": f(1), "share_virality": f(1.5), "label_like": f(-0.4), "label_share": f(-0.7),
        "swipe_s": f(0.6), "fatigue_base": f(0.6), "fatigue_slope": f(1.2), "energy_exit": f(0.25),
        "bored_below": f(0.15), "pleased_above": f(0.6), "relief": 2,
        "satisfaction_weight": f(0.05), "impressions_max": 60,
        "pull_above": f(0.8), "pull_rate": 77, "push_rate": 51, "literal_push": 0,
        "interest_min": 0, "spacing_steps": 1, "trace_tau_steps": f(24), "spacing_effect": f(0.5),
        "gain_finish": f(0.2), "gain_like": f(0.4), "gain_comment": f(0.6), "gain_share": f(1),
        "strength_max": f(3), "consolidation_rate": f(0.01), "interest_tau_steps": f(18),
        "signal_completion": f(1.5), "signal_centre": f(0.35), "signal_like": f(0.75),
        "signal_skip": f(-0.7), "estimate_rate": 1311,
    }  # fmt: skip
