"""Searches for users and for videos, the trend page, and interviews."""

import numpy as np
import pytest

from feedtwin.schema.codes import FeedKind
from feedtwin.schema.codes import SocialActivityKind as Kind
from feedtwin.schema.ids import CATEGORY_QUERY, TIER_QUERY
from feedtwin.twins.user.interview import text_id
from feedtwin.world.interviewing import asked

EAGER = ["community.rates.search_user=1", "community.choice.follow_found=1"]


# -- users -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [0, CATEGORY_QUERY | 4, TIER_QUERY | 0])
def test_a_search_finds_creators_that_fit_the_most_followed_first(told, query):
    run = told([], steps=1, users=400)
    users = run.world.users.table
    found = run.shared("finding.users")(np.array([query, query], np.uint32))[0]
    found = found[found != 0xFFFFFFFF]
    assert 0 < len(found) <= 20
    fits = users.upload_count > 0
    if query & CATEGORY_QUERY:
        fits &= users.expertise == 4
    if query & TIER_QUERY:
        fits &= users.tier == 0
    expected = sorted(np.nonzero(fits)[0], key=lambda u: (-int(users.follower_count[u]), u))
    assert found.tolist() == expected[:20]


def test_a_search_that_finds_nobody_is_logged_all_the_same(told, entry):
    run = told([entry(0, "SEARCH_USER", 5, query=CATEGORY_QUERY | 999)])
    (row,) = run.activities(Kind.SEARCHED_USERS)
    assert (row.user, row.item, row.text) == (5, 0, CATEGORY_QUERY | 999)


def test_a_search_logs_the_newest_video_of_the_best_hit(told, entry):
    run = told([entry(1, "SEARCH_USER", 5, query=0)], users=400)
    best = int(run.shared("finding.users")(np.zeros(1, np.uint32))[0, 0])
    newest = run.world.content.table.item[run.world.platform.accounts.latest_row[best]]
    (row,) = run.activities(Kind.SEARCHED_USERS)
    assert row.item == newest and row.item >> 32 == best
    assert run.world.executed["SEARCH_USER"] == 1


def test_searchers_follow_somebody_who_was_found(told):
    run = told([], steps=4, sets=EAGER, users=300)
    searches = {(row.step, row.user) for row in run.activities(Kind.SEARCHED_USERS)}
    opened = {(row.step, row.user) for row in run.rows["SESSION_STARTED"]}
    assert searches == opened
    follows = [row for row in run.rows["SOCIAL_GRAPH_UPDATED"] if row.slot == 255]
    assert len(follows) > 0.8 * len(searches)
    made = run.world.users.table.upload_count
    assert all(made[row.target] > 0 and row.target != row.user for row in follows)
    none = told([], steps=4, sets=["community.rates.search_user=1",
                                   "community.choice.follow_found=0"], users=300)  # fmt: skip
    assert not [row for row in none.rows["SOCIAL_GRAPH_UPDATED"] if row.slot == 255]


def test_people_search_for_what_they_are_interested_in(told):
    run = told([], steps=8, sets=[*EAGER, "community.choice.famous_share=0"], users=300)
    topics = run.world.content.categories.vectors.astype(int)
    liking = run.world.users.table.taste.astype(int) @ topics.T
    rank = [
        (liking[row.user] > liking[row.user, row.text & 0xFFFF]).sum()
        for row in run.activities(Kind.SEARCHED_USERS)
    ]
    assert np.mean(rank) < 4  # of 12 categories; 5.5 by chance


# -- lists of videos -------------------------------------------------------------------------------


def test_a_share_of_requests_asks_for_searches_and_trends(told):
    run = told([], steps=12, sets=["user.search_rate=0.2", "user.trend_rate=0.1"], users=200)
    asks = run.rows["FEED_REQUESTED"]
    share = {kind: np.mean([row.kind == kind for row in asks]) for kind in FeedKind}
    assert len(asks) > 700
    assert abs(share[FeedKind.SEARCH] - 0.2) < 0.05 and abs(share[FeedKind.TREND] - 0.1) < 0.04
    for row in asks:
        assert bool(row.query & CATEGORY_QUERY) == (row.kind == FeedKind.SEARCH)
        assert (row.query & 0xFFFF) < 12


def test_scripted_visitors_ask_for_their_list_first_and_absent_ones_not_at_all(told, entry):
    quiet = told([], steps=2)
    came = {row.user for row in quiet.rows["SESSION_STARTED"] if row.step == 1}
    absent = next(user for user in range(40) if user not in came)
    one, two = sorted(came)[:2]
    run = told([entry(1, "SEARCH_POSTS", one, query=7), entry(1, "TREND", two),
                entry(1, "TREND", absent)])  # fmt: skip
    asks = [row for row in run.rows["FEED_REQUESTED"] if row.step == 1]
    special = [(row.user, row.kind, row.query) for row in asks if row.kind != FeedKind.FEED]
    assert special == [(one, FeedKind.SEARCH, 7), (two, FeedKind.TREND, 0)]
    first = {}
    for row in asks:
        first.setdefault(row.user, row.kind)
    assert first[one] == FeedKind.SEARCH and first[two] == FeedKind.TREND


# -- interviews ------------------------------------------------------------------------------------


def test_an_interview_logs_the_hash_of_what_the_state_says(told, entry):
    run = told([entry(6, "INTERVIEW", 3), entry(6, "INTERVIEW", 3, text=2)], users=100)
    rows = run.activities(Kind.INTERVIEWED)
    everything, mood = asked(run.world, 3), asked(run.world, 3, "mood")
    assert [row.text for row in rows] == [text_id(everything), text_id(mood)]
    assert run.world.executed["INTERVIEW"] == 2
    users = run.world.users.table
    assert everything["role"]["followers"] == users.follower_count[3]
    assert abs(everything["mood"]["satisfaction_percent"] - 100 * users.satisfaction[3]) <= 0.5
    best = everything["interests"][0]["category"]
    liking = users.interests[3].astype(int) @ run.world.content.categories.vectors.astype(int).T
    assert liking[best] == liking.max()
    held = {topic for topic in users.trace_topic[3].tolist() if topic != 0xFFFF}
    assert {one["topic"] for one in everything["memory"]} == held
    left = [one["percent"] for one in everything["memory"]]
    assert left == sorted(left, reverse=True)


def test_an_interview_changes_nothing_but_the_log(told, entry):
    quiet, asked_ = told([], steps=4), told([entry(1, "INTERVIEW", 3)], steps=4)
    ours, theirs = quiet.world.state(), asked_.world.state()
    changed = {name for name in ours if ours[name].tobytes() != theirs[name].tobytes()}
    assert changed == {"user.social_count"}
