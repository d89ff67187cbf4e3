"""The actions of governance, each in a small world in which it happens."""

import numpy as np
import pytest

from feedtwin.kernels.binding import load
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.codes import GovernanceAction, Stage
from feedtwin.schema.requests import asked
from feedtwin.schema.settings import resolve
from feedtwin.world.build import build


@pytest.fixture(scope="module")
def kernels():
    return load("auto")


def lived(kernels, steps, *sets, users=200):
    """A small world and what it published: (event, step, columns)."""
    world = build(resolve("synthetic", users=users, seed=3, sets=sets), kernels)
    rows = []
    world.recorder = lambda p: rows.extend(
        (flat.event, flat.step, {n: v.copy() for n, v in flat.columns.items()})
        for flat in p.batch.logged()
    )
    for _ in range(steps):
        world.step()
    return world, rows


def report(world, item, times):
    """As many users report one video."""
    wish = asked(
        "REPORT_POST", world.step_count, user=np.arange(times), item=np.full(times, item),
        toxicity=np.full(times, 0.9), reason=np.ones(times),
    )  # fmt: skip
    world.bus.publish(world._execute(wish), "execute")


def test_the_actions_are_handled():
    assert ACTIONS["REPORT_POST"].handled and ACTIONS["UPDATE_REC_TABLE"].handled


def test_report_post_a_toxic_video_is_reported_reviewed_removed_and_shown_no_more(kernels):
    sets = ["moderation.capacity=1000", "moderation.false_negative=0", "content.toxicity_tail=0.3"]
    world, rows = lived(kernels, 2, *sets)
    items = world.content.table
    worst = int(items.toxicity.argmax())
    assert items.is_public[worst] == 1 and items.toxicity[worst] > 0.85
    item = items.item[worst]
    report(world, item, 4)
    report(world, item, 4)
    for _ in range(6):
        world.step()
    reports = [c for event, _, c in rows if event == "CONTENT_REPORTED"]
    assert sum(len(c["user"]) for c in reports) == 8
    (decided,) = [
        (step, c) for event, step, c in rows
        if event == "GOVERNANCE_ACTION_APPLIED" and item in c["target"]
    ]  # fmt: skip
    assert decided[1]["action"].tolist() == [GovernanceAction.REMOVE]
    assert world.content.table.is_public[worst] == 0
    after = [c for event, step, c in rows if event == "IMPRESSION_SERVED" and step >= decided[0]]
    assert after and not any((c["item"] == item).any() for c in after)
    assert ("governance", "REMOVE") not in {
        row[:2] for row in world.audit
    }  # of the latest step only


def test_a_user_reports_a_video_once_per_step(kernels):
    world, _ = lived(kernels, 1)
    item = world.content.table.item[0]
    wish = asked(
        "REPORT_POST", 1, user=np.array([5, 4, 5]), item=np.array([item, item, item]),
        slot=np.array([2, 0, 1]),
    )  # fmt: skip
    (batch,) = world._execute(wish)
    assert batch.user.tolist() == [4, 5] and batch.slot.tolist() == [0, 1]


def test_update_rec_table_moves_videos_between_stages_and_is_audited(kernels):
    sets = ["promotion.initial_audience=10", "platform.refresh_steps=2"]
    world, rows = lived(kernels, 1, *sets)
    audit = []
    for _ in range(9):
        world.step()
        audit.append([row for row in world.audit if row[1] == "UPDATE_REC_TABLE"])
    assert [len(rows) for rows in audit] == [0, 1] * 4 + [0]
    changed = [c for event, _, c in rows if event == "EXPOSURE_STAGE_CHANGED"]
    assert sum(len(c["item"]) for c in changed) == sum(
        row[2]["EXPOSURE_STAGE_CHANGED"] for step in audit for row in step
    )


def test_a_video_that_takes_off_can_be_followed_from_the_log_alone(kernels):
    """Stages with velocities, and the life of its hashtags: what a reader needs to tell its story."""
    sets = [
        "trends.track=always", "trends.emergence_gate=4", "promotion.velocity_gate=4",
        "promotion.completion_gate=0.05", "promotion.initial_audience=20", "trends.rise=1.2",
    ]  # fmt: skip
    world, rows = lived(kernels, 36, *sets, users=250)
    viral = [
        (step, int(item), float(velocity))
        for event, step, c in rows
        if event == "EXPOSURE_STAGE_CHANGED"
        for item, to, velocity in zip(c["item"], c["to_stage"], c["velocity"], strict=True)
        if to == Stage.VIRAL_STAGE
    ]
    assert viral and all(velocity > 0 for _, _, velocity in viral)
    emerged = {
        (int(kind), int(key)): step
        for event, step, c in rows
        if event == "TREND_STATE_CHANGED"
        for kind, key, to in zip(c["kind"], c["key"], c["to_lifecycle"], strict=True)
        if to == 1
    }
    items = world.content.table
    keys = {
        item: {
            (1, int(tag))
            for tag in items.hashtags[world.content.rows_of(np.array([item], np.uint64))][0]
        }
        for _, item, _ in viral
    }
    near = [
        (step, emerged[key])
        for step, item, _ in viral
        for key in keys[item] & emerged.keys()
        if abs(emerged[key] - step) <= 24
    ]
    assert near, "no viral video's hashtag trended within a day"
