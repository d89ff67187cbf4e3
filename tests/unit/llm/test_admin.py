"""Costs before and after: estimates near the bill, usage that adds up."""

import pytest

from feedtwin.errors import BudgetError, IntegrityError, RunFolderError, SettingsError
from feedtwin.llm import admin, estimates
from feedtwin.llm.cache import Cache
from feedtwin.llm.estimates import Demand
from feedtwin.llm.records import SENT
from feedtwin.llm.shipping import verify_cache
from feedtwin.llm.task import Ask, task
from feedtwin.record.journal import Journal
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.schema.settings import resolve
from feedtwin.testing.provider import BROKEN, GARBAGE, GOOD, Script, ScriptedProvider
from feedtwin.testing.samples import sample_asks
from feedtwin.testing.services import FAST, asks_of, live_settings, llm_settings, service_of

NAMES = {
    LlmTask.PERSONA_GENERATION: "PERSONA_GENERATION", LlmTask.CAPTION_GENERATION: "CAPTION_GENERATION", LlmTask.COMMENT_GENERATION: "COMMENT_GENERATION",
    LlmTask.CREATOR_CAMPAIGN: "CREATOR_CAMPAIGN", LlmTask.TREND_PREDICTION: "TREND_PREDICTION", LlmTask.ACTION_SELECTION: "ACTION_SELECTION",
}  # fmt: skip


def billed(settings, steps):
    """What the scripted provider bills for some steps."""
    provider = ScriptedProvider(Script(is_apt=True))
    with service_of(settings, client=provider) as service:
        for step, asks in enumerate(steps):
            service.begin_step(step)
            service.answer(asks)
        assert service.ledger.account().charged == provider.bill.microusd
    return provider.bill


def typical(name, count):
    kind = task(name)
    return [Ask(kind, (k, *(0 for _ in kind.key[1:])), kind.example()) for k in range(count)]


