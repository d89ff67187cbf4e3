"""Patterns of made-up trees and series, the plan that says what they are for, and the split of the data."""

from dataclasses import replace

import numpy as np
import pytest

from feedtwin.calibration.ecosystem.plan import FITTED, HELD_OUT, Free, read_plan
from feedtwin.calibration.spread.patterns import (
    LEVELS,
    MEASURES,
    Spread,
    first_events,
    measure,
)
from feedtwin.calibration.spread.plan import part_of, spread_constants, spread_plan
from feedtwin.datasets.series import About, Cascades, CountSeries
from feedtwin.errors import SettingsError

CONSTANTS = spread_constants({"calibration.spread.window_days": 4})
ABOUT = About("made up", "", "", "", "", ())


def trees(*parents: list[int], hours: float = 1.0, rumour: bool = False) -> Cascades:
    """Trees by the parents of their events, one event every so many hours."""
    size = [len(one) for one in parents]
    index = np.concatenate([np.arange(n) for n in size])
    return Cascades(
        np.array([f"c{k}" for k in range(len(size))], object), np.full(len(size), rumour),
        np.repeat(np.arange(len(size)), size).astype(np.int32), index,
        np.concatenate([np.array(one) for one in parents]), (index + 1) * hours * 3600.0, ABOUT,
    )  # fmt: skip


def series(views: np.ndarray) -> CountSeries:
    """Cumulative views of hashtags from views by day, (N, days)."""
    count, days = views.shape
    total = np.concatenate([np.zeros((count, 1)), np.cumsum(views, axis=1)], axis=1)
    return CountSeries(
        np.array([f"t{k}" for k in range(count)], object),
        np.repeat(np.arange(count), days + 1).astype(np.int32),
        np.tile(np.arange(days + 1), count).astype(np.int32), total.reshape(-1), -1, ABOUT,
    )  # fmt: skip


STAR, CHAIN = [-1] * 12, list(range(-1, 11))


def test_a_star_and_a_chain_are_told_apart() -> None:
    star, chain = (measure(Spread(None, trees(one), False), CONSTANTS) for one in (STAR, CHAIN))
    assert star["early_depth"] == 1.0 and star["early_at_root"] == 1.0
    assert chain["early_depth"] == 10.0 and chain["early_breadth"] == 1.0
    assert chain["tree_depth"] == 12.0 and chain["within_a_day"] == 1.0
    assert star["half_time"] == 6.0
    assert "growth" not in star, "no series, no pattern of series"


def test_what_comes_after_the_first_events_does_not_change_their_shape() -> None:
    grown = trees(STAR + list(range(9, 60)))
    early = measure(Spread(None, grown, False), CONSTANTS)
    assert early["early_depth"] == 1.0
    assert early["tree_depth"] > 15.0


def test_small_late_and_labelled_trees_are_in_no_pattern() -> None:
    both = first_events(trees(STAR, [-1] * 9), 10)
    assert both.cascade.tolist() == [0] * 10
    for other in (trees(STAR, hours=80.0), trees(STAR, rumour=True)):
        found = measure(Spread(None, other, False), CONSTANTS)
        assert all(np.isnan(value) for value in found.values())
    large = measure(Spread(None, trees([-1] * 101, hours=0.5), False), CONSTANTS)
    assert np.isnan(large["tree_depth"]) and large["early_depth"] == 1.0


def test_fading_hashtags_fade_whatever_their_size() -> None:
    day = np.array([4.0, 3.0, 2.0, 1.0])
    found = measure(Spread(series(np.outer([100, 900], day)), None, False), CONSTANTS)
    assert found["growth"] == pytest.approx(np.log(3 / 7))
    assert found["peak_over_mean"] == pytest.approx(1.6)
    assert "early_depth" not in found


def test_the_plan_uses_every_pattern_and_no_parameter_of_the_ecosystem() -> None:
    plan = spread_plan()
    assert {one.name for one in plan.patterns} == set(MEASURES)
    for level in LEVELS:
        roles = [one.role for one in plan.patterns if one.level == level]
        assert roles.count(FITTED) >= 2 and roles.count(HELD_OUT) >= 2
    assert not {one.parameter for one in plan.free} & {one.parameter for one in read_plan().free}
    assert 5 <= len(plan.free) <= 8 and plan.fixed == {"trends.track": "always"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("user.uploads_per_day[2]", "user.uploads_per_day[9]", "is a list of 4"),
        ('"user.uploads_per_day[2]"', "user.uploads_per_day", "is a list of 4"),
        ("platform.share_window_steps:", '"platform.share_window_steps[1]":', "is one number"),
        ("platform.share_window_steps:", "platform.share_steps:", "no parameter is called"),
        ("low: 2, high: 96", "low: 2, high: 96000", "platform.share_window_steps"),
        ("content.trend_adoption:", '"user.uploads_per_day[1]":', "is there twice"),
        ("trends.track: always", "trends.track: often", "trends.track"),
        ("  growth: ", "  shrink: ", "expected one of growth"),
        ("level: hashtags, unit: log", "level: user, unit: log", "hashtags, cascades"),
    ],
)
def test_a_wrong_plan_is_refused(old: str, new: str, said: str) -> None:
    from importlib.resources import files

    text = files("feedtwin.calibration.spread").joinpath("plan.yaml").read_text("utf-8")
    assert old in text
    with pytest.raises(SettingsError, match=said):
        spread_plan(text.replace(old, new, 1))


def test_whole_numbers_and_entries_of_lists_become_settings() -> None:
    steps = Free("platform.share_window_steps", 2, 96, "log", "", 24)
    entry = Free("user.uploads_per_day[2]", 0.1, 1.0, "linear", "", [1.2, 0.24, 0.08, 0.0])
    place = np.linspace(0.0, 1.0, 50)
    assert set(steps.values(place)) <= set(range(2, 97))
    assert steps.setting(7.0) == 7 and isinstance(steps.setting(7.0), int)
    assert entry.setting(0.5) == [1.2, 0.24, 0.5, 0.0] and entry.parameter == "user.uploads_per_day"


def test_what_is_held_out_informs_nothing_that_is_fitted() -> None:
    views = 100.0 + np.arange(40)[:, None] * np.array([1, 3, 2, 0, 1, 2, 5, 1])
    whole = Spread(series(views), trees(*[STAR] * 40), False)
    fit, out = (part_of(whole, 0.3, held_out=held) for held in (False, True))
    named = [set(np.unique(one.hashtags.name).tolist()) for one in (fit, out)]
    assert not named[0] & named[1] and named[0] | named[1] == set(range(40)) and len(named[1]) > 4
    assert len(set(fit.cascades.cascade.tolist()) & set(out.cascades.cascade.tolist())) == 0
    changed = views.copy()
    changed[sorted(named[1]), 4:] *= 3.0
    again = part_of(replace(whole, hashtags=series(changed)), 0.3, held_out=False)
    assert measure(again, CONSTANTS) == measure(fit, CONSTANTS)
