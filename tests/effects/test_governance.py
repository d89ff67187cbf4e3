"""Governance moves what it should, in the direction that its documentation states: paired 95 % intervals."""

import numpy as np
import pytest
from scipy import stats

from feedtwin.policies.interface import REGISTRIES, Intervention, policy
from feedtwin.schema.requests import asked
from feedtwin.schema.settings import resolve
from feedtwin.session import FINISHED
from feedtwin.twins.part import Part
from feedtwin.world.build import build

pytestmark = pytest.mark.slow

BOOST, SUPPRESS, REMOVE, HASHTAG = 1, 2, 7, 3
TAG = 1
"""The most used hashtag of the first category."""
FREE = (
    "governance.per_target_max=1000", "governance.cool_down_steps=0", "governance.top_share_max=1",
    "governance.suppressed_share_max=1", "governance.duration_max_steps=1000",
)  # fmt: skip
BASE = (*FREE, "trends.track=always")


def aims(action, size):
    def decide(self, view):
        return [Intervention(action, HASHTAG, TAG, size, 1000)] if view.step == 0 else []

    return type(
        "Aimed", (), {"__doc__": "One act.", "__init__": lambda s, x: None, "decide": decide}
    )


@pytest.fixture
def acting(monkeypatch):
    """Settings in which governance does one thing to one hashtag at the first step."""
    registry = REGISTRIES["governance"]
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))

    def make(action, size=1.0):
        name = f"aimed-{action}-{size}"
        policy("governance", name, section="governance")(aims(action, size))
        return [*BASE, f"policies.governance={name}"]

    return make


def share_of_tag(world):
    items = world.content.table
    carries = (items.hashtags == TAG).any(axis=1)
    return items.impressions[carries].sum() / items.impressions.sum()


@pytest.mark.parametrize(
    ("action", "size", "sign"), [(BOOST, 4.0, 1), (SUPPRESS, 0.25, -1), (REMOVE, 1.0, -1)]
)
def test_a_boost_raises_the_exposure_of_its_target_and_a_suppression_or_removal_lowers_it(
    paired, kernels, acting, action, size, sign
):
    found = paired.effect(share_of_tag, BASE, acting(action, size), kernels, replicates=8)
    assert found.excludes_zero and np.sign(found.mean) == sign, found


def test_a_larger_boost_raises_exposure_more(paired, kernels, acting):
    small, large = acting(BOOST, 1.5), acting(BOOST, 4.0)
    found = paired.effect(share_of_tag, small, large, kernels, replicates=8)
    assert found.low > 0, found


def test_strategies_raise_the_exposure_of_the_hashtags_they_boost(paired, kernels):
    """The share of impressions on hashtags while they are boosted, against the same hours without control."""
    eager = (
        *BASE, "governance.boost_gate=5", "governance.confidence_gate=0.05", "governance.boost_size=4",
        "trends.emergence_gate=3", "forecast.floor=3",
    )  # fmt: skip
    for name in ("reactive", "proactive"):
        gains = []
        for replicate in range(6):
            governed, boosted = watched([*eager, f"policies.governance={name}"], replicate, kernels)
            plain, _ = watched(eager, replicate, kernels)
            hours = [(step, tag) for step, tags in boosted.items() for tag in tags]
            assert hours
            gains.append(sum(governed[h] - plain[h] for h in hours) / len(hours))
        low, high = interval(gains)
        assert low > 0, (name, low, high)


def watched(sets, replicate, kernels):
    """Share of each step's impressions on each hashtag, and the hashtags boosted in each step."""
    world = build(resolve("synthetic", users=400, seed=11, replicate=replicate, sets=sets), kernels)
    shares, boosted = {}, {}
    for step in range(36):
        before = world.content.table.impressions.astype(np.int64)
        world.step()
        items = world.content.table
        fresh = items.impressions.astype(np.int64)
        fresh[: len(before)] -= before
        tags = np.bincount(items.hashtags.ravel(), np.repeat(fresh, 3), minlength=400)
        for tag in range(1, 400):
            shares[step, tag] = tags[tag] / max(int(fresh.sum()), 1)
        running = next(p for p in world.platform.parts[1:] if p.name == "interventions")
        boosted[step] = running.table.target[running.active(step)].tolist()
    return shares, boosted


