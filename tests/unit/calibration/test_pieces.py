"""The parts of the fit: trees as arrays, effects, tables, scores."""

import numpy as np
import pytest

from feedtwin.calibration.boosting import fit_forest
from feedtwin.calibration.effects import fit_effects, logistic, logistic_fit
from feedtwin.calibration.preset import calibration_constants
from feedtwin.calibration.scores import Resamples, calibration_curve, distance, rate_scores
from feedtwin.calibration.tables import LEVEL, at_level, below, fit_tables, progress, seconds
from feedtwin.datasets.hashing import normals, uniforms

pytest.importorskip("sklearn", reason="fits need the extra `calibration`")

C = calibration_constants({"calibration.boosting.trees_max": 30})


def test_every_tree_reads_one_group_and_missing_values_have_a_side() -> None:
    rows = np.arange(4000)
    x = np.stack([uniforms(rows, name) for name in "abc"], axis=1)
    x[::7, 0] = np.nan
    y = (uniforms(rows, "y") < logistic(2.0 * np.nan_to_num(x[:, 0]) - x[:, 2])).astype(float)
    forest, loss = fit_forest(x, y, True, [{0, 1}, {2}], (x, y), C)
    assert set(forest.group.tolist()) <= {-1, 0, 1} and len(loss) == 30
    assert loss[-1] < loss[0]
    moved = x.copy()
    moved[:, 2] = 0.5
    assert np.array_equal(forest.of_group(0, x), forest.of_group(0, moved))
    assert not np.array_equal(forest.of_group(1, x), forest.of_group(1, moved))
    short = forest.cut(10)
    assert len(short.root) == 10
    assert np.allclose(short.of_group(0, x), sum_of_first(forest, x, 10))


def sum_of_first(forest, x, trees: int) -> np.ndarray:
    total = np.zeros(len(x))
    for root in forest.root[:trees][forest.group[:trees] == 0].tolist():
        total += forest._walk(root, x)
    return total


def test_effects_find_the_spread_that_made_the_data() -> None:
    people, rows = 400, np.arange(12_000)
    who = (uniforms(rows, "who") * people).astype(np.int32)
    truth = 0.8 * normals(np.arange(people), "truth")
    y = (uniforms(rows, "y") < logistic(-0.5 + truth[who])).astype(float)
    fitted = fit_effects(y, np.full(len(rows), -0.5), [(who, people + 5)], True, C)
    assert fitted.variances[0] == pytest.approx(0.64, rel=0.25)
    assert np.corrcoef(fitted.means[0][:people], truth)[0, 1] > 0.85
    assert np.all(fitted.means[0][people:] == 0.0)
    assert np.allclose(fitted.sds[0][people:] ** 2, fitted.variances[0])
    assert np.all(fitted.sds[0][:people] ** 2 < fitted.variances[0])


def test_a_factor_without_effect_gets_none() -> None:
    rows = np.arange(20_000)
    who = (uniforms(rows, "who") * 400).astype(np.int32)
    y = normals(rows, "y")
    fitted = fit_effects(y, np.zeros(len(rows)), [(who, 400)], False, C)
    assert fitted.variances[0] < 0.01 and fitted.noise == pytest.approx(1.0, abs=0.05)


def test_a_logistic_line_is_found() -> None:
    rows = np.arange(30_000)
    x = normals(rows, "x")
    y = (uniforms(rows, "y") < logistic(-1.0 + 0.7 * x)).astype(float)
    line = logistic_fit(y, np.stack([np.ones(len(x)), x], axis=1))
    assert line == pytest.approx([-1.0, 0.7], abs=0.06)


def test_progress_and_seconds_are_inverse_and_keep_their_fixed_points() -> None:
    duration = np.array([5.0, 20.0, 20.0, 20.0, 300.0])
    watch = np.array([4.0, 3.0, 20.0, 40.0, 299.0])
    at = progress(watch, duration)
    assert at[1] == 0.0 and at[2] == 1.0 and at[3] == 2.0
    assert np.allclose(seconds(at, duration), watch)


def test_a_level_and_the_share_below_it_are_inverse() -> None:
    curve = np.cumsum(0.01 + uniforms(np.arange(66), "curve"))[None, :]
    for level in (0.0, 0.003, 0.2, 0.5, 0.987, 1.0):
        value = at_level(curve, np.array([level]))
        assert below(curve, value)[0] == pytest.approx(level, abs=1e-9)
    assert below(curve, np.array([-1.0]))[0] == 0.0 and below(curve, np.array([1e9]))[0] == 1.0


def test_tables_give_back_the_distribution_they_were_fitted_to() -> None:
    rows = np.arange(40_000)
    duration = 10.0 + 100.0 * uniforms(rows, "duration")
    index = normals(rows, "index")
    skip = uniforms(rows, "skip") < 0.3
    watch = np.where(
        skip,
        3.0 * uniforms(rows, "early") ** 0.5,
        3.0 + 10.0 * np.exp(0.5 * index + normals(rows, "noise")),
    )
    surface = np.ones(len(rows), np.uint8)
    tables = fit_tables(index, watch, duration, surface, skip, np.ones(len(rows), bool), C)
    curves = tables.curves(index, duration)
    drawn = seconds(at_level(curves, uniforms(rows, "draw")), duration)
    assert distance(drawn[~skip], watch[~skip]) < 0.02
    high, low = index > 1.0, index < -1.0
    assert drawn[high].mean() > 1.5 * drawn[low].mean()
    early = at_level(tables.skips(surface), uniforms(rows, "draw"))
    assert distance(early, watch[skip]) < 0.02
    assert LEVEL[0] == 0.0 and LEVEL[-1] == 1.0


def test_scores_tell_a_good_prediction_from_a_bad_one() -> None:
    rows = np.arange(4000)
    users = rows // 8
    p = uniforms(rows, "p")
    truth = uniforms(rows, "truth") < p
    draws = Resamples.of(users, 100, 0.95)
    scores = rate_scores(draws, truth, {"right": p, "wrong": 1.0 - p, "flat": np.full(len(p), 0.5)})
    assert scores["auc"]["right"][0] > 0.8 and scores["auc"]["flat"][0] == pytest.approx(0.5)
    gap = draws.estimate(scores["log_loss"]["right"] - scores["log_loss"]["wrong"])
    assert gap.low <= gap.value <= gap.high < 0.0
    curve = calibration_curve(draws, truth, p)
    assert all(abs(c["observed"] - c["predicted"]) < 0.02 + 3 * c["se"] for c in curve)
    off = calibration_curve(draws, truth, 0.5 * p)
    assert sum(abs(c["observed"] - c["predicted"]) > 0.02 + 3 * c["se"] for c in off) >= 5


def test_a_feature_that_nobody_has_is_read_by_no_tree() -> None:
    rows = np.arange(1000)
    x = np.stack([uniforms(rows, name) for name in "ab"], axis=1)
    y = (uniforms(rows, "y") < x[:, 0]).astype(float)
    x[:, 1] = np.nan
    forest, _ = fit_forest(x, y, True, [{0}, {1}], (x, y), C)
    assert set(forest.feature.tolist()) == {-1, 0}
