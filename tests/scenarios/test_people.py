"""Scenarios of what people do beyond watching: each action is asked for, executed, and does what it says."""

from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.kernels.binding import load
from feedtwin.schema.codes import EdgeKind, SocialActivityKind
from feedtwin.schema.requests import asked
from feedtwin.schema.settings import resolve
from feedtwin.session import FINISHED, LIKE, SKIP
from feedtwin.twins.user.belonging import LEFT, MEMBER
from feedtwin.world.build import build

STEPS, USERS = 50, 120
RATES = (
    "population.tier_shares=[0.02,0.05,0.13,0.8]",
    "population.prospects=40",
    "user.uploads_per_day=[6,3,1,0]",
    "user.away_rate=0.3",
    "user.leave_rate=0.1",
    "user.signup_rate=0.5",
    "reactions.not_interested_rate=0.2",
    "reactions.mute_rate=0.05",
    "reactions.unfollow_rate=0.5",
    "reactions.unmute_rate=0.4",
    "reactions.unlike_rate=0.2",
    "reactions.save_rate=0.2",
    "reactions.report_rate=0.3",
)


def make(*sets, users=USERS, **options):
    return build(resolve("synthetic", users=users, seed=5, sets=sets, **options), load("auto"))


@pytest.fixture(scope="module")
def story():
    """Two days of a small world in which everything is frequent: what was asked, said and seen, per step."""
    world = make(*RATES)
    asks, said, seen = defaultdict(list), defaultdict(list), {}
    execute, act = world._execute, world.actions

    def watched_execute(wish):
        asks[wish.action].append(wish)
        return execute(wish)

    def watched_act(reactions):
        seen[reactions.step] = reactions.reached() if reactions.rounds else None
        return act(reactions)

    world._execute, world.actions = watched_execute, watched_act
    world.recorder = lambda published: [
        said[flat.event].append(flat) for flat in published.batch.logged()
    ]
    tolerance = world.users.table.toxicity_tolerance.copy()
    for _ in range(STEPS):
        world.step()
    return SimpleNamespace(world=world, asks=asks, said=said, seen=seen, tolerance=tolerance)


def activities(story, kind):
    """(step, user, item, ordinal) of every activity of a kind."""
    rows = []
    for batch in story.said["SOCIAL_ACTIVITY"]:
        at = np.nonzero(batch.kind == kind)[0]
        columns = (batch.user, batch.item, batch.ordinal)
        rows += [(batch.step, *(int(column[i]) for column in columns)) for i in at]
    return rows


def edges(story, kind, added):
    return [
        (batch.step, int(user), int(target))
        for batch in story.said["SOCIAL_GRAPH_UPDATED"]
        for user, target, edge, how in zip(
            batch.user, batch.target, batch.edge, batch.added, strict=True
        )
        if edge == kind and how == added
    ]


def flags_of(story, step, user, item):
    """Outcome bits of the user's impressions of an item in a step."""
    seen = story.seen[step]
    at = (seen.user == user) & (seen.item == item)
    assert at.any(), (step, user, item)
    return int(np.bitwise_or.reduce(seen.flags[at]))


def total(story, name):
    return story.world.platform.telemetry.as_dict()[name]


ASKED = (
    "UNLIKE_VIDEO SAVE_VIDEO NOT_INTERESTED REPORT_POST FOLLOW UNFOLLOW MUTE UNMUTE SIGNUP DO_NOTHING"
).split()


@pytest.mark.parametrize("action", ASKED)
def test_the_action_is_asked_for(story, action):
    assert sum(wish.rows for wish in story.asks[action]) > 0


def test_a_like_is_taken_back_by_who_gave_it(story):
    undone = activities(story, SocialActivityKind.VIDEO_UNLIKED)
    assert len(undone) == total(story, "unlikes") > 10
    assert all(flags_of(story, step, user, item) & LIKE for step, user, item, _ in undone)
    likes = int(story.world.content.table.likes.sum())
    assert likes == total(story, "likes") - len(undone)


def test_what_was_liked_or_finished_is_kept(story):
    kept = activities(story, SocialActivityKind.VIDEO_SAVED)
    assert len(kept) == total(story, "saves") == int(story.world.content.table.saves.sum()) > 10
    bits = LIKE | FINISHED
    assert all(flags_of(story, step, user, item) & bits for step, user, item, _ in kept)


def test_not_interested_is_said_about_skips(story):
    said = activities(story, SocialActivityKind.VIDEO_NOT_INTERESTED)
    assert len(said) == total(story, "not_interested") > 10
    assert all(flags_of(story, step, user, item) & SKIP for step, user, item, _ in said)


def test_reports_are_of_what_offends_who_watched_it(story):
    rows = [
        (batch.step, int(user), int(item), float(toxicity))
        for batch in story.said["CONTENT_REPORTED"]
        for user, item, toxicity in zip(batch.user, batch.item, batch.toxicity, strict=True)
    ]
    assert len(rows) == total(story, "reports") > 10
    items = story.world.content.table
    own = dict(zip(items.item.tolist(), items.toxicity.tolist(), strict=True))
    for step, user, item, toxicity in rows:
        assert toxicity > story.tolerance[user] / 255 - 1e-6
        assert abs(toxicity - own[item]) <= 0.1 + 1e-6
        assert not flags_of(story, step, user, item) & SKIP


def test_an_unfollowed_creator_is_not_followed_any_more(story):
    cut = edges(story, EdgeKind.FOLLOW, 0)
    assert len(cut) == total(story, "unfollows") > 3
    ties = story.world.users.ties
    assert ties.following_counts().tolist() == story.world.users.table.following_count.tolist()
    made = {(user, target): step for step, user, target in edges(story, EdgeKind.FOLLOW, 1)}
    for step, user, target in cut:
        if made.get((user, target), -1) < step:
            assert not ties.has(np.uint32([user]), np.uint32([target]))[0]


