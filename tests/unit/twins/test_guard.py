"""Every guard rail, just within and just beyond its bound; boosts as factors on odds; the moderation queue."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.policies.interface import Intervention
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import GovernanceAction, GuardResult, TargetKind
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import resolve
from feedtwin.twins.platform.governance import Interventions, Limits, Moderation, ModerationConfig
from feedtwin.twins.platform.governance.guard import Guard, top_share
from feedtwin.twins.platform.telemetry import Telemetry

BOOST, SUPPRESS = GovernanceAction.BOOST, GovernanceAction.SUPPRESS
HASHTAG, ITEM, CREATOR = TargetKind.HASHTAG, TargetKind.ITEM, TargetKind.CREATOR
PASSED, CLIPPED, BLOCKED = GuardResult.PASSED, GuardResult.CLIPPED, GuardResult.BLOCKED
LIMITS = {
    "size_max": 4.0, "duration_max_steps": 10, "per_step_max": 3, "per_target_max": 2,
    "cool_down_steps": 3, "active_max": 4, "top_share_max": 0.5, "suppressed_share_max": 0.1,
}  # fmt: skip


class Items(SimpleNamespace):
    def __len__(self):
        return len(self.item)


@pytest.fixture
def world():
    """A hundred videos of ten creators; hashtag k on the videos k, k + 20, k + 40, ..., all equally shown."""
    n = np.arange(100)
    items = Items(
        item=(n.astype(np.uint64) // 10 << np.uint64(32)) | (n.astype(np.uint64) % 10),
        creator=(n // 10).astype(np.uint32),
        hashtags=np.column_stack([n % 20 + 1, n * 0, n * 0]).astype(np.uint16),
        sound=(n % 7).astype(np.uint32),
        category=(n % 5).astype(np.uint16),
        impressions=np.full(100, 10, np.uint32),
        is_public=np.ones(100, np.uint8),
        restricted=np.zeros(100, np.uint8),
        toxicity=np.linspace(0, 0.99, 100).astype(np.float32),
    )
    sight = SimpleNamespace(
        items=items, telemetry=Telemetry(), active_users=lambda step: 1000,
        rows_of=lambda ids: np.searchsorted(items.item, ids).astype(np.uint32),
    )  # fmt: skip
    running = Interventions(LIMITS["cool_down_steps"])
    running.bind(sight)
    return SimpleNamespace(items=items, sight=sight, running=running)


def check(world, wishes, step=10, **changes):
    limits = Limits(**{**LIMITS, **changes})
    checked = Guard(limits, world.running, world.sight, step).check(wishes)
    return [one.result for one in checked], checked


def apply(world, wishes, step, **changes):
    """Check wishes and write down what came of them."""
    results, checked = check(world, wishes, step, **changes)
    columns = {
        "ordinal": np.arange(len(checked), dtype=np.uint32),
        "action": np.array([c.wish.action for c in checked], np.uint8),
        "target_kind": np.array([c.wish.target_kind for c in checked], np.uint8),
        "target": np.array([c.wish.target for c in checked], np.uint64),
        "size": np.array([c.size for c in checked], np.float32),
        "duration_steps": np.array([c.duration_steps for c in checked], np.uint32),
        "guard": np.array(results, np.uint8),
    }
    with world.running.writing():
        world.running.on_governance_action_applied(
            EventBatch("GOVERNANCE_ACTION_APPLIED", step, columns)
        )
    return results


def boost(key, size=2.0, steps=5):
    return Intervention(BOOST, HASHTAG, key, size, steps)


def suppress(key, kind=HASHTAG):
    return Intervention(SUPPRESS, kind, key, 0.5, 5)


@pytest.mark.parametrize(
    ("action", "size", "steps", "result", "kept"),
    [
        (BOOST, 4.0, 10, PASSED, (4.0, 10)),
        (BOOST, 4.1, 10, CLIPPED, (4.0, 10)),
        (BOOST, 0.5, 5, CLIPPED, (1.0, 5)),
        (BOOST, 2.0, 11, CLIPPED, (2.0, 10)),
        (SUPPRESS, 0.25, 5, PASSED, (0.25, 5)),
        (SUPPRESS, 0.2, 5, CLIPPED, (0.25, 5)),
        (SUPPRESS, 2.0, 5, CLIPPED, (1.0, 5)),
        (GovernanceAction.LABEL, 3.0, 5, CLIPPED, (1.0, 1)),
        (GovernanceAction.LABEL, 1.0, 99, PASSED, (1.0, 1)),
    ],
)
def test_size_and_duration_are_clipped_to_their_bounds(world, action, size, steps, result, kept):
    results, checked = check(world, [Intervention(action, HASHTAG, 1, size, steps)])
    assert results == [result]
    assert (checked[0].size, checked[0].duration_steps) == kept


def test_a_step_has_room_for_so_many_actions(world):
    results, _ = check(world, [boost(key) for key in range(1, 6)])
    assert results == [PASSED, PASSED, PASSED, BLOCKED, BLOCKED]


def test_a_target_gets_so_many_actions_a_day(world):
    label = Intervention(GovernanceAction.LABEL, HASHTAG, 1)
    restore = Intervention(GovernanceAction.RESTORE, HASHTAG, 1)
    assert apply(world, [label], 0) == apply(world, [restore], 1) == [PASSED]
    assert apply(world, [label], 23) == [BLOCKED]
    assert apply(world, [label], 24) == [PASSED]


def test_a_target_rests_after_a_boost(world):
    assert apply(world, [boost(1)], 0) == [PASSED]  # holds until step 5, rests until 8
    for step, result in ((4, BLOCKED), (7, BLOCKED), (8, PASSED)):
        assert check(world, [boost(1)], step)[0] == [result], step
        assert check(world, [suppress(1)], step)[0] == [result], step
    assert check(world, [boost(2)], 4)[0] == [PASSED]


def test_only_so_many_boosts_are_in_force_at_once(world):
    assert apply(world, [boost(k) for k in (1, 2, 3)], 0) == [PASSED] * 3
    assert apply(world, [boost(k) for k in (4, 5)], 1) == [PASSED, BLOCKED]
    assert check(world, [boost(5)], 5)[0] == [PASSED]  # the first three are over


def test_no_boost_while_exposure_is_too_concentrated(world):
    world.items.impressions[0] = 990  # exactly half of all
    assert check(world, [boost(1)])[0] == [PASSED]
    world.items.impressions[0] = 991
    assert check(world, [boost(1), suppress(1)])[0] == [BLOCKED, PASSED]


def test_no_more_than_a_share_of_the_supply_is_restrained(world):
    """Ten of a hundred public videos may be; a hashtag is on five."""
    assert check(world, [suppress(1), suppress(2), suppress(3)])[0] == [PASSED, PASSED, BLOCKED]
    assert apply(world, [suppress(1)], 0) == [PASSED]
    assert check(world, [suppress(2), suppress(3)], 1)[0] == [PASSED, BLOCKED]
    world.items.restricted[50:56] = 1
    assert check(world, [suppress(2)], 1)[0] == [BLOCKED]
    assert check(world, [boost(2)], 1)[0] == [PASSED]


def test_a_blocked_wish_leaves_no_trace_but_its_count(world):
    apply(world, [boost(k) for k in range(1, 6)], 0)
    assert len(world.running.table) == 3
    totals = world.sight.telemetry.as_dict()
    assert (totals["interventions_passed"], totals["interventions_blocked"]) == (3, 2)
    assert world.running.next_ordinal() == 5


def test_the_top_share_is_that_of_the_most_shown_hundredth():
    assert top_share(np.zeros(5, np.uint32)) == 0
    assert top_share(np.array([1, 1, 2], np.uint32)) == 0.5
    many = np.ones(101, np.uint32)
    many[:2] = 50
    assert top_share(many) == 100 / 199  # two of 101, rounded up


# -- exposure --------------------------------------------------------------------------------------


def test_boosts_multiply_the_odds_of_their_videos_and_end_when_they_are_over(world):
    creator = Intervention(SUPPRESS, CREATOR, 0, 0.5, 2)
    assert apply(world, [boost(1, 4.0), creator], 0, suppressed_share_max=1) == [PASSED, PASSED]
    odds = np.exp(world.running.exposure_log_odds(0))
    expected = np.ones(100)
    expected[::20] *= 4
    expected[:10] *= 0.5
    np.testing.assert_allclose(odds, expected, rtol=1e-6)
    later = np.exp(world.running.exposure_log_odds(2))
    np.testing.assert_allclose(later, np.where(np.arange(100) % 20 == 0, 4.0, 1.0), rtol=1e-6)
    assert world.running.exposure_log_odds(5) is None


def test_a_restored_target_is_boosted_no_more(world):
    apply(world, [boost(1), boost(2)], 0)
    apply(world, [Intervention(GovernanceAction.RESTORE, HASHTAG, 1)], 1)
    odds = world.running.exposure_log_odds(1)
    assert odds[0] == 0 and odds[1] > 0


def test_the_store_reuses_what_nobody_needs_to_remember(world):
    for step in range(0, 400, 10):
        apply(world, [boost(step // 10 % 20 + 1)], step)
    assert len(world.running.table) <= 4


@pytest.mark.parametrize(
    ("kind", "target", "count"),
    [(ITEM, (3 << 32) | 4, 1), (CREATOR, 3, 10), (HASHTAG, 4, 5), (TargetKind.SOUND, 2, 14),
     (TargetKind.CATEGORY, 1, 20)],
)  # fmt: skip
def test_every_kind_of_target_can_be_boosted(world, kind, target, count):
    apply(world, [Intervention(BOOST, kind, target, 2.0, 3)], 0)
    assert int(np.count_nonzero(world.running.exposure_log_odds(0))) == count


# -- moderation ------------------------------------------------------------------------------------


@pytest.fixture
def queue(world, draws):
    def make(**changes):
        values = {
            "capacity": 2.0, "false_negative": 0.0, "false_positive": 0.0, "label_above": 0.5,
            "gate_above": 0.7, "remove_above": 0.85,
        }  # fmt: skip
        section = {**resolve("synthetic").section("moderation"), **values, **changes}
        made = Moderation(section_model(ModerationConfig, section), world.running, draws)
        made.bind(world.sight)
        return made

    return make


def report(queue, rows, step, times=1):
    item = np.repeat(queue.sight.items.item[rows], times)
    n = len(item)
    columns = {
        "user": np.arange(n, dtype=np.uint32), "request": np.zeros(n, np.uint32),
        "slot": np.zeros(n, np.uint8), "item": item, "toxicity": np.ones(n, np.float32),
        "reason": np.ones(n, np.uint8),
    }  # fmt: skip
    with queue.writing():
        queue.on_content_reported(EventBatch("CONTENT_REPORTED", step, columns))


def review(queue, step):
    """Rows reviewed and what was decided; the decisions are written down."""
    (batch,) = queue.due(step)
    with queue.writing():
        queue.on_governance_action_applied(batch)
    rows = queue.sight.rows_of(batch.target).tolist()
    return list(zip(rows, batch.action.tolist(), strict=True))


def test_reviewers_follow_the_standard_when_they_do_not_err(queue):
    q = queue(capacity=4.0)
    report(q, [40, 60, 80, 95], 0)
    assert dict(review(q, 1)) == {
        40: GovernanceAction.DISMISS, 60: GovernanceAction.LABEL, 80: GovernanceAction.AGE_GATE,
        95: GovernanceAction.REMOVE,
    }  # fmt: skip


def test_the_queue_is_taken_by_reports_then_by_age_then_by_id(queue):
    q = queue(capacity=1.0)
    report(q, [70], 0)
    report(q, [60, 65], 1)
    report(q, [90], 2, times=3)
    assert [review(q, step)[0][0] for step in range(3, 7)] == [90, 70, 60, 65]


def test_a_decided_item_is_open_again_after_new_reports_but_not_once_removed(queue):
    q = queue(capacity=9.0)
    report(q, [60, 95], 0)
    assert len(review(q, 1)) == 2 and review(q, 2) == []
    report(q, [60, 95], 3)
    assert [row for row, _ in review(q, 4)] == [60]
    assert q.sight.telemetry.get("reviews") == 3
    assert q.sight.telemetry.get("review_backlog") == 0


def test_reports_below_the_least_number_wait(queue):
    q = queue(reports_min=3)
    report(q, [60], 0, times=2)
    assert review(q, 1) == []
    report(q, [60], 2)
    assert [row for row, _ in review(q, 3)] == [60]


def test_parts_of_a_review_add_up_to_whole_ones(queue):
    q = queue(capacity=0.3)
    q.sight.active_users = lambda step: 500
    assert sum(q.capacity(step) for step in range(100)) == 15


def test_nobody_reviews_where_the_capacity_is_none(queue):
    q = queue(capacity=0.0)
    report(q, [95], 0)
    assert q.due(1) == [] and q.sight.telemetry.get("review_backlog") == 1


@pytest.mark.parametrize(
    ("what", "harmless"), [("false_positive", True), ("false_negative", False)]
)
def test_reviewers_err_as_often_as_they_are_said_to(queue, what, harmless):
    q = queue(**{what: 0.3})
    items = q.sight.items.item[:50] if harmless else q.sight.items.item[50:]
    wrong = total = 0
    for ordinal in range(40):
        found = q._decisions(items, np.full(len(items), ordinal, np.uint16))
        dismissed = found == GovernanceAction.DISMISS
        wrong += int((~dismissed if harmless else dismissed).sum())
        total += len(items)
    assert (
        abs(wrong / total - 0.3) < 4 * (0.3 * 0.7 / total) ** 0.5
    )  # false alarm below 1 in 10,000


def test_a_report_of_something_that_is_no_video_is_not_queued(queue):
    q = queue()
    with q.writing():
        q.on_content_reported(
            EventBatch(
                "CONTENT_REPORTED",
                0,
                {
                    "user": np.zeros(1, np.uint32), "request": np.zeros(1, np.uint32),
                    "slot": np.zeros(1, np.uint8), "item": np.array([2**63], np.uint64),
                    "toxicity": np.ones(1, np.float32), "reason": np.ones(1, np.uint8),
                },
            )
        )  # fmt: skip
    assert len(q.table) == 0
