"""One more user or video that meets nobody changes nobody; nor does the order in which things are done."""

import numpy as np
import pyarrow.compute as pc
import pytest

from feedtwin.policies.interface import REGISTRIES, policy
from feedtwin.policies.recommendation.nulls import Random
from feedtwin.schema.batches import EventBatch
from feedtwin.twins.platform.feed import serving
from feedtwin.twins.platform.feed.ranking import select_reference
from feedtwin.world.build import build

WORLDS = {"synthetic": 80, "kuairand-sample": 60}
STEPS = 12
NULLS = ["policies.recommendation=random", "policies.promotion=none"]


def _without(rows, user=None, item=None):
    """The logged rows without those of one user or one video, empty batches left out."""
    kept = []
    for event, step, table in rows:
        if user is not None and "user" in table.column_names:
            table = table.filter(pc.not_equal(table["user"], user))
        if item is not None and "item" in table.column_names:
            table = table.filter(pc.not_equal(table["item"], item))
        if len(table):
            kept.append((event, step, table))
    return kept


def _same(ours, theirs):
    assert [(event, step) for event, step, _ in ours] == [
        (event, step) for event, step, _ in theirs
    ]
    for (event, step, one), (_, _, other) in zip(ours, theirs, strict=True):
        assert one.equals(other), (event, step)


@pytest.fixture(scope="module", params=WORLDS)
def base(request, lab, kernels):
    world = build(lab.tiny(request.param, WORLDS[request.param]), kernels)
    rows = lab.logged(world, STEPS)
    assert world.platform.telemetry.as_dict()["uploads"] > 5
    return request.param, world, _without(rows)


def test_one_more_user_who_never_opens_the_app_changes_no_row(lab, kernels, base):
    name, world, rows = base
    more = build(lab.tiny(name, WORLDS[name], append={"users": [{}]}), kernels)
    assert len(more.users.table) == len(world.users.table) + 1
    found = lab.logged(more, STEPS)
    added = len(world.users.table)
    assert _without(found) == _without(found, user=added)  # no row of the added user either
    _same(_without(found), rows)


def test_three_more_users_of_another_make_change_no_row(lab, kernels, base):
    name, _, rows = base
    people = [{"patience": 1}, {"like_logit": 3.0}, {"satisfaction": 1.0, "stamina_s": 9.0}]
    more = build(lab.tiny(name, WORLDS[name], append={"users": people}), kernels)
    _same(_without(lab.logged(more, STEPS)), rows)


def test_one_more_video_that_nobody_may_see_changes_no_row(lab, kernels, base):
    name, world, rows = base
    owner = int(np.nonzero(world.users.table.tier == 3)[0][-1])  # a consumer, who posts nothing
    video = {"creator": owner, "created_step": -5}
    more = build(lab.tiny(name, WORLDS[name], append={"videos": [video]}), kernels)
    assert owner << 32 in more.content.table.item.tolist()
    found = lab.logged(more, STEPS)
    assert _without(found) == _without(found, item=owner << 32)  # no row of the video either
    _same(_without(found), rows)


def test_the_one_more_tests_can_fail(lab, kernels, base):
    """A video that may be seen changes rows: the comparison is not blind."""
    name, world, rows = base
    owner = int(np.nonzero(world.users.table.tier == 3)[0][-1])
    video = {"creator": owner, "is_public": 1, "created_step": -5}
    more = build(lab.tiny(name, WORLDS[name], append={"videos": [video]}), kernels)
    found = _without(lab.logged(more, STEPS), item=owner << 32)
    with pytest.raises(AssertionError):
        _same(found, rows)


def test_one_more_active_user_changes_nobody_where_feeds_are_random(lab, kernels):
    """Under random feeds no statistic feeds back, so chance is all that users could share."""
    settings = lab.tiny(sets=NULLS)
    world = build(settings, kernels)
    rows = lab.logged(world, STEPS)
    person = {"activity": 4.0, "tier": 3, "upload_rate": 0.0}
    more = build(settings.model_copy(update={"append": {"users": [person]}}), kernels)
    found = lab.logged(more, STEPS)
    added = len(world.users.table)
    ours = [(e, s, t) for e, s, t in _without(found, user=added) if "user" in t.column_names]
    theirs = [(e, s, t) for e, s, t in _without(rows) if "user" in t.column_names]
    met = [t for e, _, t in found if e == "IMPRESSION_SERVED" and added in t["user"].to_pylist()]
    assert met, "the added user never opened the app: the test says nothing"
    _same(ours, theirs)


@pytest.mark.parametrize("world", WORLDS)
def test_one_active_user_less_changes_nobody_where_feeds_are_random(lab, kernels, world):
    """The user who never comes has a low id, so that every list of users loses a place in its middle."""
    settings = lab.tiny(world, WORLDS[world], sets=NULLS)
    everybody = build(settings, kernels)
    rows = [(e, s, t) for e, s, t in lab.logged(everybody, STEPS) if "user" in t.column_names]
    came = np.nonzero((everybody.users.table.session > 1) & (everybody.users.table.tier == 3))[0]
    gone = int(came[1])
    without = build(settings, kernels)
    with without.users.writing():
        without.users._columns.activity[gone] = 0
    found = [(e, s, t) for e, s, t in lab.logged(without, STEPS) if "user" in t.column_names]
    assert len(_without(rows, user=gone)) > 50
    _same(_without(found), _without(rows, user=gone))


