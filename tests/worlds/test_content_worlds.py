"""Worlds with embeddings, captions, answers and trends on: the promises of every world hold for them too."""

import dataclasses
import signal

import numpy as np
import pyarrow.parquet as pq
import pytest

from feedtwin.errors import IntegrityError, SettingsError
from feedtwin.kernels.binding import KERNELS, load
from feedtwin.record.reader import Run
from feedtwin.schema import codes
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.events import EVENTS
from feedtwin.twins.content.captions import text_ids
from feedtwin.world.build import build
from feedtwin.world.forking import fork
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, resume, start

BUSY = ("population.tier_shares=[0.1,0.2,0.3,0.4]", "user.sessions_per_day=12")
ALL = (
    "interaction.match_source=fused", "interaction.caption_channel=0.3", "user.duet_rate=0.2",
    "user.stitch_rate=0.3", "interaction.skip_events=both", *BUSY,
)  # fmt: skip
USERS = 60
TRENDS = {codes.TrendKind.HASHTAG: [20 + 24 * k for k in range(12)], codes.TrendKind.SOUND: [4, 5]}
"""A rare hashtag of every category."""


@pytest.fixture(scope="module")
def settings(lab):
    return lab.tiny(users=USERS, sets=ALL)


@pytest.fixture(scope="module")
def run(settings, kernels, tmp_path_factory):
    path = tmp_path_factory.mktemp("content") / "run"
    return start(settings, path, RunOptions(10, "full", snapshot_every=4), kernels)


def test_everything_replays_and_folds_from_its_events(run, kernels):
    report = replay(run.path, kernels)
    assert report.digest == run.digest
    compared = set(report.tables_compared)
    assert {"content.text", "content.saves", "content.vocabulary.hashtags.uses"} <= compared
    created = Run.open(run.path).events("VIDEO_CREATED").to_pydict()
    assert {1, 2} <= set(created["origin"])


def _interrupt_at_six(progress):
    if progress.step == 6:
        signal.raise_signal(signal.SIGINT)


def test_everything_resumes_after_a_stop(settings, kernels, run, tmp_path):
    options = RunOptions(10, "full", snapshot_every=4)
    stopped = start(settings, tmp_path / "run", options, kernels, _interrupt_at_six)
    assert stopped.steps_done == 6
    assert resume(stopped.path, kernels).digest == run.digest


def test_every_build_and_thread_count_gives_the_digests_of_numpy(
    lab, settings, numpy_kernels, monkeypatch
):
    for kernel, spec in KERNELS.items():
        monkeypatch.setitem(KERNELS, kernel, dataclasses.replace(spec, inline_below=1))
    expected = lab.chain(settings, numpy_kernels, 4)
    for threads in (1, 2):
        kernels = load("auto", threads)
        assert lab.chain(settings, kernels, 4) == expected
        kernels.close()


def test_one_more_user_changes_no_row(lab, settings, kernels):
    ours = lab.logged(build(settings, kernels), 8)
    more = settings.model_copy(update={"append": {"users": [{"upload_rate": 0.0}]}})
    theirs = lab.logged(build(more, kernels), 8)
    assert len(ours) == len(theirs)
    for (event, step, one), (_, _, other) in zip(ours, theirs, strict=True):
        assert one.equals(other), (event, step)


def test_a_caption_can_be_rendered_back_from_its_row(run, settings, kernels):
    world = build(settings, kernels)
    for _ in range(6):
        world.step()
    items = world.content.table
    rows = np.arange(len(items))
    np.testing.assert_array_equal(text_ids(world.content.captions(rows)), items.text)
    assert (items.text > 0).all()


def test_captions_that_nobody_reads_change_no_outcome(lab, kernels):
    """Placebo (M-4): with the channel off, other captions are other texts and nothing else."""
    logs = []
    for share in ("0", "1"):
        world = build(lab.tiny(users=USERS, sets=[f"content.caption_teaser={share}"]), kernels)
        logs.append(lab.logged(world, 8))
    differ = set()
    for (event, _, one), (_, _, other) in zip(*logs, strict=True):
        for name in one.column_names:
            if not one[name].equals(other[name]):
                differ.add((event, name))
    assert differ == {("VIDEO_CREATED", "text")}


def test_captions_that_are_read_change_outcomes(lab, kernels):
    digests = [
        lab.chain(
            lab.tiny(users=USERS, sets=["interaction.caption_channel=0.5", f"content.caption_teaser={s}"]),
            kernels, 2,
        )
        for s in ("0", "1")
    ]  # fmt: skip
    assert digests[0] != digests[1]


# -- duets and stitches -------------------------------------------------------------------------------


def _uploads(run):
    return Run.open(run.path).events("VIDEO_CREATED").to_pydict()


