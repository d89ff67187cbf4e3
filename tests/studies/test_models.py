"""Studies whose arms ask language models: money, records, kills, workers, and who answered."""

import shutil
import subprocess
import sys
import time

import pytest

from feedtwin.errors import LLMError, SettingsError
from feedtwin.lab.study import read_result, run_study
from feedtwin.lab.study.budget import asking
from feedtwin.lab.study.cells import cell_of
from feedtwin.lab.study.costing import cost_of
from feedtwin.lab.study.executors import InProcess, LocalProcesses
from feedtwin.lab.study.explaining import explain_effect
from feedtwin.lab.study.rehearsal import rehearse
from feedtwin.llm.admin import usage
from feedtwin.llm.shipping import export_cache, import_cache
from feedtwin.testing.provider import GARBAGE, GOOD, Script, ScriptedProvider, serve

SMALL = """\
world: synthetic
users: 60
seed: 3
horizon: 4
parameters:
  llm.caption.model: feedtwin-demo
  llm.comment.model: feedtwin-demo
  llm.key: optional
  llm.backoff_s: 0
  llm.rate_per_minute: 1000000
  llm.base_url: http://address/v1
  user.uploads_per_day: [6, 3, 1, 0]
  user.comment_logit_mean: -1
arms:
  rules: {}
  model: {parameters: {llm.caption.source: live}}
  talk: {parameters: {llm.caption.source: live, llm.comment.source: live}}
replicates: 2
estimands: [{metric: [watch_s, skip_rate]}]
llm_budget_usd: 1
"""


@pytest.fixture
def served(loopback):
    """The same behind a server, which other processes reach."""
    pytest.importorskip("openai")
    opened = []

    def of(text=SMALL, script=None):
        provider = ScriptedProvider(script or Script(is_apt=True))
        context = serve(provider)
        address = context.__enter__()
        opened.append(context)
        return text.replace("http://address/v1", address), provider

    yield of
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def answered(monkeypatch):
    """A provider that follows a script answers in this process; gives (text of a study, provider)."""

    def of(text=SMALL, script=None):
        provider = ScriptedProvider(script or Script(is_apt=True))
        monkeypatch.setattr("feedtwin.llm.opening.live_client", lambda *_: provider)
        return text, provider

    return of


