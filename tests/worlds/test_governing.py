"""Governance keeps the promises of the world: it replays, resumes, forks, and listens to nobody's row number."""

import dataclasses
import shutil

import numpy as np
import pyarrow.compute as pc
import pytest

from feedtwin.errors import PolicyError
from feedtwin.kernels.binding import KERNELS, load
from feedtwin.policies.interface import (
    REGISTRIES,
    Forecast,
    Intervention,
    Plans,
    policy,
)
from feedtwin.record.registry import Registry
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import GovernanceAction, SocialActivityKind, TargetKind
from feedtwin.schema.requests import asked
from feedtwin.session import SKIP
from feedtwin.twins.part import Part
from feedtwin.world.build import build
from feedtwin.world.folding import fold
from feedtwin.world.forking import fork
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, resume, start

EAGER = (
    "trends.warm_up_steps=1", "trends.window_steps=2", "trends.emergence_gate=0.5", "trends.rise=1.05",
    "trends.stall_steps=1", "forecast.confidence_min=0", "forecast.floor=0.1", "forecast.prior=4",
    "governance.confidence_gate=0", "governance.boost_gate=1", "governance.boost_steps=3",
    "governance.cool_down_steps=2", "governance.top_share_max=1", "campaigns.adoption=0.9",
    "campaigns.hours=[3,6,9]", "moderation.capacity=30", "trends.cascades=on",
)  # fmt: skip
CONTROL = (*EAGER, "policies.governance=proactive", "policies.campaigns=trend_aware")
EVENTS = (
    "TREND_STATE_CHANGED", "TREND_FORECAST_ISSUED", "GOVERNANCE_ACTION_APPLIED",
    "CAMPAIGN_PLAN_ISSUED", "CONTENT_REPORTED", "SOCIAL_ACTIVITY",
)  # fmt: skip


class Busybodies(Part):
    """Users who report every video they skipped, and who share what they finished, two of them in turn."""

    name = "busybodies"

    def act(self, reactions):
        bad = reactions.flagged(SKIP)
        some = bad.where(bad.user % 3 == 0)
        yield asked(
            "REPORT_POST", reactions.step, user=some.user, item=some.item, request=some.request,
            slot=some.slot, reason=np.ones(len(some)),
        )  # fmt: skip


def shares(world, step):
    """What the sharing of videos publishes: a chain of users for the three most met videos."""
    items = world.content.table
    best = np.lexsort((items.item, -items.impressions.astype(np.int64)))[:3]
    user = np.array([(5 * step + k) % len(world.users.table) for k in range(6)], np.uint32)
    user.sort()
    parent = np.where(user > 0, ((user.astype(np.uint64) - 1) << np.uint64(32)) | np.uint64(1), 0)
    columns = {
        "user": user,
        "ordinal": np.zeros(6, np.uint32),
        "kind": np.full(6, SocialActivityKind.VIDEO_SHARED, np.uint8),
        "item": items.item[best][np.arange(6) % 3],
        "parent": parent.astype(np.uint64),
        "group": np.zeros(6, np.uint32),
        "text": np.zeros(6, np.uint32),
    }
    return EventBatch("SOCIAL_ACTIVITY", step, columns)


def busy(settings, kernels, **options):
    """A world with reports, in which `live` also publishes shares."""
    world = build(settings, kernels, **options)
    part = Busybodies()
    part.bind(None)
    world.users.parts += (part,)
    return world


def live(world, steps, record=None):
    links = []
    world.recorder = record
    for _ in range(steps):
        world.step()
        world.bus.publish([shares(world, world.step_count - 1)], "execute")
        links.append(world.digest.hex())
    return links


