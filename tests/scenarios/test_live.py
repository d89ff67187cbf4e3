"""Live rooms: opened, entered, left and closed, by script, by whim and by plan."""

import numpy as np
import pytest

from feedtwin.errors import SettingsError
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import LiveState
from feedtwin.schema.events import EVENTS
from feedtwin.schema.reactions import Reactions

STARTED, ENDED, JOINED, LEFT = LiveState.STARTED, LiveState.ENDED, LiveState.JOINED, LiveState.LEFT
STAYING = ["live.viewers.look_rate=0", "live.viewers.stay_steps=100", "live.hosts.length_steps=90"]
"""Nobody comes or goes by themselves, and rooms stay open."""


def changes(run):
    return [
        (row.step, LiveState(row.change).name, row.user, row.item, row.viewers)
        for row in run.rows["LIVE_STATE_CHANGED"]
    ]


def test_a_room_is_opened_entered_left_and_closed(told, entry, live_id, pairs):
    room = live_id(5)
    run = told(
        [entry(0, "START_LIVE", 5, category=3), entry(1, "JOIN_LIVE", 8, item=room),
         entry(1, "JOIN_LIVE", 7, item=room), entry(2, "LEAVE_LIVE", 8),
         entry(3, "END_LIVE", 5)],
        sets=STAYING,
    )  # fmt: skip
    assert changes(run) == [
        (0, "STARTED", 5, room, 0), (1, "JOINED", 7, room, 1), (1, "JOINED", 8, room, 2),
        (2, "LEFT", 8, room, 1), (3, "ENDED", 5, room, 0),
    ]  # fmt: skip
    rooms = run.table("rooms")
    assert (rooms.host, rooms.item, rooms.category, rooms.is_open) == ([5], [room], [3], [0])
    assert (rooms.viewers, rooms.peak, rooms.joins) == ([0], [2], [2])
    assert pairs(run.shared("live.viewers")) == []  # who was inside is out
    counts = {name: run.world.executed[name] for name in run.world.executed if "LIVE" in name}
    assert counts == {"START_LIVE": 1, "JOIN_LIVE": 2, "LEAVE_LIVE": 1, "END_LIVE": 1}


def test_a_host_has_one_room_at_a_time_and_the_next_one_has_another_id(told, entry, live_id):
    run = told(
        [entry(0, "START_LIVE", 5), entry(1, "START_LIVE", 5), entry(2, "END_LIVE", 5),
         entry(3, "START_LIVE", 5), entry(4, "JOIN_LIVE", 6, item=live_id(5)),
         entry(4, "JOIN_LIVE", 7, item=live_id(5, 1))],
        sets=STAYING,
    )  # fmt: skip
    assert changes(run) == [
        (0, "STARTED", 5, live_id(5), 0), (2, "ENDED", 5, live_id(5), 0),
        (3, "STARTED", 5, live_id(5, 1), 0), (4, "JOINED", 7, live_id(5, 1), 1),
    ]  # fmt: skip
    rooms = run.table("rooms")
    assert (len(rooms.host), rooms.opened, rooms.since, rooms.joins) == (1, [2], [3], [1])


def test_a_viewer_is_in_one_room_and_never_in_their_own(told, entry, live_id, pairs):
    run = told(
        [entry(0, "START_LIVE", 5), entry(0, "START_LIVE", 6),
         entry(1, "JOIN_LIVE", 9, item=live_id(5)), entry(2, "JOIN_LIVE", 9, item=live_id(6)),
         entry(2, "JOIN_LIVE", 6, item=live_id(6)), entry(2, "JOIN_LIVE", 6, item=live_id(30)),
         entry(3, "LEAVE_LIVE", 9, item=live_id(6)), entry(3, "LEAVE_LIVE", 10),
         entry(3, "END_LIVE", 7)],
        sets=STAYING,
    )  # fmt: skip
    assert pairs(run.shared("live.viewers")) == [(9, 5)]
    assert len(changes(run)) == 3


def test_a_full_room_takes_as_many_as_fit_and_not_the_lowest_ids_only(told, entry, live_id):
    inside = set()
    for seed in range(6):
        run = told(
            [entry(0, "START_LIVE", 0)]
            + [entry(1, "JOIN_LIVE", user, item=live_id(0)) for user in range(1, 30)],
            sets=[*STAYING, "live.rooms.capacity=4"], seed=seed,
        )  # fmt: skip
        joined = [user for _, change, user, _, _ in changes(run) if change == "JOINED"]
        assert run.table("rooms").viewers == [4] == run.table("rooms").peak
        assert joined == sorted(joined) and len(joined) == 4
        inside |= set(joined)
    assert max(inside) > 15


def test_a_room_cannot_be_about_a_category_that_the_world_lacks(told, entry):
    with pytest.raises(SettingsError, match=r"START_LIVE\.category is 99; expected 0 to 11"):
        told([entry(0, "START_LIVE", 5, category=99)])


# -- by themselves ---------------------------------------------------------------------------------

LIVELY = [
    "live.hosts.starts_per_hour=[0.5,0.5,0.3,0]", "live.viewers.look_rate=0.8",
    "live.viewers.discover_rate=0.5", "population.tier_shares=[0.05,0.1,0.15,0.7]",
]  # fmt: skip


@pytest.fixture(scope="module")
def lively(told):
    return told([], steps=20, sets=LIVELY, users=150)


