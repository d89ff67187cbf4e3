"""Models that hang, refuse or are not there: who is asked again and when, and what stops a run."""

import asyncio
from collections import Counter

import pytest

from feedtwin.errors import LLMError
from feedtwin.llm.barrier import Exceeded
from feedtwin.llm.cache import Cache
from feedtwin.llm.clients import Failure, Reply
from feedtwin.llm.rehearsal import Rehearsal
from feedtwin.llm.task import Ask, task
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.testing.provider import BROKEN, GOOD, Script, ScriptedProvider
from feedtwin.testing.samples import sample_asks
from feedtwin.testing.services import Records, asks_of, live_settings, service_of

LIVE, CACHED, SURROGATE = AnswerSource.LIVE, AnswerSource.CACHED, AnswerSource.SURROGATE
GONE = Failure("unreachable", is_spent=False, is_passing=True)
SLOW = Failure("timeout", is_spent=True, is_passing=True)
PAGE = Reply(None, None, is_chat=False)
"""What a web server that knows no chat answers to anything."""
OTHER = "gpt-3.5-turbo"
"""A second model, which captions use where a test says so."""


def refused(status):
    return Failure(f"http {status}", is_spent=False, is_passing=False)


class Fickle(ScriptedProvider):
    """Answers well, unless `fails` has an outcome for the call."""

    def __init__(self, fails):
        super().__init__(Script())
        self.fails, self.calls = fails, Counter()

    async def complete(self, call):
        self.calls[call.model] += 1
        return self.fails(call) or await super().complete(call)


def steps_of(settings, provider, steps, records=None, start=0, **sources):
    """Answer the asks of some steps; return by step (calls that went out, reasons)."""
    found, records = [], Records() if records is None else records
    with service_of(settings, client=provider, records=records, **sources) as service:
        for step in range(start, steps):
            service.begin_step(step)
            before = sum(provider.calls.values())
            reasons = Counter(one.reason for one in service.answer(asks_of(12, step)))
            found.append((sum(provider.calls.values()) - before, reasons))
            records.committed = step
            service.ledger.check()
            assert not service.ledger.open_calls()
    return found


# -- a model that is silent ----------------------------------------------------------------------

PATIENT = ("attempts_max=2", "silence_max=2", "pause_max=4")