def test_everything_of_governance_happens_and_the_log_alone_rebuilds_every_table(lab, kernels):
    settings = lab.tiny(sets=CONTROL)
    world, folded = busy(settings, kernels), build(settings, kernels)
    seen = {}

    def record(published):
        flat = list(published.batch.logged())
        for batch in flat:
            seen[batch.event] = seen.get(batch.event, 0) + batch.rows
        fold(folded, flat)

    live(world, 24, record)
    assert all(seen.get(event, 0) > 3 for event in EVENTS), seen
    ours, theirs = world.state(), folded.state()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    totals = world.platform.telemetry.as_dict()
    wanted = (
        "trends_emerged", "forecasts_true", "forecasts_false", "interventions_passed", "reviews",
        "cascade_children", "planned_uploads",
    )  # fmt: skip
    assert {name for name in wanted if not totals[name]} == set()


@pytest.mark.parametrize("event", EVENTS)
def test_a_fold_misses_what_is_left_out_of_the_log(lab, kernels, event):
    settings = lab.tiny(sets=CONTROL)
    world, folded = busy(settings, kernels), build(settings, kernels)

    def record(published):
        flat = [batch for batch in published.batch.logged() if batch.event != event]
        fold(folded, flat)

    live(world, 14, record)
    theirs = folded.state()
    same = all(
        array.shape == theirs[name].shape and (array == theirs[name]).all()
        for name, array in world.state().items()
    )
    assert not same


def test_native_on_one_and_two_threads_numpy_and_the_order_of_handlers_agree(
    lab, kernels, numpy_kernels, monkeypatch
):
    for kernel, spec in KERNELS.items():  # a tiny world would stay on one thread otherwise
        monkeypatch.setitem(KERNELS, kernel, dataclasses.replace(spec, inline_below=1))
    settings = lab.tiny(sets=CONTROL)
    ours = live(busy(settings, kernels), 10)
    assert live(busy(settings, numpy_kernels), 10) == ours
    for threads in (1, 2):
        assert live(busy(settings, load("auto", threads)), 10) == ours, threads
    assert live(busy(settings, kernels, reverse_handlers=True), 10) == ours


def test_a_snapshot_holds_all_that_governance_knows(lab, kernels):
    settings = lab.tiny(sets=CONTROL)
    world = busy(settings, kernels)
    live(world, 11)
    copy = busy(settings, kernels)
    state = {name: array.copy() for name, array in world.state().items()}
    copy.load_state(state, world.step_count, world.digest)
    assert live(copy, 8) == live(world, 8)


def test_a_governed_run_replays_and_goes_on_after_a_crash_with_the_same_audit(
    lab, kernels, tmp_path
):
    settings, options = lab.tiny(sets=CONTROL), RunOptions(12, snapshot_every=4)

    def crash(progress):
        if progress.step == 7:
            shutil.copytree(tmp_path / "whole", tmp_path / "broken")

    whole = start(settings, tmp_path / "whole", options, kernels, crash)
    assert replay(whole.path, kernels).digest == whole.digest
    for file in (tmp_path / "broken").glob("registry.sqlite*"):
        file.unlink()
    assert resume(tmp_path / "broken", kernels).digest == whole.digest
    rows = []
    for path in (whole.path, tmp_path / "broken"):
        registry = Registry.open(path / "registry.sqlite")
        rows.append(
            registry.query("SELECT step, actor, action, detail_json FROM audit ORDER BY id")
        )
        rows.append(registry.query("SELECT * FROM trends"))
        registry.close()
    assert rows[:2] == rows[2:] and len(rows[0]) > 12


def test_a_fork_may_switch_control_on_and_off(lab, kernels, tmp_path):
    plain = start(lab.tiny(), tmp_path / "plain", RunOptions(12, snapshot_every=4), kernels)
    governed = fork(plain.path, 5, tmp_path / "on", list(CONTROL), 14, "full", kernels)
    assert governed.digest != plain.digest
    assert replay(governed.path, kernels).digest == governed.digest
    off = ["policies.governance=none", "policies.campaigns=none"]
    again = fork(governed.path, 8, tmp_path / "off", off, 14, "full", kernels)
    assert replay(again.path, kernels).digest == again.digest


