import numpy as np
import pytest

from feedtwin.calibration.series.forecasters import NAIVE, ask, make_policy, naive_views
from feedtwin.calibration.series.rolling import BASE, roll
from feedtwin.calibration.series.sensing import REST_KEY, sense
from feedtwin.calibration.series.takeoffs import coming, levels, onsets, trailing
from feedtwin.calibration.series.windows import Stretch, stretches
from feedtwin.datasets.series import About, CountSeries
from feedtwin.errors import DataError, PolicyError
from feedtwin.policies.interface import Forecast, View
from feedtwin.schema.codes import TrendLifecycle

ABOUT = About("test", "generated sample", "none", "none", "0", ())


def stretch(views: np.ndarray, first_day: int = 0) -> Stretch:
    return Stretch(0, first_day, views.astype(np.float64), np.ones(len(views)))


def panel(days: int = 200, tags: int = 12, seed: int = 0) -> CountSeries:
    day = np.arange(days)
    views = [
        2e5 * (1 + k) * (1.0 + 2.0 * np.exp(-np.square((day + 17 * k + seed) % 60 - 30) / 30.0))
        for k in range(tags)
    ]
    count = np.cumsum(np.stack(views), axis=1)
    return CountSeries(
        np.array([f"tag{k}" for k in range(tags)], object),
        np.repeat(np.arange(tags, dtype=np.int32), days), np.tile(day.astype(np.int32), tags),
        count.reshape(-1), 0, ABOUT,
    )  # fmt: skip


def test_levels_know_only_what_is_past() -> None:
    views = np.arange(100.0)
    changed = views.copy()
    changed[60:] = 1e6
    for name in ("usual", "before", "week", "is_seen"):
        a, b = getattr(levels(stretch(views)), name), getattr(levels(stretch(changed)), name)
        np.testing.assert_array_equal(a[:60], b[:60])
    assert trailing(views, 7)[10] == 7 and coming(views, 3)[10] == 12


def test_a_take_off_is_the_first_week_above_the_four_before_it() -> None:
    views = np.full(90, 100.0)
    views[60:70] = 200.0
    assert onsets(levels(stretch(views)), 1.5).tolist() == [63]  # (3 x 100 + 4 x 200) / 7 > 150


@pytest.mark.parametrize("name", NAIVE)
def test_naive_rules_go_on_as_before_and_never_look_ahead(name: str) -> None:
    flat, rising = np.full(60, 50.0), np.arange(60.0)
    assert naive_views(name, stretch(flat), levels(stretch(flat)), 7)[40] == pytest.approx(50)
    changed = rising.copy()
    changed[41:] = 0.0
    a, b = (naive_views(name, stretch(one), levels(stretch(one)), 7) for one in (rising, changed))
    np.testing.assert_array_equal(a[:41], b[:41])


def test_the_tracker_sees_a_rise_and_the_policies_list_it_before_its_peak() -> None:
    day = np.arange(80)
    rise = 2000 * (1 + 4 * np.exp(-np.square(day - 60) / 40.0))
    parts = [stretch(rise), stretch(np.full(80, 3000.0))]
    sensed = sense(parts)
    assert sensed.columns["lifecycle"][:50].max() == TrendLifecycle.NONE
    assert TrendLifecycle.EMERGENCE in sensed.columns["lifecycle"][50:62, 0]
    assert (sensed.columns["lifecycle"][:, 1] == TrendLifecycle.NONE).all()
    for name in ("heuristic", "rules", "metered"):
        rank, confidence = ask(make_policy(name, 7), sensed, np.array([0, 1]), 55)
        assert rank[0] == 0 and confidence[0] > confidence[1] == 0


def test_the_view_of_a_day_is_the_same_whatever_comes_and_whenever_a_stretch_begins() -> None:
    views = panel().count.reshape(12, -1)[0]
    views = np.diff(views)
    changed = views.copy()
    changed[100:] *= 5
    late = stretch(views[:150], 40)
    a, b, c = sense([stretch(views)]), sense([stretch(changed)]), sense([late])
    here, there, later = a.table(np.array([0]), 99), b.table(np.array([0]), 99), c.table(np.array([0]), 139)  # fmt: skip
    for column in here.spec.by_name:
        np.testing.assert_array_equal(getattr(here, column), getattr(there, column))
    for column in ("velocity", "usual", "volume", "lifecycle"):
        np.testing.assert_array_equal(getattr(here, column), getattr(later, column))
    assert later.first_step[0] == 40 and here.key[-1] == REST_KEY
    assert later.engaged[0, 139 % 24] == here.engaged[0, 99 % 24] > 0


def test_rolled_forecasts_of_a_day_do_not_change_with_what_comes_after_it() -> None:
    whole = panel()
    days = 160
    cut = whole.day < days
    part = CountSeries(whole.names, whole.name[cut], whole.day[cut], whole.count[cut], 0, ABOUT)
    (a,), (b,) = (roll(one, (7,), ("heuristic", "rules")) for one in (whole, part))
    before = a.day + 7 < days
    assert before.sum() == len(b.day) > 20
    np.testing.assert_array_equal(a.came[before], b.came)
    for name, said in b.said.items():
        np.testing.assert_array_equal(a.said[name].chance[before], said.chance)
        np.testing.assert_array_equal(a.said[name].recalibrated[before], said.recalibrated)
    assert 0 < b.came.mean() < 1 and b.said[BASE].chance.std() < 0.1


def test_series_that_are_too_short_are_refused_with_what_is_needed() -> None:
    with pytest.raises(DataError, match="no hashtag has 51 consecutive days"):
        roll(panel(days=40), (14,), ("heuristic",))


class AsksForUsers:
    def __init__(self, settings: object) -> None:
        pass

    def forecast(self, view: View) -> Forecast:
        return Forecast(view.users.activity, view.users.activity, view.users.activity)


def test_a_policy_that_reads_people_is_told_that_there_are_none() -> None:
    with pytest.raises(PolicyError, match="a hashtag series has no users"):
        ask(AsksForUsers(None), sense([stretch(np.full(60, 9e3))]), np.array([0]), 40)


def test_stretches_of_rounded_counts_know_their_grain() -> None:
    found = stretches(panel(days=40, tags=1), is_rounded=True)
    assert found[0].grain[-1] == 1e5
