"""Forecasts judged from the log: by hand, and against what the platform counted while it ran."""

import numpy as np
import pytest

import feedtwin
from feedtwin.lab.cascades import cascades
from feedtwin.lab.foresight import foresight, growth_at, judge
from feedtwin.lab.metrics import measure
from feedtwin.lab.run_data import read_run
from feedtwin.record.reader import Run


def issued(*rows):
    names = ("step", "kind", "key", "confidence")
    return {
        name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def test_the_first_alarm_counts_and_a_later_one_only_after_it_is_settled():
    forecasts = issued((2, 1, 5, 0.4), (3, 1, 5, 0.9), (9, 1, 5, 0.8), (19, 1, 5, 0.3))
    confidence, lead = judge(forecasts, {(1, 5): [6]}, 10, 100)
    assert confidence.tolist() == [0.4, 0.8] and lead.tolist() == [4, -1]


def test_an_alarm_for_another_key_or_kind_is_false():
    forecasts = issued((2, 1, 5, 0.4), (2, 2, 6, 0.7))
    assert judge(forecasts, {(1, 6): [3], (2, 6): [30]}, 10, 100)[1].tolist() == [-1, -1]


def test_a_peak_in_the_step_of_the_alarm_is_no_hit_and_one_at_the_horizon_is():
    forecasts = issued((2, 1, 5, 0.4))
    assert judge(forecasts, {(1, 5): [2]}, 10, 100)[1].tolist() == [-1]
    assert judge(forecasts, {(1, 5): [12]}, 10, 100)[1].tolist() == [10]
    assert judge(forecasts, {(1, 5): [13]}, 10, 100)[1].tolist() == [-1]


def test_an_alarm_whose_time_is_not_over_is_not_judged():
    assert len(judge(issued((95, 1, 5, 0.4)), {}, 10, 100)[0]) == 0


def test_growth_is_what_comes_in_the_horizon_less_what_came_in_as_long_before():
    hourly = np.array([1, 2, 3, 4, 5, 6])
    assert growth_at(hourly, 3, 2) == (4 + 5) - (2 + 3)
    assert growth_at(hourly, 1, 3) == (2 + 3 + 4) - 1


def test_the_log_and_the_platforms_own_count_agree(tmp_path):
    """Two ways to the same score: handlers while the world ran, and the log afterwards."""
    path = tmp_path / "run"
    sets = ["trends.track=always", "trends.emergence_gate=3", "forecast.floor=3"]
    feedtwin.run("synthetic", users=150, steps=48, seed=4, out=path, threads=1, sets=sets)
    found = foresight(path, 12)
    values = {name: reading.value for name, reading in measure(read_run(path)).items()}
    assert found.alarms > 10 and 0 < found.hits < found.alarms
    assert values["forecast_precision"] == pytest.approx(found.precision)
    assert values["forecast_lead_h"] == pytest.approx(found.lead_h)
    assert values["forecast_brier"] == pytest.approx(found.brier.score, abs=1e-5)
    assert found.false_alarms_per_day == values["forecast_false_alarms"] / 2
    assert -1 <= found.tau_b <= 1
    trees = cascades(path)  # the upload and whoever shared it
    shared = Run.open(path).sql(
        "SELECT count(DISTINCT (item, user)) FROM social_activity WHERE kind = 24"
    )
    assert sum(tree.size - 1 for tree in trees.values()) == shared.column(0)[0].as_py() > 20