# -- what is off -----------------------------------------------------------------------------------

PLACEBOS = [
    "trends.rise=3", "forecast.horizon_steps=4", "policies.forecast=heuristic", "governance.boost_size=3",
    "governance.active_max=1", "moderation.false_negative=0.4", "moderation.label_above=0.1",
    "campaigns.adoption=1", "campaigns.uploads=[8,8,8]",
]  # fmt: skip


@pytest.mark.parametrize("change", PLACEBOS)
def test_numbers_of_what_is_off_change_nothing(lab, kernels, change):
    assert lab.chain(lab.tiny(sets=[change]), kernels, 3) == lab.chain(lab.tiny(), kernels, 3)


def test_a_sensor_changes_nobody(lab, kernels):
    """Tracking and forecasting alone leave every row of every other event as it is."""
    plain = lab.logged(build(lab.tiny(), kernels), 10)
    tracked = lab.logged(build(lab.tiny(sets=[*EAGER, "trends.track=always"]), kernels), 10)
    sensed = [row for row in tracked if row[0].startswith("TREND")]
    rest = [row for row in tracked if not row[0].startswith("TREND")]
    assert sensed
    assert [(e, s, t.to_pydict()) for e, s, t in rest] == [
        (e, s, t.to_pydict()) for e, s, t in plain
    ]


def test_a_plain_world_keeps_no_row_of_governance(lab, kernels):
    world = build(lab.tiny(), kernels)
    lab.logged(world, 4)
    for name, array in world.state().items():
        if name.split(".")[1] in (
            "trends", "forecasts", "cascades", "interventions", "moderation", "planning", "guidance",
        ):  # fmt: skip
            assert len(array) == 0, name


# -- exposure --------------------------------------------------------------------------------------


class Always:
    """Boosts the hashtag that most videos carry, fourfold, as often as it may."""

    def __init__(self, settings):
        pass

    def decide(self, view):
        tags = view.items.hashtags.ravel()
        return [Intervention(BOOST, 3, int(np.bincount(tags[tags > 0]).argmax()), 4.0, 48)]


@pytest.fixture
def always(monkeypatch):
    registry = REGISTRIES["governance"]
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    policy("governance", "always", section="governance")(Always)
    return [*EAGER, "trends.track=always", "policies.governance=always"]


def test_a_boost_adds_temperature_times_its_logarithm_to_the_score_of_its_videos(
    lab, kernels, always
):
    """Odds are exp(score / temperature), so the odds of a boosted video are four times what they were."""
    sets = [*EAGER, "trends.track=always"]
    plain = build(lab.tiny(users=240, sets=sets), kernels)
    boosted = build(lab.tiny(users=240, sets=always), kernels)
    scores = [first_scores(lab.logged(world, 1)) for world in (plain, boosted)]
    (tag,) = next(p for p in boosted.platform.parts[1:] if p.name == "interventions").table.target
    carries = (plain.content.table.hashtags == tag).any(axis=1)
    expected = plain.platform.levers.temperature * np.log(4.0)
    gains = {True: [], False: []}
    for key in scores[0].keys() & scores[1].keys():
        row = int(plain.content.rows_of(np.array([key[1]], np.uint64))[0])
        gains[bool(carries[row])].append(scores[1][key] - scores[0][key])
    assert len(gains[True]) > 3 and len(gains[False]) > 3
    np.testing.assert_allclose(gains[True], expected, atol=1e-5)
    np.testing.assert_array_equal(gains[False], 0)


def first_scores(rows):
    """Score of each (user, item) in everybody's first slate: both worlds are still the same."""
    return {
        (row["user"], row["item"]): row["score"]
        for event, _, table in rows
        if event == "IMPRESSION_SERVED"
        for row in table.to_pylist()
        if row["request"] == 0
    }