@pytest.mark.parametrize("outcome", [GONE, SLOW, Failure("http 503", True, True), Failure("http 429", False, True)])  # fmt: skip
def test_a_silent_model_is_left_alone_for_longer_and_longer_and_tried_with_one_call(outcome):
    settings = live_settings(*PATIENT, "on_trouble=degrade")
    found = steps_of(settings, Fickle(lambda call: outcome), 18)
    # two steps of two attempts each; then pauses of 1, 2, 4, 4 steps, each ended by one call
    assert [calls for calls, _ in found] == [24, 24, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
    assert found[2][1] == {"provider down": 12}
    assert found[3][1] == {outcome.reason: 1, "provider down": 11}


def test_a_model_that_is_back_is_found_by_one_call_and_asked_as_before():
    settings = live_settings(*PATIENT, "on_trouble=degrade")
    step = [0]
    provider = Fickle(lambda call: SLOW if step[0] < 3 else None)
    with service_of(settings, client=provider) as service:
        for now in range(6):
            step[0] = now
            service.begin_step(now)
            reasons = Counter(one.reason for one in service.answer(asks_of(12, now)))
            assert reasons == {0: {"timeout": 12}, 1: {"timeout": 12}, 2: {"provider down": 12}}.get(now, {"": 12})  # fmt: skip
    assert sum(provider.calls.values()) == 24 + 24 + 12 * 3


@pytest.mark.parametrize("at", range(1, 10))
def test_a_run_that_resumes_leaves_alone_whom_it_would_have_left_alone(at):
    settings = live_settings(*PATIENT, "on_trouble=degrade")
    whole = steps_of(settings, Fickle(lambda call: GONE), 10)
    records = Records()
    first = steps_of(settings, Fickle(lambda call: GONE), at, records)
    rest = steps_of(
        settings, Fickle(lambda call: GONE), 10, records, at, past=records.by_step(),
        replays_until=records.committed,
    )  # fmt: skip
    assert first + rest == whole


def test_from_the_cache_alone_a_run_takes_the_turns_that_silence_made_it_take(tmp_path):
    settings = live_settings(*PATIENT, "on_trouble=degrade", "budget_microusd=30000")
    step = [0]
    provider = Fickle(lambda call: SLOW if step[0] < 4 else None)

    def answers_of(cache, client=None):
        found = []
        with service_of(settings, client=client, cache=cache) as service:
            for now in range(7):
                step[0] = now
                barrier = service.begin_step(now)
                found.append((barrier, [one.response for one in service.answer(asks_of(12, now))]))
            return found, service.ledger.account().charged

    first = answers_of(Cache(tmp_path, ""), provider)
    assert first[1] > provider.bill.microusd > 0  # what timed out is spent, and charged again
    assert answers_of(Cache(tmp_path, "")) == first


def test_one_silent_model_takes_no_other_down():
    settings = live_settings(*PATIENT, f"caption.model={OTHER}", "on_trouble=degrade")
    provider = Fickle(lambda call: SLOW if call.model == OTHER else None)
    with service_of(settings, client=provider) as service:
        for step in range(4):
            service.begin_step(step)
            for ask, one in zip(asks_of(24, step), service.answer(asks_of(24, step)), strict=True):
                assert (one.source is LIVE) == (ask.task.code is not LlmTask.CAPTION_GENERATION)
    assert provider.calls[OTHER] == 8 + 8 + 0 + 1


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422])
def test_a_request_that_is_refused_concerns_nobody_else(status):
    records = Records()
    bad = sample_asks(task("COMMENT_GENERATION"), 6, 0)[2].request
    provider = Fickle(
        lambda call: (
            refused(status) if bad.model_dump_json() in call.messages[-1]["content"] else None
        )
    )
    asks = sample_asks(task("COMMENT_GENERATION"), 6, 0)
    with service_of(live_settings("batch_size=1"), client=provider, records=records) as service:
        service.begin_step(0)
        answers = service.answer(asks)
        assert [one.source for one in answers] == [LIVE, LIVE, SURROGATE, LIVE, LIVE, LIVE]
        assert answers[2].reason == f"http {status}"
    assert records.by_step()[0].rows[asks[2].name].reason == f"http {status}"


def test_what_a_hanging_model_keeps_from_leaving_says_nothing_of_the_others():
    """Calls that never left before the deadline are no silence of their model."""
    settings = live_settings(
        f"caption.model={OTHER}", "concurrency=1", "flush_deadline_s=0.1", "call_timeout_s=5",
        "attempts_max=1", "on_trouble=degrade", "silence_max=1",
    )  # fmt: skip

    class Hanging(Fickle):
        async def complete(self, call):
            if call.model == OTHER:
                await asyncio.Event().wait()
            return await super().complete(call)

    asks = [
        *sample_asks(task("CAPTION_GENERATION"), 1, 0),
        *sample_asks(task("COMMENT_GENERATION"), 2, 0),
    ]
    provider = Hanging(lambda call: None)
    with service_of(settings, client=provider) as service:
        service.begin_step(0)
        assert {one.reason for one in service.answer(asks)} == {"deadline"}
        service.begin_step(1)
        found = service.answer(asks)
        assert [one.reason for one in found] == ["provider down", "", ""]


# -- a wrong key, address or model ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (refused(401), ("llm.key_variable", "FEEDTWIN_LLM_KEY", "http 401")),
        (refused(403), ("llm.key_variable", "feedtwin-demo", "http 403")),
        (refused(404), ("llm.base_url", "feedtwin-demo", "http 404")),
        (GONE, ("llm.base_url", "unreachable")),
        (SLOW, ("llm.base_url", "llm.call_timeout_s", "firewall", "timeout")),
        (PAGE, ("llm.base_url", "is no chat server", "no chat completion")),
        (Failure("body too long", True, False), ("is no chat server", "body too long")),
    ],
)
@pytest.mark.parametrize("trouble", ["setup", "stop"])
def test_a_run_whose_first_calls_fail_for_its_set_up_stops_at_once_and_resumes(
    trouble, outcome, words, tmp_path
):
    settings, records = live_settings(f"on_trouble={trouble}", "batch_size=4"), Records()
    cache = Cache(tmp_path / "cache", "")
    provider = Fickle(lambda call: outcome)
    with pytest.raises(LLMError) as caught:
        steps_of(settings, provider, 2, records, cache=cache)
    text = str(caught.value)
    assert "\n" not in text and "feedtwin resume" in text and "llm.on_trouble=degrade" in text
    assert all(word in text for word in (*words, settings.base_url))
    assert sum(provider.calls.values()) == (8 if outcome in (GONE, SLOW, PAGE) else 4)
    assert not any(one.rows for one in records.by_step().values())
    assert not list(cache.entries())
    sound = Fickle(lambda call: None)
    found = steps_of(settings, sound, 2, records, past=records.by_step(), cache=cache)
    assert found == [(12, {"": 12})] * 2
    if outcome not in (SLOW, PAGE) and not getattr(outcome, "is_spent", False):
        assert sum(row.paid for step in records.by_step().values() for row in step.ends.values()) == sound.bill.microusd  # fmt: skip


