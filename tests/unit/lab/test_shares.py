"""Indices of inequality: what must hold for any counts, and what textbooks give for known ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtwin.lab.metrics.entropy import (
    chao_shen_bits,
    entropy_bits,
    jensen_shannon_bits,
    miller_madow_bits,
)
from feedtwin.lab.metrics.fairness import inequity, parity
from feedtwin.lab.metrics.shares import (
    atkinson,
    gini,
    hhi,
    lorenz,
    lorenz_share,
    matched_counts,
    normalised_hhi,
    theil,
    theil_parts,
)
from feedtwin.lab.run_data import RunData

COUNTS = st.lists(st.integers(0, 5000), min_size=1, max_size=30).map(np.array)
SOME = COUNTS.filter(lambda counts: counts.sum() > 0)
RUN = RunData({}, {}, {}, 0, 0, seed=3)


@given(SOME)
def test_the_area_above_the_lorenz_curve_is_half_the_gini(counts):
    people, held = lorenz(counts)
    area = float(((held[1:] + held[:-1]) / 2 * np.diff(people)).sum())
    assert gini(counts) == pytest.approx(1 - 2 * area, abs=1e-9)
    assert people[0] == held[0] == 0 and people[-1] == pytest.approx(1) == held[-1]


@given(SOME)
def test_equal_counts_have_no_inequality_and_one_holder_has_all_of_it(counts):
    n = len(counts)
    equal, one = np.full(n, 7), np.eye(n, dtype=int)[0] * 9
    assert atkinson(equal, 0.5) == pytest.approx(0, abs=1e-12) == pytest.approx(theil(equal))
    assert hhi(equal) == pytest.approx(1 / n) and hhi(one) == 1
    assert theil(one) == pytest.approx(math.log(n)) and atkinson(one, 0.5) == pytest.approx(
        1 - 1 / n
    )
    if n > 1:
        assert normalised_hhi(equal) == pytest.approx(0, abs=1e-12) and normalised_hhi(one) == 1
    assert -1e-12 <= theil(counts) <= math.log(n) + 1e-12
    assert -1e-12 <= atkinson(counts, 0.5) <= 1


@given(SOME, st.integers(2, 9))
def test_indices_do_not_depend_on_the_scale(counts, factor):
    for index in (theil, hhi, gini, lambda x: atkinson(x, 0.5)):
        assert index(counts * factor) == pytest.approx(index(counts), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 3)), min_size=1, max_size=30))
def test_theil_is_what_lies_within_groups_and_between_them(rows):
    counts, group = (np.array(column) for column in zip(*rows, strict=True))
    parts = theil_parts(counts, group)
    if not counts.sum():
        assert parts is None
        return
    assert sum(parts) == pytest.approx(theil(counts), abs=1e-9)
    assert min(parts) >= -1e-12


def test_atkinson_at_one_is_that_of_the_geometric_mean_and_a_zero_makes_it_one():
    assert atkinson(np.array([1, 4]), 1) == pytest.approx(1 - 2 / 2.5)
    assert atkinson(np.array([0, 4]), 1) == atkinson(np.array([0, 4]), 2) == 1
    assert atkinson(np.array([0, 0]), 0.5) is None


def test_half_of_an_odd_number_lies_between_two_points_of_the_curve():
    assert lorenz_share(np.array([1, 2, 3]), 0.5) == pytest.approx((1 / 6 + 3 / 6) / 2)


def test_a_matched_volume_is_exact_keeps_the_same_views_and_needs_enough_of_them():
    counts, ids = np.array([50, 30, 0, 20]), np.arange(4)
    kept = matched_counts(counts, ids, ids, 40, RUN)
    assert kept.sum() == 40 and (kept <= counts).all() and kept[2] == 0
    more = matched_counts(counts, ids, ids, 60, RUN)
    assert (kept <= more).all()  # the views of a smaller volume are among those of a larger one
    alone = matched_counts(counts[:1], ids[:1], ids[:1], 50, RUN)
    assert alone.tolist() == [50]
    assert matched_counts(counts, ids, ids, 101, RUN) is None


def test_a_matched_volume_keeps_shares_on_average():
    counts, ids = np.array([700, 300]), np.arange(2)
    runs = [RunData({}, {}, {}, 0, 0, seed=seed) for seed in range(200)]
    kept = [matched_counts(counts, ids, ids, 100, run)[0] for run in runs]
    error = np.std(kept, ddof=1) / math.sqrt(len(kept))
    assert abs(np.mean(kept) - 70) < 4 * error < 2  # false alarm 1 in 15,000


@given(SOME)
def test_corrections_never_lower_the_entropy_below_none(counts):
    assert miller_madow_bits(counts) >= entropy_bits(counts)
    assert chao_shen_bits(counts) >= 0


def test_corrections_bring_the_entropy_of_a_small_sample_nearer_to_the_truth():
    """100 equally likely kinds seen 60 times: the plug-in cannot exceed log2 60."""
    kinds = np.arange(100, dtype=np.uint64)
    errors = {entropy_bits: [], miller_madow_bits: [], chao_shen_bits: []}
    for seed in range(20):
        run = RunData({}, {}, {}, 0, 0, seed=seed)
        sample = matched_counts(np.full(100, 500), kinds, kinds, 60, run)
        for estimate, found in errors.items():
            found.append(abs(estimate(sample) - math.log2(100)))
    plain, mm, cs = (sum(found) for found in errors.values())
    assert cs < mm < plain


def test_the_chao_shen_estimate_equals_the_published_formula():
    counts = np.array([4, 2, 1, 1])
    c = 1 - 2 / 8
    p = [c * n / 8 for n in (4, 2, 1, 1)]
    expected = -sum(x * math.log2(x) / (1 - (1 - x) ** 8) for x in p)
    assert chao_shen_bits(counts) == pytest.approx(expected)
    assert chao_shen_bits(np.array([9])) == 0 and chao_shen_bits(np.array([0])) is None


def test_the_divergence_of_a_feed_is_the_divergence_and_not_its_root():
    scipy = pytest.importorskip("scipy.spatial.distance")
    a, b = np.array([[5.0, 3, 0]]), np.array([[1.0, 1, 6]])
    root = scipy.jensenshannon(a[0], b[0], base=2)
    assert jensen_shannon_bits(a, b)[0] == pytest.approx(root**2)
    assert jensen_shannon_bits(a, a)[0] == 0
    assert jensen_shannon_bits(np.array([[1.0, 0]]), np.array([[0.0, 1]]))[0] == 1


def test_parity_compares_the_worst_with_the_best_off_group():
    assert parity(np.array([1.0, 3, 8]), np.array([0, 0, 1])) == 0.25
    assert parity(np.array([1.0, 3]), np.array([0, 0])) is None


def test_inequity_is_none_in_proportion_and_one_where_nothing_is_deserved():
    assert inequity(np.array([2.0, 4]), np.array([1.0, 2])) == pytest.approx(0)
    assert inequity(np.array([2.0, 0]), np.array([0.0, 3])) == 1
