"""Traces of OASIS become scripts: what is carried over, what is left out, and how a bad file is explained."""

import csv
import json
import sqlite3

import numpy as np
import pytest

from feedtwin.datasets.oasis import carried_over, read_trace
from feedtwin.errors import DataError
from feedtwin.kernels.binding import load
from feedtwin.schema.actions import ACTIONS, OASIS_ALIASES, action, to_oasis
from feedtwin.schema.settings import resolve
from feedtwin.world.build import build

# user, time step, action, info as OASIS writes them; ids of posts, comments and groups run over all users.
TRACE = [
    (0, 0, "sign_up", {"name": "a", "user_name": "a", "bio": ""}),
    (4, 0, "create_post", {"content": "hello", "post_id": 1}),
    (2, 0, "create_post", {"content": "world", "post_id": 2}),
    (5, 0, "refresh", {"posts": []}),
    (5, 1, "like_post", {"post_id": 1, "like_id": 1}),
    (5, 1, "repost", {"reposted_id": 1, "new_post_id": 3}),
    (6, 1, "like_post", {"post_id": 3, "like_id": 2}),
    (4, 2, "create_post", {"content": "again", "post_id": 4}),
    (7, 2, "quote_post", {"quoted_id": 2, "new_post_id": 5}),
    (6, 2, "create_comment", {"content": "nice", "comment_id": 1}),
    (5, 2, "like_comment", {"comment_id": 1, "comment_like_id": 1}),
    (5, 3, "follow", {"follow_id": 1}),
    (8, 3, "create_group", {"group_id": 1, "group_name": "pets"}),
    (9, 3, "join_group", {"group_id": 1}),
    (9, 4, "send_to_group", {"group_id": 1, "message_id": 1, "content": "hi"}),
    (3, 4, "interview", {"prompt": "How are you?", "interview_id": "4_3"}),
    (5, 4, "unlike_post", {"post_id": 1, "like_id": 1}),
    (1, 4, "do_nothing", {}),
]  # fmt: skip


@pytest.fixture
def database(tmp_path):
    """An OASIS database with the tables that its trace leans on."""

    def write(rows=TRACE, tables=True):
        path = tmp_path / "oasis.db"
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as made:
            made.execute(
                "CREATE TABLE trace (user_id INTEGER, created_at DATETIME, action TEXT, info TEXT)"
            )
            made.executemany(
                "INSERT INTO trace VALUES (?, ?, ?, ?)",
                [(user, when, what, json.dumps(info)) for user, when, what, info in rows],
            )
            if tables:
                made.execute("CREATE TABLE follow (follow_id INTEGER, followee_id INTEGER)")
                made.execute("INSERT INTO follow VALUES (1, 2)")
                made.execute("CREATE TABLE comment (comment_id INTEGER, post_id INTEGER)")
                made.execute("INSERT INTO comment VALUES (1, 2)")
        made.close()
        return path

    return write


@pytest.fixture
def table(tmp_path):
    def write(rows, head=("user_id", "created_at", "action", "info")):
        path = tmp_path / "trace.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(head)
            for user, when, what, info in rows:
                writer.writerow(
                    [user, when, what, info if isinstance(info, str) else json.dumps(info)]
                )
        return path

    return write


def post(author, nth=0):
    return author << 32 | 1 << 30 | nth


def run(script, users=20):
    world = build(resolve("synthetic", users=users, seed=3, script=script), load("auto"))
    for _ in range(8):
        world.step()
    return world


# -- the map of names ------------------------------------------------------------------------------


@pytest.mark.parametrize("oasis", OASIS_ALIASES)
def test_every_oasis_name_goes_to_an_action_and_back(oasis):
    ours = action(oasis)
    assert to_oasis(ours.name) == oasis
    assert oasis in ours.aliases and "O" in ours.origin


def test_actions_that_oasis_lacks_have_no_name_there():
    assert {name for name, one in ACTIONS.items() if "O" not in one.origin} == {
        name for name in ACTIONS if to_oasis(name) is None
    }


def test_each_of_the_32_names_is_carried_over_or_left_out_with_a_reason():
    fate = carried_over()
    assert list(fate) == list(OASIS_ALIASES) and len(fate) == 32
    for oasis, what in fate.items():
        assert what == OASIS_ALIASES[oasis] or len(what.split()) > 3


# -- reading ---------------------------------------------------------------------------------------


def test_a_database_becomes_a_script_that_a_world_executes(database):
    found = read_trace(database(), minutes_per_step=1)
    assert found.left_out == {"SIGNUP": 1, "REFRESH": 1, "DO_NOTHING": 1}
    world = run(found.script)
    asked = {entry["action"] for entry in found.script}
    done = {name: rows for name, rows in world.executed.items() if name in asked - {"FOLLOW"}}
    assert done == {"CREATE_POST": 3, "LIKE_POST": 2, "REPOST": 1, "QUOTE_POST": 1,
                    "CREATE_COMMENT": 1, "LIKE_COMMENT": 1, "CREATE_GROUP": 1, "JOIN_GROUP": 1,
                    "SEND_TO_GROUP": 1, "INTERVIEW": 1, "UNLIKE_POST": 1}  # fmt: skip
    posts = world.sight.shared["posts"]
    assert posts.item.tolist() == [post(2), post(4), post(5), post(4, 1), post(7), post(6)]
    by_id = dict(zip(posts.item.tolist(), posts.likes.tolist(), strict=True))
    assert by_id[post(4)] == 0 and by_id[post(5)] == 1 and by_id[post(6)] == 1
    assert posts.parent[posts.item == post(6)].tolist() == [post(2)]  # from the table comment
    assert world.users.ties.has(np.array([5], np.uint32), np.array([2], np.uint32)).all()


