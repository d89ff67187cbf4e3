"""Bands, screening, signs, sizes and claims, on numbers whose answer is known."""

import numpy as np
import pytest

from feedtwin.calibration.ecosystem.plan import Free, Pattern
from feedtwin.calibration.report.bands import (
    band_of,
    failures_first,
    null_verdict,
    nulls_inside,
    pattern_row,
)
from feedtwin.calibration.report.ledger import claims, verdicts
from feedtwin.calibration.report.plan import ranges, read_worlds, report_constants, sizes_of
from feedtwin.calibration.report.screening import (
    IDLE,
    Indices,
    elementary_effects,
    is_active,
    morris,
    morris_points,
    most_active,
    sobol_indices,
    sobol_points,
)
from feedtwin.calibration.report.signs import (
    CONTRADICTED,
    ROBUST,
    UNTOLD,
    contrast_of,
    robustness,
)
from feedtwin.datasets.hashing import normals
from feedtwin.errors import SettingsError

CONSTANTS = report_constants(None, quick=False)


def test_a_band_holds_what_comes_from_the_same_world_as_often_as_it_says() -> None:
    trials, worlds = 400, 6
    values = normals(np.arange(trials * (worlds + 1)), "test").reshape(trials, -1)
    held = [band_of(one[1:].tolist(), one[0], 0.0, 0.0, 0.95).inside for one in values]
    assert 0.92 < np.mean(held) < 0.98
    p = [band_of(one[1:].tolist(), one[0], 0.0, 0.0, 0.95).p for one in values]
    assert abs(np.mean(np.array(p) < 0.5) - 0.5) < 0.07


def test_a_tolerance_widens_a_band_and_is_told_apart_from_it() -> None:
    values = [1.0, 1.1, 0.9, 1.0]
    plain, wide = (band_of(values, 1.5, 0.0, tolerance, 0.95) for tolerance in (0.0, 0.3))
    assert not plain.inside and wide.inside and not wide.strictly
    assert wide.p == plain.p, "p is of the band without the tolerance"


def test_worlds_that_hardly_differ_do_not_make_the_logs_own_error_vanish() -> None:
    same = [1.0, 1.0, 1.0, 1.0]
    assert band_of(same, 1.05, 0.05, 0.0, 0.95).inside
    assert not band_of(same, 1.05, 0.0, 0.0, 0.95).inside


def test_a_world_without_a_number_is_a_failure_and_no_band() -> None:
    band = band_of([1.0, float("nan")], 1.0, 0.1, 0.1, 0.95)
    assert not band.inside and band.low is None and band.p is None


def test_what_fails_comes_first() -> None:
    def row(name: str, observed: float, role: str):
        band = band_of([1.0, 1.1, 0.9], observed, 0.01, 0.0, 0.95)
        pattern = Pattern(name, role, "user", "1", 0.0)
        return pattern_row(pattern, (observed, 0.01), (1.0, 0.01), band, {}, 0.95)

    rows = [
        row("in", 1.0, "held_out"),
        row("fitted out", 9.0, "fitted"),
        row("out", 9.0, "held_out"),
    ]
    assert [one["name"] for one in failures_first(rows)] == ["out", "fitted out", "in"]
    assert not rows[1]["baseline"]["inside"] and rows[0]["baseline"]["inside"]


def test_a_null_world_without_a_number_is_neither_rejected_nor_better() -> None:
    pattern = Pattern("one", "held_out", "user", "1", 0.0)
    twin = band_of([1.0, 1.1, 0.9], 1.0, 0.01, 0.0, 0.95)
    nulls = {
        "none": band_of([5.0, 5.1, float("nan")], 1.0, 0.01, 0.0, 0.95),
        "far": band_of([5.0, 5.1, 4.9], 1.0, 0.01, 0.0, 0.95),
    }
    row = pattern_row(pattern, (1.0, 0.01), (1.0, 0.01), twin, nulls, 0.95)
    assert row["rejects"] == ["far"] and nulls_inside(row) == []


def test_screening_finds_the_slopes_of_a_plane_exactly() -> None:
    points = morris_points(5, 4, 3)
    assert points.min() >= 0.0 and points.max() <= 1.0
    changed = np.count_nonzero(np.abs(np.diff(points, axis=1)) > 1e-6, axis=2)
    assert (changed == 1).all(), "points that follow each other differ in one input"
    slopes = np.array([2.0, -1.0, 0.0, 0.5])
    effects = elementary_effects(points, points @ slopes)
    assert np.allclose(effects, slopes, atol=1e-6)


def test_what_is_noise_is_not_told_from_the_idle_input() -> None:
    points = morris_points(20, 4, 3)
    noise = 0.2 * normals(np.arange(20 * 5), "noise").reshape(20, 5)
    effects = elementary_effects(points, 3.0 * points[..., 0] + noise)
    names = ["a", "b", "c", IDLE]
    found = morris(effects, 100, 0.95)
    assert is_active(found, names) == [True, False, False, False]
    assert found.value[1] > 0.1, "noise alone looks like an effect"
    assert most_active(found, names, 1) == [0] and 3 not in most_active(found, names, 4)