def test_at_temperature_zero_a_boost_does_nothing(lab, kernels, always):
    cold = "recommendation.temperature=0"
    ours = lab.logged(build(lab.tiny(sets=[*always, cold]), kernels), 8)
    theirs = lab.logged(build(lab.tiny(sets=[*EAGER, "trends.track=always", cold]), kernels), 8)
    assert any(event == "GOVERNANCE_ACTION_APPLIED" for event, _, _ in ours)
    kept = [(e, s, t.to_pydict()) for e, s, t in ours if e != "GOVERNANCE_ACTION_APPLIED"]
    assert kept == [(e, s, t.to_pydict()) for e, s, t in theirs]


def test_a_boost_at_a_temperature_changes_feeds(lab, kernels, always):
    ours = lab.logged(build(lab.tiny(sets=always), kernels), 4)
    theirs = lab.logged(build(lab.tiny(sets=[*EAGER, "trends.track=always"]), kernels), 4)
    served = [[t for e, _, t in rows if e == "IMPRESSION_SERVED"] for rows in (ours, theirs)]
    assert not all(a.equals(b) for a, b in zip(*served, strict=False))


# -- one more --------------------------------------------------------------------------------------


def _rows(world, steps, without):
    found = []

    def record(published):
        for flat in published.batch.logged():
            columns = dict(flat.columns)
            keep = np.ones(flat.rows, bool)
            if "user" in columns and flat.rows:
                keep = columns["user"] != without
            if keep.any():
                found.append(
                    (flat.event, flat.step, {n: v[keep].tolist() for n, v in columns.items()})
                )

    world.recorder = record
    for _ in range(steps):
        world.step()
    return found


def test_one_more_user_who_never_opens_the_app_changes_no_decision(lab, kernels):
    settings = lab.tiny(sets=CONTROL)
    ours = busy(settings, kernels)
    more = busy(settings.model_copy(update={"append": {"users": [{}]}}), kernels)
    added = len(ours.users.table)
    assert _rows(more, 14, added) == _rows(ours, 14, added)


def test_one_more_creator_in_a_campaign_changes_nobody_elses_plan(lab, kernels):
    settings = lab.tiny(sets=["policies.campaigns=template", "campaigns.adoption=0.5"])
    ours = build(settings, kernels)
    creator = {"tier": 1, "upload_rate": 0.0}  # takes part, perhaps, and never posts
    more = build(settings.model_copy(update={"append": {"users": [creator]}}), kernels)
    added = len(ours.users.table)
    plans, others = (
        [
            row
            for row in _rows(world, 6, added)
            if row[0] in ("CAMPAIGN_PLAN_ISSUED", "VIDEO_CREATED")
        ]
        for world in (ours, more)
    )
    assert plans and plans == others


def test_a_review_errs_by_the_item_and_not_by_its_place_in_the_queue(lab, kernels):
    sets = ["moderation.false_negative=0.5", "moderation.false_positive=0.5"]
    world = build(lab.tiny(sets=sets), kernels)
    part = next(part for part in world.platform.parts[1:] if part.name == "moderation")
    items = world.content.table.item[:30]
    together = part._decisions(items, np.zeros(30, np.uint16))
    alone = [int(part._decisions(items[k : k + 1], np.zeros(1, np.uint16))[0]) for k in range(30)]
    assert together.tolist() == alone
    again = part._decisions(items, np.ones(30, np.uint16))
    assert (again != together).any()


# -- audit -----------------------------------------------------------------------------------------