def test_a_follow_finds_its_followee_in_the_table_of_follows(database):
    (follow,) = [e for e in read_trace(database()).script if e["action"] == "FOLLOW"]
    assert (follow["user"], follow["target"]) == (5, 2)


def test_what_is_made_late_in_a_step_is_acted_on_in_the_next(database):
    """Likes come before reposts in a step, so a like of a repost waits; a comment on a post does not."""
    script = read_trace(database(), minutes_per_step=1).script
    steps = {(entry["action"], entry["user"]): entry["step"] for entry in script}
    assert steps["REPOST", 5] == 1 and steps["LIKE_POST", 6] == 2
    assert steps["LIKE_POST", 5] == 1
    assert steps["CREATE_GROUP", 8] == 3 and steps["JOIN_GROUP", 9] == 4


def test_dates_count_from_the_first_one_and_whole_numbers_from_zero(table):
    dates = [(1, "2026-01-01 00:30:00", "create_post", {"post_id": 1}),
             (2, "2026-01-01 02:29:59.5", "like_post", {"post_id": 1}),
             (3, "2026-01-02T00:30:00", "like_post", {"post_id": 1})]  # fmt: skip
    assert [entry["step"] for entry in read_trace(table(dates)).script] == [0, 1, 24]
    ticks = [(1, 120, "create_post", {"post_id": 1}), (2, 359, "like_post", {"post_id": 1})]
    assert [entry["step"] for entry in read_trace(table(ticks)).script] == [2, 5]
    assert [e["step"] for e in read_trace(table(ticks), minutes_per_step=1).script] == [120, 359]


def test_equal_texts_have_equal_ids_and_no_text_has_none(table):
    rows = [(1, 0, "create_post", {"content": "a", "post_id": 1}),
            (2, 0, "create_post", {"content": "a", "post_id": 2}),
            (3, 0, "create_post", {"content": "b", "post_id": 3}),
            (4, 0, "create_post", {"post_id": 4})]  # fmt: skip
    texts = [entry["text"] for entry in read_trace(table(rows)).script]
    assert texts[0] == texts[1] != texts[2] and texts[3] == 0 < min(texts[:3])


def test_a_csv_may_name_what_the_database_keeps_in_other_tables(table):
    rows = [(1, 0, "create_post", {"post_id": 1}), (2, 1, "follow", {"followee_id": 1}),
            (2, 1, "create_comment", {"comment_id": 1, "post_id": 1})]  # fmt: skip
    script = read_trace(table(rows)).script
    assert script[1]["target"] == 1 and script[2]["item"] == post(1)


# -- bad files -------------------------------------------------------------------------------------

GOOD = (1, 0, "create_post", {"post_id": 1})


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ((1, 0, "like_pots", {}), "line 3, column action: no action .* mean 'like_post'"),
        (("x", 0, "like_post", {}), "line 3, column user_id: found 'x', expected a whole number"),
        ((-1, 0, "like_post", {}), "column user_id: found -1, expected 0 to"),
        ((1, "soon", "like_post", {}), "column created_at: found 'soon', expected a time step"),
        ((1, -5, "like_post", {}), "column created_at: found '-5', expected a time step"),
        ((1, "2026-01-01", "like_post", {}), "a date among time steps"),
        ((1, 0, "like_post", "{"), "line 3, column info: not JSON"),
        ((1, 0, "like_post", "[1]"), r"column info: found \[1\], expected a JSON object"),
        ((1, 0, "like_post", {"post": 1}), r"LIKE_POST needs 'post_id', found \['post'\]"),
        ((1, 0, "like_post", {"post_id": "a"}), "info, post_id: found 'a', expected a whole"),
        ((1, 0, "like_post", {"post_id": 9}), "LIKE_POST of post 9, which no row before it made"),
        ((1, 0, "follow", {"follow_id": 9}), "neither info .followee_id. nor a table follow"),
        ((1, 0, "create_comment", {"comment_id": 9}), "neither info .post_id. nor a table comment"),
    ],
)
def test_a_bad_row_is_named_with_file_line_and_column(table, row, problem):
    with pytest.raises(DataError, match=problem) as caught:
        read_trace(table([GOOD, row]))
    assert "trace.csv" in str(caught.value)


def test_a_file_that_is_no_trace_is_explained(tmp_path, table, database):
    with pytest.raises(DataError, match="no such file"):
        read_trace(tmp_path / "missing.db")
    (tmp_path / "text.db").write_text(
        "this is no database, and it is long enough to be read as one"
    )
    with pytest.raises(DataError, match="not an OASIS database"):
        read_trace(tmp_path / "text.db")
    with sqlite3.connect(tmp_path / "empty.db") as made:
        made.execute("CREATE TABLE other (a INTEGER)")
    made.close()
    with pytest.raises(DataError, match="no such table: trace"):
        read_trace(tmp_path / "empty.db")
    with pytest.raises(DataError, match="has no column 'created_at'"):
        read_trace(table([GOOD], head=("user_id", "when", "action", "info")))
    with pytest.raises(DataError, match="has no rows"):
        read_trace(table([]))
    (tmp_path / "latin.csv").write_bytes(b"user_id,created_at,action,info\n1,0,caf\xe9,{}\n")
    with pytest.raises(DataError, match="not readable as CSV"):
        read_trace(tmp_path / "latin.csv")
    with pytest.raises(DataError, match="table trace, row 1: comment 1"):
        read_trace(database([r for r in TRACE if r[2] == "create_comment"], tables=False))


def test_reading_leaves_the_database_as_it_is(database):
    path = database()
    before = path.read_bytes()
    read_trace(path)
    assert path.read_bytes() == before