def test_mutes_are_what_was_muted_and_not_lifted(story):
    users = story.world.users
    changes = [(step, u, t, 1) for step, u, t in edges(story, EdgeKind.MUTE, 1)]
    changes += [(step, u, t, 0) for step, u, t in edges(story, EdgeKind.MUTE, 0)]
    muted = set()
    for _, user, target, added in sorted(changes, key=lambda change: (change[0], change[3])):
        (muted.add if added else muted.discard)((user, target))
    assert total(story, "mutes") > 10 and total(story, "unmutes") > 0
    found = set(zip(users.mutes.left.tolist(), users.mutes.right.tolist(), strict=True))
    assert found == muted
    offset = users.mute_offset
    assert len(offset) == len(users.table) + 1 and offset[-1] == len(users.mutes)
    for user in {user for user, _ in muted}:
        part = users.mutes.right[offset[user] : offset[user + 1]].tolist()
        assert part == sorted(target for who, target in muted if who == user)


def test_who_signs_up_is_a_member_and_opens_the_app_later(story):
    joined = {user: step for step, user, *_ in activities(story, SocialActivityKind.SIGNED_UP)}
    users = story.world.users.table
    assert len(joined) == total(story, "signups") > 5
    assert min(joined) >= 4096
    for user, step in joined.items():
        assert users.member[user] in (MEMBER, LEFT)
        assert users.joined_day[user] == step // 24
    started = defaultdict(list)
    for batch in story.said["SESSION_STARTED"]:
        for user in batch.user.tolist():
            started[user].append(batch.step)
    assert all(step > joined[user] for user in joined for step in started[user])
    assert any(started[user] for user in joined)


def test_who_left_never_comes_back_and_uploads_nothing(story):
    left = {user: step for step, user, *_ in activities(story, SocialActivityKind.LEFT_PLATFORM)}
    assert len(left) == total(story, "departures") > 5
    users = story.world.users.table
    assert set(np.nonzero(users.member == LEFT)[0].tolist()) == set(left)
    for event in ("SESSION_STARTED", "VIDEO_CREATED"):
        for batch in story.said[event]:
            assert not [u for u in batch.user.tolist() if left.get(u, STEPS) <= batch.step], event


def test_who_does_nothing_has_no_session_in_the_hour(story):
    stayed = {(wish.step, user) for wish in story.asks["DO_NOTHING"] for user in wish.user.tolist()}
    came = {
        (batch.step, user)
        for batch in story.said["SESSION_STARTED"]
        for user in batch.user.tolist()
    }
    assert stayed and not stayed & came


def test_rows_between_members_and_prospects_never_act(story):
    users = story.world.users.table
    vacant = np.arange(USERS, 4096)
    assert (users.member[vacant] == 0).all() and (users.session[vacant] == 0).all()
    for batches in story.said.values():
        for batch in batches:
            if "user" in batch.columns:
                assert not np.isin(batch.user, vacant).any(), batch.event


def test_ordinals_of_social_activities_count_from_zero_without_gaps(story):
    found = defaultdict(list)
    for batch in story.said["SOCIAL_ACTIVITY"]:
        for user, ordinal in zip(batch.user.tolist(), batch.ordinal.tolist(), strict=True):
            found[user].append(ordinal)
    assert all(ordinals == list(range(len(ordinals))) for ordinals in found.values())
    counts = story.world.users.table.social_count
    assert {u: int(n) for u, n in enumerate(counts) if n} == {u: len(o) for u, o in found.items()}
    assert max(map(len, found.values())) > 3


# -- what cannot be done is left out ---------------------------------------------------------------


def executed(world, action, **columns):
    return world._execute(asked(action, world.step_count, **columns))


def test_ties_and_mutes_that_are_not_there_are_left_out():
    world = make()
    follower = int(np.nonzero(world.users.table.following_count)[0][0])
    followee = int(world.users.ties.user[world.users.ties.offset[follower]])
    nobody = next(u for u in range(USERS) if u not in (follower, followee))
    assert not world.users.ties.has(np.uint32([follower]), np.uint32([nobody]))[0]
    (cut,) = executed(
        world, "UNFOLLOW", user=np.uint32([follower] * 3),
        target=np.uint32([followee, nobody, followee]),
    )  # fmt: skip
    assert (cut.target.tolist(), cut.added.tolist()) == ([followee], [0])
    (muted,) = executed(world, "MUTE", user=np.uint32([3, 3, 3]), target=np.uint32([4, 3, 4]))
    assert (muted.user.tolist(), muted.target.tolist()) == ([3], [4])
    (lifted,) = executed(world, "UNMUTE", user=np.uint32([3]), target=np.uint32([4]))
    assert lifted.rows == 0


def test_a_video_without_likes_loses_none():
    world = make()
    item = world.content.table.item[:1]
    (said,) = executed(world, "UNLIKE_VIDEO", user=np.uint32([1]), item=item)
    assert said.rows == 0


def test_only_prospects_sign_up():
    world = make("population.prospects=3")
    (joined,) = executed(world, "SIGNUP", user=np.uint32([5, 4098, 200, 4098]))
    assert joined.user.tolist() == [4098]


def test_an_item_is_reported_once_by_a_user():
    world = make()
    item = np.repeat(world.content.table.item[:1], 3)
    columns = {"request": np.uint32([2, 1, 1]), "slot": np.uint8([0, 3, 2])}
    (told,) = executed(world, "REPORT_POST", user=np.uint32([7, 7, 8]), item=item, **columns)
    assert told.user.tolist() == [7, 8]
    assert told.request.tolist() == [1, 1]
