import importlib

import numpy as np
import pytest


def test_a_pair_key_tells_users_creators_and_ordinals_apart():
    keys = importlib.import_module("trial").pair_keys
    user = np.array([0, 1, 0, 0, 2**24 - 1], np.uint32)
    item = np.array([0, 0, 1 << 32, 1, ((2**24 - 1) << 32) | (2**16 - 1)], np.uint64)
    found = keys(user, item)
    assert len(np.unique(found)) == 5
    assert int(found[-1]) == 2**64 - 1


@pytest.mark.parametrize(("user", "item"), [(2**24, 0), (0, (2**24) << 32), (0, 2**16)])
def test_an_id_that_does_not_fit_a_pair_key_is_refused(user, item):
    keys = importlib.import_module("trial").pair_keys
    with pytest.raises(ValueError, match="needs more than"):
        keys(np.array([user], np.uint32), np.array([item], np.uint64))


def test_the_affinity_correlation_is_one_for_the_truth_and_zero_for_an_empty_estimate():
    estimates = importlib.import_module("estimates")
    rng = np.random.default_rng(1)  # noqa: TID251 - generated input of a test
    truth, items = rng.integers(-127, 128, (6, 50)), rng.integers(-127, 128, (40, 50))
    real = estimates.cosine(truth, items)
    believed = estimates.cosine(truth * 3, items)
    assert estimates.row_correlation(believed, real) == pytest.approx(np.ones(6))
    nothing = estimates.cosine(np.zeros((6, 50)), items)
    assert estimates.row_correlation(nothing, real) == pytest.approx(np.zeros(6))


def test_a_fragment_replaces_only_what_stands_between_its_marks():
    spliced = importlib.import_module("report").spliced
    page = "a\n<!-- measured: x -->\nold\n<!-- end: x -->\nb\n"
    assert spliced(page, "x", "new") == "a\n<!-- measured: x -->\nnew\n<!-- end: x -->\nb\n"
    with pytest.raises(ValueError, match="expected both marks"):
        spliced(page, "y", "new")
