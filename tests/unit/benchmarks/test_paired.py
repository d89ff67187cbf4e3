import importlib

import numpy as np
import pytest
from scipy import stats


@pytest.fixture
def paired():
    return importlib.import_module("paired")


def _arms(gap, noise, count=4000):
    """Two arms that share a large spread and differ by a small one."""
    rng = np.random.default_rng(5)  # noqa: TID251 - generated input of a test
    shared = rng.normal(10.0, 2.0, count)
    a = shared + rng.normal(0.0, noise, count)
    b = shared + gap + rng.normal(0.0, noise, count)
    return a, b


def test_the_variance_ratio_is_the_sum_of_the_arms_variances_over_that_of_the_difference(paired):
    a, b = np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 5.0])
    # var(a) = 7/3, var(b) = 3, differences 1, 0, 1 with variance 1/3
    assert paired.variance_ratio(a, b) == pytest.approx((7 / 3 + 3) / (1 / 3))


def test_the_variance_ratio_is_one_for_independent_arms_and_one_over_one_minus_rho_otherwise(
    paired,
):
    a, b = _arms(0.3, 0.5)
    rho = 4.0 / 4.25
    assert paired.variance_ratio(a, b) == pytest.approx(1 / (1 - rho), rel=0.1)
    assert paired.variance_ratio(a, np.roll(b, 1)) == pytest.approx(1.0, rel=0.1)


def test_negative_coupling_shows_as_a_ratio_below_one(paired):
    a, _ = _arms(0.0, 0.5)
    assert paired.variance_ratio(a, -a) == pytest.approx(0.5)


def test_arms_that_always_differ_by_the_same_have_an_infinite_ratio(paired):
    assert paired.variance_ratio(np.array([1.0, 3.0]), np.array([2.0, 4.0])) == float("inf")


def test_the_measured_ratio_compares_independent_with_paired_differences(paired):
    a, b = _arms(0.3, 0.5)
    found = paired.measured_ratio((a, np.roll(b, 1)), (a, b))
    assert found == pytest.approx(paired.variance_ratio(a, b), rel=0.1)


def test_the_bootstrap_interval_keeps_pairs_together(paired):
    a, b = _arms(0.3, 0.5, 400)
    low, high = paired.bootstrap_interval(paired.variance_ratio, a, b, draws=300)
    assert low < paired.variance_ratio(a, b) < high
    assert low > 5  # resampling the arms apart would give about 1


def test_paired_and_unpaired_intervals_equal_those_of_scipy(paired):
    a, b = _arms(0.3, 0.5, 30)
    together = stats.ttest_rel(b, a).confidence_interval(0.95)
    apart = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    found = paired.paired_difference(a, b)
    assert (found.low, found.high) == pytest.approx((together.low, together.high))
    found = paired.unpaired_difference(a, b)
    assert (found.low, found.high) == pytest.approx((apart.low, apart.high))


def test_one_value_has_no_interval(paired):
    with pytest.raises(ValueError, match="found 1 values; expected at least 2"):
        paired.mean_interval(np.array([1.0]))


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        ([1, 2, 3], [2, 3, 4], 0.5),
        ([1, 1, 2], [2, 1, 2], 1.0),  # sets: repeats do not count
        ([1], [2], 0.0),
        ([], [], 1.0),
        ([], [7], 0.0),
    ],
)
def test_jaccard_is_the_share_of_keys_in_common(paired, first, second, share):
    keys = np.array(first, np.uint64), np.array(second, np.uint64)
    assert paired.jaccard(*keys) == pytest.approx(share)


def test_the_gini_index_is_zero_for_equals_and_near_one_for_a_winner_who_takes_all(paired):
    assert paired.gini(np.full(10, 3)) == pytest.approx(0.0)
    assert paired.gini(np.array([0] * 9 + [5])) == pytest.approx(0.9)
    assert paired.gini(np.array([1, 2, 3])) == pytest.approx(2 / 9)
    assert paired.gini(np.zeros(4)) == 0.0


def test_estimates_apart_are_counted_in_joint_standard_errors(paired):
    one = paired.Estimate(1.0, 0.0, 2.0, 3.0, 10)
    other = paired.Estimate(11.0, 0.0, 2.0, 4.0, 10)
    assert paired.joint_errors_apart(one, other) == pytest.approx(2.0)


def test_a_constant_sample_correlates_with_nothing(paired):
    assert paired.correlation(np.ones(5), np.arange(5)) == 0.0
    assert paired.correlation(np.arange(5), -np.arange(5)) == pytest.approx(-1.0)
