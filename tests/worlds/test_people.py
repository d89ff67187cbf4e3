"""The promises of a world hold with everything that people do: replay, resume, builds, one more."""

import dataclasses
import shutil

import numpy as np
import pyarrow.compute as pc
import pytest

from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import KERNELS, load
from feedtwin.record.reader import Run
from feedtwin.world.build import build
from feedtwin.world.forking import fork
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, resume, start

PEOPLE = (
    "user.steps_per_day=6",
    "user.away_rate=0.2",
    "user.leave_rate=0.05",
    "user.signup_rate=0.4",
    "user.creator_feedback=on",
    "creators.window_steps=12",
    "creators.niche_margin=1",
    "population.prospects=20",
    "reactions.not_interested_rate=0.1",
    "reactions.mute_rate=0.05",
    "reactions.unfollow_rate=0.3",
    "reactions.unmute_rate=0.3",
    "reactions.unlike_rate=0.1",
    "reactions.save_rate=0.1",
    "reactions.report_rate=0.2",
)
STEPS = 14
NULLS = ("policies.recommendation=random", "policies.promotion=none")
HAPPENS = (
    "unlikes saves not_interested reports unfollows mutes unmutes signups departures "
    "creator_reviews creator_turns"
).split()


@pytest.fixture(scope="module")
def lively(lab, kernels, tmp_path_factory):
    """A logged run in which all of it happens."""
    path = tmp_path_factory.mktemp("people") / "run"
    return start(lab.tiny(sets=PEOPLE), path, RunOptions(STEPS, "full", snapshot_every=5), kernels)


@pytest.mark.parametrize("name", HAPPENS)
def test_it_happens(lively, name):
    rows = Run.open(lively.path).step_metrics().filter(pc.field("name") == name)
    assert pc.sum(rows["value"]).as_py() > 0


def test_the_log_gives_every_table_back(kernels, lively):
    report = replay(lively.path, kernels)
    assert report.digest == lively.digest
    assert {
        "user.social_count", "user.member", "user.days_active", "user.loyalty", "user.expertise",
        "user.muting.mutes.key", "user.careers.creators.drive", "user.careers.creators.expected",
        "content.saves", "content.likes", "platform.estimate",
    } <= set(report.tables_compared)  # fmt: skip


def test_an_interrupted_run_becomes_the_straight_one(lab, kernels, lively, tmp_path):
    images = {}

    def keep(progress):
        images[progress.step] = shutil.copytree(path, tmp_path / f"at-{progress.step}")

    path = tmp_path / "run"
    options = RunOptions(STEPS, "full", snapshot_every=5)
    start(lab.tiny(sets=PEOPLE), path, options, kernels, keep)
    for step in (6, 11):
        assert resume(images[step], kernels).digest == lively.digest


def test_builds_and_threads_give_the_digests_of_numpy(lab, numpy_kernels, monkeypatch):
    for kernel, spec in KERNELS.items():  # a tiny world would stay on one thread otherwise
        monkeypatch.setitem(KERNELS, kernel, dataclasses.replace(spec, inline_below=1))
    settings = lab.tiny(sets=PEOPLE)
    expected = lab.chain(settings, numpy_kernels, STEPS)
    for threads in (1, 2):
        kernels = load("auto", threads)
        assert lab.chain(settings, kernels, STEPS) == expected, threads
        kernels.close()


def test_the_order_of_consumers_does_not_matter(lab, kernels):
    settings = lab.tiny(sets=PEOPLE)
    assert lab.chain(settings, kernels, STEPS) == lab.chain(
        settings, kernels, STEPS, reverse_handlers=True
    )


def test_creator_feedback_can_be_switched_in_a_fork(kernels, lively, tmp_path):
    forked = fork(
        lively.path, 7, tmp_path / "fork", ["user.creator_feedback=off"], None, "full", kernels
    )
    assert replay(forked.path, kernels).digest == forked.digest != lively.digest


def test_people_of_a_log_have_no_prospects(lab, kernels):
    with pytest.raises(SettingsError, match=r"population\.prospects: found 5"):
        build(lab.tiny("kuairand-sample", 40, sets=["population.prospects=5"]), kernels)


