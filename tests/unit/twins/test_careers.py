"""The daily review of creators, by hand-made catalogues."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import PreferenceCause
from feedtwin.schema.parameters import section_model
from feedtwin.twins.user.careers import CareerConfig, Careers, _resting

CREATORS = np.uint32([3, 8, 20])


@pytest.fixture
def office(settings, user_config, draws):
    """A review of uploads given as (creator, category, created, impressions, likes)."""

    def make(uploads=(), cost=None, **changes):
        values = {**settings.section("creators"), "engagement_points": 2, **changes}
        config = section_model(CareerConfig, values)
        user = user_config.model_copy(update={"creator_feedback": "on"})
        careers = Careers(config, user, CREATORS, cost, draws)
        columns = np.asarray(uploads, np.int64).reshape(-1, 5).T
        zero = np.zeros(columns.shape[1], np.uint32)
        items = SimpleNamespace(
            creator=columns[0].astype(np.uint32), category=columns[1].astype(np.uint16),
            created_step=columns[2].astype(np.int32), impressions=columns[3].astype(np.uint32),
            likes=columns[4].astype(np.uint32), skips=zero, shares=zero, comments=zero,
        )  # fmt: skip
        users = SimpleNamespace(
            member=np.ones(30, np.uint8), expertise=np.zeros(30, np.uint16),
            request=np.zeros(30, np.uint32),
        )  # fmt: skip
        careers.sight = SimpleNamespace(items=items, users=users)
        return careers

    return make


def review(careers, step=24):
    """Write a day's review down; return what each batch said."""
    results, turns = careers.due(step)
    with careers.writing():
        careers.on_preference_updated(results)
    return results, turns


def test_better_results_than_expected_raise_the_drive_and_worse_ones_lower_it(office):
    careers = office([(3, 0, 20, 5000, 0), (8, 0, 20, 50, 0)], rest_rate=0)
    results, _ = review(careers)
    assert results.user.tolist() == [3, 8]
    assert set(results.cause) == {PreferenceCause.RESULTS}
    up, down, none = careers.table.drive
    assert down < 1 < up and none == 1  # nothing uploaded, nothing to review
    assert up == pytest.approx(1 + 0.1 * np.log(5001 / 501), abs=1e-6)
    assert results.change.tolist() == pytest.approx([up - 1, down - 1], abs=1e-6)


def test_results_are_points_per_upload_of_recent_uploads(office):
    uploads = [(3, 0, 20, 100, 10), (3, 0, 10, 300, 0), (3, 0, -60, 9999, 0), (3, 0, 24, 7, 0)]
    careers = office([*uploads, (5, 0, 20, 50, 0)])  # 5 is no creator
    row, result = careers._results(careers._recent(24))
    assert row.tolist() == [0]
    assert result.tolist() == [(100 + 2 * 10 + 300) / 2]


def test_creators_get_used_to_their_results(office):
    careers = office([(3, 0, 20, 5000, 0)], expectation_weight=0.5, rest_rate=0)
    changes = [float(review(careers)[0].change[0]) for _ in range(4)]
    assert changes == sorted(changes, reverse=True) and changes[-1] < changes[0] / 4
    assert careers.table.expected[0] == pytest.approx(5000 - 4500 / 2**4)


def test_money_counts_until_the_next_review(office):
    careers = office([(8, 0, 20, 100, 0)], dollar_points=10)
    columns = {
        "user": np.uint32([1, 1, 1]), "ordinal": np.uint32([0, 1, 2]), "kind": np.uint8([1, 1, 1]),
        "recipient": np.uint32([8, 9, 8]), "item": np.zeros(3, np.uint64),
        "amount_microusd": np.uint64([9, 9, 9]), "share_microusd": np.uint64([4_000_000, 5, 1_000_000]),
    }  # fmt: skip
    with careers.writing():
        careers.on_transaction_completed(EventBatch("TRANSACTION_COMPLETED", 3, columns))
    assert careers.table.earned.tolist() == [0, 5_000_000, 0]
    assert careers._results(careers._recent(24))[1].tolist() == [150]
    review(careers)
    assert careers._results(careers._recent(24))[1].tolist() == [100]


def test_a_creator_without_success_stops_for_good(office):
    careers = office([(3, 0, 20, 0, 0)], rest_rate=0, expectation_weight=0)
    for _ in range(3):
        review(careers)
    assert careers.table.drive[0] == 0
    assert careers.drive(np.uint32([3, 8])).tolist() == [0, 1]
    assert review(careers)[0].rows == 0


def test_who_left_is_not_reviewed(office):
    careers = office([(3, 0, 20, 5000, 0), (8, 4, 20, 9000, 0)], niche_rate=1)
    careers.sight.users.member[:] = 2
    assert [batch.rows for batch in review(careers)] == [0, 0]


def test_creators_turn_to_a_category_that_does_clearly_better(office):
    uploads = [
        (3, 0, 20, 100, 0), (3, 5, 20, 900, 0), (3, 7, 20, 300, 0),  # 5 is best
        (8, 0, 20, 100, 0), (8, 5, 20, 140, 0),  # not clearly
        (20, 6, 20, 400, 0),  # nothing in the own field: 500 were expected
    ]  # fmt: skip
    careers = office(uploads, niche_rate=1, niche_margin=1.5)
    turns = review(careers)[1]
    assert (turns.user.tolist(), turns.topic.tolist()) == ([3], [5])
    assert set(turns.cause) == {PreferenceCause.NICHE}
    assert office(uploads, niche_rate=0).due(24) is not None
    assert list(office(uploads, niche_rate=0).due(24))[1].rows == 0


def test_equal_categories_are_told_apart_by_their_number(office):
    uploads = [(3, 9, 20, 900, 0), (3, 4, 20, 900, 0)]
    turns = review(office(uploads, niche_rate=1, expectation=10))[1]
    assert turns.topic.tolist() == [4]


def test_reviews_are_at_the_start_of_a_day_but_not_the_first(office):
    careers = office([(3, 0, 20, 5000, 0)])
    assert [list(careers.due(step)) for step in (0, 1, 23, 25)] == [[], [], [], []]
    assert len(list(careers.due(48))) == 2


def test_costly_fields_have_a_lower_resting_drive():
    assert _resting(None, 0.5).tolist() == [1.0]
    rest = _resting(np.float32([1.0, 4.0, 1.0]), 0.5)
    assert rest.tolist() == pytest.approx([2**0.5, 2**-0.5, 2**0.5], rel=1e-6)
    assert _resting(np.float32([1.0, 4.0]), 0.0).tolist() == [1.0, 1.0]


def test_the_drive_goes_back_to_what_the_field_costs(office):
    cost = np.float32([9.0, 1.0])
    careers = office([(3, 0, 20, 500, 0)], cost=cost, drive_rate=0, expectation_weight=0)
    for _ in range(200):
        review(careers)
    assert careers.table.drive[0] == pytest.approx(_resting(cost, 0.5)[0], abs=1e-3)