def test_an_input_is_active_above_the_whole_interval_of_the_idle_one() -> None:
    value, low, high = (
        np.array(one) for one in ([3.0, 5.0, 1.0], [1.5, 2.5, 0.5], [4.0, 6.0, 2.0])
    )
    found = Indices(value, low, high)
    assert is_active(found, ["above its value", "above its interval", IDLE]) == [False, True, False]


def test_indices_of_a_sum_are_the_shares_of_its_variance() -> None:
    points = sobol_points(256, 3, 5)
    values = (points @ np.array([2.0, 1.0, 0.0])).reshape(5, 256)
    found = sobol_indices(values, 50, 0.95)
    assert found is not None
    first, total = found
    for one in (first, total):
        assert np.allclose(one.value, [0.8, 0.2, 0.0], atol=0.05)
        assert (one.low <= one.value + 1e-9).all() and (one.value <= one.high + 1e-9).all()
    assert sobol_indices(np.ones((5, 8)), 50, 0.95) is None, "nothing varies"


def test_a_sign_is_robust_only_where_it_is_clear_everywhere() -> None:
    up, down, unclear = (
        contrast_of(values, 0.95)
        for values in ([1.0, 1.1, 0.9], [-1.0, -1.1, -0.9], [1.0, -1.0, 0.1])
    )
    assert (up["sign"], down["sign"], unclear["sign"]) == ("+", "-", "unclear")
    assert up["flips"] == 0.0 and unclear["flips"] == pytest.approx(1 / 3)
    assert robustness(up, {"a": up, "b": up}) == ROBUST
    assert robustness(up, {"a": up, "b": down}) == CONTRADICTED
    assert robustness(unclear, {"a": up, "b": down}) == CONTRADICTED
    assert robustness(up, {"a": unclear}) == UNTOLD
    assert robustness(unclear, {"a": unclear}) == UNTOLD


def test_sizes_keep_to_a_budget_and_say_when_they_cannot() -> None:
    whole = sizes_of(CONSTANTS, None, 9, 3, 5)
    assert whole.trajectories == CONSTANTS["trajectories"]
    for budget in (150, 400, 900):
        small = sizes_of(CONSTANTS, budget, 9, 3, 5)
        assert small.runs(9, 3, 5) <= budget < whole.runs(9, 3, 5)
        assert small.draws >= 2 and small.sobol_points & (small.sobol_points - 1) == 0
    with pytest.raises(SettingsError, match="the smallest report needs"):
        sizes_of(CONSTANTS, 10, 9, 3, 5)
    with pytest.raises(SettingsError, match="power of two"):
        sizes_of({**CONSTANTS, "sobol_points": 12}, None, 9, 3, 5)


def test_the_worlds_of_a_report_are_those_that_were_promised() -> None:
    worlds = read_worlds()
    assert [one.name for one in worlds.nulls] == ["random feed", "popularity feed", "no feedback"]
    by_name = {one.name: one for one in worlds.variants}
    assert by_name["literal encounter"].parameters["interaction.skip_match"] == 0.0
    assert by_name["literal encounter"].parameters["interaction.form"] == "repaired"
    assert by_name["learning off"].parameters == worlds.nulls[2].parameters
    assert "fitted encounter" not in [one.name for one in worlds.changed]


def test_ranges_are_the_posteriors_where_there_is_one() -> None:
    free = (Free("a", 0.0, 10.0, "linear", ""), Free("b", 0.0, 1.0, "linear", ""))
    found = ranges(free, {"a": {"low": 2.0, "high": 3.0}})
    assert (found[0].low, found[0].high, found[1].high) == (2.0, 3.0, 1.0)


