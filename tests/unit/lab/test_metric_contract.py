"""What holds for every metric: unit, direction, empty value, and that it reads what it says."""

import dataclasses
import json
import math

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtwin.errors import SchemaError
from feedtwin.lab.metrics import METRICS, measure, warnings_of
from feedtwin.lab.metrics.entropy import entropy_bits
from feedtwin.lab.metrics.metric import metric
from feedtwin.lab.metrics.shares import gini, top_share
from feedtwin.lab.run_data import RunData
from feedtwin.schema.events import EVENTS
from feedtwin.schema.settings import resolve

ITEM_COLUMNS = (
    "is_public", "impressions", "skips", "creator", "hashtag_1", "hashtag_2", "hashtag_3", "item",
    "ordinal", "category", "created_step", "watch_ms", "duration_s", "quality", "toxicity",
)  # fmt: skip
USER_COLUMNS = (
    "user", "last_step", "tier", "days_active", "spent_microusd", "gifts_microusd", "earned_microusd"
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


class EmptyLog:
    """The log of a run in which nothing happened; it remembers which events it was asked for."""

    def __init__(self):
        self.asked = set()

    def has(self, event):
        return event.upper() in EVENTS

    def columns(self, query):
        self.asked |= {f"log.{name.lower()}" for name in EVENTS if name.lower() in query}
        with duckdb.connect() as connection:
            for event in EVENTS.values():
                connection.register(event.name.lower(), event.arrow.empty_table())
            none = {name: np.zeros(0, np.float32) for name in ITEM_COLUMNS}
            none["item"] = np.zeros(0, np.uint64)
            connection.register("items", pa.table(none))
            found = connection.sql(query.replace("STEPS", "step >= 0")).to_arrow_table()
        return {name: found.column(name).to_numpy() for name in found.column_names}


def some_run(**totals):
    columns = {name: np.array([1, 1, 1], np.uint32) for name in ITEM_COLUMNS}
    columns["impressions"] = np.array([7, 2, 0], np.uint32)
    columns["skips"] = np.array([1, 0, 0], np.uint32)
    columns["item"] = columns["creator"].astype(np.uint64) << np.uint64(32)
    users = {name: np.array([3, 3], np.int32) for name in USER_COLUMNS}
    users["user"] = np.array([0, 1], np.uint32)
    users["last_step"] = np.array([-24, 3], np.int32)
    return RunData(Spy(totals), Spy(columns), Spy(users), 0, 24 * 14, log=EmptyLog())


EMPTY = RunData(
    {}, {name: np.zeros(0, np.uint32) for name in ITEM_COLUMNS},
    {name: np.zeros(0, np.int32) for name in USER_COLUMNS}, 0, 0, log=EmptyLog(),
)  # fmt: skip
NO_CONTROL_OF_THEIR_OWN = ("money", "governance")
"""Families whose effects have tests of their own, mechanism by mechanism."""


@pytest.mark.parametrize("one", METRICS.values(), ids=lambda one: one.name)
def test_a_metric_has_a_unit_a_direction_and_a_formula(one):
    assert one.unit and one.label and len(one.formula) > 10
    assert one.direction in ("higher", "lower", "neither")
    assert one.range[0] < one.range[1]


@pytest.mark.parametrize("one", METRICS.values(), ids=lambda one: one.name)
def test_a_metric_names_what_must_move_it_and_what_must_not(one):
    assert one.placebo
    if one.family not in NO_CONTROL_OF_THEIR_OWN:
        assert one.control is not None
        assert one.placebo not in one.control.sets
        resolve("synthetic", users=10, sets=[*one.control.sets, one.placebo])


def test_headlines_fit_a_page_and_need_no_log():
    headlines = [one for one in METRICS.values() if one.headline]
    assert 15 <= len(headlines) <= 28
    assert not any(one.needs_log for one in headlines)
    assert set(measure(some_run(), headlines_only=True)) == {one.name for one in headlines}


def test_a_listing_of_metrics_is_plain_json():
    rows = json.loads(json.dumps([one.as_row() for one in METRICS.values()], allow_nan=False))
    assert {"range", "needs_log", "moved_by", "moves", "not_moved_by"} <= set(rows[0])
    (share,) = (row for row in rows if row["name"] == "skip_rate")
    assert share["range"] == [0, 1] and share["needs_log"] is False and share["moves"] == "up"


@pytest.mark.parametrize("one", METRICS.values(), ids=lambda one: one.name)
def test_a_metric_of_an_empty_run_is_its_declared_empty_value(one):
    assert one.function(EMPTY) == one.empty


@pytest.mark.parametrize("one", METRICS.values(), ids=lambda one: one.name)
def test_a_metric_reads_what_it_says_and_nothing_else(one):
    data = some_run(**dict.fromkeys(("impressions", "sessions", "watch_ms"), 3))
    one.function(data)
    columns = {f"items.{name}" for name in data.items.asked}
    users = {f"users.{name}" for name in data.users.asked}
    read = data.totals.asked | columns | users | data.log.asked
    if one.needs_log:  # queries read columns of items that cannot be seen from here
        assert read <= set(one.needs) and data.log.asked
    else:
        assert read == set(one.needs)


def test_without_the_log_its_metrics_are_undefined_and_say_so():
    data = dataclasses.replace(some_run(), log=None)
    found = {name: one for name, one in measure(data).items() if one.metric.needs_log}
    assert len(found) >= 10
    assert all(one.value is None and "--log full" in one.why for one in found.values())


def test_without_a_column_its_metrics_are_undefined_and_say_so():
    data = some_run()
    users = {name: values for name, values in data.users.items() if name != "days_active"}
    found = measure(dataclasses.replace(data, users=users))["retention_d1"]
    assert found.value is None and "users.days_active" in found.why


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
    with pytest.raises(SchemaError, match="control"):
        metric(
            "new", "new", unit="s", direction="higher", formula="x", needs="watch_ms", control="up"
        )
    with pytest.raises(SchemaError, match="twice"):
        metric("watch_s", "x", unit="s", direction="higher", formula="x", needs="watch_ms")
