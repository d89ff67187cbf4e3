"""What watching does to a person, by numbers worked out by hand."""

import numpy as np
import pytest

from feedtwin.twins.user.preferences import learn_reference, recall_reference, retention

SKIP, LIKE, SHARE, COMMENT = 1, 2, 4, 8


def _learn(a):
    learn_reference(a, 0, 1)
    return a


def test_a_like_pulls_interests_by_three_tenths_of_the_way(viewer):
    a = viewer()
    a.vectors[0, :3] = (127, 127, 0)
    a.interests[1, :3] = (0, 100, 50)
    a.flags[0, 0] = LIKE
    _learn(a)
    rate = round(0.3 * 256)  # 77
    expected = [
        (127 * rate + 128) >> 8,
        100 + ((27 * rate + 128) >> 8),
        50 + ((-50 * rate + 128) >> 8),
    ]
    assert a.interests[1, :3].tolist() == expected == [38, 108, 35]


def test_a_finished_video_pulls_and_a_half_watched_one_does_not(viewer):
    for completion, moved in ((0.81, True), (0.8, False), (0.5, False)):
        a = viewer()
        a.vectors[0] = 127
        a.completion[0, 0] = completion
        _learn(a)
        assert bool(a.interests[1].any()) == moved, completion


def test_a_skip_takes_a_fifth_of_the_interest_in_what_was_shown(viewer):
    a = viewer()
    a.vectors[0, :3] = (127, 0, 64)
    a.interests[1, :3] = (100, 100, 100)
    a.flags[0, 0] = SKIP
    _learn(a)
    rate = round(0.2 * 256)  # 51
    share = [(v * 100 + 64) >> 7 for v in (127, 0, 64)]
    assert a.interests[1, :3].tolist() == [100 - ((s * rate + 128) >> 8) for s in share]
    assert a.interests[1, :3].tolist() == [80, 100, 90]


def test_the_literal_push_subtracts_what_the_pull_would_add_and_goes_below_zero(viewer):
    a = viewer(push_form="literal")
    a.vectors[0, :2] = (127, 0)
    a.interests[1, :2] = (0, 100)
    a.flags[0, 0] = SKIP
    _learn(a)
    assert a.interests[1, :2].tolist() == [-((127 * 51 + 128) >> 8), 100 - ((-100 * 51 + 128) >> 8)]
    assert a.interests[1, 0] < 0 < 100 < a.interests[1, 1]


@pytest.mark.parametrize(("form", "low"), [("bounded", 0), ("literal", -127)])
@pytest.mark.parametrize("flag", [SKIP, LIKE])
def test_interests_stay_within_their_bounds_however_often_one_is_nudged(viewer, form, low, flag):
    a = viewer(20, push_form=form)
    a.vectors[0] = np.arange(50) * 5 - 125
    a.interests[1] = np.arange(50) * 2
    a.flags[0] = flag
    for _ in range(30):
        _learn(a)
        assert low <= a.interests[1].min()
        assert a.interests[1].max() <= 127


def test_slots_are_applied_in_their_order_and_only_those_reached(viewer):
    one, two = viewer(3), viewer(3)
    for a in (one, two):
        a.vectors[0, 0] = a.vectors[1, 1] = 127
        a.interests[1, :2] = 64
        a.row[0] = (0, 1, 0)
    one.flags[0], two.flags[0] = (LIKE, SKIP, LIKE), (SKIP, LIKE, LIKE)
    one.reached_count[0] = two.reached_count[0] = 2
    _learn(one)
    _learn(two)
    assert one.interests[1, 0] > 64 > one.interests[1, 1]
    assert two.interests[1, 1] > 64 or two.interests[1, 0] < 64
    assert not np.array_equal(one.interests, two.interests)
    assert one.session_impressions[1] == 2


def test_the_change_reported_is_the_l1_move_in_units_of_one(viewer):
    a = viewer()
    a.vectors[0, :2] = 127
    a.flags[0, 0] = LIKE
    _learn(a)
    assert a.change[0] == pytest.approx(2 * 38 / 127)


def test_nobody_else_learns(viewer):
    a = viewer()
    before = {n: getattr(a, n).copy() for n in ("interests", "energy", "boredom", "trace_strength")}
    a.vectors[0] = 127
    a.flags[0, 0] = LIKE
    _learn(a)
    for name, array in before.items():
        np.testing.assert_array_equal(getattr(a, name)[[0, 2]], array[[0, 2]], err_msg=name)


# -- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "completion", "gain"),
    [
        (0, 1.0, 0.2),
        (LIKE, 0.1, 0.4),
        (LIKE | COMMENT, 0.1, 0.6),
        (LIKE | SHARE, 0.1, 1.0),
        (0, 0.5, 0.0),
    ],
)
def test_a_trace_gains_by_the_most_salient_thing_that_was_done(viewer, flags, completion, gain):
    a = viewer()
    a.flags[0, 0], a.completion[0, 0], a.row[0, 0] = flags, completion, 2
    _learn(a)
    assert a.trace_strength[1].max() == np.float32(gain)
    assert (2 in a.trace_topic[1]) == (gain > 0)


