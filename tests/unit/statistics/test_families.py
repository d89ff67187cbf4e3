"""Corrections for several tests, precision, and whole distributions."""

import numpy as np
import pytest
from scipy import stats

from feedtwin.lab.statistics import (
    Joint,
    Precision,
    benjamini_hochberg,
    difference,
    dunnett,
    holm,
    lorenz,
    lorenz_verdict,
    sign_flip_p,
    simultaneous,
)

NORMAL = stats.norm()


def test_holm_steps_down():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]


def test_benjamini_hochberg_steps_up():
    assert benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx(
        [0.02, 0.04, 0.04, 0.02]
    )


def test_dunnett_of_one_arm_is_the_t_test(chance):
    d = 0.3 + chance(0)(NORMAL, 15, 1)
    assert dunnett(d) == pytest.approx(stats.ttest_1samp(d, 0).pvalue)


def test_dunnett_agrees_with_the_classical_one_where_arms_are_independent(chance):
    # Differences from a common base of independent arms correlate by 1/2, which is Dunnett's own case; with
    # many replicates both refer to the same normal law.
    draw = chance(1)
    base, arms = draw(NORMAL, 4000), draw(NORMAL, 4000, 3) + np.array([0.02, 0.05, 0.07])
    ours = dunnett(arms - base[:, None])
    theirs = stats.dunnett(*arms.T, control=base).pvalue
    assert ours == pytest.approx(theirs, abs=0.05)
    assert ours == pytest.approx(dunnett(arms - base[:, None]))  # keyed: the same every time


def test_dunnett_corrects_less_than_holm_where_arms_share_chance(chance):
    draw = chance(2)
    d = 0.55 + draw(NORMAL, 20, 1) + 0.05 * draw(NORMAL, 20, 4)
    raw = stats.ttest_1samp(d, 0).pvalue
    assert (dunnett(d) <= holm(raw) + 1e-6).all() and (dunnett(d) >= raw - 1e-9).all()


def test_dunnett_holds_its_level_for_the_whole_family(chance):
    draw = chance(3)
    wrong = 0
    for _ in range(200):
        d = draw(NORMAL, 12, 1) + draw(NORMAL, 12, 3)
        wrong += bool((dunnett(d) < 0.05).any())
    assert wrong / 200 <= 0.096  # 5 % and three standard errors of 200 studies


def test_an_arm_that_equals_the_base_is_not_tested(chance):
    d = np.column_stack([np.zeros(10), 1 + chance(4)(NORMAL, 10)])
    assert dunnett(d)[0] == 1.0 and dunnett(np.zeros((5, 2))).tolist() == [1.0, 1.0]


def test_precision_needs_a_pilot_and_then_a_narrow_interval(chance):
    draw = chance(5)
    wide, narrow = 1 + draw(NORMAL, 10), 1 + 0.01 * draw(NORMAL, 10)
    rule = Precision(half_width=0.1)
    assert not rule.reached(difference(wide, np.zeros(10)))
    assert rule.reached(difference(narrow, np.zeros(10)))
    assert not rule.reached(difference(narrow[:9], np.zeros(9)))
    assert rule.pairs_needed(difference(wide, np.zeros(10))) > 100
    assert Precision(relative=0.1).wanted(-11.0) == pytest.approx(1.0)  # 0.1 / 1.1 of 11


def test_lorenz_curves_of_known_amounts():
    assert lorenz(np.ones(10), (0.5, 0.9)) == pytest.approx([0.5, 0.9])
    assert lorenz(np.array([0, 0, 0, 4.0]), (0.5, 0.75, 0.875)) == pytest.approx([0, 0, 0.5])
    assert np.isnan(lorenz(np.zeros(3), (0.5,))).all()


def test_dominance_is_found_where_it_is(chance):
    draw = chance(6)
    base = np.cumsum(np.full((14, 5), 0.1), axis=1) + 0.002 * draw(NORMAL, 14, 5)
    above = simultaneous(base + 0.05 + 0.002 * draw(NORMAL, 14, 5), base)
    assert above.verdict == "above" and above.p < 0.001
    assert "more equal" in lorenz_verdict(above)
    tilt = np.array([-0.05, -0.03, 0, 0.03, 0.05])
    assert simultaneous(base + tilt + 0.002 * draw(NORMAL, 14, 5), base).verdict == "crossing"


def test_bands_hold_for_all_points_at_once(chance):
    draw = chance(7)
    outside = 0
    for _ in range(60):
        curves = draw(NORMAL, 25, 1) + draw(NORMAL, 25, 6)
        bands = simultaneous(curves, np.zeros((25, 6)))
        outside += bool(((bands.low > 0) | (bands.high < 0)).any())
    assert outside / 60 <= 0.135  # 5 % and three standard errors