# -- one more --------------------------------------------------------------------------------------


def _rows(logged, without=None):
    """Rows of users, without those of one of them."""
    kept = []
    for event, step, table in logged:
        if "user" in table.column_names:
            if without is not None:
                table = table.filter(pc.not_equal(table["user"], without))
            if len(table):
                kept.append((event, step, table))
    return kept


def _same(ours, theirs):
    assert [row[:2] for row in ours] == [row[:2] for row in theirs]
    for (event, step, one), (_, _, other) in zip(ours, theirs, strict=True):
        assert one.equals(other), (event, step)


def test_one_more_user_who_never_opens_the_app_changes_no_row(lab, kernels):
    world = build(lab.tiny(sets=PEOPLE), kernels)
    more = build(lab.tiny(sets=PEOPLE, append={"users": [{}]}), kernels)
    added = int((world.users.table.member > 0).sum())
    assert len(more.users.table) == len(world.users.table)  # a vacant row was taken
    assert more.users.table.member[added] == 1
    rows, found = lab.logged(world, STEPS), lab.logged(more, STEPS)
    assert {event for event, *_ in rows} >= {"SOCIAL_ACTIVITY", "CONTENT_REPORTED"}
    _same(_rows(found), _rows(rows))


ALONE = [one for one in PEOPLE if not one.startswith("user.creator_feedback")]
ALONE.append("platform.share_window_steps=0")  # a share names who led to it


def test_one_more_active_user_changes_nobody_where_feeds_are_random(lab, kernels):
    """Chance is all that users could share: feeds are random, and creators do not react."""
    settings = lab.tiny(sets=[*ALONE, *NULLS])
    world = build(settings, kernels)
    added = int((world.users.table.member > 0).sum())
    person = {"activity": 4.0, "tier": 3, "upload_rate": 0.0, "toxicity_tolerance": 5}
    more = build(settings.model_copy(update={"append": {"users": [person]}}), kernels)
    rows, found = lab.logged(world, STEPS), lab.logged(more, STEPS)
    events = {event for event, _, table in _rows(found) if added in table["user"].to_pylist()}
    assert events >= {"SOCIAL_ACTIVITY", "IMPRESSION_SERVED"}, "the added user did nothing"
    _same(_rows(found, without=added), _rows(rows))


def test_one_more_prospect_changes_nobody_where_feeds_are_random(lab, kernels):
    sets = [*ALONE, *NULLS, "user.signup_rate=1"]
    many = build(lab.tiny(sets=[*sets, "population.prospects=40"]), kernels).users.table
    keen = (many.tier == 3) & (many.activity > 1)  # who uploads nothing, but comes
    added = int(np.nonzero(keen & (np.arange(len(many)) >= 4096))[0][0])
    world, more = (
        build(lab.tiny(sets=[*sets, f"population.prospects={added - 4096 + n}"]), kernels)
        for n in (0, 1)
    )
    assert len(world.users.table) == added
    rows, found = lab.logged(world, STEPS), lab.logged(more, STEPS)
    events = {event for event, _, table in _rows(found) if added in table["user"].to_pylist()}
    assert {"SOCIAL_ACTIVITY", "SESSION_STARTED"} <= events, "the prospect never joined"
    _same(_rows(found, without=added), _rows(rows))


def test_one_more_initial_user_renames_no_prospect(lab, kernels):
    ours = build(lab.tiny(sets=PEOPLE), kernels).users.table
    more = build(lab.tiny(users=81, sets=PEOPLE), kernels).users.table
    for name in ("activity", "taste", "tier", "age_group", "member"):
        assert (getattr(ours, name)[4096:] == getattr(more, name)[4096:]).all(), name


@pytest.mark.parametrize(
    "unused",
    [
        "user.loyalty_slope=9", "user.signup_rate=0.9", "reactions.offence_noise=0.4",
        "creators.drive_rate=1", "platform.signal_not_interested=-3",
    ],
)  # fmt: skip
def test_numbers_of_what_is_switched_off_change_nothing(lab, kernels, unused):
    assert lab.chain(lab.tiny(), kernels) == lab.chain(lab.tiny(sets=[unused]), kernels)