def test_a_key_that_is_refused_on_trial_stops_and_leaves_no_reservation():
    step = [0]
    provider = Fickle(lambda call: [None, SLOW, SLOW, refused(401)][step[0]])
    with service_of(live_settings("silence_max=1", "pause_max=1"), client=provider) as service:
        for now in (0, 1, 2, 3):
            step[0] = now
            service.begin_step(now)
            if now == 3:
                with pytest.raises(LLMError, match="does not take the key"):
                    service.answer(asks_of(6, now))
            else:
                service.answer(asks_of(6, now))
        service.ledger.check()
        assert not service.ledger.open_calls()


@pytest.mark.parametrize("outcome", [SLOW, PAGE, Reply(None, None), Reply("<html>", None)])
def test_once_a_model_has_answered_or_where_it_completes_chats_the_run_goes_on(outcome):
    """A completion without usable text comes from a chat server; silence after an answer is no wrong address."""
    is_chat = isinstance(outcome, Reply) and outcome.is_chat
    provider = Fickle(lambda call: outcome if is_chat or step[0] else None)
    step = [0]
    with service_of(live_settings(), client=provider) as service:
        for now in range(2):
            step[0] = now
            service.begin_step(now)
            found = service.answer(asks_of(6, now))
            assert any(one.reason for one in found) == bool(is_chat or now)


def test_told_to_degrade_it_goes_on():
    settings = live_settings("on_trouble=degrade")
    found = steps_of(settings, Fickle(lambda call: refused(401)), 3)
    assert found == [(12, {"http 401": 12})] * 3


def test_a_model_that_is_wrong_for_one_task_is_found_when_it_is_first_asked():
    settings = live_settings(f"caption.model={OTHER}")
    provider = Fickle(lambda call: refused(404) if call.model == OTHER else None)
    records = Records()
    with service_of(settings, client=provider, records=records) as service:
        service.begin_step(0)
        service.answer(sample_asks(task("COMMENT_GENERATION"), 4, 0))
        service.begin_step(1)
        with pytest.raises(LLMError, match=rf"{OTHER} \(llm\.caption\.model\)"):
            service.answer(asks_of(12))
    assert len(records.by_step()[1].rows) == 10  # the answers of the other tasks are on record


def test_later_a_key_that_is_refused_stops_and_a_server_that_is_gone_does_not():
    for outcome, stops in ((refused(401), True), (refused(404), False), (GONE, False)):
        step = [0]
        provider = Fickle(lambda call, bad=outcome, now=step: bad if now[0] else None)
        with service_of(live_settings(), client=provider) as service:
            service.begin_step(0)
            service.answer(asks_of(6))
            service.begin_step(1)
            step[0] = 1
            if stops:
                with pytest.raises(LLMError, match="does not take the key"):
                    service.answer(asks_of(6, 1))
            else:
                assert {one.reason for one in service.answer(asks_of(6, 1))} == {outcome.reason}


# -- told to stop rather than degrade ------------------------------------------------------------


def stopped(settings, asks, words, client=None, records=None, **sources):
    """Answer asks in a run that must stop, with these words; return its journal."""
    records = Records() if records is None else records
    with service_of(settings, client=client, records=records, **sources) as service:
        service.begin_step(0)
        with pytest.raises(LLMError, match=words):
            service.answer(asks)
        service.ledger.check()
        assert not service.ledger.open_calls()
    return records


