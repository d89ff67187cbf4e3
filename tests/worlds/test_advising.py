"""Language models in whole worlds: asked, recorded, replayed, resumed, forked, degraded, attacked."""

import json
import shutil
import socket
from collections import Counter

import numpy as np
import pytest
from typer.testing import CliRunner

from feedtwin.bus import Published
from feedtwin.cli import app
from feedtwin.errors import LLMError, SettingsError
from feedtwin.lab.downstream import downstream
from feedtwin.lab.language import language_use
from feedtwin.lab.metrics import measure
from feedtwin.lab.run_data import read_run
from feedtwin.llm.admin import usage
from feedtwin.llm.clients import Failure, Reply
from feedtwin.llm.settings import SECTIONS
from feedtwin.record.reader import Run
from feedtwin.schema.codes import AnswerSource, LlmTask, PreferenceCause
from feedtwin.testing.provider import BROKEN, BUSY, GARBAGE, GOOD, LOST, Script, ScriptedProvider
from feedtwin.world import counsel
from feedtwin.world.build import build
from feedtwin.world.counsel import Counsel, inputs_of
from feedtwin.world.forking import fork
from feedtwin.world.impressions import Impression
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, resume, start
from feedtwin.world.tracing import trace

TASKS = ("persona", "caption", "comment", "campaign", "trend", "decision")
STEPS = 8
EAGER = (
    "campaigns.every_days=1", "campaigns.adoption=1", "trends.warm_up_steps=1", "trends.window_steps=2",
    "llm.decision.cohort=0-19", "llm.comment.cohort=0-39",
)  # fmt: skip
QUICK = ("llm.backoff_s=0", "llm.rate_per_minute=1000000", "llm.key=optional")
EVERYBODY = ("llm.persona.cohort=all",)
LEVERS = {"campaign": "policies.campaigns=llm", "trend": "policies.forecast=llm"}


def asking(lab, source="live", tasks=TASKS, sets=(), **options):
    """Settings of a tiny world in which some tasks are on, all of one model."""
    lines = [f"llm.{task}.source={source}" for task in tasks]
    lines += [f"llm.{task}.model=feedtwin-demo" for task in tasks]
    lines += [lever for task, lever in LEVERS.items() if task in tasks]
    told = {line.partition("=")[0] for line in sets}
    kept = [one for one in (*EAGER, *QUICK, *lines) if one.partition("=")[0] not in told]
    return lab.tiny(sets=[*kept, *sets], **options)


def ran(settings, path, kernels, client=None, steps=STEPS, **options):
    """Run settings into a folder."""
    return start(settings, path, RunOptions(steps, client=client, **options), kernels)


@pytest.fixture(scope="module")
def live(lab, kernels, tmp_path_factory):
    """A live run against a provider that answers well, and the provider; its cache lies beside it."""
    path = tmp_path_factory.mktemp("live") / "run"
    provider = ScriptedProvider(Script())
    finished = ran(asking(lab), path, kernels, provider, snapshot_every=3)
    return finished, provider


# -- the life of an answer -----------------------------------------------------------------------


def test_every_task_is_asked_and_the_ledger_is_the_providers_bill(live):
    finished, provider = live
    found = usage(finished.path)
    assert set(found.tasks) == set(LlmTask) - {LlmTask.ALL}
    assert found.paid == found.charged == provider.bill.microusd > 0
    for one in found.tasks.values():
        assert set(one.counts.by_source) == {AnswerSource.LIVE} and not one.counts.degraded
    rows = Run.open(finished.path).table("llm_ledger").to_pylist()
    assert sum(row["paid_microusd"] for row in rows) == provider.bill.microusd
    assert sum(row["live"] for row in rows) == provider.bill.calls
    assert language_use(finished.path).degraded == ()


def test_a_replay_asks_nobody_and_finds_every_digest_and_row(live, kernels, monkeypatch):
    finished, provider = live
    calls = provider.bill.calls
    _block_sockets(monkeypatch)
    report = replay(finished.path, kernels)
    assert report.digest == finished.digest and report.rows_compared > 0
    assert provider.bill.calls == calls


