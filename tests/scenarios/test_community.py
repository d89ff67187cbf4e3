"""Posts, comments and groups: what each action changes, what it logs, and what it leaves alone."""

import numpy as np
import pytest

from feedtwin.schema.codes import SocialActivityKind as Kind

POST, COMMENT, REPOST, QUOTE = 0, 1, 2, 3


def test_a_post_gets_the_authors_next_id_and_a_row(told, entry, post_id):
    run = told([entry(0, "CREATE_POST", 5, text=9), entry(0, "CREATE_POST", 5, text=10),
                entry(1, "CREATE_POST", 3), entry(2, "CREATE_POST", 5)])  # fmt: skip
    posts = run.table("posts")
    assert posts.item == [post_id(5), post_id(5, 1), post_id(3), post_id(5, 2)]
    assert posts.kind == [POST] * 4
    assert posts.text == [9, 10, 0, 0]
    assert posts.created_step == [0, 0, 1, 2]
    rows = run.activities(Kind.POST_CREATED)
    assert [(row.user, row.ordinal, row.item) for row in rows] == [
        (5, 0, post_id(5)), (5, 1, post_id(5, 1)), (3, 0, post_id(3)), (5, 2, post_id(5, 2)),
    ]  # fmt: skip
    assert run.world.executed["CREATE_POST"] == 4


@pytest.mark.parametrize(
    ("give", "take", "given", "taken", "column"),
    [
        ("LIKE_POST", "UNLIKE_POST", Kind.POST_LIKED, Kind.POST_UNLIKED, "likes"),
        ("DISLIKE_POST", "UNDO_DISLIKE_POST", Kind.POST_DISLIKED, Kind.POST_DISLIKE_UNDONE,
         "dislikes"),
        ("LIKE_COMMENT", "UNLIKE_COMMENT", Kind.COMMENT_LIKED, Kind.COMMENT_UNLIKED, "likes"),
        ("DISLIKE_COMMENT", "UNDO_DISLIKE_COMMENT", Kind.COMMENT_DISLIKED,
         Kind.COMMENT_DISLIKE_UNDONE, "dislikes"),
    ],
)  # fmt: skip
def test_a_like_counts_once_and_is_taken_back_only_if_given(
    told, entry, post_id, pairs, give, take, given, taken, column
):
    comment = give.endswith("COMMENT")
    thing = post_id(2) if comment else post_id(1)
    start = [entry(0, "CREATE_POST", 1), entry(0, "CREATE_COMMENT", 2, item=post_id(1))]
    twice = told([*start, entry(1, give, 7, item=thing), entry(1, give, 7, item=thing),
                  entry(2, give, 7, item=thing), entry(2, give, 8, item=thing),
                  entry(2, take, 9, item=thing)])  # fmt: skip
    assert getattr(twice.table("posts"), column)[comment] == 2
    assert [(row.step, row.user) for row in twice.activities(given)] == [(1, 7), (2, 8)]
    assert twice.activities(taken) == []
    assert pairs(twice.shared(f"posts.{column}")) == [(7, int(comment)), (8, int(comment))]
    back = told([*start, entry(1, give, 7, item=thing), entry(2, take, 7, item=thing),
                 entry(3, take, 7, item=thing)])  # fmt: skip
    assert getattr(back.table("posts"), column)[comment] == 0
    assert [(row.step, row.item) for row in back.activities(taken)] == [(2, thing)]
    assert pairs(back.shared(f"posts.{column}")) == []
    assert (back.world.executed[give], back.world.executed[take]) == (1, 1)


@pytest.mark.parametrize(
    "action", "LIKE_POST DISLIKE_POST REPOST QUOTE_POST CREATE_COMMENT".split()
)
def test_an_action_on_a_post_does_nothing_to_a_comment_or_to_what_is_not_there(
    told, entry, post_id, action
):
    run = told([entry(0, "CREATE_POST", 1), entry(0, "CREATE_COMMENT", 2, item=post_id(1)),
                entry(1, action, 3, item=post_id(2)), entry(1, action, 3, item=post_id(30)),
                entry(1, action, 3, item=7)])  # fmt: skip
    assert [row.step for row in run.activities()] == [0, 0]
    assert run.world.executed[action] == (action == "CREATE_COMMENT")