def test_a_run_from_the_cache_alone_stops_where_an_answer_is_missing(tmp_path):
    asks = asks_of(12)
    with service_of(live_settings(), client=ScriptedProvider(), cache=Cache(tmp_path, "")) as first:
        first.begin_step(0)
        first.answer(asks[:9])
    for source in ("live", "cached"):
        sets = [f"{one}.source={source}" for one in ("persona", "caption", "comment", "campaign", "trend", "decision")]  # fmt: skip
        settings = live_settings("on_trouble=stop", *sets)
        records = stopped(settings, asks, "not in the cache; 3 asks.*--llm-cache", cache=Cache(tmp_path, ""))  # fmt: skip
        assert len(records.by_step()[0].rows) == 9
    settings, provider = live_settings("on_trouble=stop"), ScriptedProvider()
    past = records.by_step()
    with service_of(settings, client=provider, past=past, cache=Cache(tmp_path, "")) as again:
        again.begin_step(0)
        assert not any(one.reason for one in again.answer(asks))
    assert provider.bill.calls == 3


def test_a_run_stops_where_its_money_ends_before_it_spends_more():
    settings = live_settings("on_trouble=stop", "budget_microusd=900", "reserve_share=0")
    provider = ScriptedProvider()
    stopped(settings, asks_of(60), r"budget; \d+ asks.*llm.budget_microusd.*feedtwin fork", provider)  # fmt: skip
    assert provider.bill.calls == 0  # the first batch holds one that finds no money
    own = live_settings("on_trouble=stop", "caption.budget_share=0.00001")
    stopped(own, asks_of(12), r"budget of the task.*llm\.caption\.budget_share", ScriptedProvider())


def test_a_long_queue_and_an_overrun_stop_it_too():
    stopped(live_settings("on_trouble=stop", "queue_max=3"), asks_of(12), r"llm\.queue_max", ScriptedProvider())  # fmt: skip
    liar = ScriptedProvider(Script(usages={"huge": 1}))
    with service_of(live_settings("on_trouble=stop"), client=liar) as service:
        service.begin_step(0)
        service.answer(asks_of(6))
        service.begin_step(1)
        with pytest.raises(LLMError, match=r"provider overrun.*feedtwin llm usage"):
            service.answer(asks_of(6, 1))


def test_thresholds_are_configured_and_stop_nothing():
    settings = live_settings("on_trouble=stop", "comment.live_until=0")
    asks = sample_asks(task("COMMENT_GENERATION"), 6, 0)
    with service_of(settings, client=ScriptedProvider()) as service:
        service.begin_step(0)
        assert {one.reason for one in service.answer(asks)} == {""}
        service.begin_step(1)
        assert {one.reason for one in service.answer(asks)} == {"threshold"}


def test_a_threshold_that_nobody_chose_is_no_wish_for_stand_ins():
    """By default comments are left to the rule at 80 %: told to stop, a run ends there instead."""
    settings = live_settings("on_trouble=stop", "budget_microusd=100000", "reserve_share=0")
    asks = sample_asks(task("COMMENT_GENERATION"), 6, 0)
    records = Records()
    with service_of(settings, client=ScriptedProvider(), records=records) as service:
        service.begin_step(0)
        service.ledger.settle(service.ledger.reserve(LlmTask.CAPTION_GENERATION, 85_000).call, 85_000, 85_000)  # fmt: skip
        service.begin_step(1)
        with pytest.raises(LLMError, match=r"threshold; 6 asks.*llm\.comment\.live_until.*fork"):
            service.answer(asks)


def test_with_no_money_at_all_a_run_that_is_told_to_stop_stops_at_its_first_ask():
    stopped(live_settings("on_trouble=stop", "budget_microusd=0"), asks_of(6), r"budget; \d asks", ScriptedProvider())  # fmt: skip


def test_a_replay_stops_for_nothing():
    settings, records = live_settings("attempts_max=1"), Records()
    provider = ScriptedProvider(Script({GOOD: 1, BROKEN: 1}), seed=2)
    with service_of(settings, client=provider, records=records) as service:
        service.begin_step(0)
        first = service.answer(asks_of(24))
    assert any(one.reason for one in first)
    stopping = live_settings("attempts_max=1", "on_trouble=stop")
    with service_of(stopping, past=records.by_step(), replays_until=0) as again:
        again.begin_step(0)
        assert [one.response for one in again.answer(asks_of(24))] == [one.response for one in first]  # fmt: skip