def results(inside: bool, role: str, rejects: list[str], robust: str) -> dict:
    twin = {"inside": inside, "middle": -0.25, "low": 0.0, "high": 1.0}
    signs = {"estimate": 1.0, "low": 0.5, "high": 1.5, "sign": "+", "flips": 0.0}
    return {
        "encounter": {"verdicts": [{"promise": "good", "holds": 2, "of": 2}, {"promise": "better", "holds": 1, "of": 2}]},
        "patterns": [
            {"name": "x", "role": role, "level": "user", "observed": 0.5, "twin": twin, "rejects": rejects, "nulls": {one: {"inside": one not in rejects} for one in ("random feed", "no feedback")}}
        ],
        "nulls": {"random feed": {"rejected": bool(rejects), "rejected_by": ["x"], "told_apart_by": [], "held_out": [], "needed": 3}},
        "verdicts": [{"promise": "eight inside", "holds": 9, "needed": 8, "passes": True}],
        "few": {"worlds": [], "fit": []},
        "parameters": {
            name: {"identified": known, "low": 0, "high": 1, "prior_low": 0, "prior_high": 2, "contraction": 0.5}
            for name, known in (("known", True), ("unknown", False))
        },
        "recovery_verdict": "passes",
        "contrast": {"name": "b - a", "posterior": {"watch_s": signs}, "variants": {"v": {"watch_s": signs}}, "robustness": {"watch_s": robust}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("inside", "role", "rejects", "state"),
    [
        (True, "held_out", ["random feed"], "shown"),
        (True, "held_out", [], "inferred"),
        (True, "fitted", ["random feed"], "inferred"),
        (False, "held_out", ["random feed"], "not shown"),
    ],
)
def test_a_pattern_is_claimed_by_rule(inside, role, rejects, state) -> None:
    found = claims(results(inside, role, rejects, ROBUST))
    claim = next(one for one in found if "closed loop" in one["claim"])
    assert claim["state"] == state and "log 0.5, twin -0.25, band 0 to 1" in claim["evidence"]


def test_a_pattern_outside_says_which_null_worlds_do_better() -> None:
    outside, inside = (
        next(
            one["evidence"]
            for one in claims(results(held, "held_out", ["random feed"], ROBUST))
            if "closed loop" in one["claim"]
        )
        for held in (False, True)
    )
    assert outside.endswith("the log lies in the band of no feedback") and "lies in" not in inside


@pytest.mark.parametrize(
    ("few", "kept"),
    [
        ({"worlds": ["4 worlds instead of 20"], "fit": []}, {"The data know known"}),
        ({"worlds": [], "fit": ["9 worlds instead of 300"]}, set()),
    ],
)
def test_what_rests_on_few_worlds_is_at_most_inferred(few, kept) -> None:
    whole = results(True, "held_out", ["random feed"], ROBUST)
    before = {one["claim"]: one["state"] for one in claims(whole)}
    found = claims({**whole, "few": few})
    encounter = "The encounter on held-out people and days: good"
    assert {one["claim"] for one in found if one["state"] == "shown"} == {encounter} | kept
    for one in found:
        if before[one["claim"]] == "shown" and one["state"] == "inferred":
            assert "instead of" in one["evidence"]
        else:
            assert one["state"] == before[one["claim"]], "nothing gets better by it"


def null_rows() -> list[dict]:
    """Patterns by what they say of a null world and of the twin."""
    said = [
        ("held_out", True, True),
        ("fitted", True, True),
        ("held_out", True, False),
        ("held_out", False, True),
    ]
    return [
        {"name": f"p{k}", "role": role, "rejects": ["null"] if rejects else [], "twin": {"inside": inside}}
        for k, (role, rejects, inside) in enumerate(said)
    ]  # fmt: skip


def test_a_pattern_that_rejects_the_twin_as_well_does_not_count_against_a_null_world() -> None:
    found = null_verdict("null", null_rows(), 3)
    assert found["rejected_by"] == ["p0", "p1", "p2"] and not found["rejected"]
    assert found["told_apart_by"] == ["p0", "p1"] and found["held_out"] == ["p0"]
    assert null_verdict("null", null_rows(), 2)["rejected"]
    assert not null_verdict("other", null_rows(), 1)["rejected"]


def test_claims_say_no_first_and_never_show_an_effect() -> None:
    found = claims(results(True, "held_out", ["random feed"], ROBUST))
    states = [one["state"] for one in found]
    assert states == sorted(states, key=["not shown", "inferred", "shown"].index)
    by_claim = {one["claim"]: one["state"] for one in found}
    assert by_claim["b - a changes watch_s"] == "inferred"
    assert by_claim["The data know known"] == "shown"
    assert by_claim["The data know unknown"] == "not shown"
    frail = claims(results(True, "held_out", ["random feed"], CONTRADICTED))
    assert {one["claim"]: one["state"] for one in frail}["b - a changes watch_s"] == "not shown"


@pytest.mark.parametrize(
    ("recovery", "state"),
    [
        ("passes", "shown"),
        ("does not pass", "inferred"),
        ("has too few trials to tell (13 of 100)", "not shown"),
        ("tested nothing, as no parameter's contraction is large enough", "not shown"),
        ("was not run", "not shown"),
    ],
)
def test_a_parameter_is_claimed_by_what_recovery_found(recovery: str, state: str) -> None:
    made = {**results(True, "held_out", ["random feed"], ROBUST), "recovery_verdict": recovery}
    by_claim = {one["claim"]: one for one in claims(made)}
    known, unknown = (by_claim[f"The data know {name}"] for name in ("known", "unknown"))
    assert (known["state"], unknown["state"]) == (state, "not shown")
    assert known["evidence"].endswith(f"recovery {recovery}")


def test_promises_need_eight_patterns_on_three_levels_and_three_against_each_null() -> None:
    rows = [
        {"role": "held_out", "level": level, "twin": {"inside": True}}
        for level in ("encounter", "user", "ecosystem") * 3
    ]
    nulls = {
        "random feed": {
            "rejected_by": ["a", "b", "c"],
            "told_apart_by": ["a", "b"],
            "held_out": ["b"],
        }
    }
    found = verdicts({"patterns": rows, "nulls": nulls}, CONSTANTS)
    assert [one["passes"] for one in found] == [True, True, False]
    assert found[2]["holds"] == 2 and "(1 of them held out)" in found[2]["promise"]
    rows = [row for row in rows if row["level"] == "user"] * 3
    assert [one["passes"] for one in verdicts({"patterns": rows, "nulls": nulls}, CONSTANTS)][
        :2
    ] == [True, False]
