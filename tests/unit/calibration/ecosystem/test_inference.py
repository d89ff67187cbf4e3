"""History matching, inference and recovery on a simulator whose posterior is known."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from feedtwin.calibration.ecosystem.emulator import fit_emulator
from feedtwin.calibration.ecosystem.fitting import (
    Fitted,
    Observation,
    Point,
    _with_discrepancy,
    fit_ecosystem,
)
from feedtwin.calibration.ecosystem.matching import Target, implausibility, rule_out
from feedtwin.calibration.ecosystem.plan import FITTED, HELD_OUT, Free, Pattern, Plan
from feedtwin.calibration.ecosystem.posterior import infer
from feedtwin.calibration.ecosystem.section import out_of_reach, section_of
from feedtwin.calibration.ecosystem.table import TableFile
from feedtwin.calibration.ecosystem.verdict import known_in_words
from feedtwin.cli.ecosystem import _print
from feedtwin.datasets.hashing import normals, uniforms
from feedtwin.errors import DataError

SLOPE = np.array([[3.0, 0.0, 0.0], [1.0, 2.0, 0.0], [0.0, 2.5, 0.0], [1.0, -1.0, 0.0]])
NOISE = np.array([0.15, 0.15, 0.15, 0.15])
PLAN = Plan(
    tuple(Free(f"p{k}", 0.0, 2.0, "linear", "") for k in range(3)),
    (
        Pattern("a", FITTED, "user", "1", 0.1), Pattern("b", FITTED, "user", "1", 0.1),
        Pattern("c", FITTED, "user", "1", 0.1), Pattern("d", HELD_OUT, "user", "1", 0.1),
    ),
)  # fmt: skip
CONSTANTS = {
    "budget": 260, "first_share": 0.4, "seed": 3, "candidates": 1024, "implausible": 3.0,
    "implausible_rank": 1, "kept_least": 0.005, "accepted": 0.6, "ridge": 0.001, "credible": 0.9,
    "identified": 0.2, "recovery_level": 0.05, "draws": 50, "ridge_correlation": 0.8, "versions": 5,
    "trials_min": 100,
}  # fmt: skip
TRUTH = np.array([1.2, 0.7, 1.0])


class Linear:
    """Patterns = slopes x parameters + noise; counts what it simulates, and may be killed."""

    def __init__(self, killed_after: int = 10**9) -> None:
        self.done, self._left = 0, killed_after

    def __call__(self, points: Sequence[Point]) -> Iterator[tuple[int, dict[str, float]]]:
        for place, point in enumerate(points):
            if self._left == 0:
                raise KeyboardInterrupt
            self._left -= 1
            self.done += 1
            noise = normals(np.arange(4), "noise", point.seed) * NOISE
            found = SLOPE @ np.array(list(point.values.values())) + noise
            yield place, dict(zip("abcd", found.tolist(), strict=True))


def observed(at: np.ndarray = TRUTH) -> dict[str, Observation]:
    values = (SLOPE @ at).tolist()
    return {n: Observation(v, 0.15) for n, v in zip("abcd", values, strict=True)}


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_ecosystem(PLAN, observed(), Linear(), None, CONSTANTS)


def test_the_posterior_is_the_known_one(fitted: Fitted) -> None:
    informed = SLOPE[:3, :2]
    precision = informed.T @ np.diag(1.0 / (NOISE[:3] ** 2 + 0.1**2)) @ informed
    sd = np.sqrt(np.diag(np.linalg.inv(precision)))
    values = PLAN.values(fitted.posterior.unit)
    mean = fitted.posterior.weight @ values
    found = np.sqrt(fitted.posterior.weight @ (values - mean) ** 2)
    assert np.abs(mean[:2] - TRUTH[:2]).max() < 0.5 * sd.max()
    assert np.abs(found[:2] / sd - 1.0).max() < 0.35


def test_what_no_pattern_knows_is_not_identified(fitted: Fitted) -> None:
    assert fitted.identified.tolist() == [True, True, False]
    said = section_of(fitted, "a test", {}, CONSTANTS)
    assert said["parameters"]["p2"]["source"].startswith("not identified by these data")
    assert said["recovery"]["tested"] == ["p0", "p1"]


def test_what_was_tested_is_listed_and_not_what_is_identified_after_widening(
    fitted: Fitted,
) -> None:
    later = replace(fitted, identified=np.array([True, False, False]))
    said = section_of(later, "a test", {}, CONSTANTS)
    assert said["recovery"]["tested"] == ["p0", "p1"]


def test_with_too_few_trials_nothing_is_called_identified(capsys: pytest.CaptureFixture) -> None:
    """One rule, told by the fit, its section, and the terminal."""
    more = {**CONSTANTS, "budget": 100}
    few = fit_ecosystem(PLAN, observed(), Linear(), None, more)
    least = few.recovery.trials
    assert 20 < least < 100 and few.recovery.passes is None
    assert (few.contraction[:2] > 0.5).all() and not few.identified.any()
    said = section_of(few, "a test", {"people": 10}, more)
    assert said["recovery"]["tested"] == ["p0", "p1"] and said["recovery"]["passes"] is None
    assert said["recovery"]["verdict"] == f"has too few trials to tell ({least} of 100)"
    assert known_in_words(said).startswith("0 of 3 parameters identified (")
    for one in said["parameters"].values():
        assert not one["identified"]
        assert one["source"].startswith(f"too few trials to tell ({least} of 100)")
    _print(said)
    told = " ".join(capsys.readouterr().out.split())
    assert f"too few trials to tell ({least} of 100) whether" in told
    assert (
        "not told" in told
        and "as they should" not in told
        and " yes " not in told.split("pattern role")[0]
    )


def test_the_terminal_says_what_recovery_found(
    fitted: Fitted, capsys: pytest.CaptureFixture
) -> None:
    def told(changed: Fitted) -> str:
        _print(section_of(changed, "a test", {"people": 10}, CONSTANTS))
        return " ".join(capsys.readouterr().out.split())

    assert "90% intervals hold the truth as often as they should" in told(fitted)
    failed = replace(fitted, recovery=replace(fitted.recovery, passes=False))
    assert "90% intervals hold the truth NOT at the nominal rate" in told(failed)
    none = np.zeros(3, np.bool_)
    idle = replace(
        fitted, identified=none, recovery=replace(fitted.recovery, tested=none, passes=None)
    )
    assert "recovery tested nothing" in told(idle) and "hold the truth" not in told(idle)


def test_recovery_covers(fitted: Fitted) -> None:
    assert fitted.recovery.trials >= 100
    assert fitted.recovery.passes
    assert (np.abs(fitted.recovery.coverage[:2] - 0.9) < 0.08).all()


def test_a_held_out_pattern_is_predicted_and_a_wrong_one_is_not(fitted: Fitted) -> None:
    said = section_of(fitted, "a test", {}, CONSTANTS)
    assert said["patterns"]["d"]["role"] == HELD_OUT
    assert said["patterns"]["d"]["inside"]
    off = {**observed(), "d": Observation(observed()["d"].value + 1.5, 0.15)}
    again = fit_ecosystem(PLAN, off, Linear(), None, CONSTANTS)
    wrong = section_of(again, "a test", {}, CONSTANTS)
    assert not wrong["patterns"]["d"]["inside"]
    assert wrong["draws"] == said["draws"], "a held-out pattern must not inform the parameters"


def test_history_matching_keeps_the_truth_and_rules_out_most(fitted: Fitted) -> None:
    assert fitted.region.share < 0.35
    near = np.abs(PLAN.values(fitted.table.unit)[:, :2] - TRUTH[:2]).max(axis=1)
    assert near.min() < 0.1
    assert near.max() < 0.9


def test_a_log_that_no_world_gives_is_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"cannot give its patterns: .*--set calibration.ecosystem.implausible=N, N above 3",
    ):
        fit_ecosystem(PLAN, observed(np.array([9.0, -9.0, 1.0])), Linear(), None, CONSTANTS)


def test_a_log_beyond_the_table_is_not_extrapolated_to(fitted: Fitted) -> None:
    """A pattern that no world reaches pulls to the last worlds, not past them, and is named."""
    noisy = fitted.table.patterns[:, :3]
    far = noisy.max(axis=0) + 20.0 * noisy.std(axis=0)
    drawn = infer(fitted.table.unit, noisy[:, None, :], far, CONSTANTS)
    known = fitted.table.unit[:, :2]
    assert (drawn.unit[:, :2] < known.max(axis=0) + 0.5 * np.ptp(known, axis=0)).all()
    beyond = replace(
        fitted, target=replace(fitted.target, value=fitted.target.value + np.eye(4)[2] * 99)
    )
    assert out_of_reach(beyond) == ["c"] and out_of_reach(fitted) == []


def test_a_world_more_or_less_hardly_moves_the_posterior(fitted: Fitted) -> None:
    """Noise belongs to a point and is seen in many versions: a posterior must not hang on the accident of either."""
    noisy = _with_discrepancy(fitted.table, PLAN, CONSTANTS)
    fewer = _with_discrepancy(fitted.table.take(np.arange(1, len(fitted.table))), PLAN, CONSTANTS)
    assert np.array_equal(noisy[1:], fewer)
    places, seen = PLAN.place(FITTED), fitted.target.value

    def middle(seed: int, versions: int) -> np.ndarray:
        constants = {**CONSTANTS, "seed": seed, "versions": versions}
        noisy = _with_discrepancy(fitted.table, PLAN, constants)[:, :, places]
        return infer(fitted.table.unit, noisy, seen[places], constants).mean

    def apart(versions: int) -> float:
        return float(np.std([middle(seed, versions) for seed in range(6)], axis=0).max())

    assert apart(20) < 0.5 * apart(1)


def test_a_killed_fit_goes_on_and_gives_the_same(fitted: Fitted, tmp_path: Path) -> None:
    path, names = tmp_path / "table.jsonl", list("abcd")
    first = Linear(killed_after=150)
    with pytest.raises(KeyboardInterrupt):
        fit_ecosystem(PLAN, observed(), first, TableFile(path, "k", names), CONSTANTS)
    with path.open("a") as file:
        file.write('{"key": "k", "poi')  # killed while it wrote
    second = Linear()
    again = fit_ecosystem(PLAN, observed(), second, TableFile(path, "k", names), CONSTANTS)
    assert first.done + second.done == CONSTANTS["budget"]
    assert np.array_equal(again.posterior.unit, fitted.posterior.unit)
    assert TableFile(path, "other", names).get(again.table.unit[0]) is None
    with path.open("a") as file:
        file.write("nonsense\n")
    with pytest.raises(DataError, match="line 261"):
        TableFile(path, "k", names)


def test_worlds_without_a_pattern_are_counted_and_too_many_are_refused() -> None:
    def some(points: Sequence[Point]) -> Iterator[tuple[int, dict[str, float]]]:
        for place, found in Linear()(points):
            lacks = points[place].values["p2"] > most
            yield place, {**found, "d": float("nan")} if lacks else found

    most = 1.7
    found = fit_ecosystem(PLAN, observed(), some, None, CONSTANTS)
    assert found.runs == CONSTANTS["budget"] and 20 < found.without < 60
    assert PLAN.values(found.table.unit)[:, 2].max() <= most
    assert section_of(found, "a test", {}, CONSTANTS)["design"]["runs_without_a_pattern"] > 20
    most = 0.8
    with pytest.raises(
        DataError,
        match=r"most often for d; expected one for every pattern .*--set calibration.ecosystem.people=N .*calibration.spread.people",
    ):
        fit_ecosystem(PLAN, observed(), some, None, CONSTANTS)


def test_the_emulator_tells_noise_from_doubt() -> None:
    unit = uniforms(np.arange(160), "points").reshape(80, 2)
    truth = np.sin(4 * unit[:, :1]) + unit[:, 1:]
    emulator = fit_emulator(unit, truth + normals(np.arange(80), "noise")[:, None] * 0.1)
    mean, variance = emulator.predict(unit)
    assert abs(float(emulator.noise[0]) ** 0.5 - 0.1) < 0.03
    assert float(np.sqrt(np.mean((mean - truth) ** 2))) < 0.06
    assert float(np.sqrt(variance.mean())) < 0.08
    scores = implausibility(
        emulator, unit, Target(np.array([0.5]), np.array([0.05]), np.array([0.05]))
    )
    kept = rule_out(scores, 3.0, 1, 0.01).kept
    assert np.abs(truth[kept, 0] - 0.5).max() < 0.5
    assert np.abs(truth[~kept, 0] - 0.5).min() > 0.1