def test_a_skip_leaves_no_trace_even_if_it_says_liked(viewer):
    a = viewer()
    a.flags[0, 0] = SKIP | LIKE
    _learn(a)
    assert (a.trace_topic[1] == 0xFFFF).all()


def test_retention_is_the_strength_times_an_exponential_that_spaced_repetition_slows(viewer):
    a = viewer(step=48, trace_tau_steps=np.float32(24.0), spacing_effect=np.float32(0.5))
    strength, step = np.float32([2.0, 2.0, 2.0]), np.int32([0, 0, 48])
    count = np.uint8([0, 2, 2])
    expected = [2 * np.exp(-48 / 24), 2 * np.exp(-48 / 48), 2.0]
    np.testing.assert_allclose(retention(a, strength, step, count), expected, rtol=1e-6)


def test_an_access_is_counted_only_after_the_spacing_and_resets_the_clock(viewer):
    a = viewer(spacing_steps=3)
    a.flags[0, 0] = LIKE
    counts = []
    for step in (0, 1, 2, 5, 9):
        a.step = step
        _learn(a)
        counts.append((int(a.trace_count[1, 0]), int(a.trace_step[1, 0])))
    assert counts == [(1, 0), (1, 1), (1, 2), (2, 5), (3, 9)]


def test_strength_adds_what_is_still_retained_and_is_capped(viewer):
    a = viewer(strength_max=np.float32(0.7))
    a.flags[0, 0] = LIKE
    _learn(a)
    a.step = 24
    kept = 0.4 * np.exp(-24 / (24 * 1.5))
    _learn(a)
    assert a.trace_strength[1, 0] == pytest.approx(min(kept + 0.4, 0.7), rel=1e-6)
    _learn(a)
    assert a.trace_strength[1, 0] == np.float32(0.7)


def test_a_new_topic_takes_a_free_place_and_then_that_of_the_weakest(viewer):
    a = viewer()
    a.category = np.arange(9, dtype=np.uint16)
    a.vectors = np.zeros((9, 50), np.int8)
    a.flags[0, 0] = LIKE
    for topic in range(6):
        a.row[0, 0] = topic
        _learn(a)
    assert sorted(a.trace_topic[1]) == list(range(6))
    a.trace_strength[1, 3] = 0.01
    weakest = int(a.trace_topic[1, 3])
    a.row[0, 0] = 8
    _learn(a)
    assert 8 in a.trace_topic[1]
    assert weakest not in a.trace_topic[1]
    assert a.trace_count[1, 3] == 1


def _recall(a):
    recall_reference(a, 0, 1)
    return a


def test_taste_is_consolidated_at_the_first_session_of_a_day_and_not_again(viewer):
    a = viewer(consolidation_rate=np.float32(0.01))
    a.topic_vectors[2, 5] = 127
    a.trace_topic[1, 0], a.trace_strength[1, 0], a.trace_step[1, 0] = 2, 5.0, 30
    a.last_step[1], a.step = 20, 30  # yesterday
    _recall(a)
    weight = int(np.float32(0.01) * np.float32(32768.0))
    assert a.taste[1, 5] == (127 * 256 * weight + 16384) >> 15  # retention counts as at most 1
    first = a.taste[1, 5].copy()
    a.last_step[1], a.step = 30, 40  # the same day
    _recall(a)
    assert a.taste[1, 5] == first
    a.last_step[1], a.step = 40, 48
    _recall(a)
    assert a.taste[1, 5] > first


def test_what_is_forgotten_is_not_consolidated(viewer):
    a = viewer()
    a.topic_vectors[2, 5] = 127
    a.trace_topic[1, 0], a.trace_strength[1, 0], a.trace_step[1, 0] = 2, 1.0, 0
    a.last_step[1], a.step = 0, 24 * 100
    _recall(a)
    assert not a.taste.any()


def test_interests_relax_toward_taste_with_their_half_life(viewer):
    a = viewer(interest_tau_steps=np.float32(18.0), consolidation_rate=np.float32(0.0))
    a.taste[1, :2] = 50 * 256
    a.interests[1, :2] = (90, 10)
    a.last_step[1], a.step = 0, 18
    _recall(a)
    kept = int(np.float32(np.exp(-1.0)) * np.float32(256.0))
    assert a.interests[1, :2].tolist() == [
        50 + ((40 * kept + 128) >> 8),
        50 + ((-40 * kept + 128) >> 8),
    ]
    a.last_step[1], a.step = 18, 2000
    _recall(a)
    assert a.interests[1, :2].tolist() == [50, 50]


def test_nothing_fades_and_nothing_is_consolidated_where_the_paper_says_so(viewer):
    a = viewer(interest_tau_steps=np.float32(0.0), consolidation_rate=np.float32(0.0))
    a.taste[1], a.interests[1] = 0, 90
    a.trace_topic[1, 0], a.trace_strength[1, 0] = 2, 3.0
    a.topic_vectors[2] = 127
    a.last_step[1], a.step = 0, 500
    _recall(a)
    assert (a.interests[1] == 90).all()
    assert not a.taste.any()