def test_answers_inherit_from_their_parents(run, settings, kernels):
    world = build(settings, kernels)
    for _ in range(10):
        world.step()
    items = world.content.table
    child = np.nonzero(items.origin > 0)[0]
    assert len(child) > 5
    parent = world.content.rows_of(items.parent[child])
    assert (items.creator[child] != items.creator[parent]).all()
    for name in ("category", "sound", "completion_prior"):
        np.testing.assert_array_equal(
            getattr(items, name)[child], getattr(items, name)[parent], err_msg=name
        )
    np.testing.assert_array_equal(items.hashtags[child, 0], items.hashtags[parent, 0])
    duet = items.origin[child] == codes.VideoOrigin.DUET
    np.testing.assert_array_equal(items.duration_s[child[duet]], items.duration_s[parent[duet]])
    for name in ("hook_strength", "quality", "virality"):
        values = getattr(items, name)
        assert np.corrcoef(values[child], values[parent])[0, 1] > 0.3, name
    assert not items.parent[items.origin == 0].any()


def test_an_answers_ordinal_is_the_creators_next(run):
    seen = _uploads(run)
    item = np.asarray(seen["item"], np.uint64)
    assert len(np.unique(item)) == len(item)
    steps = {(step, user) for step, user, origin in zip(seen["step"], seen["user"], seen["origin"],
             strict=True) if origin == 0}  # fmt: skip
    both = [1 for step, user, origin in zip(seen["step"], seen["user"], seen["origin"], strict=True)
            if origin and (step, user) in steps]  # fmt: skip
    assert both, "nobody uploaded and answered in one step: the test says nothing"


def test_only_who_liked_or_shared_and_uploads_answers(run):
    log = Run.open(run.path)
    uploads = log.events("VIDEO_CREATED").to_pydict()
    engaged = log.events("VIDEO_ENGAGED").to_pydict()
    liked = {
        (step, user, item)
        for step, user, item, kind in zip(
            engaged["step"], engaged["user"], engaged["item"], engaged["engagement"], strict=True
        )
        if kind in (codes.Engagement.LIKE, codes.Engagement.SHARE)
    }
    answers = [
        (step, user, parent)
        for step, user, parent, origin in zip(
            uploads["step"], uploads["user"], uploads["parent"], uploads["origin"], strict=True
        )
        if origin
    ]
    assert answers and set(answers) <= liked


def test_one_more_answer_elsewhere_changes_nobodys_answers(lab, kernels):
    """Whether a meeting is answered is its own draw: a higher rate keeps every answer of a lower one."""

    def answers(rate):
        settings = lab.tiny(users=200, sets=[*BUSY, f"user.duet_rate={rate}"])
        world = build(settings, kernels)
        world.step()  # later, the answers themselves are in the feeds
        items = world.content.table
        given = items.origin == codes.VideoOrigin.DUET
        return set(zip(items.creator[given].tolist(), items.parent[given].tolist(), strict=True))

    few, many = answers(0.2), answers(0.9)
    assert few and few < many


# -- hashtags and sounds ------------------------------------------------------------------------------


def _recount(items, code):
    return np.bincount(code[code > 0], minlength=int(code.max()) + 1)


def test_uses_are_the_videos_that_use_them(run, settings, kernels):
    world = build(settings, kernels)
    for _ in range(5):
        world.step()
    items, known = world.content.table, world.content.vocabulary
    tags = _recount(items, items.hashtags)
    np.testing.assert_array_equal(known.hashtags.uses[: len(tags)], tags)
    assert not known.hashtags.uses[len(tags) :].any()
    sounds = _recount(items, items.sound)
    np.testing.assert_array_equal(known.sounds.uses[: len(sounds)], sounds)
    for code in np.nonzero(sounds)[0][:50]:
        users = items.sound == code
        assert known.sounds.first_step[code] == items.created_step[users].min()
        first = np.nonzero(users & (items.created_step == known.sounds.first_step[code]))[0]
        assert known.sounds.first_user[code] in items.creator[first]
        assert known.sounds.category[code] in items.category[first]


def test_a_finished_run_names_its_hashtags_and_sounds(run):
    tags = pq.read_table(run.path / "tables" / "hashtags.parquet").to_pydict()
    sounds = pq.read_table(run.path / "tables" / "sounds.parquet").to_pydict()
    assert all(tags["name"]) and len(set(tags["name"])) == len(tags["name"])
    assert all(uses > 0 for uses in tags["uses"] + sounds["uses"])
    assert any(name.startswith("comedy_") for name in tags["name"])


def test_uploads_follow_what_trends(lab, kernels):
    """Trends come through one function; here a test says what trends."""
    settings = lab.tiny(users=200, sets=["content.trend_adoption=1"])
    plain, trendy = build(settings, kernels), build(settings, kernels)
    trendy.content.bind(lambda kind: np.asarray(TRENDS.get(kind, []), np.uint32))
    for world in (plain, trendy):
        for _ in range(6):
            world.step()
    tags = TRENDS[codes.TrendKind.HASHTAG]
    plain_uses, uses = (w.content.vocabulary.hashtags.uses[tags].sum() for w in (plain, trendy))
    created = len(trendy.content.table) - np.count_nonzero(trendy.content.table.created_step < 0)
    assert created > 10
    assert uses - plain_uses > 0.8 * created