@pytest.mark.parametrize("pairs", [3, 5, 7, 8, 11, 14, 15, 24])
def test_p_and_joint_interval_are_one_rule(chance, pairs):
    """Nothing is told from 0 where its interval holds it; few pairs may need more than their interval."""
    draw = chance(15)
    for _ in range(40 if pairs < 15 else 12):
        d = draw(NORMAL, 1, 4) * 1.2 + draw(NORMAL, pairs, 1) + draw(NORMAL, pairs, 4)
        low, high = Joint(d).intervals()
        apart, told = (low > 0) | (high < 0), Joint(d).p() < 0.05
        assert (told <= apart).all()
        assert pairs < 8 or (told == apart).all()


def test_few_pairs_are_held_to_the_sign_flip_test(chance):
    d = 5 + chance(8)(NORMAL, 5, 1)
    assert Joint(d).intervals()[0][0] > 0 and Joint(d).p()[0] == sign_flip_p(d[:, 0]) == 2 / 32


@pytest.mark.parametrize("pairs", [4, 7, 9, 12, 20])
def test_bands_of_curves_and_their_words_and_p_agree(chance, pairs):
    draw = chance(16)
    seen = set()
    for _ in range(40 if pairs < 15 else 12):
        tilt = draw(NORMAL, 1) * np.linspace(0.5, 1, 8)
        d = tilt + draw(NORMAL, pairs, 1) * 0.7 + 0.2 * draw(NORMAL, pairs, 8)
        bands = simultaneous(d, np.zeros_like(d))
        apart = bool(((bands.low > 0) | (bands.high < 0)).any())
        told = not bands.verdict.startswith("not distinguishable")
        seen.add(told)
        assert told == (bands.p < 0.05) and told <= apart
        assert apart == (bands.verdict != "not distinguishable")
        assert pairs < 8 or told == apart
    assert seen == ({False} if pairs == 4 else {False, True})


def test_two_curves_of_two_pairs_are_not_judged():
    bands = simultaneous(np.array([[0.1, 0.2], [0.2, 0.1]]), np.zeros((2, 2)))
    assert bands.p is None and "too few pairs" in lorenz_verdict(bands)
    assert simultaneous(np.zeros((2, 2)), np.zeros((2, 2))).verdict == "not distinguishable"


def test_max_t_corrects_less_than_holm_where_estimates_move_together(chance):
    draw = chance(9)
    d = 0.6 + draw(NORMAL, 20, 1) + 0.05 * draw(NORMAL, 20, 6)
    raw = np.array([sign_flip_p(one) for one in d.T])
    assert (Joint(d).p() < 0.5 * holm(raw)).all() and (Joint(d).p() >= raw - 1e-9).all()


def test_one_enormous_effect_does_not_hide_the_others(chance):
    draw = chance(10)
    d = draw(NORMAL, 12, 2) * 0.1 + np.array([100.0, 0.15])
    assert (Joint(d).p() < 0.01).all()


def test_max_t_holds_its_level_for_the_whole_family(chance):
    draw, families = chance(11), 300
    wrong = sum(
        bool((Joint(draw(NORMAL, 10, 1) + draw(NORMAL, 10, 5)).p() < 0.05).any())
        for _ in range(families)
    )
    assert wrong / families <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / families)


@pytest.mark.parametrize(("shared", "pairs"), [(0.0, 15), (2.0, 15), (0.0, 5), (2.0, 5)])
def test_joint_intervals_hold_a_whole_family_at_once(chance, shared, pairs):
    draw, families = chance(12), 100
    planted = np.array([0.0, 1.0, -2.0, 0.5, 3.0])
    held = 0
    for _ in range(families):
        d = planted + shared * draw(NORMAL, pairs, 1) + draw(NORMAL, pairs, 5)
        low, high = Joint(d).intervals()
        held += bool(((low <= planted) & (planted <= high)).all())
    assert held / families >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / families)


def test_joint_intervals_of_few_are_no_bootstrap_of_few(chance):
    d = 1 + chance(14)(NORMAL, 4, 6)
    low, high = Joint(d).intervals()
    assert high - low == pytest.approx(2 * stats.t.isf(0.025 / 6, 3) * stats.sem(d))


def test_joint_intervals_are_as_wide_as_students_at_least(chance):
    d = 1 + chance(13)(stats.uniform(), 6, 1)
    low, high = Joint(d).intervals()
    half = stats.t.ppf(0.975, 5) * stats.sem(d[:, 0])
    assert high[0] - low[0] >= 2 * half * (1 - 1e-12)
    nothing = Joint(np.zeros((5, 2))).intervals()
    assert nothing[0].tolist() == nothing[1].tolist() == [0, 0] and Joint(
        np.zeros((5, 2))
    ).p().tolist() == [1, 1]
