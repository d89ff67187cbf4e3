"""The trend tracker's counts, velocities and lifecycle, one hand-made hour after another."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.schema.batches import EventBatch, Outcomes, empty
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import resolve
from feedtwin.session import COMMENT, FINISHED, LIKE, SHARE, SKIP
from feedtwin.twins.platform.governance import TrendsConfig, TrendTracker
from feedtwin.twins.platform.telemetry import Telemetry

NONE, EMERGENCE, PEAK, DECLINE = range(4)
HASHTAG, SOUND, CATEGORY = 1, 2, 3


class Items(SimpleNamespace):
    def __len__(self):
        return len(self.category)


@pytest.fixture
def tracker():
    """A tracker over three videos: #1 carries hashtags 10 and 11, #2 hashtag 10, #3 none."""

    def make(**changes):
        values = {
            "window_steps": 2, "warm_up_steps": 1, "emergence_gate": 4.0, "rise": 1.5, "stall_steps": 2,
            "usual_half_life_steps": 1000.0, "decline_share": 0.5, "hysteresis": 0.5,
        }  # fmt: skip
        section = {**resolve("synthetic").section("trends"), **values, **changes}
        made = TrendTracker(section_model(TrendsConfig, section), 1, active=True)
        items = Items(
            hashtags=np.array([[10, 11, 0], [10, 0, 0], [0, 0, 0]], np.uint16),
            sound=np.array([7, 0, 7], np.uint32),
            category=np.array([0, 1, 1], np.uint16),
        )
        sight = SimpleNamespace(
            items=items, active_users=lambda step: 1000, telemetry=Telemetry(), view=None
        )
        made.bind(sight)
        return made

    return make


def met(step, row, flags):
    """One user's slate of videos."""
    row = np.array([row], np.uint32)
    return Outcomes(
        step=step, user=np.zeros(1, np.uint32), request=np.zeros(1, np.uint32),
        reached_count=np.array([row.shape[1]], np.uint8), item=row.astype(np.uint64),
        flags=np.array([flags], np.uint8), watch_ms=np.zeros(row.shape, np.uint32),
        completion=np.zeros(row.shape, np.float32), row=row,
    )  # fmt: skip


def hour(tracker, step, likes=0, row=0):
    """The barrier of a step, and then likes in it; returns the changes of state at the barrier."""
    with tracker.writing():
        tracker.on_content_state_updated(empty("CONTENT_STATE_UPDATED", step))
    changes = [batch for batch in tracker.due(step) if batch.rows]
    with tracker.writing():
        for batch in changes:
            tracker.on_trend_state_changed(batch)
        if likes:
            tracker.on_outcomes(met(step, [row] * likes, [LIKE] * likes))
    return changes


def row(tracker, kind, key):
    return int(tracker.rows(np.array([kind], np.uint8), np.array([key], np.uint32))[0])


def test_each_engagement_counts_once_with_every_key_of_its_video(tracker):
    t = tracker()
    with t.writing():
        t.on_outcomes(met(5, [0, 1, 2], [LIKE | SHARE, COMMENT | FINISHED, SKIP]))
    found = {
        (int(k), int(key)): int(n)
        for k, key, n in zip(t.table.kind, t.table.key, t.table.engaged[:, 5], strict=True)
    }
    assert found == {
        (HASHTAG, 10): 3,
        (HASHTAG, 11): 2,
        (SOUND, 7): 2,
        (CATEGORY, 0): 2,
        (CATEGORY, 1): 1,
    }


def test_uploads_count_with_their_keys_and_code_zero_is_no_hashtag(tracker):
    t = tracker(signal="uploads")
    columns = {name: np.zeros(2, f.dtype) for name, f in empty("VIDEO_CREATED", 3).columns.items()}
    columns |= {"hashtag_1": np.array([10, 12], np.uint16), "category": np.array([0, 0], np.uint16)}
    with t.writing():
        t.on_video_created(EventBatch("VIDEO_CREATED", 3, columns))
        t.on_content_state_updated(empty("CONTENT_STATE_UPDATED", 4))
    velocity = {
        (int(k), int(key)): float(v)
        for k, key, v in zip(t.table.kind, t.table.key, t.table.velocity[:, 0], strict=True)
    }
    assert velocity == {(HASHTAG, 10): 0.5, (HASHTAG, 12): 0.5, (CATEGORY, 0): 1.0}