@pytest.mark.parametrize("action", ["LIKE_COMMENT", "DISLIKE_COMMENT"])
def test_an_action_on_a_comment_does_nothing_to_a_post(told, entry, post_id, action):
    run = told([entry(0, "CREATE_POST", 1), entry(1, action, 3, item=post_id(1))])
    assert [row.step for row in run.activities()] == [0]


def test_a_post_is_reposted_once_by_each_user_and_a_repost_is_one_of_the_original(
    told, entry, post_id
):
    run = told([entry(0, "CREATE_POST", 1), entry(1, "REPOST", 2, item=post_id(1)),
                entry(1, "REPOST", 2, item=post_id(1)), entry(2, "REPOST", 3, item=post_id(2)),
                entry(3, "REPOST", 2, item=post_id(3))])  # fmt: skip
    posts = run.table("posts")
    assert posts.kind == [POST, REPOST, REPOST]
    assert posts.parent == [0, post_id(1), post_id(1)]
    assert posts.reposts == [2, 0, 0]
    assert [(r.user, r.item, r.parent) for r in run.activities(Kind.POST_REPOSTED)] == [
        (2, post_id(2), post_id(1)), (3, post_id(3), post_id(1))
    ]  # fmt: skip


def test_a_quote_is_a_post_of_its_own_and_may_be_repeated(told, entry, post_id):
    run = told([entry(0, "CREATE_POST", 1), entry(1, "QUOTE_POST", 2, item=post_id(1), text=5),
                entry(1, "QUOTE_POST", 2, item=post_id(1), text=6),
                entry(2, "LIKE_POST", 3, item=post_id(2, 1))])  # fmt: skip
    posts = run.table("posts")
    assert posts.kind == [POST, QUOTE, QUOTE]
    assert posts.text == [0, 5, 6]
    assert posts.reposts == [2, 0, 0]
    assert posts.likes == [0, 0, 1]


def test_a_comment_counts_with_its_post_and_on_a_repost_with_the_original(told, entry, post_id):
    run = told([entry(0, "CREATE_POST", 1), entry(1, "REPOST", 2, item=post_id(1)),
                entry(2, "CREATE_COMMENT", 3, item=post_id(1), text=8),
                entry(2, "CREATE_COMMENT", 4, item=post_id(2))])  # fmt: skip
    posts = run.table("posts")
    assert posts.kind == [POST, REPOST, COMMENT, COMMENT]
    assert posts.comments == [2, 0, 0, 0]
    assert posts.parent[2:] == [post_id(1)] * 2
    assert [row.text for row in run.activities(Kind.COMMENT_CREATED)] == [8, 0]


# -- groups ----------------------------------------------------------------------------------------


def test_a_group_is_opened_joined_written_to_read_and_left(told, entry, group_id, pairs):
    group = group_id(4)
    run = told([
        entry(0, "CREATE_GROUP", 4, text=77), entry(1, "SEND_TO_GROUP", 4, group=group, text=1),
        entry(2, "JOIN_GROUP", 6, group=group), entry(3, "SEND_TO_GROUP", 4, group=group, text=2),
        entry(4, "LISTEN_FROM_GROUP", 6, group=group), entry(5, "LEAVE_GROUP", 4, group=group),
    ])  # fmt: skip
    groups = run.table("groups")
    assert (groups.group, groups.text, groups.members, groups.messages) == (
        [group], [77], [1], [2]
    )  # fmt: skip
    assert pairs(run.shared("groups.members")) == [(6, group)]
    marks = run.shared("groups.read")
    assert (marks.key.tolist(), marks.value.tolist()) == ([6 << 32 | group], [2])
    assert [Kind(row.kind).name for row in run.activities()] == [
        "GROUP_CREATED", "GROUP_MESSAGE_SENT", "GROUP_JOINED", "GROUP_MESSAGE_SENT",
        "GROUP_MESSAGES_READ", "GROUP_LEFT",
    ]  # fmt: skip
    assert [row.ordinal for row in run.activities() if row.user == 4] == [0, 1, 2, 3]


def test_what_was_said_before_one_joined_counts_as_read(told, entry, group_id):
    group = group_id(4)
    run = told([entry(0, "CREATE_GROUP", 4), entry(1, "SEND_TO_GROUP", 4, group=group),
                entry(2, "JOIN_GROUP", 6, group=group),
                entry(3, "SEND_TO_GROUP", 4, group=group)])  # fmt: skip
    marks = run.shared("groups.read")
    assert dict(zip(marks.key.tolist(), marks.value.tolist(), strict=True)) == {6 << 32 | group: 1}


