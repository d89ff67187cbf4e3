"""Social activities have running numbers, and days and seats are written down where they belong."""

import numpy as np
import pytest

from feedtwin.columns import Columns
from feedtwin.kernels.binding import load
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import EdgeKind, SocialActivityKind
from feedtwin.twins.content.table import ITEMS
from feedtwin.twins.social import activity, occurrences, ordinals
from feedtwin.twins.user import UserTwin
from feedtwin.twins.user.acting import edges_changed
from feedtwin.twins.user.belonging import LEFT, MEMBER
from feedtwin.twins.user.profile import profile_of
from feedtwin.twins.user.table import USERS
from feedtwin.twins.user.ties import Ties


@pytest.fixture
def twin(user_config, draws):
    def make(rows=6):
        nobody = np.zeros(0, np.uint32)
        ties = Ties(nobody, nobody, rows)
        made = UserTwin(user_config, Columns(USERS, rows), ties, draws, load("numpy"))
        made.bind(Columns(ITEMS, 0).frozen, np.zeros((2, 50), np.int8))
        return made

    return make


def test_occurrences_count_earlier_rows_of_the_same_user():
    assert occurrences(np.uint32([5, 2, 5, 5, 2])).tolist() == [0, 0, 1, 2, 1]
    assert occurrences(np.zeros(0, np.uint32)).tolist() == []


def test_ordinals_go_on_from_what_is_counted():
    columns = Columns(USERS, 4)
    with columns.writing():
        columns.social_count[:] = [0, 7, 0, 2]
    found = ordinals(columns.frozen, np.uint32([1, 3, 1]))
    assert found.tolist() == [7, 2, 8]
    assert found.dtype == np.uint32


def test_an_activity_has_the_declared_columns():
    users = Columns(USERS, 4).frozen
    kind = SocialActivityKind.VIDEO_SAVED
    said = activity(users, 3, kind, np.uint32([2, 2]), item=np.uint64([9, 8]))
    assert said.kind.tolist() == [kind, kind]
    assert said.item.tolist() == [9, 8]
    assert said.ordinal.tolist() == [0, 1]
    assert said.text.tolist() == [0, 0]


def _opened(twin, step, *users):
    user = np.asarray(users, np.uint32)
    columns = {
        "user": user, "session": np.zeros(len(user), np.uint32),
        "energy": np.ones(len(user), np.float32),
    }  # fmt: skip
    with twin.writing():
        twin.on_session_started(EventBatch("SESSION_STARTED", step, columns))


def _said(twin, step, kind, *users):
    with twin.writing():
        twin.on_social_activity(activity(twin.table, step, kind, np.asarray(users, np.uint32)))


def test_days_active_has_a_bit_per_day_after_joining(twin):
    people = twin()
    for step in (0, 5, 24, 7 * 24 + 3, 31 * 24, 32 * 24, 400 * 24):
        _opened(people, step, 1)
    assert people.table.days_active[1] == (1 | 1 << 1 | 1 << 7 | 1 << 31)
    _said(people, 50, SocialActivityKind.SIGNED_UP, 2)
    _opened(people, 51, 2)
    _opened(people, 74, 2)
    assert people.table.joined_day[2] == 2
    assert people.table.days_active[2] == 0b11  # hour 74 is the day after
    assert people.table.days_active[3] == 0


def test_members_join_and_leave_and_only_members_come(twin):
    people = twin(400)
    with people.writing():
        people._columns.member[:] = 0
        people._columns.activity[:] = 1e6
    assert people.decide(20)[0][0].rows == 0
    _said(people, 20, SocialActivityKind.SIGNED_UP, *range(400))
    assert people.decide(21)[0][0].rows == 400
    _said(people, 21, SocialActivityKind.LEFT_PLATFORM, *range(100))
    assert (people.table.member[:100] == LEFT).all() and people.table.member[100] == MEMBER
    assert people.decide(22)[0][0].user.min() == 100
    assert (people.table.social_count[:100] == 2).all()


def test_loyalty_is_a_slow_mean_of_how_sessions_satisfied(twin):
    people = twin()
    with people.writing():
        people._columns.satisfaction[1] = 1.0
    columns = {
        "user": np.uint32([1]), "session": np.uint32([0]), "cause": np.uint8([1]),
        "impressions": np.uint16([1]), "watch_ms": np.uint32([1]),
    }  # fmt: skip
    ended = EventBatch("SESSION_ENDED", 3, columns)
    start = people.table.loyalty[1]
    seen = []
    for _ in range(3):
        with people.writing():
            people.on_session_ended(ended)
        seen.append(float(people.table.loyalty[1]))
    weight = people.config.loyalty_weight
    expected = [1 - (1 - start) * (1 - weight) ** n for n in (1, 2, 3)]
    assert seen == pytest.approx(expected, abs=1e-6)
    assert people.table.loyalty[2] == start


def test_mutes_and_follows_do_not_mix(twin):
    people = twin()
    muting = next(part for part in people.parts[1:] if part.name == "muting")
    one, two = np.uint32([1, 1]), np.uint32([2, 4])
    muted = edges_changed(1, EdgeKind.MUTE, True, one, two)
    followed = edges_changed(1, EdgeKind.FOLLOW, True, one[:1], np.uint32([5]))
    for batch in (muted, followed):
        with people.writing():
            people.on_social_graph_updated(batch)
        muting.on_social_graph_updated(batch)
    assert people.mutes.right.tolist() == [2, 4]
    assert people.mute_offset.tolist() == [0, 0, 2, 2, 2, 2, 2]
    assert people.ties.user.tolist() == [5]
    muting.on_social_graph_updated(edges_changed(2, EdgeKind.MUTE, False, one[:1], two[:1]))
    assert people.mutes.right.tolist() == [4]
    assert people.mute_offset.tolist() == [0, 0, 1, 1, 1, 1, 1]


def test_a_profile_shows_a_person_in_the_units_of_people():
    columns = Columns(USERS, 2)
    with columns.writing():
        columns.age_group[1] = 0
        columns.toxicity_tolerance[1], columns.humor_affinity[1] = 51, 255
        columns.loyalty[1] = 0.75
    found = profile_of(columns.frozen, 1)
    assert found.innate.age_group == "minor"
    assert found.innate.toxicity_tolerance == pytest.approx(0.2)
    assert found.innate.humor_affinity == 1.0
    assert found.state.loyalty == 0.75