def test_every_attempt_and_every_update_is_in_the_registrys_audit(lab, kernels, tmp_path):
    finished = start(lab.tiny(sets=CONTROL), tmp_path / "run", RunOptions(12), kernels)
    registry = Registry.open(finished.path / "registry.sqlite")
    counts = dict(registry.query("SELECT actor, count(*) FROM audit GROUP BY actor"))
    tried = registry.query("SELECT sum(value) FROM step_metrics WHERE name = 'governance_actions'")
    guards = registry.query(
        "SELECT DISTINCT json_extract(detail_json, '$.guard') FROM audit WHERE actor = 'governance'"
    )
    emerged = registry.query("SELECT count(*) FROM trends WHERE lifecycle = 1")[0][0]
    registry.close()
    assert counts["platform"] == 12  # one UPDATE_REC_TABLE per step
    assert counts["governance"] == tried[0][0] > 0
    assert ("PASSED",) in guards
    assert emerged > 0


def test_stages_and_lifecycles_wait_for_the_next_update(lab, kernels):
    sets = [*EAGER, "trends.track=always", "platform.refresh_steps=4"]
    rows = lab.logged(build(lab.tiny(sets=sets), kernels), 13)
    for event in ("EXPOSURE_STAGE_CHANGED", "TREND_STATE_CHANGED"):
        steps = {step for name, step, _ in rows if name == event}
        assert steps and all(step % 4 == 0 for step in steps), (event, steps)


# -- bad policies ----------------------------------------------------------------------------------

BOOST = int(GovernanceAction.BOOST)


def _three(value=0, days=3, dtype=np.int64):
    def plan(self, view, creators):
        columns = [np.zeros((len(creators), days), np.int64) for _ in range(7)]
        return Plans(np.full((len(creators), days), value, dtype), *columns)

    return plan


def _first_tag(view):
    return int(view.items.hashtags.max())


def _wish(**changes):
    def decide(self, view):
        values = {
            "action": BOOST, "target_kind": 3, "target": _first_tag(view), "size": 2.0,
            "duration_steps": 5,
        }  # fmt: skip
        return [Intervention(**{**values, **changes})]

    return decide


def _raises(self, *arguments):
    raise KeyError("lost")


def _forecast(kind=(3,), key=(0,), confidence=(0.5,)):
    return lambda self, view: Forecast(np.array(kind), np.array(key), np.array(confidence))