def interval(differences):
    values = np.asarray(differences)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return values.mean() - half, values.mean() + half


# -- moderation ------------------------------------------------------------------------------------


class Offended(Part):
    """Whoever watches a toxic video to its end reports it."""

    name = "offended"

    def act(self, reactions):
        seen = reactions.flagged(FINISHED)
        bad = seen.where(self.toxicity()[seen.row] > 0.6)
        yield asked(
            "REPORT_POST", reactions.step, user=bad.user, item=bad.item, request=bad.request,
            slot=bad.slot, reason=np.ones(len(bad)),
        )  # fmt: skip

    def bind_to(self, world):
        self.toxicity = lambda: world.content.table.toxicity
        return self


def toxic_exposure(sets, replicate, kernels):
    world = build(resolve("synthetic", users=400, seed=11, replicate=replicate, sets=sets), kernels)
    world.users.parts += (Offended().bind_to(world),)
    for _ in range(36):
        world.step()
    items = world.content.table
    return items.impressions[items.toxicity > 0.85].sum() / items.impressions.sum()


def test_more_reviewers_mean_less_exposure_to_toxic_videos():
    from feedtwin.kernels.binding import load

    kernels, base = load("auto"), ["content.toxicity_tail=2"]
    none, some, many = (
        np.array(
            [toxic_exposure([*base, f"moderation.capacity={c}"], r, kernels) for r in range(6)]
        )
        for c in (0, 1, 100)
    )
    assert interval(some - none)[1] < 0
    assert interval(many - some)[1] < 0


def test_wrong_dismissals_leave_more_exposure_to_toxic_videos(kernels):
    base = ["content.toxicity_tail=2", "moderation.capacity=5"]
    right, wrong = (
        np.array(
            [
                toxic_exposure([*base, f"moderation.false_negative={e}"], r, kernels)
                for r in range(6)
            ]
        )
        for e in (0, 1)
    )
    assert interval(wrong - right)[0] > 0


# -- campaigns -------------------------------------------------------------------------------------

CREATORS = ("population.tier_shares=[0.02,0.08,0.2,0.7]",)


def uploads(world):
    return world.platform.telemetry.get("uploads")


def aimed_uploads(world):
    """Share of new videos in their creator's own field under its most used hashtag."""
    items = world.content.table
    new = items.created_step >= 0
    field = world.users.table.expertise[items.creator]
    size = world.content.config.hashtags_per_category
    first = 1 + items.category.astype(np.int64) * size
    usual = (items.hashtags[:, :1] >= first[:, None]) & (items.hashtags[:, :1] < first[:, None] + 3)
    return float(((items.category == field) & usual[:, 0])[new].mean())


@pytest.mark.parametrize("measure", [uploads, aimed_uploads])
def test_plans_raise_uploads_and_aim_them_at_the_field_and_its_usual_hashtags(
    paired, kernels, measure
):
    treated = [*CREATORS, "policies.campaigns=template", "campaigns.adoption=1"]
    found = paired.effect(measure, CREATORS, treated, kernels, replicates=6, steps=30)
    assert found.low > 0, found


def test_more_adoption_means_more_planned_uploads(paired, kernels):
    def planned(world):
        return world.platform.telemetry.get("planned_uploads")

    half, all_ = (
        [*CREATORS, "policies.campaigns=template", f"campaigns.adoption={share}"]
        for share in (0.5, 1)
    )
    found = paired.effect(planned, half, all_, kernels, replicates=6, steps=30)
    assert found.low > 0, found