def test_a_rehearsal_says_what_would_be_degraded_and_stops_for_nothing():
    settings = live_settings("on_trouble=stop", "budget_microusd=900", "queue_max=30")
    with service_of(settings, client=Rehearsal()) as service:
        service.begin_step(0)
        found = Counter(one.reason for one in service.answer(asks_of(60)))
    assert found["queue full"] == 30 and found["budget"]


# -- limits of the budget ------------------------------------------------------------------------


def told(barriers):
    return [(step, one.task, one.budget) for step, found in enumerate(barriers) for one in found.exceeded]  # fmt: skip


def test_each_limit_is_told_once_where_it_binds():
    """A task's own limit, then all but the reserve, then the whole: three events, each with its amount."""
    settings = live_settings(
        "budget_microusd=10000", "reserve_share=0.5", "caption.budget_share=0.05", "comment.live_until=1",
    )  # fmt: skip
    captions = sample_asks(task("CAPTION_GENERATION"), 12, 0)
    comments = sample_asks(task("COMMENT_GENERATION"), 200, 0)
    elite = [Ask(one.task, one.key, one.request, is_privileged=True) for one in comments]
    steps = [captions, comments, elite, elite, captions, comments]
    records = Records()

    def barriers_of(**sources):
        found = []
        with service_of(settings, **sources) as service:
            for step, asks in enumerate(steps):
                found.append(service.begin_step(step))
                service.answer(asks)
            return [*found, service.begin_step(len(steps))], service.ledger

    barriers, ledger = barriers_of(client=ScriptedProvider(), records=records)
    assert told(barriers) == [(1, LlmTask.CAPTION_GENERATION, 500), (2, LlmTask.ALL, 5000), (3, LlmTask.ALL, 10000)]  # fmt: skip
    first = barriers[1].exceeded[0]
    assert isinstance(first, Exceeded) and 0 < first.spend <= first.budget
    assert ledger.account().charged <= 10000
    again, _ = barriers_of(past=records.by_step(), replays_until=len(steps) - 1)
    assert again == barriers


@pytest.mark.parametrize(
    ("sets", "limit", "tasks"),
    [
        (("budget_microusd=0",), LlmTask.ALL, 6),
        (("caption.budget_share=0",), LlmTask.CAPTION_GENERATION, 1),
    ],
)
def test_where_there_is_no_money_from_the_start_the_first_barrier_says_so(sets, limit, tasks):
    settings, records = live_settings(*sets), Records()
    steps = [asks_of(12, step) for step in range(3)]

    def barriers_of(start=0, **sources):
        with service_of(settings, **sources) as service:
            found = []
            for step in range(start, len(steps)):
                found.append(service.begin_step(step))
                service.answer(steps[step])
            return found

    first, *later = barriers_of(client=ScriptedProvider(), records=records)
    assert [(one.task, one.budget, one.spend) for one in first.exceeded] == [(limit, 0, 0)]
    assert len(first.changes) == tasks
    assert {(one.from_source, one.to_source) for one in first.changes} == {(LIVE, CACHED)}
    assert not any(one.changes or one.exceeded for one in later)
    past = {"past": records.by_step(), "replays_until": 2}
    assert barriers_of(**past) == [first, *later]
    assert barriers_of(1, **past) == later
    reasons = {reason for one in records.by_step().values() for task in one.counts().values() for reason in task.reasons}  # fmt: skip
    assert reasons == {"budget" if limit is LlmTask.ALL else "budget of the task"}


# -- damage --------------------------------------------------------------------------------------


def test_a_damaged_record_is_counted_once_however_it_is_met(tmp_path):
    asks = asks_of(6)
    with service_of(live_settings(), client=ScriptedProvider(), cache=Cache(tmp_path, "")) as first:
        first.begin_step(0)
        first.answer(asks)
    broken = sorted(tmp_path.rglob("*.json"))[:2]
    for path in broken:
        path.write_text("{}")
    records = Records()
    settings = live_settings("compatible_within=0.01")
    with service_of(settings, cache=Cache(tmp_path, ""), records=records) as again:
        for step in range(2):
            again.begin_step(step)
            again.answer(asks)
    assert [one.damaged for one in records.by_step().values()] == [{"unsound": 2}, {}]