def test_a_velocity_is_the_mean_of_the_window_and_leaves_it_when_the_window_has_passed(tracker):
    t = tracker()
    seen = []
    for step in range(6):
        hour(t, step, likes=6 if step == 1 else 0)
        at = row(t, HASHTAG, 10)
        seen.append(float(t.table.velocity[at, 0]) if at >= 0 else 0.0)
    assert seen == [0, 0, 3, 3, 0, 0]
    assert t.table.velocity[row(t, HASHTAG, 10)].tolist() == [0, 0, 3, 3]


def test_counts_of_a_day_ago_do_not_come_back(tracker):
    t = tracker(window_steps=23)
    for step in range(60):
        hour(t, step, likes=5 if step == 1 else 0)
    assert t.table.engaged.sum() == 0 and t.table.volume.sum() == 0


def life(tracker, likes, row=0, other=None):
    """(step, key, from, to) of hashtag 11 over hours with so many likes each."""
    found = []
    for step, count in enumerate(likes):
        for batch in hour(tracker, step, count, row):
            for k, key, a, b in zip(
                batch.kind, batch.key, batch.from_lifecycle, batch.to_lifecycle, strict=True
            ):
                if (k, key) == (HASHTAG, 11):
                    found.append((step, int(a), int(b)))
        if other:
            with tracker.writing():
                tracker.on_outcomes(met(step, [1] * other, [LIKE] * other))
    return found


def test_a_trend_emerges_peaks_declines_and_ends(tracker):
    likes = [1, 1, 12, 30, 30, 30, 30, 14, 4, 1, 1, 1, 1]
    assert life(tracker(), likes, other=20) == [
        (3, NONE, EMERGENCE),  # 6.5 an hour: above the gate and the usual
        (7, EMERGENCE, PEAK),  # 30 since step 5: no new maximum for two steps
        (9, PEAK, DECLINE),  # 9 an hour, below half of 30
        (11, DECLINE, NONE),  # 1 an hour, below the gate less its hysteresis
    ]


def test_a_new_maximum_in_decline_is_a_second_rise(tracker):
    likes = [1, 1, 12, 30, 30, 30, 30, 10, 10, 40, 60, 60]
    assert life(tracker(), likes, other=20)[-2:] == [(9, PEAK, DECLINE), (11, DECLINE, EMERGENCE)]


def test_a_trend_between_gate_and_hysteresis_does_not_flicker(tracker):
    likes = [1, 1, 12, 12, 12, 12, 5, 3, 5, 3, 5, 3, 5, 3]
    states = [to for _, _, to in life(tracker(), likes, other=20)]
    assert states == [EMERGENCE, PEAK, DECLINE]


def test_what_is_below_the_gate_never_emerges(tracker):
    assert life(tracker(), [1, 1, 3, 3, 3, 3], other=20) == []


def test_the_gate_is_a_rate_per_thousand_active_users_or_absolute(tracker):
    t = tracker()
    assert t.gate(3) == np.float32(4.0)
    t.sight.active_users = lambda step: 250
    assert t.gate(3) == np.float32(1.0)
    assert tracker(gates="absolute").gate(3) == np.float32(100.0)


def test_an_evening_is_no_trend(tracker):
    """Everything doubles and doubles again: shares of the whole stay, so nothing is unusual."""
    t = tracker()
    busy = [1, 2, 4, 8, 16, 32, 32, 16]
    changes = []
    for step, count in enumerate(busy):
        changes += hour(t, step, 4 * count, row=0)
        with t.writing():
            t.on_outcomes(met(step, [1] * (4 * count), [LIKE] * (4 * count)))
    assert changes == []


def test_nothing_emerges_before_the_usual_is_known(tracker):
    likes = [1, 1, 12, 30, 30, 30, 30]
    assert life(tracker(warm_up_steps=50), likes, other=20) == []


def test_trending_lists_what_emerges_or_peaks_the_fastest_first(tracker):
    t = tracker()
    for step, count in enumerate([1, 1, 12, 30]):
        hour(t, step, count)
        with t.writing():
            t.on_outcomes(met(step, [1] * 20, [LIKE] * 20))
    hour(t, 4)
    assert t.trending(HASHTAG).tolist() == [11]
    assert t.trending(SOUND).tolist() == []
    with t.writing():
        t.table.lifecycle[:] = PEAK
    assert t.trending(HASHTAG).tolist() == [10, 11]
    assert t.sight.telemetry.get("trends_emerged") == 2  # the hashtag and its category


def test_an_idle_tracker_counts_nothing(tracker):
    t = tracker()
    t.active = False
    with t.writing():
        t.on_outcomes(met(0, [0], [LIKE]))
        t.on_content_state_updated(empty("CONTENT_STATE_UPDATED", 1))
    assert len(t.table) == 0 and t.due(1) == []
