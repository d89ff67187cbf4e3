"""What the platform believes: a signed running average of behaviour, and the seen-store."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.twins.platform.feed.estimates import estimate_reference

SKIP, LIKE = 1, 2


def _facts(flags=(0,), completion=(0.6,), rows=(0,), reached=None, history=4):
    slots = len(flags)
    return SimpleNamespace(
        user=np.uint32([1]), row=np.uint32([rows]), flags=np.uint8([flags]),
        completion=np.float32([completion]), reached_count=np.uint8([reached or slots]),
        vectors=np.zeros((9, 50), np.int8), mean_vector=np.zeros(50, np.int16),
        estimate=np.zeros((3, 50), np.int16), seen_count=np.zeros(3, np.uint32),
        seen_row=np.full((3, history), 0xFFFFFFFF, np.uint32), estimate_rate=round(0.04 * 32768),
        signal_completion=np.float32(1.0), signal_centre=np.float32(0.35),
        signal_like=np.float32(0.75), signal_skip=np.float32(-0.5),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "completion", "signal"),
    [
        (0, 0.85, 128),
        (0, 0.35, 0),
        (0, 3.0, 166),
        (LIKE, 0.35, 192),
        (SKIP, 0.9, -128),
        (SKIP | LIKE, 1, -128),
    ],
)
def test_the_estimate_moves_toward_what_was_enjoyed_and_away_from_what_was_skipped(
    flags, completion, signal
):
    a = _facts([flags], [completion])
    a.vectors[0, :2] = (127, -64)
    estimate_reference(a, 0, 1)
    target = [(signal * (v << 8)) >> 8 for v in (127, -64)]
    expected = [(t * a.estimate_rate + 16384) >> 15 for t in target]
    assert a.estimate[1, :2].tolist() == expected


def test_only_what_sets_a_video_apart_from_the_mean_counts():
    a = _facts([LIKE], [1.0])
    a.vectors[0] = 40
    a.mean_vector[:] = 40 << 8
    estimate_reference(a, 0, 1)
    assert not a.estimate.any()


def test_the_estimate_is_bounded_and_nobody_else_s():
    a = _facts([LIKE], [1.0])
    a.vectors[0], a.mean_vector[:] = 127, -127 * 256
    a.estimate_rate = 8192
    for _ in range(400):
        estimate_reference(a, 0, 1)
    assert a.estimate[1].max() == 32767
    assert not a.estimate[[0, 2]].any()


def test_what_was_reached_is_filed_in_order_and_the_oldest_is_forgotten():
    a = _facts((0,) * 6, (0.5,) * 6, (3, 4, 5, 6, 7, 8), reached=5)
    estimate_reference(a, 0, 1)
    assert a.seen_row[1].tolist() == [7, 4, 5, 6]
    assert a.seen_count.tolist() == [0, 5, 0]
    assert (a.seen_row[[0, 2]] == 0xFFFFFFFF).all()
