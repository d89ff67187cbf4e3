"""How one impression moves a session, and why people leave."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.session import BOREDOM, CAP, ENERGY, session_step

SKIP, LIKE = 1, 2


def _step(
    energy=1.0,
    boredom=0,
    satisfaction=0.5,
    count=0,
    flags=0,
    watch_s=0.0,
    completion=0.5,
    **scalars,
):
    values = {
        "swipe_s": 0.5, "fatigue_base": 0.5, "fatigue_slope": 1.0, "energy_exit": 0.25,
        "bored_below": 0.15, "pleased_above": 0.6, "satisfaction_weight": 0.1,
    }  # fmt: skip
    values = {name: np.float32(value) for name, value in values.items()}
    values |= {"relief": 2, "impressions_max": 60}
    values |= scalars
    a = SimpleNamespace(
        stamina_s=np.float32([100.0]),
        patience=np.array([scalars.pop("patience", 5)], np.uint8),
        **values,
    )
    state = (
        np.float32([energy]),
        np.uint8([boredom]),
        np.float32([satisfaction]),
        np.uint16([count]),
    )
    user, milliseconds = np.array([0]), np.uint32([round(watch_s * 1000)])
    after, cause = session_step(
        a, user, state, np.uint8([flags]), milliseconds, np.float32([completion])
    )
    return tuple(array[0] for array in after), int(cause[0])


def test_energy_falls_with_the_time_spent_and_faster_when_tired():
    (fresh, *_), _ = _step(energy=1.0, watch_s=9.5)
    (tired, *_), _ = _step(energy=0.5, watch_s=9.5)
    assert fresh == pytest.approx(1.0 - 10 / 100 * 0.5)
    assert tired == pytest.approx(0.5 - 10 / 100 * (0.5 + 0.5))


def test_energy_does_not_fall_below_zero():
    (energy, *_), cause = _step(energy=0.3, watch_s=1000)
    assert energy == 0
    assert cause == ENERGY


@pytest.mark.parametrize(
    ("flags", "completion", "after"),
    [(SKIP, 0.9, 4), (0, 0.1, 4), (0, 0.4, 3), (0, 0.7, 1), (LIKE, 0.1, 4), (SKIP, 0.05, 4)],
)
def test_dull_videos_bore_and_pleasing_ones_relieve(flags, completion, after):
    (_, boredom, *_), _ = _step(boredom=3, flags=flags, completion=completion)
    assert boredom == after


def test_boredom_is_never_negative_and_never_wraps():
    assert _step(boredom=1, completion=1.0)[0][1] == 0
    assert _step(boredom=255, flags=SKIP)[0][1] == 255


@pytest.mark.parametrize(
    ("flags", "completion", "value"),
    [(0, 0.5, 0.5), (0, 1.7, 1.0), (LIKE, 0.1, 1.0), (SKIP, 0.5, 0.0)],
)
def test_satisfaction_moves_a_tenth_of_the_way_to_what_the_video_gave(flags, completion, value):
    (_, _, satisfaction, _), _ = _step(satisfaction=0.4, flags=flags, completion=completion)
    assert satisfaction == pytest.approx(0.4 + 0.1 * (value - 0.4))


def test_nobody_leaves_without_a_cause():
    assert _step(energy=0.9, boredom=2, count=10)[1] == 0


def test_each_cause_lets_a_user_leave_exactly_at_its_threshold():
    assert _step(boredom=3, flags=SKIP)[1] == 0
    assert _step(boredom=4, flags=SKIP)[1] == BOREDOM
    assert _step(count=58)[1] == 0
    assert _step(count=59)[1] == CAP
    assert _step(energy=0.3)[1] == 0
    assert _step(energy=0.255)[1] == ENERGY


def test_energy_outranks_boredom_and_boredom_outranks_the_cap():
    assert _step(energy=0.2, boredom=4, count=59, flags=SKIP)[1] == ENERGY
    assert _step(energy=1.0, boredom=4, count=59, flags=SKIP)[1] == BOREDOM
    assert _step(energy=0.2, boredom=0, count=59)[1] == ENERGY