@pytest.mark.parametrize("how", ["live again", "offline", "cached only"])
def test_a_run_from_the_cache_makes_no_call_and_has_the_same_digest(
    how, live, lab, kernels, tmp_path, monkeypatch
):
    finished, _ = live
    provider = ScriptedProvider(Script(), seed=99)  # another model would say other things
    cache = finished.path.parent / "llm-cache"
    if how != "live again":
        _block_sockets(monkeypatch)
    again = ran(
        asking(lab, "cached" if how == "cached only" else "live"), tmp_path / "run", kernels,
        provider if how == "live again" else None, cache=cache, offline=how == "offline",
    )  # fmt: skip
    assert again.digest == finished.digest
    assert provider.bill.calls == 0
    found, first = usage(tmp_path / "run"), usage(finished.path)
    assert (found.charged, found.paid) == (first.charged, 0)
    assert found.burn_down == first.burn_down


def test_neither_latency_nor_concurrency_changes_a_world(live, lab, kernels, tmp_path):
    finished, _ = live
    slow = ScriptedProvider(Script(latency_s=(0.0, 0.02)))
    sets = ["llm.concurrency=3", "llm.batch_size=7"]
    again = ran(asking(lab, sets=sets), tmp_path / "run", kernels, slow)
    assert again.digest == finished.digest


class Photographer(ScriptedProvider):
    """Keeps the run folder as a kill at some calls would leave it."""

    def __init__(self, run, folder, calls):
        super().__init__(Script())
        self.run, self.folder, self.calls, self.count = run, folder, calls, 0
        self.images = []

    async def complete(self, call):
        self.count += 1
        if self.count in self.calls:
            self.images.append(self.folder / f"image-{self.count}")
            shutil.copytree(self.run, self.images[-1])
        return await super().complete(call)


