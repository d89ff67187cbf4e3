"""How much less than stated a report rests on, and how often recovery held the truth."""

import pytest
from scipy import stats

from feedtwin.calibration.report.coverage import coverages
from feedtwin.calibration.report.look import (
    bands_in_words,
    few_of,
    fit_in_words,
    look_in_words,
)

FULL = {
    "quick": False,
    "fit_worlds": 300,
    "sizes": {"draws": 20, "null_draws": 10},
    "world": {"people": 1000},
}


def looked(**more) -> dict:
    found = {**FULL, **more}
    return {**found, "few": few_of(found)}


def test_a_whole_report_rests_on_as_much_as_was_stated() -> None:
    found = looked()
    assert found["few"] == {"worlds": [], "fit": []} and not look_in_words(found)
    assert bands_in_words(found) == "20 worlds of the twin, 10 worlds of each null"
    assert fit_in_words(found) == "300 simulated worlds in the ecosystem's fit."
    more = looked(sizes={"draws": 40, "null_draws": 10}, fit_worlds=600)
    assert more["few"] == {"worlds": [], "fit": []}


def test_a_quick_look_says_how_many_worlds_there_are_instead_of_how_many() -> None:
    found = looked(quick=True, sizes={"draws": 4, "null_draws": 3}, world={"people": 150})
    less = "4 worlds of the twin instead of 20, 3 worlds of each null instead of 10, 150 people per world instead of 1,000"
    assert bands_in_words(found) == less
    said = look_in_words(found)
    assert said.startswith(f"A quick look: {less}.") and "may not pass in full" in said


def test_a_small_budget_is_said_without_calling_it_a_quick_look() -> None:
    said = look_in_words(looked(sizes={"draws": 20, "null_draws": 5}))
    assert said.startswith("Fewer than stated beforehand: 5 worlds of each null instead of 10.")


def test_a_small_fit_is_said_with_and_without_worlds() -> None:
    alone = {"quick": True, "fit_worlds": 40}
    for found in (looked(fit_worlds=40), {**alone, "few": few_of(alone)}):
        assert found["few"]["fit"] == ["40 simulated worlds in the ecosystem's fit instead of 300"]
        assert look_in_words(found).startswith("Fewer than stated beforehand: 40 simulated worlds")
        assert fit_in_words(found).startswith("40 ") and "instead of 300" in fit_in_words(found)
    none = looked(fit_worlds=None)
    assert none["few"]["fit"] == [] and "was not fitted" in fit_in_words(none)


def test_a_coverage_has_the_interval_of_its_own_test() -> None:
    recovery = {
        "trials": 50, "nominal": 0.9, "passes": True, "widened_by": 1.0, "tested": ["a"],
        "parameters": {"a": {"coverage": 0.84, "p": 0.1}, "b": {"coverage": 1.0, "p": 0.01}},
    }  # fmt: skip
    found = coverages(recovery)
    one, all_held = found["parameters"]["a"], found["parameters"]["b"]
    assert one["low"] < 0.84 < one["high"] and one["tested"] and not all_held["tested"]
    assert stats.binom.sf(41, 50, one["low"]) == pytest.approx(0.025)
    assert stats.binom.cdf(42, 50, one["high"]) == pytest.approx(0.025)
    assert all_held["high"] == 1.0 and all_held["low"] < 0.95
    assert found["trials"] == 50 and coverages(None) == {}