SCENARIOS = {
    "captions of the example": [typical("CAPTION_GENERATION", 60)],
    "an hourly forecast and daily plans": [
        typical("TREND_PREDICTION", 1) + typical("CREATOR_CAMPAIGN", 5)
    ]
    * 8,
    "mixed requests of all tasks": [asks_of(120, 0), asks_of(120, 1)],
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_estimate_is_within_ten_percent_of_the_bill(scenario):
    steps, settings = SCENARIOS[scenario], live_settings("budget_microusd=1000000000")
    by_task = {}
    for asks in steps:
        for ask in asks:
            by_task.setdefault(ask.task.code, []).append(ask)
    demands = [
        Demand(code, len(asks), asks[: max(len(asks) // 2, 1)]) for code, asks in by_task.items()
    ]
    rows = estimates.estimate(settings, demands)
    bill = billed(settings, steps)
    expected = sum(one.expected for one in rows)
    assert abs(expected - bill.microusd) <= 0.1 * bill.microusd
    assert sum(one.worst for one in rows) >= bill.microusd
    assert abs(sum(one.tokens_in for one in rows) - bill.tokens_in) <= 0.1 * bill.tokens_in


def test_only_live_tasks_are_estimated_and_only_at_a_known_price():
    settings = llm_settings("caption.source=live", "caption.model=feedtwin-demo")
    demands = [Demand(code, 10) for code in NAMES]
    assert [one.task for one in estimates.estimate(settings, demands)] == [
        LlmTask.CAPTION_GENERATION
    ]
    with pytest.raises(BudgetError, match="no price"):
        estimates.estimate(live_settings(model="unheard-of"), demands)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("budget_microusd=0", r"llm\.persona\.source is live.*spend is 0 micro"),
        (
            "budget_microusd=20",
            r"spend is 20 micro-dollars, and one call to feedtwin-demo can cost",
        ),
        ("caption.budget_share=0", r"llm\.caption\.source.*llm\.caption\.budget_share \(0\)"),
    ],
)
def test_a_live_task_without_money_for_one_call_is_refused(line, words):
    with pytest.raises(BudgetError, match=words) as refused:
        estimates.check_money(live_settings(line))
    assert "\n" not in str(refused.value)
    estimates.check_money(live_settings())
    estimates.check_money(llm_settings("budget_microusd=0"))  # nobody is asked


def test_an_estimate_grows_with_the_calls():
    settings = live_settings()
    one, ten = (
        estimates.estimate(settings, [Demand(LlmTask.TREND_PREDICTION, n)])[0] for n in (1, 10)
    )
    assert ten.expected == 10 * one.expected and ten.worst == 10 * one.worst > ten.expected


@pytest.mark.parametrize(
    "entry", ["caption", "caption=", "caption=x", "captoin=3", "=3", "caption=-1"]
)
def test_calls_that_are_none_are_refused(entry):
    with pytest.raises(SettingsError, match="--calls"):
        estimates.parse_calls([entry])


def test_a_task_goes_by_either_name():
    for words in (["caption=3"], ["CAPTION_GENERATION=3"]):
        assert estimates.parse_calls(words) == [Demand(LlmTask.CAPTION_GENERATION, 3)]
    assert admin.ask_example(llm_settings(), "caption") == admin.ask_example(llm_settings(), "CAPTION_GENERATION")  # fmt: skip
    for wrong, meant in (("captoin", "caption"), ("CAPTION_GENERATOIN", "CAPTION_GENERATION")):
        with pytest.raises(SettingsError, match=f"did you mean '{meant}'"):
            admin.ask_example(llm_settings(), wrong)
        with pytest.raises(SettingsError, match=f"did you mean '{meant}'"):
            estimates.parse_calls([f"{wrong}=3"])


def test_every_task_has_its_name():
    assert {code: code.name for code in NAMES} == NAMES
    assert all(task(name).code is code for code, name in NAMES.items())


# -- usage ---------------------------------------------------------------------------------------


def journalled(folder, provider, steps, *sets, seed=7):
    """A run folder with nothing but a journal of what a service did."""
    every = [f"llm.{line}" for line in (*FAST, *sets)]
    for section in ("persona", "caption", "comment", "campaign", "trend", "decision"):
        every += [f"llm.{section}.source=live", f"llm.{section}.model=feedtwin-demo"]
    settings = resolve("synthetic", users=10, sets=every)
    header = {"segments": [{"from_step": 0, "settings": settings.model_dump()}], "start_step": 0}
    folder.mkdir()
    with (
        Journal.create(folder / "journal", header) as journal,
        service_of(
            admin.llm_settings(settings), client=provider, records=journal, seed=seed
        ) as service,
    ):
        for step, asks in enumerate(steps):
            service.begin_step(step)
            service.answer(asks)
            journal.commit(step, "00")
        return service


def test_usage_of_a_run_adds_up_to_the_ledger_and_the_bill(tmp_path):
    provider = ScriptedProvider()
    steps = [asks_of(60, 0), [], asks_of(60, 1)]
    service = journalled(tmp_path / "run", provider, steps)
    found = admin.usage(tmp_path / "run")
    assert found.charged == found.paid == provider.bill.microusd == service.ledger.account().charged
    assert sum(one.calls for one in found.tasks.values()) == provider.bill.calls == 120
    assert sum(one.tokens_in for one in found.tasks.values()) == provider.bill.tokens_in
    assert sum(one.tokens_out for one in found.tasks.values()) == provider.bill.tokens_out
    assert [step for step, _ in found.burn_down] == [0, 2]
    assert found.burn_down[-1][1] == found.charged
    assert found.degraded == () and found.disputed == 0
    for code, one in found.tasks.items():
        assert one.counts.by_source == service.counts[code].by_source == {AnswerSource.LIVE: 20}


def test_a_run_with_too_many_degraded_answers_is_marked(tmp_path):
    faults = Script({GOOD: 6, BROKEN: 2, GARBAGE: 2})
    service = journalled(
        tmp_path / "run", ScriptedProvider(faults), [asks_of(120)], "attempts_max=1"
    )
    found = admin.usage(tmp_path / "run")
    assert found.degraded
    for code, one in found.tasks.items():
        assert one.counts == service.counts[code]
        assert (code in found.degraded) == (one.counts.degraded > 0.05 * one.counts.total)
        assert sum(one.reasons.values()) == one.counts.degraded


def test_usage_counts_what_was_refused_for_money(tmp_path):
    service = journalled(
        tmp_path / "run",
        ScriptedProvider(),
        [asks_of(60, s) for s in range(3)],
        "budget_microusd=4000",
    )
    found = admin.usage(tmp_path / "run")
    for code, one in found.tasks.items():
        assert one.reasons == service.counts[code].reasons
    assert sum(one.reasons.get("budget", 0) for one in found.tasks.values()) > 0
    assert found.charged <= found.budget == 4000


def test_usage_says_that_a_journal_ends_early_and_where(tmp_path):
    journalled(tmp_path / "run", ScriptedProvider(), [asks_of(6, 0), asks_of(6, 1)])
    assert "ends early, in step 2" in admin.usage(tmp_path / "run").unfinished
    path = tmp_path / "run" / "journal"
    data = path.read_bytes()
    path.write_bytes(data[:-3])  # the last commit is torn
    assert "ends early, in step 1" in admin.usage(tmp_path / "run").unfinished
    path.write_bytes(data)
    journal, _, _ = Journal.recover(path)
    journal.close("00")
    assert admin.usage(tmp_path / "run").unfinished == ""


def test_usage_says_what_a_crash_lost_of_the_spend(tmp_path):
    """Calls without an end on record count as spent, also after the run went on."""
    journalled(tmp_path / "run", ScriptedProvider(), [asks_of(6, 0)])
    path = tmp_path / "run" / "journal"
    whole = admin.usage(tmp_path / "run")
    assert (whole.lost_calls, whole.lost, whole.loss) == (0, 0, "")
    journal, _, _ = Journal.recover(path)
    code = int(LlmTask.CAPTION_GENERATION)
    sent = {"ended": [], "disputed": 0, "calls": [[100, code, 40], [101, code, 60]]}
    journal.append_input(1, SENT, sent)
    journal.commit(1, "00")
    journal.close("00")
    found = admin.usage(tmp_path / "run")
    assert (found.lost_calls, found.lost) == (2, 100) and found.unfinished == ""
    assert found.paid == whole.paid + 100
    assert f"2 calls the end is not on record, as the run was cut short: 100 of the {found.paid}" in found.loss  # fmt: skip


def test_a_run_that_asked_nobody_used_nothing(tmp_path):
    settings = resolve("synthetic", users=10)
    header = {"segments": [{"from_step": 0, "settings": settings.model_dump()}]}
    with Journal.create(tmp_path / "journal", header):
        pass
    found = admin.usage(tmp_path)
    assert found.tasks == {} and found.charged == 0 and found.burn_down == []


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError):
        admin.usage(tmp_path / "missing")
    with Journal.create(tmp_path / "journal", {"other": 1}):
        pass
    with pytest.raises(IntegrityError, match="settings"):
        admin.usage(tmp_path)


# -- one question --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(NAMES.values()))
def test_the_example_of_a_task_is_answered_without_a_model(name):
    found = admin.ask_example(llm_settings(), name)
    assert found.answer.source is AnswerSource.SURROGATE and found.paid == 0


def test_caches_are_verified(tmp_path):
    with pytest.raises(RunFolderError):
        verify_cache(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunFolderError, match="holds no record, so nothing was checked"):
        verify_cache(tmp_path / "empty")
    kind = task("COMMENT_GENERATION")
    with service_of(
        live_settings(), client=ScriptedProvider(), cache=Cache(tmp_path, "")
    ) as service:
        service.begin_step(0)
        service.answer(sample_asks(kind, 5, 0))
    assert verify_cache(tmp_path).records == {"COMMENT_GENERATION": 5}
    next(tmp_path.rglob("*.json")).write_text("{}")
    report = verify_cache(tmp_path)
    assert report.records == {"COMMENT_GENERATION": 4} and len(report.faults) == 1
