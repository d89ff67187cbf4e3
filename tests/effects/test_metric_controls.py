"""Every metric moves when what it measures is changed, and stays when nothing is (methods, section 8).

The change and its direction are declared with the metric (`moved_by`, `moves`). Runs are paired: the same
people and chance in both arms. Each interval is a two-sided 95 % Student interval over replicates that must
lie on the declared side of zero; one control in forty would fail by chance if its metric were dead.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import feedtwin
from feedtwin.lab.metrics import METRICS
from feedtwin.lab.metrics.metric import PLACEBO
from feedtwin.world.running import RunOptions, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

REPLICATES = 6
LONG_REPLICATES = 4
"""Of worlds that run for weeks, in which the changes are drastic."""


@dataclass(frozen=True)
class Shape:
    """How large and long a world has to be for a metric to have a value in both arms."""

    users: int
    steps: int
    sets: tuple[str, ...]


MIXED = "population.tier_shares=[0.02,0.08,0.2,0.7]"
DAY = Shape(120, 30, ("population.videos_per_user=5", MIXED))
POSTERS = "population.tier_shares=[0.15,0.25,0.3,0.3]"
TIERS = Shape(120, 30, ("population.videos_per_user=5", POSTERS))
WEEKS = Shape(60, 24 * 30, (MIXED, "user.sessions_per_day=1.5"))
RARE = Shape(60, 24 * 40, (MIXED, "user.sessions_per_day=0.4"))
POSTING = Shape(
    60, 24 * 14, ("population.tier_shares=[0.2,0.3,0.3,0.2]", "user.sessions_per_day=0.2")
)
CONTROLLED = [one for one in METRICS.values() if one.control is not None]


def shape_of(one):
    if one.name.startswith("creator_"):
        return POSTING
    if one.family == "retention":
        return RARE if one.name == "days_to_churn" else WEEKS
    return TIERS if one.name == "exposure_parity_tiers" else DAY


@pytest.fixture(scope="module")
def readings(tmp_path_factory, kernels):
    """Readings of all metrics in a small world under some settings, each world run once."""

    @cache
    def of(sets, replicate, shape):
        folder: Path = tmp_path_factory.mktemp("control") / "run"
        own = {text.partition("=")[0] for text in sets}
        kept = [text for text in shape.sets if text.partition("=")[0] not in own]
        settings = feedtwin.resolve(
            "synthetic", users=shape.users, seed=23, replicate=replicate, sets=[*kept, *sets]
        )
        level = "full" if shape.steps == DAY.steps else "digest"
        start(settings, folder, RunOptions(shape.steps, level, 10_000), kernels)
        found = feedtwin.measure(feedtwin.read_run(folder))
        return {name: (reading.value, reading.why) for name, reading in found.items()}

    return of


@pytest.mark.parametrize("one", CONTROLLED, ids=lambda one: one.name)
def test_a_metric_moves_when_what_it_measures_is_changed(one, readings):
    differences = []
    is_long = shape_of(one).steps > POSTING.steps
    for replicate in range(LONG_REPLICATES if is_long else REPLICATES):
        base, _ = readings((), replicate, shape_of(one))[one.name]
        treated, _ = readings(one.control.sets, replicate, shape_of(one))[one.name]
        assert base is not None and treated is not None, (one.name, base, treated)
        differences.append(treated - base)
    assert_side(np.asarray(differences, float), one.control.moves)


def assert_side(differences, moves):
    mean = differences.mean()
    half = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    low, high = (mean - half, mean + half) if moves == "up" else (-mean - half, -mean + half)
    assert low > 0, f"{mean:+.4g} +- {half:.2g}, expected {moves}"
    assert high < np.inf


@pytest.mark.parametrize("placebo", sorted({one.placebo for one in CONTROLLED}))
def test_no_metric_moves_when_nothing_that_it_measures_is_changed(placebo, readings):
    for replicate in range(2):
        base = readings((), replicate, DAY)
        still = readings((placebo,), replicate, DAY)
        for one in CONTROLLED:
            if one.placebo == placebo and one.name in base:
                assert still[one.name] == base[one.name], one.name


def test_the_placebo_is_a_setting_that_exists_and_differs():
    path, _, value = PLACEBO.partition("=")
    assert feedtwin.resolve("synthetic").parameters[path] != float(value)
