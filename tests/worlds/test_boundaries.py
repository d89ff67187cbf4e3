"""No twin writes outside its handlers, and no policy sees or changes what it must not: tests that try."""

import numpy as np
import pytest

from feedtwin.columns import boundary
from feedtwin.errors import BoundaryError, FeedtwinError, PolicyError, SettingsError
from feedtwin.policies.interface import (
    ALL,
    REGISTRIES,
    Pool,
    Ranking,
    StageChanges,
    entry_of,
    policy,
)
from feedtwin.policies.promotion import Staged
from feedtwin.policies.recommendation.nulls import Random
from feedtwin.twins.content import ContentTwin
from feedtwin.twins.platform import PlatformTwin
from feedtwin.twins.user import UserTwin
from feedtwin.world.build import build
from feedtwin.world.running import RunOptions, resume, start

REFUSED = (BoundaryError, ValueError)
TABLES = {
    "users": lambda world: world.users.table,
    "items": lambda world: world.content.table,
    "accounts": lambda world: world.platform.accounts,
    "history": lambda world: world.platform.history,
    "catalogue": lambda world: world.platform.catalogue,
}
COLUMNS = [
    ("users", "taste"), ("users", "energy"), ("users", "trace_topic"), ("items", "likes"),
    ("items", "hook_strength"), ("items", "vector"), ("accounts", "estimate"),
    ("history", "seen_row"), ("catalogue", "stage"),
]  # fmt: skip


@pytest.fixture(scope="module")
def world(lab, kernels):
    world = build(lab.tiny(), kernels)
    lab.logged(world, 2)
    return world


# -- twins -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_column_cannot_be_written_outside_a_handler(world, table, column):
    array = getattr(TABLES[table](world), column)
    before = array.copy()
    with pytest.raises(REFUSED, match="read-only"):
        array[0] = 1
    with pytest.raises(REFUSED, match="read-only"):
        array.base[...] = 1  # the memory behind the view
    with pytest.raises(REFUSED):
        array.flags.writeable = True
        array[0] = 1
    with pytest.raises(REFUSED):
        np.add(array, 1, out=array, casting="unsafe")
    with pytest.raises(REFUSED, match=column):
        setattr(TABLES[table](world), column, array)
    np.testing.assert_array_equal(array, before)


HANDLERS = [
    (UserTwin, "on_session_started", "items", "likes"),
    (UserTwin, "on_outcomes", "accounts", "estimate"),
    (ContentTwin, "on_outcomes", "users", "energy"),
    (ContentTwin, "on_video_created", "catalogue", "stage"),
    (PlatformTwin, "on_outcomes", "items", "quality"),
    (PlatformTwin, "on_content_state_updated", "items", "impressions"),
    (PlatformTwin, "on_session_ended", "users", "in_session"),
]


@pytest.mark.parametrize(("twin", "handler", "table", "column"), HANDLERS)
def test_a_handler_that_writes_to_the_column_of_another_twin_is_refused_by_name(
    lab, kernels, monkeypatch, twin, handler, table, column
):
    world = build(lab.tiny(), kernels)
    original = getattr(twin, handler)

    def trespass(self, batch):
        getattr(TABLES[table](world), column)[0] = 1
        return original(self, batch)

    monkeypatch.setattr(twin, handler, trespass)
    with pytest.raises(BoundaryError, match=handler):
        for _ in range(3):
            world.step()


def test_a_handler_may_write_its_own_columns(lab, kernels, monkeypatch):
    """The opposite of the test above: the border is between twins, not around everything."""
    world = build(lab.tiny(), kernels)
    original = UserTwin.on_session_ended

    def own(self, ended):
        self._columns.boredom[ended.user] = 3
        original(self, ended)

    monkeypatch.setattr(UserTwin, "on_session_ended", own)
    lab.logged(world, 2)
    assert 3 in world.users.table.boredom


@pytest.mark.parametrize("verb", ["decide", "ask"])
def test_a_verb_that_writes_the_columns_of_its_own_twin_is_refused(lab, kernels, monkeypatch, verb):
    world = build(lab.tiny(), kernels)
    original = getattr(UserTwin, verb)

    def write(self, step):
        self._columns.energy[0] = 0.5
        return original(self, step)

    monkeypatch.setattr(UserTwin, verb, write)
    with pytest.raises(REFUSED, match="read-only"):
        world.step()


def test_an_array_taken_inside_a_handler_cannot_be_written_after_it(lab, kernels, monkeypatch):
    world = build(lab.tiny(), kernels)
    kept = []
    original = UserTwin.on_feed_requested

    def keep(self, asked):
        kept.append(self._columns.request)
        original(self, asked)

    monkeypatch.setattr(UserTwin, "on_feed_requested", keep)
    lab.logged(world, 1)
    assert kept
    with pytest.raises(ValueError, match="read-only"):
        kept[0][0] = 9