def test_trend_aware_plans_put_more_uploads_under_trending_hashtags(kernels):
    def under_trends(name, replicate):
        sets = [
            *CREATORS, "trends.track=always", "campaigns.every_days=1", "campaigns.adoption=1",
            "campaigns.uploads=[2,2,2]", "trends.emergence_gate=4", f"policies.campaigns={name}",
        ]  # fmt: skip
        world = build(
            resolve("synthetic", users=400, seed=11, replicate=replicate, sets=sets), kernels
        )
        hits = total = 0
        for _ in range(48):
            count = len(world.content.table)
            world.step()
            trending = world.platform.parts[-1].sight.trending(1)
            tags = world.content.table.hashtags[count:]
            hits += int(np.isin(tags, trending).any(axis=1).sum())
            total += len(tags)
        return hits / total

    gains = [under_trends("trend_aware", r) - under_trends("template", r) for r in range(6)]
    assert interval(gains)[0] > 0, gains


# -- placebos --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "change"),
    [
        (["policies.governance=proactive"], "governance.boost_gate=99"),  # read by reactive only
        (["policies.governance=reactive"], "governance.confidence_gate=0.9"),
        (["policies.governance=reactive"], "trends.emergence_gate_absolute=7"),
        (["policies.campaigns=template"], "campaigns.history=2"),  # read by trend-aware only
        (["moderation.capacity=5"], "moderation.label_above=0.1"),  # nobody reports
        (["trends.track=always", "policies.forecast=heuristic"], "forecast.sharpness=9"),
    ],
)
def test_a_change_without_a_causal_path_leaves_the_digest_equal(paired, kernels, base, change):
    assert paired.same_digest(base, [*base, change], kernels)


# -- marks -----------------------------------------------------------------------------------------


LABEL, AGE_GATE, SLOW_DOWN = 4, 5, 6


def shares_of_tag(world):
    """Shares per impression of videos under the hashtag."""
    items = world.content.table
    carries = (items.hashtags == TAG).any(axis=1)
    return items.shares[carries].sum() / max(int(items.impressions[carries].sum()), 1)


def test_a_warning_label_lowers_shares(paired, kernels, acting):
    eager = ["user.share_logit_mean=-1.5", "content.hashtags_per_category=3"]  # shares to count
    found = paired.effect(
        shares_of_tag, [*BASE, *eager], [*acting(LABEL), *eager], kernels, replicates=10, users=600
    )  # fmt: skip
    assert found.high < 0, found


def with_minors(sets, replicate, kernels):
    """A world in which minors' impressions are counted from the second step on."""
    world = build(resolve("synthetic", users=400, seed=11, replicate=replicate, sets=sets), kernels)
    met = total = 0

    def record(published):
        nonlocal met, total
        batch = published.batch
        if batch.event != "IMPRESSION_SERVED" or batch.step < 1:
            return
        (flat,) = batch.logged()
        young = world.users.table.age_group[flat.user] == 0
        rows = world.content.rows_of(flat.item[young])
        items = world.content.table
        gated = (items.hashtags[rows] == TAG).any(axis=1) & (items.created_step[rows] < 0)
        met += int(gated.sum())  # a gate holds for the videos that were there
        total += int(young.sum())

    world.recorder = record
    for _ in range(24):
        world.step()
    return met / max(total, 1)


def test_an_age_gate_ends_minors_exposure_and_nobody_elses(paired, kernels, acting):
    gated = acting(AGE_GATE)
    for replicate in range(3):
        assert with_minors(BASE, replicate, kernels) > 0
        assert with_minors(gated, replicate, kernels) == 0
        assert share_of_tag(paired.run(gated, replicate, kernels)) > 0


def depth_of_shares(world):
    """Shares that came of a share, per share of a video under the hashtag."""
    cascades = next(p for p in world.platform.parts[1:] if p.name == "cascades").table
    rows = world.content.rows_of(cascades.item)
    carries = (world.content.table.hashtags[rows] == TAG).any(axis=1)
    size, roots = cascades.size[carries].sum(), cascades.roots[carries].sum()
    return float(size - roots) / max(float(size), 1.0)


def test_slowing_down_keeps_shares_from_travelling(paired, kernels, acting):
    lively = ["user.share_logit_mean=-1.5", "trends.cascades=on", "content.hashtags_per_category=3"]
    found = paired.effect(
        depth_of_shares, [*BASE, *lively], [*acting(SLOW_DOWN), *lively], kernels, replicates=8
    )
    assert found.high < 0, found