def test_creators_go_live_and_viewers_come_and_go(lively):
    seen = {LiveState(row.change) for row in lively.rows["LIVE_STATE_CHANGED"]}
    assert seen == set(LiveState)
    tier = lively.world.users.table.tier
    assert all(tier[row.user] < 3 for row in lively.rows["LIVE_STATE_CHANGED"]
               if row.change == STARTED)  # fmt: skip


def test_rows_tell_a_consistent_story(lively):
    """Folding the rows by hand gives the counts in them, and the table at the end."""
    inside, open_ = {}, set()
    for row in lively.rows["LIVE_STATE_CHANGED"]:
        if row.change == STARTED:
            assert row.item not in open_
            open_.add(row.item)
            inside[row.item] = set()
        elif row.change == ENDED:
            open_.remove(row.item)
            inside[row.item] = set()
        elif row.change == JOINED:
            assert all(row.user not in viewers for viewers in inside.values())
            inside[row.item].add(row.user)
        else:
            inside[row.item].remove(row.user)
        assert row.viewers == len(inside[row.item])
    rooms = lively.table("rooms")
    assert {i for i, o in zip(rooms.item, rooms.is_open, strict=True) if o} == open_
    assert [len(inside[item]) for item in rooms.item] == rooms.viewers
    assert all(p >= v for p, v in zip(rooms.peak, rooms.viewers, strict=True))


def test_visitors_prefer_the_rooms_of_those_whom_they_follow(lively):
    joined = [row for row in lively.rows["LIVE_STATE_CHANGED"] if row.change == JOINED]
    user = np.array([row.user for row in joined], np.uint32)
    host = np.array([row.item >> 32 for row in joined], np.uint32)
    ties = lively.world.users.ties
    density = len(ties.hash) / ties.users**2
    assert ties.has(user, host).mean() > 3 * density
    opened = {(row.step, row.user) for row in lively.rows["SESSION_STARTED"]}
    assert all((row.step, row.user) in opened for row in joined)


def test_without_discovery_only_followees_rooms_are_entered(told):
    run = told([], steps=12, sets=[*LIVELY, "live.viewers.discover_rate=0"], users=150)
    joined = [row for row in run.rows["LIVE_STATE_CHANGED"] if row.change == JOINED]
    ties = run.world.users.ties
    user = np.array([row.user for row in joined], np.uint32)
    host = np.array([row.item >> 32 for row in joined], np.uint32)
    assert len(joined) > 5
    assert ties.has(user, host).mean() > 0.95  # a follow of the same step may be younger


def test_rooms_last_as_long_as_the_mean_says(told):
    def mean_length(steps):
        sets = [*LIVELY, f"live.hosts.length_steps={steps}"]
        run = told([], steps=48, sets=sets, users=150)
        since, lengths = {}, []
        for row in run.rows["LIVE_STATE_CHANGED"]:
            if row.change == STARTED:
                since[row.item] = row.step
            elif row.change == ENDED:
                lengths.append(row.step - since[row.item])
        return np.mean(lengths)

    assert mean_length(1) == 1
    assert 2.3 < mean_length(3) < 3.7


def test_a_planned_room_opens_in_its_hour_and_is_then_forgotten(told, live_id):
    run = told([], steps=3)
    users = run.world.users.table.expertise
    plan = {
        "user": [4, 6, 9], "plan": [1, 2, 3], "day": [0, 1, 0], "category": [0, 0, 0],
        "hashtag": [0, 0, 0], "sound": [0, 0, 0], "uploads": [1, 1, 1], "text": [0, 0, 0],
        "hour": [5, 2, 1], "live": [1, 1, 1], "call": [0, 0, 0], "source": [3, 3, 3],
    }  # fmt: skip
    types = EVENTS["CAMPAIGN_PLAN_ISSUED"].numpy_dtypes
    columns = {name: np.array(values, types[name]) for name, values in plan.items()}
    run.world.bus.publish([EventBatch("CAMPAIGN_PLAN_ISSUED", 3, columns)], "routines")
    planned = run.shared("living.planned")
    assert planned.right.tolist() == [5, 26]  # the hour of the third one is over
    for _ in range(25):
        run.world.step()
    started = [row for row in run.rows["LIVE_STATE_CHANGED"] if row.change == STARTED]
    assert [(row.step, row.user, row.item) for row in started] == [
        (5, 4, live_id(4)), (26, 6, live_id(6))
    ]  # fmt: skip
    assert [row.category for row in started] == [users[4], users[6]]
    assert len(planned) == 0


def test_no_gift_is_asked_for_where_nobody_moves_money(told, entry, live_id, monkeypatch):
    """And where somebody does, viewers give, to the host, for the room."""
    sets = [*STAYING, "live.viewers.gift_rate=1"]
    script = [entry(0, "START_LIVE", 5)] + [
        entry(1, "JOIN_LIVE", user, item=live_id(5)) for user in (7, 8)
    ]
    run = told(script, steps=3, sets=sets)
    living = next(part for part in run.world.users.parts if getattr(part, "name", "") == "living")
    asked = {}
    for executes in (False, True):
        sight = type(run.world.sight)(
            **{**run.world.sight.__dict__, "executes": lambda name, e=executes: e}
        )
        monkeypatch.setattr(living, "sight", sight)
        asked[executes] = [w for w in living.act(Reactions(3, [])) if w.action == "SEND_GIFT"]
    assert asked[False] == []
    (gifts,) = asked[True]
    assert gifts.user.tolist() == [7, 8]
    assert gifts.target.tolist() == [5, 5] and gifts.item.tolist() == [live_id(5)] * 2
    assert (gifts.amount_microusd > 0).all()
