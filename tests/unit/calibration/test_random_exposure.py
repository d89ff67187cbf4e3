"""Random exposure from a recommender's log: ratios, intervals, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from feedtwin.calibration.calibrating import Source, calibrate
from feedtwin.calibration.exposure.estimating import estimate
from feedtwin.calibration.exposure.matching import Pairs, matching, random_pairs
from feedtwin.calibration.exposure.metrics import METRICS, expected, from_link, observed, to_link
from feedtwin.calibration.exposure.studying import random_exposure
from feedtwin.calibration.fitting import fit_encounter
from feedtwin.calibration.preset import calibration_constants, read_preset
from feedtwin.errors import DataError, SettingsError
from feedtwin.testing.choosing import choosing

pytest.importorskip("sklearn", reason="fits need the extra `calibration`")

QUICK = {
    "calibration.boosting.trees_max": 8,
    "calibration.exposure.resamples": 20,
}


def estimated(world, **changed):
    constants = calibration_constants(QUICK | {f"calibration.{k}": v for k, v in changed.items()})
    log = world.log
    model = fit_encounter(log, np.ones(len(log.rows), np.bool_), constants, lambda _, make: make())
    return estimate(model, log, constants)


@pytest.fixture(scope="module")
def matched():
    world = choosing(1, strength=2.0)
    return world, estimated(world)


def test_definitions_are_those_of_the_data_card(log, preset) -> None:
    model = preset.models["all"]
    seen = observed(log, model.material(log))
    duration = model.material(log).duration_s
    watch = log.rows.watch_s
    short = duration <= 7.0
    assert np.array_equal(seen["valid_view"][short], (watch >= duration)[short])
    assert np.array_equal(seen["valid_view"][~short], (watch > 7.0)[~short])
    assert np.array_equal(seen["long_view"] == 1.0, watch >= np.minimum(duration, 18.0))
    assert np.all(seen["finish"] <= seen["long_view"])
    means = {name: from_link(name, x) for name, x in expected(model, log).items()}
    assert tuple(means) == METRICS
    assert np.all(means["finish"] <= means["long_view"] + 1e-9)
    assert np.all(means["long_view"] <= means["valid_view"] + 1e-9)


@pytest.mark.parametrize("name", ["like", "watch_s"])
def test_links_are_undone(name: str) -> None:
    values = np.array([1e-4, 0.2, 0.9])
    assert np.allclose(from_link(name, to_link(name, values)), values)


def test_the_random_arm_covers_the_pool_evenly_and_keeps_who_where_and_when() -> None:
    log = choosing(2).log
    pairs, other = random_pairs(log, 2, 4)
    met = np.bincount(pairs.video, minlength=len(log.videos.key))
    assert met.min() > 0.5 * met.mean() and met.max() < 1.5 * met.mean()
    assert np.array_equal(other.rows.user, np.repeat(log.rows.user, 2))
    assert np.array_equal(other.rows.hour, np.repeat(log.rows.hour, 2))
    assert np.isnan(other.rows.watch_s).all()


def test_matching_is_seen_where_it_is_and_not_where_it_is_not() -> None:
    constants = calibration_constants()
    found = {}
    for strength in (0.0, 2.0):
        log = choosing(3, strength=strength).log
        own = Pairs.of(log, log.rows.user, log.rows.video, 4)
        found[strength] = matching(log, own, random_pairs(log, 1, 4)[0], constants).auc
    assert abs(found[0.0] - 0.5) < 0.03 < 0.1 < found[2.0] - 0.5


def test_a_score_does_not_read_the_outcomes_or_its_own_pair() -> None:
    log = choosing(3, strength=2.0).log
    own = Pairs.of(log, log.rows.user, log.rows.video, 4)
    other = random_pairs(log, 1, 4)[0]
    blind = replace(log, rows=replace(log.rows, watch_s=log.rows.watch_s * 0.0))
    constants = calibration_constants()
    assert np.array_equal(
        matching(log, own, other, constants).logged, matching(blind, own, other, constants).logged
    )
    again = Pairs.of(log, own.user, own.video, 4)
    assert np.array_equal(own.fold, again.fold)


def test_matching_lowers_the_ratio_below_what_columns_say(matched) -> None:
    world, found = matched
    for name in ("valid_view", "watch_s", "like"):
        one = found["ratios"][name]
        assert one["additive"] > one["visible"] > one["estimate"], name
        assert abs(one["estimate"] - world.truth[name]) < abs(one["additive"] - world.truth[name])
        assert one["low"] <= world.truth[name] <= one["high"], name


def test_the_interval_holds_parameter_uncertainty_and_the_band(matched) -> None:
    _, found = matched
    for name, one in found["ratios"].items():
        assert one["low"] <= min(one["parameter"]["low"], one["matching"]["low"]), name
        assert one["high"] >= max(one["parameter"]["high"], one["matching"]["high"]), name
        assert one["matching"]["low"] <= one["estimate"] <= one["matching"]["high"], name
        assert one["parameter"]["low"] < one["parameter"]["high"], name


def test_the_recommenders_arm_is_the_logs_own_rate_each_person_counting_once(matched) -> None:
    world, found = matched
    rows = world.log.rows
    each = np.bincount(rows.user, rows.watch_s) / np.bincount(rows.user)
    one = found["ratios"]["watch_s"]
    assert one["rate_logged"] == pytest.approx(each.mean())
    assert one["rate_recommender"] == pytest.approx(each.mean(), rel=1e-3)


def test_matching_that_no_meeting_shows_widens_the_interval_until_it_holds_the_truth() -> None:
    world = choosing(4, strength=2.0, unseen=1.0)
    found = estimated(world)
    one = found["ratios"]["valid_view"]
    assert world.truth["valid_view"] < one["additive"] - 0.1
    assert one["low"] <= world.truth["valid_view"] <= one["high"]
    assert one["high"] - one["low"] > 0.3


def test_without_matching_columns_are_right() -> None:
    world = choosing(5, strength=0.0)
    one = estimated(world)["ratios"]["valid_view"]
    assert one["additive"] == pytest.approx(world.truth["valid_view"], abs=0.05)
    assert one["low"] <= world.truth["valid_view"] <= one["high"]


def test_the_same_inputs_give_the_same_numbers(matched) -> None:
    world, found = matched
    assert json.dumps(estimated(world), sort_keys=True) == json.dumps(found, sort_keys=True)


def test_segments_hold_everybody_once(matched) -> None:
    _, found = matched
    assert sum(one["users"] for one in found["segments"].values()) == found["users"]
    assert set(found["ratios"]) == set(METRICS[:5])
    assert not found["surfaces"]


def test_a_log_with_randomly_exposed_impressions_is_refused() -> None:
    world = choosing(6)
    random = np.zeros(len(world.log.rows), np.bool_)
    random[:3] = True
    seen = replace(world, log=replace(world.log, rows=replace(world.log.rows, random=random)))
    with pytest.raises(DataError, match=r"3 of .* exposed at random"):
        estimated(seen)


def test_a_pool_too_small_is_refused() -> None:
    with pytest.raises(DataError, match="expected at least 20"):
        estimated(choosing(7, people=60, films=12, each=6))


def test_bounds_of_the_band_are_checked() -> None:
    with pytest.raises(SettingsError):
        calibration_constants({"calibration.exposure.auc_most": 1.5})


def test_other_data_than_the_presets_is_refused(log, preset) -> None:
    other = replace(log, provenance=replace(log.provenance, source_hash="0"))
    with pytest.raises(DataError, match="hashes differ"):
        random_exposure(preset, other)


def test_the_study_names_its_data_and_assumptions(folder: Path, log, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    calibrate(log, Source("kuairand"), path, QUICK)
    found = random_exposure(read_preset(path), log)
    assert found["study"] == "random-exposure" and "generated sample" in found["state"]
    assert {"matching", "video quality", "position", "mood", "pool"} == set(found["assumes"])
    assert set(found["ratios"]) == set(METRICS) and set(found["surfaces"]) == {"0", "1"}