def test_a_run_that_is_killed_while_it_asks_resumes_to_the_same_digest(
    live, lab, kernels, tmp_path
):
    finished, provider = live
    calls = set(range(1, provider.bill.calls, max(provider.bill.calls // 3, 1)))
    camera = Photographer(tmp_path / "run", tmp_path, calls)
    ran(asking(lab), tmp_path / "run", kernels, camera, snapshot_every=3, cache=tmp_path / "cache")
    assert len(camera.images) == len(calls)
    for number, path in enumerate(camera.images):
        again = ScriptedProvider(Script())
        done = resume(path, kernels, client=again, cache=tmp_path / f"own-{number}")
        assert done.digest == finished.digest
        assert replay(path, kernels).digest == finished.digest
        lost = usage(path).paid - provider.bill.microusd
        assert lost >= 0  # calls under way when it died may have been billed


def test_a_fork_begins_with_its_parents_records_and_keeps_its_future(
    live, lab, kernels, tmp_path, monkeypatch
):
    finished, _ = live
    _block_sockets(monkeypatch)
    cache = finished.path.parent / "llm-cache"
    same = fork(finished.path, 4, tmp_path / "a", [], None, "full", kernels, offline=True)
    assert same.digest == finished.digest
    parents = inputs_of(Run.open(finished.path).frames, before=4)
    assert inputs_of(Run.open(tmp_path / "a").frames)[: len(parents)] == parents
    assert replay(tmp_path / "a", kernels).digest == finished.digest
    sets = ["llm.comment.source=off", "llm.decision.source=off"]
    other = fork(
        finished.path, 4, tmp_path / "b", sets, None, "full", kernels, cache=cache, offline=True
    )
    assert other.digest != finished.digest
    assert replay(tmp_path / "b", kernels).digest == other.digest


def test_a_fork_cannot_ask_for_personas_later(live, kernels, tmp_path):
    finished, _ = live
    sets = ["llm.persona.source=off"]
    with pytest.raises(SettingsError, match=r"llm\.persona\.source says who people are"):
        fork(finished.path, 4, tmp_path / "x", sets, None, "full", kernels)


def _block_sockets(monkeypatch):
    def blocked(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", blocked)
    monkeypatch.setattr(socket.socket, "connect_ex", blocked)


# -- what answers do -----------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["caption", "decision"])
def test_where_no_model_answers_captions_and_actions_are_the_worlds_own(task, lab, kernels):
    off = lab.chain(lab.tiny(sets=EAGER), kernels)
    assert lab.chain(asking(lab, "surrogate", (task,)), kernels) == off


@pytest.mark.parametrize("task", ["persona", "caption", "campaign", "trend", "decision"])
def test_a_model_changes_the_world_through_its_task(task, lab, kernels, tmp_path):
    off = ran(lab.tiny(sets=EAGER), tmp_path / "off", kernels)
    sets = ["policies.governance=proactive"] if task == "trend" else []
    provider = ScriptedProvider(Script())
    on = ran(asking(lab, tasks=(task,), sets=sets), tmp_path / "on", kernels, provider)
    assert provider.bill.calls > 0
    assert on.digest != off.digest
    assert replay(tmp_path / "on", kernels).digest == on.digest


def test_a_persona_sets_taste_attention_and_liveliness_of_its_user_and_of_nobody_else(lab, kernels):
    plain = build(lab.tiny(), kernels)
    world = build(asking(lab, "surrogate", ("persona",)), kernels)
    rows = []

    def keep(published: Published) -> None:
        if published.batch.event == "PREFERENCE_UPDATED":
            rows.append(published.batch)

    world.recorder = keep
    before = {name: np.array(getattr(plain.users.table, name)) for name in ("taste", "like_logit")}
    with world.phase("routines") as publish:
        publish(*world.adviser.begin(0))
    users = np.unique(rows[0].user)
    others = np.setdiff1d(np.arange(len(plain.users.table)), users)
    assert len(users) and (plain.users.table.tier[users] <= 1).all()
    for name, old in before.items():
        assert np.array_equal(getattr(world.users.table, name)[others], old[others])
    liked = rows[0].cause == PreferenceCause.PERSONA_TASTE
    for user in users:
        own = (rows[0].user == user) & liked
        best = int(rows[0].topic[own][np.argmax(rows[0].change[own])])
        taste = world.users.table.taste[user].astype(np.int64)
        vectors = world.content.categories.vectors
        assert taste[vectors[best] > 0].max() == taste[vectors.any(axis=0)].max()


def test_captions_of_a_model_stand_in_tables_traces_and_requests(live, kernels):
    finished, _ = live
    run = Run.open(finished.path)
    texts = {row["text"]: row for row in run.table("texts").to_pylist()}
    items = run.sql("select item, text from items where created_step >= 0").to_pylist()
    own = [texts[row["text"]] for row in items if row["text"] in texts]
    assert len(own) == len(items) > 0
    said = run.sql("select text from video_engaged where engagement = 3").to_pylist()
    assert all(row["text"] for row in said)
    assert any(texts.get(row["text"], {}).get("kind") == "comment" for row in said)
    seen = run.sql(
        "select s.user, s.request, s.slot, c.text from impression_served s join video_created c "
        "on s.item = c.item where s.step > c.step limit 1"
    ).to_pylist()[0]
    traced = trace(finished.path, Impression(seen["user"], seen["request"], seen["slot"]), kernels)
    assert traced.video["caption"].startswith(texts[seen["text"]]["words"])


def test_what_a_fixed_plan_calls_a_video_can_be_read(lab, kernels, tmp_path):
    sets = ["policies.campaigns=template", "campaigns.adoption=1", "campaigns.hours=[2,4,6]"]
    done = ran(lab.tiny(sets=sets), tmp_path / "run", kernels)
    words = "select distinct t.kind, t.words from items i join texts t using (text)"
    found = Run.open(done.path).sql(words).to_pylist()
    assert [one["kind"] for one in found] == ["theme"]
    assert found[0]["words"].startswith("meet the channel")


def test_an_action_of_an_llm_driven_user_takes_the_place_of_what_the_rules_wished(
    lab, kernels, tmp_path
):
    """A model that always does nothing leaves its users without any act beyond watching."""

    class Idle(ScriptedProvider):
        async def complete(self, call):
            request = json.loads(call.messages[-1]["content"].split("\n")[1])
            last = len(request["options"]) - 1
            answer = {"choice": f"{last} DO_NOTHING", "text": "", "reason": "tired"}
            return Reply(json.dumps(answer), {"prompt_tokens": 1, "completion_tokens": 1})

    sets = ["llm.decision.cohort=0-39", "user.sessions_per_day=12"]
    settings = asking(lab, tasks=("decision",), sets=sets)
    ran(settings, tmp_path / "idle", kernels, Idle(Script()))
    run = Run.open(tmp_path / "idle")
    events = "social_graph_updated", "social_activity"
    acts = Counter()
    for event in events:
        for row in run.sql(f"select user from {event}").to_pylist():
            acts[row["user"] < 40] += 1
    assert acts[False] > 0 and acts[True] == 0


def test_plans_and_forecasts_say_who_made_them(live):
    run = Run.open(live[0].path)
    for event in ("campaign_plan_issued", "trend_forecast_issued"):
        sources = {row["source"] for row in run.sql(f"select source from {event}").to_pylist()}
        assert sources == {int(AnswerSource.LIVE)}, event


def test_a_policy_that_asks_and_a_task_that_is_asked_belong_together(lab, kernels):
    for sets, words in (
        (["policies.campaigns=llm"], r"llm\.campaign\.source is off"),
        (["llm.trend.source=surrogate"], r"policies\.forecast=llm"),
        (["llm.decision.source=surrogate"], "nobody would be asked"),
    ):
        with pytest.raises(SettingsError, match=words):
            build(lab.tiny(sets=sets), kernels)


@pytest.mark.parametrize(
    ("cohort", "words"),
    [
        ("80", r"nobody with the id 80 \(ids of people here: 0 to 79\)"),
        ("0-9,5000000-6000000", "nobody with the id 5000000-6000000"),
        ("elite", "none of the 80 people of this world belongs to it"),
        ("none", "nobody would be asked about"),
    ],
)
def test_a_cohort_of_nobody_is_refused_before_a_world_begins(cohort, words, lab, kernels):
    own = ["population.tier_shares=[0,0.05,0.15,0.8]", f"llm.decision.cohort={cohort}"]
    with pytest.raises(SettingsError, match=words) as refused:
        build(lab.tiny(sets=["llm.decision.source=surrogate", *own]), kernels)
    assert "llm.decision.source=off" in str(refused.value)
    build(lab.tiny(sets=own), kernels)  # where nobody is asked, nobody need be there


def test_a_replicate_in_which_chance_leaves_a_cohort_empty_runs_and_says_so(lab, kernels):
    empty = asking(lab, "surrogate", ("persona",), replicate=1)  # nobody is elite or active
    world = build(empty, kernels)
    assert "elite,active, and none of the 80 people" in world.notes[-1]
    first = build(asking(lab, "surrogate", ("persona",)), kernels)
    assert not any("nobody would be asked" in one for one in first.notes)


def test_a_default_cohort_of_nobody_is_said_and_refuses_no_world(lab, kernels):
    nobody = "population.tier_shares=[0,0,0.2,0.8]"
    world = build(lab.tiny(sets=["llm.persona.source=surrogate", nobody]), kernels)
    assert "that is the default" in world.notes[-1]
    typed = ["llm.persona.source=surrogate", "llm.persona.cohort=elite", nobody]
    with pytest.raises(SettingsError, match="belongs to it"):
        build(lab.tiny(sets=typed), kernels)


def test_a_range_of_ids_may_reach_beyond_the_last_of_them(lab, kernels):
    settings = lab.tiny(sets=["llm.decision.source=surrogate", "llm.decision.cohort=70-200"])
    assert build(settings, kernels).adviser is not None


# -- budgets -------------------------------------------------------------------------------------


def test_thresholds_are_events_and_the_same_from_the_cache(live, lab, kernels, tmp_path):
    """A budget that runs out: tiers change at barriers, the end is told, and a cached run takes the same turns."""
    needed = live[1].bill.microusd
    sets = [f"llm.budget_microusd={needed}", "llm.reserve_share=0.1", "llm.comment.live_until=0.3"]
    provider = ScriptedProvider(Script())
    first = ran(asking(lab, sets=sets), tmp_path / "a", kernels, provider)
    run = Run.open(first.path)
    changes = run.sql("select task, to_source, utilisation from llm_tier_changed").to_pylist()
    exceeded = run.sql(
        "select task, budget_microusd, spend_microusd from budget_exceeded"
    ).to_pylist()
    assert changes and exceeded
    assert len({(row["task"], row["budget_microusd"]) for row in exceeded}) == len(exceeded)
    for row in exceeded:
        assert 0 < row["spend_microusd"] <= needed
    assert provider.bill.microusd <= needed
    again = ran(asking(lab, sets=sets), tmp_path / "b", kernels, offline=True)
    assert again.digest == first.digest
    assert replay(first.path, kernels).digest == first.digest
    audit = run.sql("select action from audit where actor = 'platform'").to_pylist()
    assert {row["action"] for row in audit} >= {"LLM_TIER_CHANGED", "BUDGET_EXCEEDED"}


@pytest.mark.parametrize("reserve", [0, 0.1])
def test_a_fork_that_inherits_more_than_its_budget_says_so_once_in_its_first_step(
    reserve, live, kernels, tmp_path
):
    finished, provider = live
    calls, found = provider.bill.calls, usage(finished.path)
    inherited = [charged for step, charged in found.burn_down if step < 4][-1]
    sets = [f"llm.budget_microusd={inherited // 2}", f"llm.reserve_share={reserve}"]
    other = fork(finished.path, 4, tmp_path / "a", sets, None, "full", kernels, client=provider)
    told = Run.open(other.path).sql("select * from budget_exceeded").to_pylist()
    assert {(row["step"], row["task"]) for row in told} == {(4, LlmTask.ALL)}
    open_part = inherited // 2 - round(inherited // 2 * reserve)
    assert {row["budget_microusd"] for row in told} == {inherited // 2, open_part}
    assert {row["spend_microusd"] for row in told} == {inherited}
    assert provider.bill.calls == calls
    assert replay(other.path, kernels).digest == other.digest
    sets = ["recommendation.slate_size=9"]
    again = fork(other.path, 6, tmp_path / "b", sets, None, "full", kernels, offline=True)
    late = Run.open(again.path).sql("select * from budget_exceeded").to_pylist()
    assert late == [], "the limit was passed before this fork"
    assert replay(again.path, kernels).digest == again.digest


# -- trouble -------------------------------------------------------------------------------------

GO_ON = ("llm.on_trouble=degrade",)
"""Where nobody ever answers, a run stops unless it is told to go on."""
STORMS = {
    "answers slower than the deadline": (
        Script(latency_s=(5.0, 5.0)),
        ("llm.call_timeout_s=0.05", "llm.flush_deadline_s=0.1", "llm.attempts_max=1", *GO_ON),
    ),
    "a storm of 429": (Script({BUSY: 9, GOOD: 1}), ("llm.attempts_max=2",)),
    "failures": (Script({BROKEN: 1, GOOD: 2}), ("llm.attempts_max=1",)),
    "garbage": (Script({GARBAGE: 1, GOOD: 1}), ()),
    "no answer": (Script({LOST: 1}), ("llm.call_timeout_s=0.05", "llm.attempts_max=1", *GO_ON)),
}


@pytest.mark.parametrize("storm", STORMS)
def test_whatever_a_provider_does_the_run_completes_degraded_and_says_so(
    storm, lab, kernels, tmp_path
):
    script, sets = STORMS[storm]
    provider = ScriptedProvider(script)
    tasks = ("caption", "campaign", "trend")
    done = ran(asking(lab, tasks=tasks, sets=sets), tmp_path / "run", kernels, provider, steps=4)
    assert not done.interrupted
    use = language_use(done.path)
    assert use.degraded and all(note.startswith("degraded: ") for note in use.degraded)
    assert provider.bill.microusd <= use.charged_microusd
    assert replay(done.path, kernels).digest == done.digest


class Mortal(ScriptedProvider):
    """Dies after some calls, for good."""

    def __init__(self, lives):
        super().__init__(Script())
        self.lives = lives

    async def complete(self, call):
        self.lives -= 1
        if self.lives < 0:
            return Failure("unreachable", is_spent=False, is_passing=True)
        return await super().complete(call)


def test_a_server_that_dies_mid_run_degrades_it_or_stops_it_to_be_resumed(
    live, lab, kernels, tmp_path
):
    finished, _ = live
    done = ran(asking(lab), tmp_path / "a", kernels, Mortal(30))
    assert not done.interrupted and language_use(done.path).degraded
    assert done.digest != finished.digest
    stopping = asking(lab, sets=["llm.on_trouble=stop"])
    with pytest.raises(LLMError, match="feedtwin resume"):
        ran(stopping, tmp_path / "b", kernels, Mortal(30), cache=tmp_path / "own")
    mended = resume(
        tmp_path / "b", kernels, client=ScriptedProvider(Script()), cache=tmp_path / "own"
    )
    assert mended.digest == finished.digest
    assert language_use(mended.path).degraded == ()
    assert replay(mended.path, kernels).digest == finished.digest


@pytest.mark.parametrize("reason", ["http 401", "http 404", "unreachable"])
def test_a_run_that_cannot_ask_stops_at_its_first_call_and_resumes_as_if_nothing_had_been(
    reason, live, lab, kernels, tmp_path
):
    path, cache = tmp_path / "run", tmp_path / "cache"
    with pytest.raises(
        LLMError, match=r"llm, step 0: .*\(llm\.base_url\).*feedtwin resume \S+run`"
    ):
        ran(asking(lab), path, kernels, Refusing(reason), cache=cache)
    assert not list(cache.rglob("*.json"))
    mended = resume(path, kernels, client=ScriptedProvider(Script()), cache=cache)
    assert mended.digest == live[0].digest
    assert language_use(path).degraded == () and usage(path).paid == live[1].bill.microusd


def test_a_run_from_the_cache_alone_that_is_told_to_stop_does_where_a_record_is_missing(
    live, lab, kernels, tmp_path
):
    cache = tmp_path / "cache"
    shutil.copytree(live[0].path.parent / "llm-cache", cache)
    for path in sorted((cache / "caption_generation").rglob("*.json"))[:1]:
        path.unlink()
    settings = asking(lab, sets=["llm.on_trouble=stop"])
    with pytest.raises(LLMError, match=r"CAPTION_GENERATION of \[.*not in the cache"):
        ran(settings, tmp_path / "run", kernels, cache=cache, offline=True)
    provider = ScriptedProvider(Script())
    mended = resume(tmp_path / "run", kernels, client=provider, cache=cache)
    assert mended.digest == live[0].digest and provider.bill.calls == 1


@pytest.mark.parametrize("reason", ["http 401", "unreachable", "timeout"])
def test_a_run_that_failed_leaves_nothing_in_a_cache_that_hides_a_later_answer(
    reason, live, lab, kernels, tmp_path
):
    cache, settings = tmp_path / "cache", asking(lab, sets=["llm.on_trouble=degrade"])
    failed = ran(settings, tmp_path / "failed", kernels, Refusing(reason), cache=cache)
    assert failed.digest != live[0].digest
    good = ran(settings, tmp_path / "good", kernels, ScriptedProvider(Script()), cache=cache)
    assert good.digest == live[0].digest
    again = ran(settings, tmp_path / "again", kernels, cache=cache, offline=True)
    assert again.digest == good.digest
    assert usage(again.path).burn_down == usage(good.path).burn_down
    assert replay(failed.path, kernels).digest == failed.digest


class Refusing(ScriptedProvider):
    """Answers nothing, always for the same reason."""

    def __init__(self, reason):
        super().__init__(Script())
        self.reason = reason

    async def complete(self, call):
        return Failure(self.reason, is_spent=self.reason == "timeout", is_passing=False)


def test_reasons_and_damaged_records_are_counted_and_told(live, lab, kernels, tmp_path):
    cache = tmp_path / "cache"
    shutil.copytree(live[0].path.parent / "llm-cache", cache)
    captions = sorted((cache / "caption_generation").rglob("*.json"))
    captions[0].write_text("{}")
    captions[1].unlink()
    done = ran(asking(lab), tmp_path / "run", kernels, cache=cache, offline=True)
    found = usage(done.path)
    assert found.damaged == {"unsound": 1}
    assert found.tasks[LlmTask.CAPTION_GENERATION].reasons["not in the cache"] >= 2
    for one in found.tasks.values():
        assert sum(one.reasons.values()) == one.counts.degraded
    (note,) = [one for one in language_use(done.path).warnings if "answer cache" in one]
    assert note.startswith("1 record of") and "feedtwin llm cache verify FOLDER" in note
    assert "not in the cache" in language_use(done.path).reasons["CAPTION_GENERATION"]
    shown = CliRunner().invoke(app, ["llm", "usage", str(done.path)])
    text = " ".join(shown.output.split())
    assert "warning: 1 record of the answer cache could not be used (1 unsound)" in text
    assert "not as wanted, CAPTION_GENERATION:" in text and "not in the cache" in text
    assert replay(done.path, kernels).digest == done.digest


# -- counsel -------------------------------------------------------------------------------------


def test_a_world_that_is_built_without_counsel_is_answered_by_stand_ins(lab, kernels):
    settings = asking(lab, "surrogate")
    assert lab.chain(settings, kernels) == lab.chain(settings, kernels, counsel=Counsel())


# -- what models made of it ----------------------------------------------------------------------


def test_outcomes_are_compared_with_the_same_world_answered_by_rules(lab, kernels, tmp_path):
    words = ran(
        asking(lab, tasks=("comment",)), tmp_path / "a", kernels, ScriptedProvider(Script())
    )
    assert {one.difference for one in downstream([words.path], kernels)} == {0.0}
    tasks = ("persona", "decision")
    acts = ran(asking(lab, tasks=tasks), tmp_path / "b", kernels, ScriptedProvider(Script()))
    found = downstream([acts.path], kernels)
    assert any(one.difference for one in found)
    readings = measure(read_run(acts.path))
    assert all(readings[one.metric].value == one.run for one in found)
    assert {(one.n, one.low, one.high) for one in found} == {(1, None, None)}
    plain = ran(lab.tiny(), tmp_path / "c", kernels, steps=2)
    with pytest.raises(SettingsError, match="no language model"):
        downstream([plain.path], kernels)


def test_outcomes_of_several_replicates_have_intervals(lab, kernels, tmp_path):
    paths = []
    for replicate in range(2):
        settings = asking(lab, tasks=("persona",), sets=EVERYBODY, replicate=replicate)
        path = tmp_path / str(replicate)
        ran(settings, path, kernels, ScriptedProvider(Script()), steps=2, cache=tmp_path / "cache")
        paths.append(path)
    found = {one.metric: one for one in downstream(paths, kernels)}
    alone = [{one.metric: one for one in downstream([path], kernels)} for path in paths]
    one = found["watch_s"]
    assert one.n == 2 and one.low <= one.difference <= one.high
    assert one.difference == pytest.approx(np.mean([each["watch_s"].difference for each in alone]))
    with pytest.raises(SettingsError, match="given twice"):
        downstream([paths[0], paths[0]], kernels)
    same = asking(lab, tasks=("persona",), sets=EVERYBODY)
    ran(same, tmp_path / "again", kernels, offline=True, steps=2)
    with pytest.raises(SettingsError, match="expected another replicate"):
        downstream([paths[0], tmp_path / "again"], kernels)
    other = asking(lab, tasks=("persona",), sets=["llm.persona.cohort=0-9"], replicate=2)
    ran(other, tmp_path / "other", kernels, offline=True, steps=2)
    with pytest.raises(SettingsError, match="other settings or another length"):
        downstream([paths[0], tmp_path / "other"], kernels)


# -- determinism ---------------------------------------------------------------------------------


def test_a_world_with_an_adviser_is_the_same_on_every_path(lab, kernels, numpy_kernels):
    settings = asking(lab, "surrogate")
    native = lab.chain(settings, kernels)
    assert lab.chain(settings, numpy_kernels) == native
    assert lab.chain(settings, kernels, reverse_handlers=True) == native


def test_an_answer_does_not_depend_on_who_else_is_asked(lab, kernels, tmp_path):
    """Two cohorts that share users: their asks of the first step, before anything differs, have the same answers."""
    found = {}
    for cohort in ("0-19", "10-39"):
        sets = ["llm.decision.cohort=" + cohort, "user.sessions_per_day=12"]
        settings = asking(lab, tasks=("decision",), sets=sets)
        ran(
            settings,
            tmp_path / cohort,
            kernels,
            ScriptedProvider(Script()),
            steps=1,
            cache=tmp_path / f"c{cohort}",
        )
        rows = _answers(Run.open(tmp_path / cohort))
        found[cohort] = {key[0]: response for key, response in rows.items()}
    shared = found["0-19"].keys() & found["10-39"].keys()
    assert len(shared) >= 3
    assert all(found["0-19"][user] == found["10-39"][user] for user in shared)


def _answers(run):
    return {
        tuple(row["key"]): row["response"]
        for _, _, payload in inputs_of(run.frames)
        for row in payload.get("rows", ())
    }


def test_the_sections_of_the_tasks_are_those_of_the_service():
    assert tuple(SECTIONS.values()) == counsel.TASKS