def test_a_published_batch_cannot_be_changed_by_who_receives_it(lab, kernels, monkeypatch):
    world = build(lab.tiny(), kernels)
    original = UserTwin.on_feed_requested

    def change(self, asked):
        asked.request[0] = 9
        original(self, asked)

    monkeypatch.setattr(UserTwin, "on_feed_requested", change)
    with pytest.raises(REFUSED):
        world.step()


# -- policies --------------------------------------------------------------------------------------


@pytest.fixture
def listed(monkeypatch):
    """List a policy for the duration of a test; returns the settings that choose it."""

    def enter(cls, lever="recommendation", name="tried"):
        registry = REGISTRIES[lever]
        monkeypatch.setattr(registry, "_factories", dict(registry._factories))
        policy(lever, name, section=lever)(cls)
        return [f"policies.{lever}={name}"]

    return enter


HIDDEN = [
    ("items", "hook_strength"), ("items", "quality"), ("items", "virality"),
    ("items", "completion_prior"), ("users", "taste"), ("users", "interests"),
    ("users", "attention_span_s"), ("users", "like_logit"), ("users", "energy"),
    ("users", "activity"), ("users", "persona"), ("users", "trace_strength"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "column"), HIDDEN)
def test_a_recommender_that_reads_what_the_platform_does_not_know_is_refused(
    lab, kernels, listed, table, column
):
    class Curious(Random):
        """Scores by something that no platform knows."""

        def ranking(self, view):
            secret = np.asarray(getattr(getattr(view, table), column), np.float32)
            return Ranking(0.0, 0.0, np.resize(secret, len(view.items)))

    world = build(lab.tiny(sets=listed(Curious)), kernels)
    with pytest.raises(BoundaryError, match=rf"{table}\.{column}"):
        world.step()


def test_what_a_policy_sees_are_the_visible_columns_and_no_others(world):
    view = world.platform.view(2)
    for name in ("users", "items", "accounts", "catalogue"):
        table = getattr(view, name)
        spec = TABLES[name](world).spec
        shown = {column.name for column in spec.columns if column.policy_visible}
        assert set(dir(table)) == shown
        for column in spec.by_name:
            if column in shown:
                assert not getattr(table, column).flags.writeable
            else:
                with pytest.raises(BoundaryError):
                    getattr(table, column)
    assert not view.ties.place.flags.writeable
    assert not view.ties.offset.flags.writeable


@pytest.mark.parametrize(
    "write",
    [
        lambda view: view.items.likes.__setitem__(0, 9),
        lambda view: view.items.likes.base.__setitem__(0, 9),
        lambda view: view.items.vector.sort(axis=0),
        lambda view: view.accounts.estimate.fill(0),
        lambda view: view.catalogue.stage.__setitem__(slice(None), 2),
        lambda view: np.multiply(view.users.tier, 0, out=view.users.tier),
        lambda view: view.ties.place.__setitem__(0, 0),
        lambda view: setattr(view.items, "likes", np.zeros(3)),
        lambda view: setattr(view, "step", 5),
    ],
    ids=["item", "base", "sort", "fill", "slice", "out", "ties", "column", "view"],
)
@pytest.mark.parametrize("lever", ["recommendation", "promotion"])
def test_a_policy_that_writes_into_what_it_sees_is_refused(lab, kernels, listed, lever, write):
    class Vandal(Random):
        """Writes."""

        def ranking(self, view):
            write(view)
            return super().ranking(view)

    class Saboteur(Staged):
        """Writes."""

        def due(self, view):
            write(view)
            return super().due(view)

    cls = Vandal if lever == "recommendation" else Saboteur
    world = build(lab.tiny(sets=listed(cls, lever)), kernels)
    before = {name: array.copy() for name, array in world.state().items()}
    with pytest.raises(FeedtwinError, match=rf"{cls.__name__}|cannot|may not"):
        world.step()
    if lever == "promotion":  # asked first: nothing else has happened yet
        for name, array in world.state().items():
            if not name.startswith(("platform.velocity", "platform.totals")):
                np.testing.assert_array_equal(array, before[name], err_msg=name)


class Scores(Random):
    """A policy of the second kind; subclasses answer badly."""

    def ranking(self, view):
        return None

    def scores(self, view, block):
        return view.items.likes[block.candidate].astype(np.float32)