# -- what others decide about videos ---------------------------------------------------------------------


def _event(name, step, **columns):
    fields = EVENTS[name].fields[1:]
    rows = len(next(iter(columns.values())))
    filled = {
        f.name: np.asarray(columns.get(f.name, np.zeros(rows)), f.numpy_dtype) for f in fields
    }
    return EventBatch(name, step, filled)


@pytest.fixture
def small(lab, kernels):
    return build(lab.tiny(users=40), kernels)


def _governed(world, action, items, guard=codes.GuardResult.PASSED, kind=codes.TargetKind.ITEM):
    count = len(items)
    world.bus.deliver(
        _event(
            "GOVERNANCE_ACTION_APPLIED", 1, action=[action] * count, target=items,
            target_kind=[kind] * count, guard=[guard] * count,
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("action", "column", "value"),
    [("LABEL", "label", 1), ("AGE_GATE", "restricted", 1), ("SLOW_DOWN", "slowed", 1),
     ("REMOVE", "is_public", 0)],
)  # fmt: skip
def test_governance_marks_the_video_it_aims_at(small, action, column, value):
    items = small.content.table
    target = items.item[[3, 5]]
    before = getattr(items, column).copy()
    _governed(small, codes.GovernanceAction[action], target)
    after = getattr(small.content.table, column)
    assert (after[[3, 5]] == value).all()
    assert (np.delete(after, [3, 5]) == np.delete(before, [3, 5])).all()
    _governed(small, codes.GovernanceAction.RESTORE, target[:1])
    assert getattr(small.content.table, column)[[3, 5]].tolist() == [before[3], value]


def test_what_is_blocked_or_aims_elsewhere_changes_no_video(small):
    before = {name: a.copy() for name, a in small.content.state().items()}
    target = small.content.table.item[:2]
    _governed(small, codes.GovernanceAction.REMOVE, target, guard=codes.GuardResult.BLOCKED)
    _governed(small, codes.GovernanceAction.LABEL, target, kind=codes.TargetKind.CREATOR)
    _governed(small, codes.GovernanceAction.BOOST, target)
    for name, array in small.content.state().items():
        np.testing.assert_array_equal(array, before[name])


def test_saves_are_counted_and_likes_taken_back(small):
    for _ in range(2):
        small.step()
    items = small.content.table
    row = int(items.likes.argmax())
    likes, target = int(items.likes[row]), items.item[[row, row, 1]]
    kinds = ["VIDEO_SAVED", "VIDEO_UNLIKED", "POST_CREATED"]
    small.bus.deliver(
        _event("SOCIAL_ACTIVITY", 2, kind=[codes.SocialActivityKind[k] for k in kinds], item=target)
    )
    assert small.content.table.likes[row] == likes - 1
    assert small.content.table.saves[row] == 1 and small.content.table.saves.sum() == 1
    assert row in small.content.report(3).hints["row"]


def test_more_likes_taken_back_than_given_are_an_error(small):
    target = small.content.table.item[:1]
    with pytest.raises(IntegrityError, match=r"likes of item .* are taken back, it has 0"):
        small.bus.deliver(
            _event("SOCIAL_ACTIVITY", 0, kind=[codes.SocialActivityKind.VIDEO_UNLIKED], item=target)
        )


# -- skips logged twice -----------------------------------------------------------------------------------


def test_a_skip_is_logged_once_unless_the_printed_mechanism_is_asked_for(lab, kernels):
    counts = {}
    for how in ("exclusive", "both"):
        world = build(lab.tiny(users=40, sets=[f"interaction.skip_events={how}"]), kernels)
        rows = lab.logged(world, 3)
        watched = [t for event, _, t in rows if event == "VIDEO_WATCHED"]
        skipped = sum(len(t) for event, _, t in rows if event == "VIDEO_SKIPPED")
        doubled = sum(sum(t["is_skipped"].to_pylist()) for t in watched)
        counts[how] = (sum(map(len, watched)), skipped, doubled, world.digest)
    once, twice = counts["exclusive"], counts["both"]
    assert once[1] == twice[1] > 0 and once[2] == 0 and twice[2] == twice[1]
    assert twice[0] == once[0] + once[1]
    assert once[3] == twice[3], "how a skip is logged is no state"


def test_a_fork_cannot_change_what_shapes_the_vocabulary(run, kernels, tmp_path):
    for path in (
        "content.sounds=10",
        "content.caption_teaser=0.9",
        "content.hashtags_per_category=3",
    ):
        with pytest.raises(SettingsError, match="acts only when a world is built"):
            fork(run.path, 5, tmp_path / "fork", [path], None, "full", kernels)


def test_a_fork_can_change_the_caption_channel(run, kernels, tmp_path):
    finished = fork(
        run.path, 5, tmp_path / "fork", ["interaction.caption_channel=0"], None, "full", kernels
    )
    assert finished.digest != run.digest
    assert replay(finished.path, kernels).digest == finished.digest
