"""With posts, groups, searches and live rooms on, every promise about worlds still holds."""

import dataclasses

import numpy as np
import pyarrow.compute as pc
import pytest

from feedtwin.errors import DeterminismError
from feedtwin.kernels.binding import KERNELS, load, supported_builds
from feedtwin.schema.batches import EventBatch
from feedtwin.world import folding
from feedtwin.world import replay as replaying
from feedtwin.world.build import build
from feedtwin.world.forking import fork
from feedtwin.world.interviewing import interview
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, resume, start

RATES = {
    "create_post": 0.3, "like_post": 0.5, "unlike_post": 0.3, "dislike_post": 0.3,
    "undo_dislike_post": 0.3, "repost": 0.2, "quote_post": 0.1, "create_comment": 0.4,
    "like_comment": 0.4, "unlike_comment": 0.3, "dislike_comment": 0.3,
    "undo_dislike_comment": 0.3, "create_group": 0.1, "join_group": 0.4, "leave_group": 0.2,
    "send_to_group": 0.3, "listen_from_group": 0.3, "search_user": 0.3,
}  # fmt: skip
BUSY = (
    *(f"community.rates.{name}={rate}" for name, rate in RATES.items()),
    "user.search_rate=0.1", "user.trend_rate=0.1", "user.sessions_per_day=8",
    "live.hosts.starts_per_hour=[0.5,0.3,0.2,0]", "live.viewers.look_rate=0.8",
    "live.viewers.discover_rate=0.6", "live.viewers.gift_rate=0.5", "live.rooms.capacity=3",
)  # fmt: skip
SCRIPT = (
    {"step": 1, "action": "CREATE_POST", "user": 70},
    {"step": 2, "action": "INTERVIEW", "user": 3},
    {"step": 2, "action": "START_LIVE", "user": 71},
    {"step": 3, "action": "TREND", "user": 5},
    {"step": 3, "action": "JOIN_LIVE", "user": 72, "item": "live:71/0"},
)
KEPT = (
    "platform.posts.posts.likes", "platform.groups.groups.members", "platform.live.rooms.joins",
    "platform.posts.likes.key", "platform.groups.read.value", "platform.live.viewers.key",
)  # fmt: skip


def _settings(lab, sets=(), **options):
    options.setdefault("script", SCRIPT)
    return lab.tiny(sets=[*BUSY, *sets], **options)


@pytest.fixture(scope="module")
def busy(lab, kernels, tmp_path_factory):
    """A finished run of 8 steps in which all of it happens."""
    path = tmp_path_factory.mktemp("busy") / "run"
    return start(_settings(lab), path, RunOptions(8, "full", snapshot_every=3), kernels)


def test_a_replay_folds_every_table_of_it(kernels, busy):
    report = replay(busy.path, kernels)
    assert report.digest == busy.digest
    assert set(KEPT) <= set(report.tables_compared)