def test_one_more_upload_leaves_every_other_video_as_it_is(lab, kernels):
    """Attributes are keyed by creator and ordinal: a more productive creator renames nothing."""
    ours = build(lab.tiny(sets=NULLS), kernels)
    more = build(lab.tiny(sets=[*NULLS, "user.uploads_per_day=[24,3,1,0]"]), kernels)
    videos = []
    for world in (ours, more):
        lab.logged(world, STEPS)
        items = world.content.table
        columns = ("category", "duration_s", "hook_strength", "quality", "sound", "vector")
        videos.append(
            {
                int(item): [getattr(items, name)[row].tolist() for name in columns]
                for row, item in enumerate(items.item)
            }
        )
    shared = videos[0].keys() & videos[1].keys()
    assert len(videos[1]) > len(videos[0]) >= len(shared) > 50
    assert {item: videos[0][item] for item in shared} == {item: videos[1][item] for item in shared}


# -- order -----------------------------------------------------------------------------------------


def _shuffled(count, seed):
    """A fixed permutation without a random module."""
    keys = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761 + 2 * seed)) % np.uint64(2**32)
    return np.argsort(keys, kind="stable")


@pytest.mark.parametrize("world", WORLDS)
def test_the_order_of_users_within_a_step_changes_nothing(lab, kernels, monkeypatch, world):
    ours = build(lab.tiny(world, WORLDS[world]), kernels)
    rows = lab.logged(ours, 6)
    theirs = build(lab.tiny(world, WORLDS[world]), kernels)
    ask = theirs.users.ask
    moved = []

    def ask_in_another_order(step):
        asked = ask(step)
        order = _shuffled(asked.rows, step)
        moved.append((order != np.arange(asked.rows)).any())
        columns = {name: values[order] for name, values in asked.columns.items()}
        return EventBatch(asked.event, asked.step, columns)

    monkeypatch.setattr(theirs.users, "ask", ask_in_another_order)
    found = lab.logged(theirs, 6)
    assert any(moved)
    for name, array in ours.state().items():
        np.testing.assert_array_equal(array, theirs.state()[name], err_msg=name)
    _same(_sorted(found), _sorted(rows))


def _sorted(rows):
    keys = ("user", "request", "slot", "engagement")
    out = []
    for event, step, table in rows:
        by = [(name, "ascending") for name in keys if name in table.column_names]
        out.append((event, step, table.sort_by(by) if by and len(table) else table))
    return out


def test_feeds_asked_for_in_another_order_are_the_same_feeds(lab, kernels):
    world = build(lab.tiny(), kernels)
    lab.logged(world, 3)
    user = np.arange(len(world.users.table), dtype=np.uint32)
    zero = np.zeros(len(user), np.uint32)
    columns = {
        "user": user, "request": world.users.table.request.copy(), "kind": zero.astype(np.uint8),
        "query": zero,
    }  # fmt: skip
    order = _shuffled(len(user), 3)
    asked = EventBatch("FEED_REQUESTED", 3, columns)
    turned = EventBatch("FEED_REQUESTED", 3, {n: v[order] for n, v in columns.items()})
    world.platform.prepare(3)
    straight, other = world.platform.serve(asked), world.platform.serve(turned)
    for name in ("item", "score", "propensity", "pool", "stage", "meeting", "row", "served_count"):
        np.testing.assert_array_equal(
            getattr(straight, name)[order], getattr(other, name), err_msg=name
        )


@pytest.mark.parametrize("temperature", [0.08, 0.0])
def test_the_order_of_candidates_changes_nothing(lab, numpy_kernels, monkeypatch, temperature):
    settings = lab.tiny(sets=[f"recommendation.temperature={temperature}"])
    expected = lab.chain(settings, numpy_kernels, 4)
    calls = []

    def select_in_another_order(a, lo, hi):
        order = _shuffled(a.candidate.shape[1], len(calls))
        calls.append(order)
        for name in ("candidate", "candidate_pool", "score"):
            setattr(a, name, np.ascontiguousarray(getattr(a, name)[:, order]))
        select_reference(a, lo, hi)

    monkeypatch.setattr(serving, "select_reference", select_in_another_order)
    assert lab.chain(settings, numpy_kernels, 4) == expected
    assert len(calls) > 4


class Forwards(Random):
    """Every public video, in the order of the catalogue."""

    def pools(self, view):
        return super().pools(view)


class Backwards(Random):
    """The same, in the reverse order."""

    def pools(self, view):
        pools = super().pools(view)
        return [type(pool)(pool.code, pool.rows[::-1], pool.quota) for pool in pools]


def test_the_order_in_which_a_policy_lists_its_pool_changes_nothing(lab, kernels, monkeypatch):
    registry = REGISTRIES["recommendation"]
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    chains = []
    for name, cls in (("forwards", Forwards), ("backwards", Backwards)):
        policy("recommendation", name, section="recommendation")(cls)
        chains.append(lab.chain(lab.tiny(sets=[f"policies.recommendation={name}"]), kernels, 4))
    assert chains[0] == chains[1]
