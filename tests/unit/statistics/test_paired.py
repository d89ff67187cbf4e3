"""Estimates, intervals and p of paired differences, against values known from elsewhere."""

import numpy as np
import pytest
from scipy import stats

from feedtwin.lab.statistics import (
    coupling,
    detectable,
    difference,
    independent_equivalent,
    power,
    replicates_for,
    sign_flip_p,
    tost,
    unpaired,
)
from feedtwin.lab.statistics.resampling import resample_rows, sign_flips

NORMAL = stats.norm()
# Student's sleep data (1908): hours of extra sleep of ten patients under two drugs.
FIRST = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SECOND = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def test_students_own_example_has_his_numbers():
    found = difference(SECOND, FIRST)
    assert found.estimate == pytest.approx(1.58)
    assert found.low == pytest.approx(0.7001142, abs=1e-6)
    assert found.high == pytest.approx(2.4598858, abs=1e-6)
    assert found.p == pytest.approx(0.00283289, abs=1e-7)
    assert (found.n, found.method, found.test) == (10, "paired t", "paired t")


def test_the_same_without_pairing_has_welchs_numbers():
    estimate, low, high, p = unpaired(SECOND, FIRST)
    assert estimate == pytest.approx(1.58)
    assert (low, high) == pytest.approx((-0.2054832, 3.3654832), abs=1e-6)
    assert p == pytest.approx(0.07939414, abs=1e-7)


def test_the_sign_flip_test_counts_all_sign_vectors():
    values = np.array([1.0, 2.0, 3.0])  # 8 vectors; only +++ and --- are as far from 0
    assert sign_flip_p(values) == pytest.approx(2 / 8)
    assert sign_flip_p(np.array([1.0, -1.0])) == 1.0
    assert sign_flip_p(SECOND - FIRST) == pytest.approx(
        stats.permutation_test(
            (SECOND - FIRST,), np.mean, permutation_type="samples", n_resamples=np.inf
        ).pvalue
    )


def test_few_pairs_take_their_p_from_sign_flips():
    found = difference(np.array([5.0, 5.1, 5.3, 5.2, 5.6]), np.zeros(5))
    assert (found.test, found.p) == ("sign-flip", pytest.approx(2 / 32))
    assert found.low > 0  # the interval is Student's, and may say more


def test_beyond_listing_all_vectors_the_keyed_ones_come_close(chance):
    values = 0.4 + chance(0)(NORMAL, 30)
    assert sign_flip_p(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)
    assert sign_flips(30)[1] is False and sign_flips(10)[1] is True


def test_equal_arms_differ_by_exactly_nothing():
    found = difference(FIRST, FIRST)
    assert (found.estimate, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)
    assert found.method == "identical pairs"


def test_a_difference_that_never_varies_is_not_given_a_p_of_nothing():
    found = difference(FIRST + 0.5, FIRST)
    assert found.method == "constant difference"
    assert found.p == pytest.approx(2 / 2**10)
    assert found.low == found.high == pytest.approx(0.5)


def test_one_pair_has_no_interval():
    found = difference(np.array([2.0]), np.array([1.0]))
    assert (found.estimate, found.low, found.high, found.p) == (1.0, None, None, None)


def test_skewed_differences_get_the_studentised_bootstrap(chance):
    skewed = np.exp(1.2 * chance(3)(NORMAL, 40))
    found = difference(skewed, np.zeros(40))
    assert found.method == "studentised bootstrap"
    assert (found.low, found.high) == (found.boot_low, found.boot_high)
    assert found.high - found.estimate > found.estimate - found.low  # it leans the right way


def test_p_of_skewed_differences_is_of_the_law_of_their_interval(chance):
    seen = set()
    for shift in np.linspace(-3.5, -0.5, 25):
        skewed = np.exp(chance(3)(NORMAL, 40)) + shift
        found = difference(skewed, np.zeros(40))
        assert found.method == found.test == "studentised bootstrap"
        apart = found.low > 0 or found.high < 0
        seen.add(apart)
        assert apart == (found.p < 0.05)
    assert seen == {True, False}


