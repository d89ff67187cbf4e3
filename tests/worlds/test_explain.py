"""An explanation is of what is served, to the bit, and knows every reason."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.edges import Edges
from feedtwin.policies.interface import POOL_NAMES, REGISTRIES, policy
from feedtwin.policies.recommendation.nulls import Random
from feedtwin.schema.batches import EventBatch
from feedtwin.twins.platform import PlatformTwin
from feedtwin.twins.platform.retrieval import NO_ITEM
from feedtwin.world.build import build


def feeds(world, kind=0):
    user = np.arange(len(world.users.table), dtype=np.uint32)
    zero = np.zeros(len(user), np.uint32)
    columns = {
        "user": user, "request": world.users.table.request.copy(),
        "kind": np.full(len(user), kind, np.uint8), "query": zero,
    }  # fmt: skip
    return EventBatch("FEED_REQUESTED", world.step_count, columns)


def standing(world, steps=5):
    for _ in range(steps):
        world.step()
    world.platform.prepare(steps)
    return world


def compare(world, request, lanes=range(0, 80, 5)):
    slates = world.platform.serve(request)
    explained = []
    for lane in lanes:
        rows = world.platform.explain(request, lane)
        explained += rows
        shown = [row for row in rows if row["slot"] is not None]
        count = int(slates.served_count[lane])
        assert [row["slot"] for row in shown] == list(range(count))
        for slot, row in enumerate(shown):
            assert row["item"] == int(slates.item[lane, slot])
            assert row["row"] == int(slates.row[lane, slot])
            assert np.float32(row["score"]) == slates.score[lane, slot]
            assert np.float32(row["propensity"]) == slates.propensity[lane, slot]
            code = int(slates.pool[lane, slot])
            assert row["pool"] == ("inserted" if code == 255 else POOL_NAMES[code])
        for row in rows:
            if row["terms"] and row["reason"] not in ("own", "muted", "gated"):
                assert sum(row["terms"].values()) == pytest.approx(row["score"], abs=1e-5)
    assert len(explained) > 200
    return Counter(row["reason"] for row in explained), explained


@pytest.mark.parametrize(
    ("policy", "kind"),
    [("tiktok", 0), ("kuaishou", 0), ("hybrid", 0), ("random", 0), ("random", 2)],
)
def test_what_is_explained_is_what_is_served(lab, kernels, policy, kind):
    world = standing(build(lab.tiny(sets=[f"policies.recommendation={policy}"]), kernels))
    compare(world, feeds(world, kind))


def test_terms_are_named_and_a_stage_s_boost_is_one_of_them(lab, kernels):
    world = standing(build(lab.tiny(), kernels))
    _, rows = compare(world, feeds(world))
    names = {"similarity", "quality", "recency", "popularity", "social", "stage_boost"}
    assert all(set(row["terms"]) == names for row in rows)
    for row in rows:
        if row["stage"] == "LIMITED_EXPOSURE":
            assert row["terms"]["stage_boost"] == pytest.approx(-0.3)
    assert any(row["terms"]["social"] > 0 for row in rows)


def test_the_greatest_key_of_those_who_can_be_drawn_is_shown_first(lab, kernels):
    world = standing(build(lab.tiny(), kernels))
    request = feeds(world)
    for lane in range(0, 80, 8):
        rows = [row for row in world.platform.explain(request, lane) if row["share"] > 0]
        assert max(rows, key=lambda row: row["key"])["slot"] == 0
        assert sum(row["share"] for row in rows) == pytest.approx(1.0)
        heat = 1.0 / world.platform.levers.temperature
        for row in rows:
            assert row["key"] == pytest.approx(row["score"] * heat + row["gumbel"], abs=1e-4)


def test_every_reason_has_its_case(lab, kernels, monkeypatch):
    original = PlatformTwin._restrictions

    def restrictions(self):
        minor = np.ones(len(self._users), np.uint8)
        restricted = (self._items.item % np.uint64(5) == 0).astype(np.uint8)
        return {**original(self), "minor": minor, "restricted": restricted}

    monkeypatch.setattr(PlatformTwin, "_restrictions", restrictions)
    sets = ["recommendation.category_cap=1", "platform.no_repeat=5"]
    world = build(lab.tiny(sets=sets), kernels)
    edges, users = Edges(), len(world.users.table)
    creators = np.unique(world.content.table.creator)
    edges.add(np.arange(users), creators[np.arange(users) % len(creators)])
    offset = np.concatenate([[0], np.cumsum(edges.degree_left(users))]).astype(np.int64)
    world.platform._muting = SimpleNamespace(mutes=edges, mute_offset=offset)
    standing(world)
    reasons, _ = compare(world, feeds(world), range(80))
    assert set(reasons) == {
        "shown", "own", "muted", "gated", "seen", "creator cap", "category cap", "outdrawn"
    }  # fmt: skip


class Rule:
    """Puts one item into the second slot of every even request."""

    name = "rule"

    def __init__(self, row):
        self.row = row

    def inserts(self, asked, slots, step):
        rows = np.full((asked.rows, slots), NO_ITEM, np.uint32)
        rows[asked.user % 2 == 0, 1] = self.row
        return rows


def test_inserted_items_are_flagged_certain_and_explained(lab, kernels, numpy_kernels):
    slates = []
    for path in (kernels, numpy_kernels):
        world = standing(build(lab.tiny(), path))
        world.platform.parts = (*world.platform.parts, Rule(7))
        request = feeds(world)
        reasons, _ = compare(world, request)
        assert reasons["inserted"] > 5
        slates.append(world.platform.serve(request))
    one, other = slates
    np.testing.assert_array_equal(one.item, other.item)
    even = one.user % 2 == 0
    assert (one.inserted[even].sum(axis=1) == 1).all()
    assert not one.inserted[~even].any()
    placed = one.inserted == 1
    assert (one.row[placed] == 7).all()
    assert (one.propensity[placed] == 1).all()
    assert (one.pool[placed] == 255).all()


def test_a_policy_that_scores_by_itself_is_explained_by_its_scores(lab, kernels, monkeypatch):
    class Own(Random):
        """Scores by likes."""

        def ranking(self, view):
            return None

        def scores(self, view, block):
            return view.items.likes[block.candidate].astype(np.float32) / np.float32(10)

    registry = REGISTRIES["recommendation"]
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    policy("recommendation", "own", section="recommendation")(Own)
    world = standing(build(lab.tiny(sets=["policies.recommendation=own"]), kernels))
    _, rows = compare(world, feeds(world))
    assert {frozenset(row["terms"]) for row in rows} == {frozenset({"policy", "stage_boost"})}