def tables(folder):
    """Bytes of everything that a study writes beside its cells."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix}


def test_a_study_pays_what_the_provider_bills_and_a_rerun_pays_nothing(answered, ran, tmp_path):
    text, provider = answered()
    found = ran(text, tmp_path / "one")
    paid = round(found.provenance.llm_spent_usd * 1e6)
    assert paid == provider.bill.microusd > 0
    calls = provider.bill.calls
    again = ran(text, tmp_path / "one")
    assert again.reused == 6 and provider.bill.calls == calls
    shutil.rmtree(tmp_path / "one" / "cells")  # as when the code of the simulation changes
    anew = ran(text, tmp_path / "one")
    assert provider.bill.calls == calls and anew.provenance.llm_spent_usd == 0
    assert [one.digest for one in anew.readings] == [one.digest for one in found.readings]
    assert [one.estimate for one in anew.effects] == [one.estimate for one in found.effects]


@pytest.mark.slow
def test_one_or_two_workers_make_the_same_tables(served, study_of, ran, tmp_path):
    text, _ = served()
    ran(text, tmp_path / "one")
    run_study(study_of(text), tmp_path / "two", executor=LocalProcesses(2))
    one, two = tables(tmp_path / "one"), tables(tmp_path / "two")
    assert one == two and {"effects.csv", "study.json", "readings.parquet"} <= set(one)


def test_no_cell_and_no_study_spends_more_than_its_budget(answered, study_of, ran, tmp_path):
    text, provider = answered(SMALL.replace("llm_budget_usd: 1", "llm_budget_usd: 0.0032"))
    study = study_of(text)
    assert study.llm_share_microusd == 800  # two arms that ask, two replicates
    ran(text, tmp_path / "out")
    assert 0 < provider.bill.microusd <= 3200
    for arm in ("model", "talk"):
        for replicate in (0, 1):
            run = tmp_path / "out" / "cells" / cell_of(study, arm, replicate).key / "run"
            assert 0 < usage(run).paid <= 800


def test_a_shared_past_that_asks_has_a_share_and_its_branches_inherit_what_it_spent(
    answered, ran, tmp_path
):
    text = SMALL.replace("horizon: 4", "horizon: 2\nwarmup: 2").replace("  rules: {}\n", "")
    text = text.replace("parameters:\n", "parameters:\n  llm.caption.source: live\n", 1)
    text, provider = answered(text.replace("llm_budget_usd: 1", "llm_budget_usd: 0.003"))
    found = ran(text, tmp_path / "out")
    used = usage(found.cell_path("talk", 0))
    assert used.budget == 3000 // (3 * 2) and 0 < used.inherited <= used.charged <= used.budget
    assert 0 < provider.bill.microusd <= 3000


KILLED = """\
import sys
from feedtwin.lab.study import read_study, run_study
from feedtwin.lab.study.executors import InProcess
run_study(read_study(sys.argv[1]), sys.argv[2], executor=InProcess())
"""


@pytest.mark.slow
def test_a_killed_study_goes_on_with_the_cell_that_it_had_paid_for(served, ran, tmp_path):
    text, provider = served(script=Script(is_apt=True, latency_s=(0.05, 0.05)))
    text = text.replace("replicates: 2", "replicates: 1").replace("  rules: {}\n", "")
    (tmp_path / "small.yaml").write_text(text, "utf-8")
    code = [sys.executable, "-c", KILLED, str(tmp_path / "small.yaml"), str(tmp_path / "out")]
    running = subprocess.Popen(code)
    while provider.bill.calls < 8:
        assert running.poll() is None
        time.sleep(0.01)
    running.kill()
    running.wait()
    (attempt,) = (tmp_path / "out" / "cells").glob("*/attempt-*")
    spent = provider.bill.microusd
    assert spent > 0
    found = ran(text, tmp_path / "out")
    assert not attempt.exists() and (attempt.parent / "run").exists()
    paid = sum(usage(found.cell_path(arm, 0)).paid for arm in ("model", "talk"))
    assert paid >= provider.bill.microusd > spent  # what was under way counts in full
    whole = ran(text, tmp_path / "whole")
    assert [one.arm for one in whole.readings] == [one.arm for one in found.readings]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("llm_budget_usd: 1", "description: none"), "line 16: arm model may ask a language model"),
        (("llm_budget_usd: 1", "llm_budget_usd: 0.0001"), "one call to feedtwin-demo can cost"),
        (("caption.model: feedtwin-demo", "caption.model: nobody"), "no price is known for"),
        (("rules: {}", "rules: {policies: {forecast: llm}}"), "llm.trend.source is off"),
    ],
)
def test_a_study_that_cannot_ask_is_refused_where_it_says_so(change, words, study_of):
    with pytest.raises(SettingsError, match=r"small\.yaml, line \d+: ") as refused:
        study_of(SMALL.replace(*change))
    assert words in str(refused.value)


def test_more_replicates_need_more_money_and_keep_their_cells(study_of):
    with pytest.raises(SettingsError, match=r"3 replicates may spend 1\.5 USD"):
        study_of(SMALL, replicates=3)
    fewer, more = study_of(SMALL, replicates=1), SMALL.replace("budget_usd: 1", "budget_usd: 2")
    more = study_of(more.replace("replicates: 2", "replicates: 4"))
    keys = {cell_of(one, "model", 0).key for one in (study_of(SMALL), fewer, more)}
    assert len(keys) == 1


def test_keys_do_not_know_where_answers_are_and_arms_without_models_no_budget(study_of):
    rich = study_of(SMALL.replace("budget_usd: 1", "budget_usd: 2"))
    plain = study_of(SMALL)
    assert cell_of(rich, "rules", 0).key == cell_of(plain, "rules", 0).key
    assert cell_of(rich, "model", 0).key != cell_of(plain, "model", 0).key
    recorded = study_of(SMALL.replace("source: live", "source: cached"))
    one, two = cell_of(plain, "talk", 1), cell_of(recorded, "talk", 1)
    assert one.key != two.key and one.answers_key == two.answers_key
    assert list(asking(recorded)) == ["model", "talk"]


def test_every_number_says_who_answered_and_what_was_degraded(answered, ran, tmp_path):
    text, _ = answered(script=Script({GOOD: 1, GARBAGE: 1}, is_apt=True))
    found = ran(text.replace("replicates: 2", "replicates: 1"), tmp_path / "out")
    effect = found.effect("watch_s", "talk - rules")
    assert effect.sources.startswith("talk: live ") and "stand-in" in effect.sources
    assert effect.degraded.startswith("degraded: talk: ") and "1 of 1 cells" in effect.degraded
    levels = {one.arm: one for one in found.levels}
    assert levels["rules"].sources == levels["rules"].degraded == ""
    assert levels["talk"].degraded and levels["talk"].sources in effect.sources
    marked = {one.arm for one in found.readings if one.degraded}
    assert "talk" in marked and "rules" not in marked
    assert ("degraded", "talk") in {(one.kind, one.what) for one in found.warnings}
    row = next(one for one in found.answers if one.arm == "talk" and "COMMENT" in one.task)
    assert row.degraded_cells == 1 and 0 < row.degraded <= row.surrogate and row.live > 0
    assert read_result(tmp_path / "out") == found
    header = (tmp_path / "out" / "effects.csv").read_text("utf-8").splitlines()[0]
    assert ",sources,degraded," in header


def test_the_estimate_of_a_study_is_near_its_bill_and_below_the_worst_case(
    answered, study_of, ran, kernels, tmp_path
):
    text, provider = answered(SMALL.replace("replicates: 2", "replicates: 1"))
    study = study_of(text)
    cost = cost_of(study, kernels)
    ran(text, tmp_path / "out")
    assert abs(cost.expected / provider.bill.microusd - 1) < 0.1
    assert provider.bill.microusd <= cost.worst <= cost.budget and cost.is_enough
    assert [one.arm for one in cost.arms] == ["model", "talk"]
    assert rehearse(study, tmp_path / "out").spend_usd == 0  # all cells are there
    twice = cost_of(study_of(SMALL), kernels)
    assert twice.expected == 2 * cost.expected
    poor = study_of(SMALL.replace("usd: 1", "usd: 0.0024"))
    assert not cost_of(poor, kernels).is_enough


def test_answers_of_cells_that_are_on_disk_cost_nothing_more(
    answered, study_of, ran, kernels, tmp_path
):
    text, _ = answered()
    one = text.replace("replicates: 2", "replicates: 1").replace("usd: 1", "usd: 0.5")
    ran(one, tmp_path / "out")
    cost = cost_of(study_of(text), kernels, folder=tmp_path / "out")
    assert [(one.arm, one.cells, one.is_kept) for one in cost.arms] == [
        ("model", 1, False), ("model", 1, True), ("talk", 1, False), ("talk", 1, True),
    ]  # fmt: skip
    assert cost.cached > 0 and all(bool(one.expected) != one.is_kept for one in cost.arms)
    assert cost.cached == cost.as_json()["cached"]


def test_a_study_runs_offline_from_shipped_answers_or_says_which_are_missing(
    answered, study_of, ran, tmp_path, monkeypatch
):
    text, provider = answered(SMALL.replace("replicates: 2", "replicates: 1"))
    found = ran(text, tmp_path / "one")
    calls = provider.bill.calls
    export_cache(tmp_path / "one", tmp_path / "answers.jsonl")
    monkeypatch.setattr("feedtwin.llm.opening.live_client", lambda *_: pytest.fail("asked"))
    with pytest.raises(
        LLMError, match=r"arm model, replicate 0: .*llm\.caption.*cache import FILE"
    ):
        run_study(study_of(text), tmp_path / "two", executor=InProcess(), offline=True)
    assert not list((tmp_path / "two" / "cells").glob("*/offline-*"))
    import_cache(tmp_path / "answers.jsonl", tmp_path / "two")
    again = run_study(study_of(text), tmp_path / "two", executor=InProcess(), offline=True)
    assert [one.digest for one in again.readings] == [one.digest for one in found.readings]
    assert again.provenance.llm_spent_usd == 0 and provider.bill.calls == calls
    import_cache(tmp_path / "answers.jsonl", tmp_path / "three")  # also where no study was yet
    elsewhere = text.replace("llm.base_url", "llm.server_name: lab\n  llm.base_url")
    with pytest.raises(LLMError, match="are not in"):
        run_study(study_of(elsewhere), tmp_path / "three", executor=InProcess(), offline=True)


def test_an_effect_of_arms_that_ask_is_not_taken_apart(answered, ran, tmp_path):
    text, provider = answered(SMALL.replace("replicates: 2", "replicates: 1"))
    ran(text, tmp_path / "out")
    calls = provider.bill.calls
    with pytest.raises(SettingsError, match="--no-parts"):
        explain_effect(tmp_path / "out", "watch_s", contrast="talk - rules")
    found = explain_effect(tmp_path / "out", "watch_s", contrast="talk - rules", parts=False)
    assert found.in_common is None and provider.bill.calls == calls
