"""The trend tracker: hashtags, sounds and categories on a rolling window. Spec GOV-1. A sensor: it changes nothing.

Counts of the running hour fill one bucket of a ring. When the hour is over (CONTENT_STATE_UPDATED) velocities
are taken over the window; at the barrier `due` compares them with gates and says which keys change their
lifecycle:

    none -> emergence    velocity above the gate, and `rise` times what is usual for the key
    emergence -> peak    no new maximum for `stall_steps`
    any of both -> decline    below `decline_share` of the maximum, or back at the usual
    decline -> emergence   a new maximum;  decline -> none    below the gate by the hysteresis, or usual again

Velocities count likes, shares and comments on videos with the key, or uploads with it (`trends.signal`). What is
usual is the key's remembered share of all that happens with keys of its kind now, so that an evening is no trend.
"""

from collections.abc import Mapping

import numpy as np

from feedtwin.columns import Columns
from feedtwin.numerics import exp32
from feedtwin.schema.batches import Batch, EventBatch, Outcomes
from feedtwin.schema.codes import TrendKind, TrendLifecycle
from feedtwin.session import COMMENT, LIKE, SHARE
from feedtwin.twins.lookup import Lookup
from feedtwin.twins.part import Part
from feedtwin.twins.platform.governance.config import TrendsConfig
from feedtwin.twins.platform.governance.table import BUCKETS, TRENDS

NONE, EMERGENCE, PEAK, DECLINE = (int(one) for one in TrendLifecycle)
KEYS_PER_VIDEO = 5
"""Three hashtags, the sound, the category."""
_NO_KEY, _UNKNOWN = -1, -2
_KIND_SHIFT = np.uint64(32)
_LN2 = 0.6931472
_ENGAGED = np.uint8(LIKE | SHARE | COMMENT)
_ENGAGEMENTS = np.array([int(bits & int(_ENGAGED)).bit_count() for bits in range(16)], np.float64)
"""How many engagements an outcome's bits hold."""


