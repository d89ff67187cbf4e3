import numpy as np
import pytest

from feedtwin.calibration.series.facts import growth_facts, tree_facts, window_facts
from feedtwin.calibration.series.windows import Windows, grain_of, stretches, windows
from feedtwin.datasets.growth import GrowthCurves
from feedtwin.datasets.series import About, Cascades, CountSeries

ABOUT = About("test", "generated sample", "none", "none", "0", ())
MONDAY = 4  # 1970-01-05, in days since 1970-01-01


def series(*counts: list[float], days: list[list[int]] | None = None) -> CountSeries:
    days = days or [list(range(len(one))) for one in counts]
    name = np.repeat(np.arange(len(counts)), [len(one) for one in counts]).astype(np.int32)
    return CountSeries(
        np.array([f"tag{k}" for k in range(len(counts))], object), name,
        np.concatenate(days).astype(np.int32), np.concatenate(counts).astype(np.float64), MONDAY, ABOUT,
    )  # fmt: skip


def facts_of(*views: list[float], weekday: int = 0) -> dict[str, float]:
    table = Windows(
        np.zeros(len(views), np.int32), np.full(len(views), weekday), np.array(views, np.float64), 0
    )
    return {one.name: float(one.values[0]) for one in window_facts(table)}


def test_the_grain_is_the_last_digit_that_a_platform_shows() -> None:
    shown = np.array([950.0, 12_300.0, 999_900.0, 4_500_000.0, 6_700_000_000.0])
    assert grain_of(shown).tolist() == [1, 100, 100, 1e5, 1e8]


def test_a_missing_day_ends_a_stretch_and_a_fall_counts_as_no_views() -> None:
    found = stretches(series([0, 5, 4, 9], days=[[0, 1, 2, 4]]), is_rounded=False)
    assert [one.views.tolist() for one in found] == [[5, 0]]
    assert found[0].first_day == 1


def test_windows_end_with_their_stretch_and_know_their_weekday() -> None:
    count = np.concatenate([[0], np.cumsum(np.full(20, 100.0))]).tolist()
    found = windows(series(count), 7, is_rounded=False)
    assert found.views.shape == (2, 7)
    assert found.weekday.tolist() == [0, 0]  # days 14 to 20 and 7 to 13, from a Monday


def test_windows_too_small_for_their_noise_are_counted_and_left_out() -> None:
    count = np.concatenate([[0], np.cumsum(np.full(14, 40.0))]).tolist()
    found = windows(series(count), 7, is_rounded=False)
    assert (len(found.views), found.left_out) == (0, 2)


def test_a_pulse_has_its_peak_day_and_its_days_above_half() -> None:
    found = facts_of([1, 1, 6, 10, 5, 1, 1, 1])
    assert found["day of the peak"] == pytest.approx(3.5 / 8)
    assert found["days above half of the peak"] == 3
    assert found["relaunches"] == 0
    assert found["peak over mean day"] == pytest.approx(10 / 3.25)
    assert found["growth, second half over first"] == pytest.approx(np.log(8 / 18))


@pytest.mark.parametrize(("valley", "expected"), [(1, 1), (4, 0)])
def test_a_relaunch_needs_a_quiet_day_before_it(valley: float, expected: int) -> None:
    assert facts_of([10, valley, 8, 8, 1, 1])["relaunches"] == expected


def test_the_weekend_is_compared_with_the_weekdays_and_is_nothing_without_dates() -> None:
    week = [10, 10, 10, 10, 10, 20, 20]
    assert facts_of(week)["weekend over weekdays"] == pytest.approx(np.log(2))
    assert np.isnan(facts_of(week, weekday=-1)["weekend over weekdays"])


def test_a_tree_of_which_only_the_first_three_days_count() -> None:
    index = np.arange(12)
    parent = np.where(index == 0, -1, 0)  # event 0 answers the root, all others answer it
    delay = np.append(np.full(11, 3600.0), 80 * 3600.0)  # the last one comes after the horizon
    delay[10] = 30 * 3600.0
    table = Cascades(
        np.array(["a"], object), np.array([True]), np.zeros(12, np.int32), index, parent, delay, ABOUT
    )  # fmt: skip
    found = {one.name: one.values.tolist() for one in tree_facts(table, table.is_rumour)}
    assert found["events"] == [11] and found["depth"] == [2] and found["greatest breadth"] == [10]
    assert found["events at depth 1"] == [1 / 11]
    assert found["events within 24 h"] == [10 / 11]
    assert found["half of the events after"] == [1]
    assert [len(one.values) for one in tree_facts(table, ~table.is_rumour)] == [0] * 6


def growth(*curves: list[tuple[float, float]]) -> list:
    table = GrowthCurves(
        np.array([f"v{k}" for k in range(len(curves))], object),
        np.arange(len(curves)),
        np.repeat(np.arange(len(curves)), [len(one) for one in curves]).astype(np.int32),
        np.array([age for one in curves for age, _ in one]),
        np.array([views for one in curves for _, views in one]),
        ABOUT,
    )
    return growth_facts(table)


def test_growth_is_read_off_between_readings_up_to_three_days() -> None:
    found = growth([(6, 300), (36, 800), (60, 900), (80, 1000)])
    by_name = {one.name: float(one.values[0]) for one in found}
    day, two, three = 300 + 500 * 18 / 30, 850.0, 960.0
    assert by_name["views of the first day"] == pytest.approx(day / three)
    assert by_name["second day over first"] == pytest.approx((two - day) / day)
    assert by_name["views of the third day"] == pytest.approx((three - two) / three)
    assert (
        by_name["half of three days' views after"] == 17
    )  # 6 h + 180 / 500 of 30 h, next whole hour


def test_videos_met_late_left_early_or_hardly_seen_are_no_units() -> None:
    late, early = [(20, 300), (80, 900)], [(5, 300), (70, 900)]
    few = [(5, 10), (80, 100)]
    fine = [(5, 300), (80, 900)]
    (first, *_) = growth(late, early, few, fine)
    assert first.cluster.tolist() == [3]
    assert all(len(one.values) == 0 for one in growth(late, few))
