"""What holds for every metric: unit, direction, empty value, and that it reads what it says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtwin.errors import SchemaError
from feedtwin.lab.metrics import METRICS, measure, warnings_of
from feedtwin.lab.metrics.concentration import gini, top_share
from feedtwin.lab.metrics.diversity import entropy_bits
from feedtwin.lab.metrics.metric import metric
from feedtwin.lab.run_data import RunData

ITEM_COLUMNS = (
    "is_public", "impressions", "skips", "creator", "hashtag_1", "hashtag_2", "hashtag_3"
)  # fmt: skip
COUNTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=40)


class Spy(dict):
    """A mapping that remembers what was asked of it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.asked = set()

    def __getitem__(self, key):
        self.asked.add(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.asked.add(key)
        return super().get(key, default)


def some_run(**totals):
    columns = {name: np.array([1, 1, 1], np.uint32) for name in ITEM_COLUMNS}
    columns["impressions"] = np.array([7, 2, 0], np.uint32)
    columns["skips"] = np.array([1, 0, 0], np.uint32)
    users = Spy({"last_step": np.array([-24, 3], np.int32)})
    return RunData(Spy(totals), Spy(columns), users, 0, 24)


EMPTY = RunData(
    {}, {name: np.zeros(0, np.uint32) for name in ITEM_COLUMNS}, {"last_step": np.zeros(0, np.int32)},
    0, 0,
)  # fmt: skip


@pytest.mark.parametrize("one", METRICS.values(), ids=lambda one: one.name)
def test_a_metric_has_a_unit_a_direction_and_a_formula(one):
    assert one.unit and one.label and len(one.formula) > 10
    assert one.direction in ("higher", "lower", "neither")


@pytest.mark.parametrize("one", METRICS.values(), ids=lambda one: one.name)
def test_a_metric_of_an_empty_run_is_its_declared_empty_value(one):
    assert one.function(EMPTY) == one.empty


@pytest.mark.parametrize("one", METRICS.values(), ids=lambda one: one.name)
def test_a_metric_reads_what_it_says_and_nothing_else(one):
    data = some_run(**dict.fromkeys(("impressions", "sessions", "watch_ms"), 3))
    one.function(data)
    columns = {f"items.{name}" for name in data.items.asked}
    users = {f"users.{name}" for name in data.users.asked}
    assert data.totals.asked | columns | users == set(one.needs)


def test_metrics_of_tables_wait_until_a_run_is_closed():
    found = measure(RunData({"impressions": 4, "skips": 1}, {}, {}, 0, 1))
    assert found["skip_rate"].value == 0.25
    assert "view_gini_videos" not in found and "active_users" not in found


@given(COUNTS)
def test_the_gini_equals_the_definition_over_all_pairs(values):
    found = gini(np.array(values, np.uint32))
    if not sum(values):
        assert found is None
        return
    pairs = sum(abs(a - b) for a in values for b in values)
    assert found == pytest.approx(pairs / (2 * len(values) * sum(values)), rel=1e-12, abs=1e-15)
    assert 0 <= found <= 1 - 1 / len(values) + 1e-15


def test_the_gini_does_not_overflow_on_a_large_catalogue():
    exposure = np.zeros(2_000_000, np.uint32)
    exposure[-1] = 4_000_000_000
    assert gini(exposure) == pytest.approx(1 - 1 / 2_000_000, abs=1e-15)


@given(COUNTS)
def test_the_top_share_takes_at_least_one_and_at_most_everything(values):
    found = top_share(np.array(values, np.uint32), 0.01)
    assert found is None if not sum(values) else found == max(values) / sum(values)


@given(COUNTS)
def test_the_entropy_lies_between_none_and_that_of_equal_weights(values):
    found = entropy_bits(np.array(values, np.int64))
    if not sum(values):
        assert found is None
        return
    total = sum(values)
    assert found == pytest.approx(
        sum(-v / total * math.log2(v / total) for v in values if v), abs=1e-9
    )
    assert -1e-12 <= found <= math.log2(sum(v > 0 for v in values)) + 1e-9


def test_equal_weights_give_the_logarithm_of_their_number():
    assert entropy_bits(np.full(8, 5)) == pytest.approx(3)
    assert entropy_bits(np.array([9, 0])) == 0


def test_hidden_videos_count_neither_as_supply_nor_in_the_gini():
    data = some_run()
    hidden = {**data.items, "is_public": np.array([1, 1, 0], np.uint8)}
    shown = measure(data)["view_gini_videos"].value
    assert measure(RunData({}, hidden, data.users, 0, 24))["view_gini_videos"].value < shown


@pytest.mark.parametrize(("capped", "warned"), [(95, False), (96, True)])
def test_a_run_whose_sessions_end_at_the_cap_warns(capped, warned):
    data = RunData({"sessions": 100, "exits_cap": capped}, {}, {}, 0, 24)
    assert bool(warnings_of(measure(data))) is warned


def test_a_run_without_sessions_warns_of_nothing():
    assert warnings_of(measure(RunData({}, {}, {}, 0, 0))) == ()


def test_a_metric_without_a_direction_or_with_a_taken_name_is_refused():
    with pytest.raises(SchemaError, match="direction"):
        metric("new", "new", unit="s", direction="sideways", formula="x", needs="watch_ms")
    with pytest.raises(SchemaError, match="twice"):
        metric("watch_s", "x", unit="s", direction="higher", formula="x", needs="watch_ms")
