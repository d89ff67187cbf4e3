"""Patterns of made-up logs whose values are known, and the thinning that makes worlds comparable."""

from dataclasses import replace

import numpy as np
import pytest

from feedtwin.calibration.ecosystem.patterns import MEASURES, measure, spread
from feedtwin.calibration.ecosystem.plan import (
    FITTED,
    HELD_OUT,
    LEVELS,
    ecosystem_constants,
    read_plan,
)
from feedtwin.calibration.ecosystem.seen import Pool, Seen, thinned
from feedtwin.datasets.hashing import uniforms
from feedtwin.errors import DataError, SettingsError

CONSTANTS = {**ecosystem_constants(), "resamples": 12, "volume": 300}
POOL = Pool(np.arange(40) // 2, np.arange(40) % 5, np.full(40, 20.0))


def seen(
    user: list[int], day: list[int], hour: list[int], video: list[int], watch: float = 5.0
) -> Seen:
    n = len(user)
    return Seen(
        np.array(user), np.array(day), np.array(hour), np.array(video), np.full(n, watch),
        np.zeros(n, np.bool_),
    )  # fmt: skip


def random_log(people: int, each: int, days: int = 12) -> Seen:
    n = people * each
    u = uniforms(np.arange(4 * n), "log").reshape(4, n)
    return Seen(
        np.repeat(np.arange(people), each), (u[0] * days).astype(np.int64),
        (u[1] * 24).astype(np.int64), (u[2] ** 2 * 40).astype(np.int64), 40.0 * u[3], u[3] > 0.9,
    )  # fmt: skip


def test_a_small_log_counted_by_hand() -> None:
    log = seen([1, 1, 1, 7, 7], [0, 1, 9, 3, 3], [20, 20, 4, 9, 9], [0, 1, 2, 0, 0])
    found = measure(log, POOL, 12, CONSTANTS)
    assert found["days_active"] == 2.0
    assert found["impressions_per_hour"] == 5 / 4
    assert found["return_next_day"] == 1 / 4
    assert found["one_day_people"] == 0.5
    assert found["long_gaps"] == 0.5
    assert found["evening_share"] == 0.4
    assert found["skips"] == 0.0 and found["finishes"] == 0.0
    assert found["category_entropy"] == pytest.approx(-(0.6 * np.log2(0.6) + 0.4 * np.log2(0.2)))
    assert np.isnan(found["people_who_never_like"]), "nobody has ten impressions"


def test_one_persons_entropy_is_of_that_person() -> None:
    five = measure(seen([1] * 5, [0] * 5, [0] * 5, [0, 1, 2, 3, 4]), POOL, 12, CONSTANTS)
    one = measure(seen([1] * 5, [0] * 5, [0] * 5, [0, 5, 10, 15, 20]), POOL, 12, CONSTANTS)
    assert five["personal_entropy"] == pytest.approx(np.log2(5))
    assert one["personal_entropy"] == pytest.approx(0.0)


def test_names_of_people_and_order_do_not_matter() -> None:
    log = random_log(60, 9)
    renamed = replace(log, user=1000 - 7 * log.user)
    one, two = measure(log, POOL, 12, CONSTANTS), measure(renamed, POOL, 12, CONSTANTS)
    assert all(
        one[name] == pytest.approx(two[name], nan_ok=True)
        for name in MEASURES
        if name != "personal_entropy"
    )


def test_concentration_does_not_grow_with_the_log() -> None:
    """Without a matched volume, a sixth of the log has a Gini higher by more than .1."""
    small, large = random_log(60, 9), random_log(360, 9)
    one, two = measure(small, POOL, 12, CONSTANTS), measure(large, POOL, 12, CONSTANTS)
    assert abs(one["gini_of_videos"] - two["gini_of_videos"]) < 0.03


def test_a_standard_error_falls_with_the_root_of_the_people() -> None:
    one = spread(random_log(50, 9), POOL, 12, CONSTANTS)["days_active"]
    two = spread(random_log(800, 9), POOL, 12, CONSTANTS)["days_active"]
    assert 2.0 < one / two < 8.0


def test_a_thinned_world_has_the_logs_impressions_per_person() -> None:
    world = random_log(400, 100)
    key = np.arange(len(world))
    log = thinned(world, key, 2.5, 3)
    assert log.per_person == pytest.approx(2.5, rel=0.05)
    assert len(np.unique(log.user)) < 400, "who has no impression left is in no log"
    assert np.array_equal(log.user, thinned(world, key, 2.5, 3).user)
    assert not np.array_equal(log.user, thinned(world, key, 2.5, 4).user)
    with pytest.raises(DataError, match=r"at least as many.*--levels encounter"):
        thinned(world, key, 101.0, 3)


def test_the_plan_has_held_out_patterns_on_three_levels() -> None:
    plan = read_plan()
    held = [one for one in plan.patterns if one.role == HELD_OUT]
    assert len(held) >= 8 and {one.level for one in held} == set(LEVELS)
    assert {one.name for one in plan.patterns} == set(MEASURES)
    assert 5 <= len(plan.free) <= 10 and len(plan.place(FITTED)) >= 7


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("user.away_rate:", "user.away:", "no parameter is called 'user.away'"),
        ("high: 0.6", "high: 6.0", "user.away_rate"),
        ("low: 0.0, high: 0.6", "low: 0.7, high: 0.6", "low below high"),
        ("skips:  ", "skipped:", "expected one of days_active"),
        ("role: fitted, level: user, unit: days", "role: fit, level: user, unit: days", "fitted, held_out"),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_refused(old: str, new: str, said: str) -> None:
    from importlib.resources import files

    text = files("feedtwin.calibration.ecosystem").joinpath("plan.yaml").read_text("utf-8")
    assert old in text
    with pytest.raises(SettingsError, match=said):
        read_plan(text.replace(old, new))