def _scored(answer):
    return type("BadScores", (Scores,), {"__doc__": "Bad.", "scores": lambda s, v, b: answer(v, b)})


def _ranked(answer):
    return type("BadRanking", (Random,), {"__doc__": "Bad.", "ranking": lambda s, v: answer(v)})


def _pooled(answer):
    return type("BadPools", (Random,), {"__doc__": "Bad.", "pools": lambda s, v: answer(v)})


def _rows(view):
    return np.arange(len(view.items))


def _base(view, value=0.0, dtype=np.float32):
    return np.full(len(view.items), value, dtype)


def _raise(*arguments):
    raise KeyError("lost")


BAD = {
    "scores of another shape": _scored(lambda v, b: np.zeros(b.candidate.shape[0], np.float32)),
    "scores that are no numbers": _scored(lambda v, b: np.full(b.candidate.shape, np.nan)),
    "scores that are infinite": _scored(lambda v, b: np.full(b.candidate.shape, np.inf)),
    "scores beyond float32": _scored(lambda v, b: np.full(b.candidate.shape, 1e300)),
    "scores of text": _scored(lambda v, b: np.full(b.candidate.shape, "1")),
    "scores of complex numbers": _scored(lambda v, b: np.full(b.candidate.shape, 1j)),
    "no scores": _scored(lambda v, b: None),
    "scores that raise": _scored(_raise),
    "a base of another shape": _ranked(lambda v: Ranking(1.0, 0.0, np.zeros(3, np.float32))),
    "a base that is no number": _ranked(lambda v: Ranking(1.0, 0.0, _base(v, np.nan))),
    "a base of another type": _ranked(lambda v: Ranking(1.0, 0.0, _base(v, 0, np.float64))),
    "a weight that is no number": _ranked(lambda v: Ranking(float("nan"), 0.0, _base(v))),
    "an infinite weight": _ranked(lambda v: Ranking(0.0, float("inf"), _base(v))),
    "something that is no ranking": _ranked(lambda v: _base(v)),
    "a ranking that raises": _ranked(_raise),
    "no pools": _pooled(lambda v: []),
    "pools that raise": _pooled(_raise),
    "a pool of rows that do not exist": _pooled(lambda v: [Pool(ALL, _rows(v) + 5, 10)]),
    "a pool of negative rows": _pooled(lambda v: [Pool(ALL, _rows(v) - 5, 10)]),
    "a pool of fractional rows": _pooled(lambda v: [Pool(ALL, _rows(v) / 2, 10)]),
    "a pool with a negative quota": _pooled(lambda v: [Pool(ALL, _rows(v), -3)]),
    "a pool too large": _pooled(lambda v: [Pool(ALL, _rows(v), 1000)]),
    "something that is no pool": _pooled(lambda v: [3]),
    "a pool with a row twice": _pooled(lambda v: [Pool(ALL, np.append(_rows(v), 3), 10)]),
    "two pools of one code": _pooled(lambda v: [Pool(ALL, _rows(v), 5)] * 2),
    "two pools by category": _pooled(
        lambda v: [Pool(code, _rows(v), 5, by_category=True) for code in (9, 10)]
    ),
    "a pool with a code too great": _pooled(lambda v: [Pool(16, _rows(v), 5)]),
    "a pool without a code": _pooled(lambda v: [Pool(None, _rows(v), 5)]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_policy_that_answers_badly_is_named_with_the_step(lab, kernels, listed, case):
    cls = BAD[case]
    world = build(lab.tiny(sets=listed(cls)), kernels)
    with pytest.raises(PolicyError, match=rf"{cls.__name__}, step 0, contract recommendation\."):
        world.step()


def _due(answer):
    return type("BadDue", (Staged,), {"__doc__": "Bad.", "due": lambda s, v: answer(v)})


def _boost(answer):
    return type("BadBoost", (Staged,), {"__doc__": "Bad.", "boost": lambda s, v: answer(v)})


def _changes(rows, stages):
    return StageChanges(np.asarray(rows), np.asarray(stages))


BAD_PROMOTION = {
    "a stage that does not exist": _due(lambda v: _changes([0], [7])),
    "a negative stage": _due(lambda v: _changes([0], [-1])),
    "a row that does not exist": _due(lambda v: _changes([len(v.items)], [1])),
    "a negative row": _due(lambda v: _changes([-1], [1])),
    "a row twice": _due(lambda v: _changes([0, 0], [1, 2])),
    "fewer stages than rows": _due(lambda v: _changes([0, 1], [1])),
    "fractional rows": _due(lambda v: _changes([0.5], [1])),
    "something else": _due(lambda v: None),
    "stages that raise": _due(_raise),
    "a boost of another shape": _boost(lambda v: np.zeros(3, np.float32)),
    "a boost that is no number": _boost(lambda v: _base(v, np.nan)),
    "a boost of text": _boost(lambda v: np.full(len(v.items), "1")),
    "a boost that raises": _boost(_raise),
}


@pytest.mark.parametrize("case", BAD_PROMOTION)
def test_a_promotion_policy_that_answers_badly_is_named_with_the_step(lab, kernels, listed, case):
    cls = BAD_PROMOTION[case]
    world = build(lab.tiny(sets=listed(cls, "promotion")), kernels)
    with pytest.raises(PolicyError, match=rf"{cls.__name__}, step 0, contract promotion\."):
        world.step()


def test_a_policy_of_the_second_kind_serves_the_same_feeds_on_every_path(
    lab, kernels, numpy_kernels, listed
):
    settings = lab.tiny(sets=listed(Scores))
    assert lab.chain(settings, kernels, 4) == lab.chain(settings, numpy_kernels, 4)


def test_a_policy_cannot_change_the_block_it_is_asked_about(lab, kernels, listed):
    class Eraser(Scores):
        """Declares its own mistakes invalid."""

        def scores(self, view, block):
            block.valid[...] = False
            return np.full(block.candidate.shape, np.nan, np.float32)

    world = build(lab.tiny(sets=listed(Eraser)), kernels)
    with pytest.raises(BoundaryError, match="Eraser"):
        world.step()


def test_a_run_whose_policy_broke_is_resumed_when_the_policy_is_mended(
    lab, kernels, listed, tmp_path
):
    broken = [True]

    class Fragile(Scores):
        """Breaks at the first request from step 4 on."""

        def scores(self, view, block):
            if broken[0] and view.step >= 4:
                return np.full(block.candidate.shape, np.nan)
            return super().scores(view, block)

    settings = lab.tiny(sets=listed(Fragile))
    with pytest.raises(PolicyError, match=r"Fragile.*step [4-7]"):
        start(settings, tmp_path / "run", RunOptions(8), kernels)
    broken[0] = False
    finished = resume(tmp_path / "run", kernels)
    assert finished.digest == start(settings, tmp_path / "other", RunOptions(8), kernels).digest
    theirs = lab.tables(tmp_path / "other")
    assert all(t.equals(theirs[name]) for name, t in lab.tables(tmp_path / "run").items())


LATE = {
    "a write": ("promotion", "due", lambda v: v.catalogue.stage.fill(2)),
    "another shape": ("promotion", "boost", lambda v: np.zeros(3, np.float32)),
    "a duplicate": ("recommendation", "pools", lambda v: [Pool(ALL, _rows(v) // 2, 10)]),
    "no number": ("recommendation", "ranking", lambda v: Ranking(1.0, 0.0, _base(v, np.nan))),
    "an unknown id": ("promotion", "due", lambda v: _changes([len(v.items)], [1])),
    "an error of its own": ("recommendation", "ranking", _raise),
    "something hidden": ("promotion", "boost", lambda v: v.items.quality),
}


@pytest.mark.parametrize("case", LATE)
def test_a_policy_that_breaks_late_leaves_a_run_that_can_be_resumed(
    lab, kernels, listed, tmp_path, case
):
    lever, method, answer = LATE[case]
    broken = [True]
    base = Staged if lever == "promotion" else Random
    original = getattr(base, method)

    def fragile(self, view):
        return answer(view) if broken[0] and view.step == 3 else original(self, view)

    cls = type("Fragile", (base,), {"__doc__": "Breaks at step 3.", method: fragile})
    settings = lab.tiny(sets=listed(cls, lever))
    expected = rf"policy Fragile, step 3, contract {lever}\.{method}"
    with pytest.raises((PolicyError, BoundaryError), match=expected):
        start(settings, tmp_path / "run", RunOptions(5), kernels)
    broken[0] = False
    finished = resume(tmp_path / "run", kernels)
    assert finished.digest == start(settings, tmp_path / "other", RunOptions(5), kernels).digest


def test_an_unknown_policy_is_refused_before_anything_runs(lab, kernels):
    with pytest.raises(SettingsError, match="tiktok"):
        build(lab.tiny(sets=["policies.recommendation=tiktokk"]), kernels)


def test_a_class_that_is_no_policy_is_refused():
    with pytest.raises(FeedtwinError, match="no recommendation policy"):
        entry_of("recommendation", "feedtwin.policies.promotion:Staged")


def test_the_boundary_lets_other_errors_of_values_through():
    with pytest.raises(ValueError, match="something else"), boundary("here"):
        raise ValueError("something else")
