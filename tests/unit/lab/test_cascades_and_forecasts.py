"""Share trees and forecasts: closed forms, brute force over pairs, and published decompositions."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtwin.errors import SchemaError
from feedtwin.lab.metrics.cascades import depths, shape, structural_virality
from feedtwin.lab.metrics.forecasts import (
    brier,
    kendall_tau_b,
    lead,
    mean_absolute_error,
    precision_at,
    smape,
)


@st.composite
def trees(draw):
    size = draw(st.integers(2, 14))
    return np.array([-1, *(draw(st.integers(0, node - 1)) for node in range(1, size))])


def distance(parent, a, b):
    """By walking up to the root."""

    def way(node):
        path = [node]
        while parent[path[-1]] != -1:
            path.append(parent[path[-1]])
        return path

    up, down = way(a), way(b)
    common = len(set(up) & set(down))
    return len(up) + len(down) - 2 * common


@given(trees())
def test_structural_virality_is_the_mean_distance_over_all_pairs(parent):
    pairs = [distance(parent, a, b) for a, b in combinations(range(len(parent)), 2)]
    assert structural_virality(parent) == pytest.approx(sum(pairs) / len(pairs))


@pytest.mark.parametrize("n", [2, 3, 10, 1000])
def test_structural_virality_of_a_star_and_of_a_path_is_the_closed_form(n):
    star = np.array([-1, *[0] * (n - 1)])
    path = np.arange(n) - 1
    assert structural_virality(star) == pytest.approx(2 - 2 / n)
    assert structural_virality(path) == pytest.approx((n + 1) / 3)


def test_structural_virality_of_a_lone_node_and_of_two_trees_is_undefined():
    assert structural_virality(np.array([-1])) is None
    assert structural_virality(np.array([-1, -1, 0])) is None


def test_the_shape_of_a_small_tree_is_what_one_sees():
    found = shape(np.array([-1, 0, 0, 1, 1, 1]))
    assert (found.size, found.depth, found.breadth) == (6, 2, 3)
    assert found.mean_depth == pytest.approx(8 / 6)
    assert found.branching == pytest.approx(5 / 2)
    assert found.reproduction == (2, 1.5)
    assert shape(np.array([-1])).branching is None


def test_a_parent_after_its_child_is_refused():
    for bad in ([-1, 2, 0], [0], [-2]):
        with pytest.raises(SchemaError, match="parent"):
            depths(np.array(bad))
    with pytest.raises(SchemaError, match="no nodes"):
        depths(np.array([], int))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=20))
def test_tau_b_equals_scipys(rows):
    stats = pytest.importorskip("scipy.stats")
    a, b = (np.array(column) for column in zip(*rows, strict=True))
    found = kendall_tau_b(a, b)
    if len(set(a.tolist())) == 1 or len(set(b.tolist())) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.kendalltau(a, b).statistic)


def test_precision_at_k_breaks_ties_by_key():
    score, true = np.array([0.5, 0.9, 0.5]), np.array([True, False, False])
    assert precision_at(2, score, true, np.array([1, 2, 3])) == 0.5
    assert precision_at(2, score, true, np.array([3, 2, 1])) == 0
    assert precision_at(9, score, true, np.arange(3)) == pytest.approx(1 / 3)
    assert precision_at(1, score[:0], true[:0], np.arange(0)) is None


def test_a_lead_time_comes_with_its_false_alarms():
    found = lead({1: 10, 2: 12, 3: 5}, {1: 16, 2: 11, 4: 30}, days=2)
    assert found.mean_steps == 6 and (found.hits, found.missed, found.false_alarms) == (1, 2, 2)
    assert found.precision == pytest.approx(1 / 3) and found.alarms_per_day == 1.5
    nothing = lead({}, {}, days=1)
    assert nothing.mean_steps is None and nothing.precision is None


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.9]), st.booleans()), min_size=1))
def test_the_brier_score_is_its_three_parts(rows):
    p, true = (np.array(column) for column in zip(*rows, strict=True))
    found = brier(p, true)
    assert found.score == pytest.approx(sum((a - b) ** 2 for a, b in rows) / len(rows))
    assert found.score == pytest.approx(found.reliability - found.resolution + found.uncertainty)
    assert found.reliability >= 0 and found.resolution >= 0


def test_a_forecast_that_always_says_the_base_rate_resolves_nothing():
    found = brier(np.full(4, 0.25), np.array([True, False, False, False]))
    assert found.resolution == pytest.approx(0, abs=1e-15)
    assert found.score == pytest.approx(found.uncertainty)


def test_smape_lies_between_none_and_two():
    assert smape(np.array([0, 1]), np.array([0, 3])) == pytest.approx(0.5)
    assert smape(np.array([5]), np.array([0])) == 2
    assert smape(np.array([]), np.array([])) is None


def test_the_mean_absolute_error_has_the_unit_of_what_is_forecast():
    assert mean_absolute_error(np.array([1.0, 5.0]), np.array([2.0, 3.0])) == 1.5
    assert math.isclose(mean_absolute_error(np.array([2]), np.array([2])), 0)