@pytest.mark.parametrize("action", "LEAVE_GROUP SEND_TO_GROUP LISTEN_FROM_GROUP".split())
def test_who_is_not_in_a_group_can_only_join_it(told, entry, group_id, action):
    run = told([entry(0, "CREATE_GROUP", 4), entry(1, action, 6, group=group_id(4)),
                entry(1, "JOIN_GROUP", 6, group=group_id(9)),
                entry(1, "JOIN_GROUP", 4, group=group_id(4))])  # fmt: skip
    assert [Kind(row.kind) for row in run.activities()] == [Kind.GROUP_CREATED]
    assert run.world.executed[action] == run.world.executed["JOIN_GROUP"] == 0


def test_an_owner_has_at_most_fifteen_groups_with_ids_of_their_own(told, entry, group_id):
    entries = [entry(step, "CREATE_GROUP", user) for step in range(9) for user in (0, 3, 3)]
    run = told(entries)
    groups = run.table("groups").group
    assert sorted(groups) == [group_id(0, n) for n in range(9)] + [
        group_id(3, n) for n in range(15)
    ]
    assert 0 not in groups


# -- by themselves ---------------------------------------------------------------------------------

BUSY = [f"community.rates.{name}={rate}" for name, rate in {
    "create_post": 0.3, "like_post": 0.5, "unlike_post": 0.3, "dislike_post": 0.3,
    "undo_dislike_post": 0.3, "repost": 0.2, "quote_post": 0.1, "create_comment": 0.4,
    "like_comment": 0.4, "unlike_comment": 0.3, "dislike_comment": 0.3,
    "undo_dislike_comment": 0.3, "create_group": 0.05, "join_group": 0.4, "leave_group": 0.2,
    "send_to_group": 0.3, "listen_from_group": 0.3,
}.items()]  # fmt: skip


@pytest.fixture(scope="module")
def busy(told):
    return told([], steps=16, sets=BUSY, users=150)


def test_visitors_do_all_of_it_by_themselves_where_rates_say_so(busy):
    kinds = {row.kind for row in busy.activities()}
    assert kinds == set(range(Kind.POST_CREATED, Kind.GROUP_MESSAGES_READ + 1))


def test_nobody_acts_on_their_own_posts_or_outside_a_session(busy):
    opened = {(row.step, row.user) for row in busy.rows["SESSION_STARTED"]}
    foreign = (Kind.POST_LIKED, Kind.POST_DISLIKED, Kind.COMMENT_LIKED, Kind.COMMENT_DISLIKED)
    for row in busy.activities():
        assert (row.step, row.user) in opened
        if row.kind in foreign:
            assert row.item >> 32 != row.user
        if row.kind in (Kind.POST_REPOSTED, Kind.POST_QUOTED):
            shown = busy.shared("posts")
            at, _ = busy.shared("posts.rows_of")(shown.parent[shown.parent == row.parent][:1])
            assert shown.created_step[at[0]] <= row.step


def test_counts_are_the_edges_and_each_ordinal_is_used_once(busy):
    posts = busy.table("posts")
    for name in ("likes", "dislikes"):
        edges = busy.shared(f"posts.{name}")
        assert getattr(posts, name) == edges.degree_right(len(posts.item)).tolist()
    groups, members = busy.table("groups"), busy.shared("groups.members").right.tolist()
    assert groups.members == [members.count(group) for group in groups.group]
    assert len(set(posts.item)) == len(posts.item)
    ordinals = {}
    for row in busy.activities():
        assert row.ordinal == ordinals.get(row.user, 0)
        ordinals[row.user] = row.ordinal + 1


def test_followees_posts_are_preferred_as_much_as_the_weight_says(told):
    def share(weight):
        sets = [*BUSY, f"community.choice.followee_weight={weight}"]
        run = told([], steps=16, sets=sets, users=150)
        pairs = [(row.user, row.item >> 32) for row in run.activities(Kind.POST_LIKED)]
        user, author = np.array(pairs, np.uint32).T
        return run.world.users.ties.has(user, author).mean()

    assert share(100) > share(1) > share(0.01)