def test_few_pairs_claim_by_sign_flips_too():
    d = np.array([0.1, 0.2, 0.15, 0.05])
    assert tost(d, -1, 1).p == pytest.approx(1 / 16) and not tost(d, -1, 1).holds()
    assert tost(np.array([0.1, 0.2, 0.15, 0.05, 0.12]), -np.inf, 1).holds()


def test_resampling_is_keyed_and_even():
    rows = resample_rows(20, seed=4)
    assert np.array_equal(rows, resample_rows(20, seed=4))
    assert not np.array_equal(rows, resample_rows(20, seed=5))
    counts = np.bincount(rows.ravel(), minlength=20)
    assert len(counts) == 20 and stats.chisquare(counts).pvalue > 1e-4


def test_the_variance_ratio_says_what_pairing_saves(chance):
    draw = chance(1)
    shared = 3 * draw(NORMAL, 400)
    a, b = shared + draw(NORMAL, 400), shared + draw(NORMAL, 400)
    found = coupling(a, b)
    assert found.rho == pytest.approx(0.9, abs=0.03)
    assert found.variance_ratio == pytest.approx(10, rel=0.25)
    assert found.low < 10 < found.high and not found.hurts
    assert independent_equivalent(400, found) == pytest.approx(4000, rel=0.25)


def test_arms_that_move_against_each_other_are_seen_to_hurt(chance):
    shared = chance(2)(NORMAL, 60)
    assert coupling(shared, -shared + np.linspace(0, 0.1, 60)).hurts


def test_no_chance_in_the_difference_means_no_ratio():
    assert coupling(FIRST + 1, FIRST).variance_ratio is None
    assert coupling(FIRST[:2], SECOND[:2]).rho is None


def test_power_is_that_of_the_paired_t_test():
    assert power(0.5, 1.0, 34) == pytest.approx(0.8077775, abs=1e-5)  # G*Power 3: 0.808
    assert power(0.0, 1.0, 10) == pytest.approx(0.05, abs=1e-9)
    assert replicates_for(0.5, 1.0) == 34
    assert replicates_for(2.0, 1.0) == 5
    assert power(detectable(2.0, 12), 2.0, 12) == pytest.approx(0.8, abs=1e-6)
    assert detectable(1.0, 1) == np.inf


@pytest.mark.parametrize("df", [1.0, 1.3, 2.0, 5.0])
def test_a_standard_error_that_is_hardly_known_detects_less(df):
    small = detectable(1.0, 18, df=df)
    assert small > detectable(1.0, 18) and detectable(1.0, 18, df=17.0) == detectable(1.0, 18)
    assert power(small, 1.0, 18, df=df) == pytest.approx(0.8, abs=1e-6)


def test_power_is_the_share_of_studies_that_find_the_effect(chance):
    found = stats.ttest_1samp(0.9 + chance(5)(NORMAL, 20_000, 10), 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(power(0.9, 1.0, 10), abs=0.015)


def test_no_effect_cannot_be_planned_for():
    with pytest.raises(ValueError, match="expected another effect"):
        replicates_for(0.0, 1.0)


def test_equivalence_is_two_one_sided_tests():
    d = SECOND - FIRST
    inside = tost(d, -3, 3)
    assert inside.p == pytest.approx(stats.ttest_1samp(d, 3, alternative="less").pvalue)
    assert inside.holds() and not tost(d, -1.5, 1.5).holds()
    assert tost(d, -1, np.inf).holds()  # "not lower by 1 or more"
    assert tost(np.zeros(5), -0.1, 0.1).holds() and not tost(np.ones(5), -0.1, 0.1).holds()
    assert tost(np.array([0.1]), -1, 1).p is None
