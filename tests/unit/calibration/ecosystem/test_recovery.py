"""Recovery on made-up worlds: what it must pass, what it must fail, and when it may not say anything."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from feedtwin.calibration.ecosystem import recovery
from feedtwin.calibration.ecosystem.design import sobol
from feedtwin.calibration.ecosystem.posterior import Posterior, infer
from feedtwin.calibration.ecosystem.recovery import Recovery, recover
from feedtwin.calibration.ecosystem.verdict import (
    FAILS,
    NOT_RUN,
    NOTHING_TESTED,
    PASSES,
    known_in_words,
    parameters_of,
    verdict_of,
)
from feedtwin.datasets.hashing import normals

CONSTANTS = {
    "accepted": 0.6, "ridge": 0.001, "credible": 0.9, "recovery_level": 0.05, "trials_min": 100,
}  # fmt: skip
SLOPE = np.array(
    [[3.0, 0.0, 0.0, 0.5], [1.0, 2.0, 0.0, 0.0], [0.0, 2.5, 1.0, 0.0], [0.0, 0.0, 2.0, 1.5], [1.0, 0.0, 0.0, 2.0]]
)  # fmt: skip
NOISE = 0.3
FOUR = np.ones(4, np.bool_)


def table(trials: int, slope: np.ndarray = SLOPE) -> tuple[np.ndarray, np.ndarray]:
    """Points of the unit cube, and patterns = slopes x point + noise, in two versions."""
    unit = sobol(trials, slope.shape[1], 11)
    shape = (trials, 2, len(slope))
    noise = NOISE * normals(np.arange(np.prod(shape)), "recovery").reshape(shape)
    return unit, (unit @ slope.T)[:, None, :] + noise


def recovered(trials: int, tested: np.ndarray = FOUR, **changed: Any) -> Recovery:
    return recover(*table(trials), tested, {**CONSTANTS, **changed})


def spoiled(monkeypatch: pytest.MonkeyPatch, factor: float = 1.0, shift: float = 0.0) -> None:
    """An inference whose posteriors are too narrow, or beside the truth, on the scale of logits."""

    def wrong(*told: Any) -> Posterior:
        found = infer(*told).wider(factor)
        odds = found.unit / (1.0 - found.unit) * np.exp(shift)
        return replace(found, unit=odds / (1.0 + odds))

    monkeypatch.setattr(recovery, "infer", wrong)


def test_over_a_hundred_trials_intervals_hold_the_truth_at_their_rate() -> None:
    found = recovered(160)
    assert found.trials == 160 and found.factor == 1.0 and found.passes
    counts = np.round(found.coverage * found.trials).astype(int).tolist()
    p = [stats.binomtest(count, found.trials, 0.9).pvalue for count in counts]
    assert min(p) * len(p) >= 0.05, counts
    assert np.allclose(p, found.p)
    flat = stats.chisquare(found.ranks, axis=1).pvalue
    assert flat.min() * len(flat) >= 0.01, found.ranks


def test_intervals_that_are_too_narrow_are_widened_and_judged_on_other_trials(monkeypatch) -> None:
    spoiled(monkeypatch, factor=0.5)
    found = recovered(240)
    assert found.trials == 120, "the other half chose the factor"
    assert found.coverage_before.max() < 0.8 and 1.6 < found.factor < 2.5
    assert found.passes


@pytest.mark.parametrize("wrong", [{"factor": 0.15}, {"shift": 1.0}])
def test_a_broken_inference_fails(monkeypatch, wrong: Mapping[str, float]) -> None:
    """Narrower than any widening mends, or beside the truth."""
    spoiled(monkeypatch, **wrong)
    found = recovered(220)
    assert found.trials >= 100 and found.passes is False


def test_fewer_trials_neither_pass_nor_fail(monkeypatch) -> None:
    few, enough = recovered(99), recovered(100)
    assert few.passes is None and enough.passes is True
    assert recovered(100, trials_min=101).passes is None
    spoiled(monkeypatch, factor=0.15)
    assert recovered(60).passes is None, "nor do intervals that are wrong"


def test_widening_leaves_half_of_the_trials_to_tell(monkeypatch) -> None:
    spoiled(monkeypatch, factor=0.5)
    found = recovered(160)
    assert found.trials == 80 and found.passes is None


def test_where_nothing_is_tested_nothing_passes() -> None:
    found = recovered(120, np.zeros(4, np.bool_))
    assert found.passes is None and not found.tested.any() and found.factor == 1.0


def section(trials: int, passes: bool | None, tested: list[str], **more: int) -> dict[str, Any]:
    return {
        "parameters": {"a": {"identified": True}, "b": {"identified": False}},
        "recovery": {"trials": trials, "passes": passes, "tested": tested, **more},
    }


@pytest.mark.parametrize(
    ("made", "verdict", "known"),
    [
        (section(151, True, ["a"]), PASSES, "1 of 2 parameters identified"),
        (section(151, False, ["a"]), FAILS, "1 of 2 parameters identified"),
        (
            section(13, True, ["a"]), "has too few trials to tell (13 of 100)",
            "0 of 2 parameters identified (13 of the 100 trials that tell)",
        ),
        (
            section(151, None, ["a"], trials_min=200), "has too few trials to tell (151 of 200)",
            "0 of 2 parameters identified (151 of the 200 trials that tell)",
        ),
    ],
)  # fmt: skip
def test_a_section_is_held_to_one_rule_whoever_wrote_it(made, verdict, known) -> None:
    """An earlier version wrote no `trials_min`, and called a few trials a pass."""
    assert verdict_of(made["recovery"]) == verdict
    assert known_in_words(made) == known
    assert parameters_of(made)["a"]["identified"] == known.startswith("1")


@pytest.mark.parametrize("passes", [None, True])
def test_a_test_of_nothing_is_no_pass(passes: bool | None) -> None:
    assert verdict_of(section(151, passes, [])["recovery"]) == NOTHING_TESTED


def test_without_a_recovery_a_section_says_what_it_says() -> None:
    assert verdict_of(None) == NOT_RUN and parameters_of({}) == {}
    made = {"parameters": {"a": {"identified": True}}}
    assert parameters_of(made) == made["parameters"]