@pytest.mark.parametrize("event", ["SOCIAL_ACTIVITY", "LIVE_STATE_CHANGED"])
def test_a_fold_without_some_rows_is_noticed(kernels, busy, monkeypatch, event):
    def forgetful(world, flat):
        kept = []
        for batch in flat:
            if batch.event == event:
                rows = {name: values[: batch.rows // 2] for name, values in batch.columns.items()}
                batch = EventBatch(batch.event, batch.step, rows)
            kept.append(batch)
        folding.fold(world, kept)

    monkeypatch.setattr(replaying, "fold", forgetful)
    with pytest.raises((DeterminismError, KeyError, IndexError)):
        replay(busy.path, kernels)


def test_an_interrupted_run_goes_on_to_the_same_digest(lab, kernels, busy, tmp_path):
    class CrashError(BaseException):
        pass

    def die(progress):
        if progress.step == 5:
            raise CrashError

    options = RunOptions(8, "full", snapshot_every=3)
    with pytest.raises(CrashError):
        start(_settings(lab), tmp_path / "run", options, kernels, die)
    assert resume(tmp_path / "run", kernels).digest == busy.digest


def test_a_snapshot_keeps_what_a_later_step_needs(lab, kernels):
    one = build(_settings(lab), kernels)
    for _ in range(4):
        one.step()
    other = build(_settings(lab), kernels)
    other.load_state(one.state(), 4, one.digest)
    for world in (one, other):
        world.step()
    assert one.digest == other.digest


@pytest.mark.parametrize("name", [*supported_builds(), "numpy"])
def test_kernels_threads_and_the_order_of_handlers_do_not_matter(
    lab, kernels, numpy_kernels, monkeypatch, name
):
    for kernel, spec in KERNELS.items():
        monkeypatch.setitem(KERNELS, kernel, dataclasses.replace(spec, inline_below=1))
    expected = lab.chain(_settings(lab), numpy_kernels, 4)
    for threads in (1, 2):
        found = load(name, threads)
        assert lab.chain(_settings(lab), found, 4, reverse_handlers=threads == 2) == expected
        found.close()


def test_a_fork_may_change_rates_and_keeps_the_past(lab, kernels, busy, tmp_path):
    calm = [f"community.rates.{name}=0" for name in RATES]
    forked = fork(busy.path, 4, tmp_path / "fork", calm, 8, "full", kernels)
    assert replay(forked.path, kernels).digest == forked.digest != busy.digest


def test_a_run_answers_an_interview_as_its_log_says(kernels, busy, lab):
    from feedtwin.twins.user.interview import text_id

    rows = lab.tables(busy.path)["SOCIAL_ACTIVITY"].to_pylist()
    (asked,) = [row for row in rows if row["kind"] == 22]
    said = interview(busy.path, 3, None, 2, kernels)
    assert text_id(said) == asked["text"]
    assert said["step"] == 2 and interview(busy.path, 3, None, None, kernels)["step"] == 7


@pytest.mark.parametrize("world", ["synthetic", "kuairand-sample"])
def test_parts_that_nobody_uses_keep_nothing(lab, kernels, world):
    """Off is off: no row, no edge, and choices that are never made leave no trace."""
    plain = build(lab.tiny(world, 60), kernels)
    other = build(
        lab.tiny(world, 60, sets=["community.choice.followees=3", "live.viewers.gift_rate=0.9"]),
        kernels,
    )
    for _ in range(4):
        plain.step()
        other.step()
    assert plain.digest == other.digest
    state = plain.state()
    ours = [name for name in state if name.split(".")[1] in ("posts", "groups", "live", "living")]
    assert len(ours) > 20 and all(len(state[name]) == 0 for name in ours)


# -- one more --------------------------------------------------------------------------------------

RANDOM = ["policies.recommendation=random", "policies.promotion=none"]


def _rows(rows, gone):
    """The rows of users without those of one, and without counts that a person may be part of."""
    kept = []
    for event, step, table in rows:
        if "user" not in table.column_names:
            continue
        table = table.filter(pc.not_equal(table["user"], gone))
        if len(table):
            kept.append((event, step, table))
    return kept


def _same(ours, theirs):
    assert [(event, step) for event, step, _ in ours] == [(e, s) for e, s, _ in theirs]
    for (event, step, one), (_, _, other) in zip(ours, theirs, strict=True):
        assert one.equals(other), (event, step)


def test_one_more_user_who_never_comes_changes_no_row(lab, kernels):
    world = build(_settings(lab), kernels)
    rows = lab.logged(world, 8)
    assert {event for event, _, _ in rows} >= {"SOCIAL_ACTIVITY", "LIVE_STATE_CHANGED"}
    more = build(_settings(lab, append={"users": [{}]}), kernels)
    found = lab.logged(more, 8)
    assert len(more.users.table) == len(world.users.table) + 1
    _same([row for row in found if len(row[2])], [row for row in rows if len(row[2])])


def test_one_more_visitor_who_likes_what_everybody_sees_changes_nobody(lab, kernels):
    """All posts fit onto the board, so likes re-order nothing; searches and rooms are looked at only."""
    sets = [*RANDOM, "community.board.size=60000", "live.rooms.capacity=1000",
            "community.rates.join_group=0", "community.rates.repost=0",
            "community.rates.create_group=0", "community.rates.search_user=0"]  # fmt: skip
    base = {text.partition("=")[0]: text for text in (*BUSY, *sets)}
    base["community.rates.create_post"] = "community.rates.create_post=0"
    base["community.rates.create_comment"] = "community.rates.create_comment=0"
    base["community.rates.quote_post"] = "community.rates.quote_post=0"
    posts = [{"step": step, "action": "CREATE_POST", "user": user}
             for step in (0, 1) for user in range(0, 80, 9)]  # fmt: skip
    settings = lab.tiny(sets=list(base.values()), script=posts)
    world = build(settings, kernels)
    rows = lab.logged(world, 8)
    person = {"activity": 40.0, "tier": 3, "upload_rate": 0.0}
    more = build(settings.model_copy(update={"append": {"users": [person]}}), kernels)
    found = lab.logged(more, 8)
    added = len(world.users.table)
    did = [t for e, _, t in found if e == "SOCIAL_ACTIVITY" and added in t["user"].to_pylist()]
    joined = [t for e, _, t in found
              if e == "LIVE_STATE_CHANGED" and added in t["user"].to_pylist()]  # fmt: skip
    assert did and joined, "the added user did nothing: the test says nothing"
    counts = "viewers"  # how many are in a room does change when one more is in it

    def without_counts(rows):
        return [
            (e, s, t.drop_columns([counts]) if counts in t.column_names else t)
            for e, s, t in _rows(rows, added)
        ]

    _same(without_counts(found), without_counts(rows))


def test_one_more_author_renames_nobodys_posts_and_groups(lab, kernels):
    """Ids are their makers': were they places in a table, those behind the added author would move."""
    made = []
    for users in (range(1, 80, 7), range(80)):
        script = [{"step": step, "action": action, "user": user} for step in range(2)
                  for action in ("CREATE_POST", "CREATE_GROUP", "START_LIVE")
                  for user in users]  # fmt: skip
        world = build(lab.tiny(script=script), kernels)
        lab.logged(world, 2)
        shared = world.sight.shared
        made.append((shared["posts"].item, shared["groups"].group, shared["rooms"].item))
    for few, many in zip(*made, strict=True):
        assert len(few) < len(many) and np.isin(few, many).all()