class TrendTracker(Part):
    """Counts what happens with each key, hour by hour, and follows its life."""

    name = "trends"

    def __init__(self, config: TrendsConfig, refresh_steps: int, *, active: bool) -> None:
        self._own = Columns(TRENDS, 0)
        super().__init__(self._own)
        self.config = config
        self.active = active
        self._refresh_steps = refresh_steps
        self._index()

    @property
    def table(self) -> Columns:
        """The tracked keys, one row each."""
        return self._own

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        super().load_state(state)
        self._index()

    def _index(self) -> None:
        """Derive what is not state: the order of keys, and the rows of each video's keys."""
        self._lookup = Lookup(key_codes(self._own.kind, self._own.key))
        self._rows_of_video = np.zeros((0, KEYS_PER_VIDEO), np.int32)

    # -- verbs -----------------------------------------------------------------------------------

    def trending(self, kind: int) -> np.ndarray:
        """Return the keys of a `TrendKind` that emerge or peak, u4, the fastest first, ties to the lower."""
        t = self._own
        alive = (t.lifecycle == EMERGENCE) | (t.lifecycle == PEAK)
        rows = np.nonzero((t.kind == kind) & alive)[0]
        return t.key[rows[np.lexsort((t.key[rows], -t.velocity[rows, 0]))]].copy()

    def gate(self, step: int) -> np.float32:
        """Return the velocity from which a key can emerge in this population (spec 1.10 #24)."""
        if self.config.gates == "absolute":
            return np.float32(self.config.emergence_gate_absolute)
        return np.float32(self.config.emergence_gate * self.sight.active_users(step) / 1000.0)

    def due(self, step: int) -> list[Batch]:
        """Return the keys that enter another part of their life, by kind and key."""
        t = self._own
        if not self.active or not len(t) or step % self._refresh_steps:
            return []
        target = self._targets(step)
        changed = np.nonzero(target != t.lifecycle)[0]
        order = changed[np.lexsort((t.key[changed], t.kind[changed]))]
        columns = {
            "kind": t.kind[order],
            "key": t.key[order],
            "from_lifecycle": t.lifecycle[order],
            "to_lifecycle": target[order],
            "velocity": t.velocity[order, 0],
            "volume": t.volume[order],
        }
        return [EventBatch("TREND_STATE_CHANGED", step, columns)]

    def _targets(self, step: int) -> np.ndarray:
        c, t = self.config, self._own
        velocity, gate, stage = t.velocity[:, 0], self.gate(step), t.lifecycle
        warm = step - int(t.first_step.min()) > c.warm_up_steps
        rising = (velocity >= gate) & (velocity > np.float32(c.rise) * t.usual) & warm
        usual_again = velocity <= t.usual
        falling = (velocity < np.float32(c.decline_share) * t.peak) | usual_again
        stalled = step - t.peak_step >= c.stall_steps
        over = (velocity < gate * np.float32(1.0 - c.hysteresis)) | usual_again
        target = stage.copy()
        target[(stage == NONE) & rising] = EMERGENCE
        target[(stage == EMERGENCE) & stalled & ~falling] = PEAK
        target[((stage == EMERGENCE) | (stage == PEAK)) & falling] = DECLINE
        target[(stage == DECLINE) & over] = NONE
        target[(stage == DECLINE) & ~over & (t.peak_step == step)] = EMERGENCE
        return target

    # -- handlers --------------------------------------------------------------------------------

    def on_outcomes(self, outcomes: Outcomes) -> None:
        """Count engagements with the keys of the videos they fell on."""
        if not self.active:
            return
        engaged = outcomes.flags & _ENGAGED
        place = np.flatnonzero(engaged)
        if not len(place):
            return
        rows = self._rows_of(outcomes.row.reshape(-1)[place], outcomes.step)
        weight = np.repeat(_ENGAGEMENTS[engaged.reshape(-1)[place]], KEYS_PER_VIDEO)
        # Keys that a video lacks have row -1, so one bin in front takes them; sums of integers are exact.
        count = np.bincount(rows.reshape(-1) + 1, weight, minlength=len(self._own) + 1)[1:]
        self._own.engaged[:, outcomes.step % BUCKETS] += count.astype(np.uint32)

    def on_video_created(self, created: EventBatch) -> None:
        """Count uploads with their keys."""
        if not self.active or not created.rows:
            return
        tags = np.stack([created.hashtag_1, created.hashtag_2, created.hashtag_3], axis=1)
        rows = self._rows_of_keys(tags, created.sound, created.category, created.step)
        known = rows[rows >= 0]
        np.add.at(self._own.uploads[:, created.step % BUCKETS], known, np.uint32(1))

    def on_content_state_updated(self, updated: EventBatch) -> None:
        """The hour is over: take velocities over the window, and empty the next bucket."""
        t, step = self._own, updated.step
        if not self.active or not len(t):
            return
        window = self.config.window_steps
        buckets = (step - 1 - np.arange(window)) % BUCKETS
        uploads = t.uploads[:, buckets].sum(axis=1, dtype=np.uint32)
        engaged = t.engaged[:, buckets].sum(axis=1, dtype=np.uint32)
        t.upload_velocity[:] = uploads.astype(np.float32) / np.float32(window)
        volume = engaged if self.config.signal == "engagement" else uploads
        now = volume.astype(np.float32) / np.float32(window)
        t.volume[:] = volume
        t.velocity[:, 1:] = t.velocity[:, :-1].copy()
        t.velocity[:, 0] = now
        total = np.bincount(t.kind, weights=volume, minlength=4).astype(np.int64)  # exact: integers
        of_kind = np.maximum(total, 1).astype(np.float32)[t.kind]
        share = volume.astype(np.float32) / of_kind
        is_warming = step - int(t.first_step.min()) <= self.config.warm_up_steps
        keep = exp32(np.float32(-_LN2 / self.config.usual_half_life_steps))
        moved = t.usual_share + (np.float32(1.0) - keep) * (share - t.usual_share)
        t.usual_share[:] = share if is_warming else moved
        t.usual[:] = t.usual_share * of_kind / np.float32(window)
        higher = (t.lifecycle != NONE) & (now > t.peak)
        t.peak[higher] = now[higher]
        t.peak_step[higher] = step
        t.uploads[:, step % BUCKETS] = 0
        t.engaged[:, step % BUCKETS] = 0

    def on_trend_state_changed(self, changed: EventBatch) -> None:
        """Write the lifecycle store; a key that emerges starts a new maximum."""
        t = self._own
        rows = self.rows(changed.kind, changed.key)
        t.lifecycle[rows] = changed.to_lifecycle
        t.since_step[rows] = changed.step
        fresh = rows[(changed.to_lifecycle == EMERGENCE) & (changed.from_lifecycle == NONE)]
        t.peak[fresh] = t.velocity[fresh, 0]
        t.peak_step[fresh] = changed.step
        emerged = int(np.count_nonzero(changed.to_lifecycle == EMERGENCE))
        self.sight.telemetry.add("trends_emerged", emerged)

    # -- rows ------------------------------------------------------------------------------------

    def rows(self, kind: np.ndarray, key: np.ndarray) -> np.ndarray:
        """Return the rows of keys, int64; -1 where a key is not tracked."""
        return self._lookup.find(key_codes(kind, key))

    def _rows_of(self, video: np.ndarray, step: int) -> np.ndarray:
        """Return the rows (N, 5) of content rows' keys, tracking keys that are new."""
        known = self._rows_of_video
        items = self.sight.items
        if len(known) < len(items):
            more = np.full((len(items) - len(known), KEYS_PER_VIDEO), _UNKNOWN, np.int32)
            known = self._rows_of_video = np.concatenate([known, more])
        new = np.unique(video[known[video, 0] == _UNKNOWN])
        if len(new):
            known[new] = self._rows_of_keys(
                items.hashtags[new], items.sound[new], items.category[new], step
            )
        return known[video]

    def _rows_of_keys(
        self, hashtags: np.ndarray, sound: np.ndarray, category: np.ndarray, step: int
    ) -> np.ndarray:
        """Return the rows (N, 5) of keys; -1 where a video has none of the kind."""
        kinds = np.array([TrendKind.HASHTAG] * 3 + [TrendKind.SOUND, TrendKind.CATEGORY], np.uint8)
        keys = np.column_stack([hashtags, sound, category]).astype(np.uint32)
        kind = np.broadcast_to(kinds, keys.shape)
        used = (keys > 0) | (kind == TrendKind.CATEGORY)
        self._track(kind[used], keys[used], step)
        rows = np.full(keys.shape, _NO_KEY, np.int64)
        rows[used] = self.rows(kind[used], keys[used])
        return rows

    def _track(self, kind: np.ndarray, key: np.ndarray, step: int) -> None:
        """Add rows for keys met for the first time, in the order of kind and key."""
        new = self._lookup.missing(key_codes(kind, key))
        if not len(new):
            return
        where = self._own.grow(len(new))
        self._own.kind[where] = (new >> _KIND_SHIFT).astype(np.uint8)
        self._own.key[where] = new.astype(np.uint32)
        self._own.first_step[where] = step
        self._lookup.add(new, where)


def key_codes(kind: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Return kind << 32 | key, uint64: the order of kind and key."""
    return (kind.astype(np.uint64) << _KIND_SHIFT) | key.astype(np.uint64)