BAD = {
    "a size that is no number": ("governance", "decide", _wish(size=float("nan")), "size"),
    "an infinite size": ("governance", "decide", _wish(size=float("inf")), "size"),
    "a size of zero": ("governance", "decide", _wish(size=0.0), "size"),
    "a size of text": ("governance", "decide", _wish(size="2"), "size"),
    "an unknown hashtag": ("governance", "decide", _wish(target=65_000), "no video belongs"),
    "an unknown item": ("governance", "decide", _wish(target_kind=1, target=2**63), "no video"),
    "a negative target": ("governance", "decide", _wish(target=-1), "target"),
    "an unknown kind": ("governance", "decide", _wish(target_kind=9), "target kind"),
    "a reviewers' action": ("governance", "decide", _wish(action=8), "action 8"),
    "no duration": ("governance", "decide", _wish(duration_steps=0), "duration"),
    "a fraction as target": ("governance", "decide", _wish(target=1.5), "whole numbers"),
    "a wish twice": (
        "governance", "decide", lambda s, v: _wish()(s, v) * 2, "repeats",
    ),
    "no list": ("governance", "decide", lambda s, v: 7, "TypeError"),
    "something else": ("governance", "decide", lambda s, v: ["boost"], "str"),
    "a strategy that raises": ("governance", "decide", _raises, "KeyError"),
    "a forecast of another type": ("forecast", "forecast", lambda s, v: [], "list"),
    "a confidence that is no number": ("forecast", "forecast", _forecast(confidence=(np.nan,)), "confid"),
    "a confidence above one": ("forecast", "forecast", _forecast(confidence=(1.5,)), "confidence"),
    "a key that is not tracked": ("forecast", "forecast", _forecast(key=(60_000,)), "not tracked"),
    "a key twice": (
        "forecast", "forecast", _forecast((3, 3), (0, 0), (0.5, 0.5)), "twice",
    ),
    "columns of two lengths": ("forecast", "forecast", _forecast(kind=(3, 3)), "shapes"),
    "an unknown trend kind": ("forecast", "forecast", _forecast(kind=(8,)), "kinds"),
    "a predictor that raises": ("forecast", "forecast", _raises, "KeyError"),
    "plans for two days": ("campaigns", "plan", _three(days=2), "shape"),
    "plans in fractions": ("campaigns", "plan", _three(dtype=np.float64), "float64"),
    "an unknown category": ("campaigns", "plan", _three(value=999), "category 999"),
    "a negative category": ("campaigns", "plan", _three(value=-1), "category from -1"),
    "no plans": ("campaigns", "plan", lambda s, v, c: None, "NoneType"),
    "a planner that raises": ("campaigns", "plan", _raises, "KeyError"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_answer_is_refused_with_policy_step_and_contract(lab, kernels, monkeypatch, what):
    lever, method, answer, named = BAD[what]
    registry = REGISTRIES[lever]
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    cls = type(
        "Careless", (), {"__doc__": "Bad.", "__init__": lambda self, s: None, method: answer}
    )
    policy(lever, "careless", section=lever)(cls)
    sets = [*EAGER, "trends.track=always", f"policies.{lever}=careless"]
    world = build(lab.tiny(sets=sets), kernels)
    with pytest.raises(PolicyError, match=rf"Careless, step \d+.*{named}"):
        lab.logged(world, 3)


def test_the_run_of_a_bad_strategy_stays_resumable(lab, kernels, monkeypatch, tmp_path):
    registry = REGISTRIES["governance"]
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))

    class Late:
        """Fails at step 3, once."""

        broken = True

        def __init__(self, settings):
            pass

        def decide(self, view):
            if view.step == 3 and Late.broken:
                raise ValueError("lost")
            return []

    policy("governance", "late", section="governance")(Late)
    settings = lab.tiny(sets=["policies.governance=late"])
    with pytest.raises(PolicyError, match="Late, step 3"):
        start(settings, tmp_path / "run", RunOptions(6), kernels)
    Late.broken = False
    whole = start(settings, tmp_path / "whole", RunOptions(6), kernels)
    assert resume(tmp_path / "run", kernels).digest == whole.digest


def test_a_strategy_sees_no_hidden_column(lab, kernels, monkeypatch):
    registry = REGISTRIES["governance"]
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))

    class Nosy:
        """Reads toxicity, which only reviewers see."""

        def __init__(self, settings):
            pass

        def decide(self, view):
            worst = int(view.items.toxicity.argmax())
            return [Intervention(BOOST, int(TargetKind.ITEM), int(view.items.item[worst]))]

    policy("governance", "nosy", section="governance")(Nosy)
    world = build(lab.tiny(sets=["policies.governance=nosy"]), kernels)
    with pytest.raises(Exception, match=r"items\.toxicity"):
        world.step()


def test_the_events_of_a_plan_lead_to_uploads_that_carry_it(lab, kernels):
    sets = ["policies.campaigns=template", "campaigns.adoption=1", "campaigns.hours=[2,4,6]"]
    rows = lab.logged(build(lab.tiny(sets=sets), kernels), 8)
    (plans,) = [t for event, _, t in rows if event == "CAMPAIGN_PLAN_ISSUED"]
    first = plans.filter(pc.equal(plans["day"], 0))
    wanted = {
        user: (category, tag)
        for user, category, tag in zip(
            *(first[name].to_pylist() for name in ("user", "category", "hashtag")), strict=True
        )
    }
    created = [row for event, step, t in rows if event == "VIDEO_CREATED" for row in t.to_pylist()]
    planned = [row for row in created if row["plan"]]
    assert len(planned) > 5
    for row in planned:
        category, tag = wanted[row["user"]]
        assert row["category"] == category and row["text"] == 1
        assert not tag or row["hashtag_1"] == tag
