"""An audit passes what is sound, and says in words what is not."""

import shutil
import sqlite3
from importlib.resources import files

import pytest

import feedtwin
from feedtwin.errors import RunFolderError
from feedtwin.kernels.binding import load
from feedtwin.lab.auditing import FAILED, PASSED, SKIPPED, audit, rates
from feedtwin.lab.auditing.rates import RATES, Audited, check_rates, stated_by
from feedtwin.lab.auditing.responses import FIRST_REPLICATE, small_world, totals_of
from feedtwin.lab.metrics import METRICS
from feedtwin.lab.run_data import RunData
from feedtwin.lab.study.tables import as_json
from feedtwin.record.reader import Run
from feedtwin.schema.settings import Settings, resolve
from feedtwin.testing.provider import GARBAGE, GOOD, Script, ScriptedProvider
from feedtwin.world.running import RunOptions, start

SMALL = """\
world: synthetic
users: 60
seed: 3
horizon: 6
warmup: 3
arms:
  base: {}
  random: {policies: {recommendation: random}}
  same: {parameters: {promotion.velocity_gate_absolute: 77.0}}
replicates: 3
estimands:
  - metric: [watch_s, gift_revenue]
"""


@pytest.fixture(scope="module")
def run_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("audit") / "run"
    feedtwin.run("synthetic", users=80, steps=8, seed=2, out=path, threads=1)
    return path


def states(found):
    return {one.check: one.state for one in found.findings}


def test_a_sound_run_passes(run_path):
    found = audit(run_path)
    assert found.ok and found.kind == "run"
    for check in (
        "hashes", "code version", "conservation", "re-execution", "order invariance", "placebo",
        "rate: interaction.skip_target", "rate: user.sessions_per_day",
        "dose response: interaction.skip_target on skips per impressions",
    ):  # fmt: skip
        assert states(found)[check] == PASSED, check


def test_an_altered_byte_is_found_and_said(run_path, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(run_path, path)
    table = path / "tables" / "items.parquet"
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    table.write_bytes(bytes(data))
    found = audit(path, worlds=False)
    (bad,) = [one for one in found.findings if one.state == FAILED]
    assert bad.check == "hashes" and "items.parquet" in bad.words and not found.ok


def test_an_altered_manifest_is_found_and_said(run_path, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(run_path, path)
    manifest = path / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace("synthetic", "real"), "utf-8")
    found = audit(path, worlds=False)
    (bad,) = [one for one in found.findings if one.state == FAILED]
    assert bad.check == "hashes" and "manifest.json" in bad.words and not found.ok


def test_a_study_is_told_its_dead_metric_and_its_copy(small):
    found = audit(small.path, worlds=False)
    assert not found.ok
    failed = {one.check: one.words for one in found.findings if one.state == FAILED}
    assert set(failed) == {"metric liveness", "duplicate cells", "inert arm"}
    assert "gift_revenue" in failed["metric liveness"]
    for check in ("hashes", "conservation", "pairing", "table", "re-execution", "placebo"):
        assert states(found)[check] == PASSED, check


def test_a_table_that_is_not_the_cells_is_found(small, tmp_path):
    path = tmp_path / "s"
    shutil.copytree(small.path, path)
    from dataclasses import replace

    from feedtwin.lab.study import read_result
    from feedtwin.lab.study.tables import write_result

    result = read_result(path)
    first = replace(result.readings[0], value=99.0)
    write_result(replace(result, readings=(first, *result.readings[1:])))
    words = next(one.words for one in audit(path, worlds=False).findings if one.check == "table")
    assert "99.0 in the table" in words


def test_what_is_neither_run_nor_study_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="neither a run folder"):
        audit(tmp_path)


def test_numbers_that_json_lacks_become_null():
    assert (
        as_json({"a": float("inf"), "b": (1, 2)}) == b'{\n "a": null,\n "b": [\n  1,\n  2\n ]\n}\n'
    )


# -- language models -----------------------------------------------------------------------------

ANSWERED = ("persona", "caption", "campaign", "trend", "decision")
ANSWERED_SETS = (
    *(f"llm.{task}.source=live" for task in ANSWERED),
    *(f"llm.{task}.model=feedtwin-demo" for task in ANSWERED),
    "policies.campaigns=llm", "policies.forecast=llm", "campaigns.adoption=1", "trends.window_steps=2",
    "llm.decision.cohort=70-79", "llm.backoff_s=0", "llm.rate_per_minute=1000000", "llm.key=optional",
    "user.uploads_per_day=[6,3,1,0]",
)  # fmt: skip


@pytest.fixture(scope="module")
def answered_run(tmp_path_factory, kernels):
    """A run in which a scripted provider answered, and what it asks to be paid."""
    path = tmp_path_factory.mktemp("answered") / "run"
    provider = ScriptedProvider(Script({GOOD: 5, GARBAGE: 1}))
    settings = resolve("synthetic", users=80, seed=7, sets=ANSWERED_SETS)
    start(settings, path, RunOptions(8, client=provider), kernels)
    return path, provider


def test_a_run_that_a_model_answered_passes_and_nobody_is_asked(answered_run, monkeypatch):
    path, provider = answered_run
    calls = provider.bill.calls
    monkeypatch.setattr("feedtwin.llm.opening.live_client", lambda *_: pytest.fail("asked"))
    found = audit(path, worlds=False)
    assert found.ok, [one.words for one in found.findings if one.state == FAILED]
    for check in (
        "hashes",
        "conservation",
        "ledger",
        "re-execution",
        "order invariance",
        "placebo",
    ):
        assert states(found)[check] == PASSED, check
    words = next(one.words for one in found.findings if one.check == "ledger")
    assert f"{provider.bill.microusd / 1e6:.6f} USD paid" in words and provider.bill.calls == calls


def test_the_small_worlds_of_an_audit_ask_nobody_and_are_sound(answered_run):
    settings = Settings.model_validate(
        Run.open(answered_run[0]).frames[0].payload["segments"][0]["settings"]
    )
    told = {path: f"{value}" for path, value in small_world(settings).parameters.items()}
    sources = {task: told[f"llm.{task}.source"] for task in (*ANSWERED, "comment")}
    assert sources == {
        "persona": "off", "caption": "off", "comment": "off", "decision": "off",
        "campaign": "surrogate", "trend": "surrogate",
    }  # fmt: skip
    few = small_world(settings).model_copy(update={"users": 20, "replicate": FIRST_REPLICATE})
    assert totals_of(few, 2, load("auto", 1))["sessions"] > 0


def test_a_registry_that_says_less_was_paid_is_found(answered_run, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(answered_run[0], path)
    with sqlite3.connect(path / "registry.sqlite") as registry:
        registry.execute("UPDATE llm_ledger SET paid_microusd = paid_microusd - 1 WHERE live > 0")
    (bad,) = [one for one in audit(path, worlds=False).findings if one.state == FAILED]
    assert bad.check == "ledger" and "by the calls in the journal" in bad.words


ASKING = """\
world: synthetic
users: 60
seed: 3
horizon: 4
parameters:
  llm.persona.model: feedtwin-demo
  llm.persona.cohort: all
  llm.key: optional
  llm.rate_per_minute: 1000000
arms:
  rules: {}
  model: {parameters: {llm.persona.source: live}}
replicates: 2
estimands: [{metric: watch_s}]
llm_budget_usd: 1
"""


def test_a_study_that_a_model_answered_passes_and_its_answered_cell_is_executed_again(
    ran, tmp_path, monkeypatch
):
    provider = ScriptedProvider(Script(is_apt=True))
    monkeypatch.setattr("feedtwin.llm.opening.live_client", lambda *_: provider)
    path = ran(ASKING, tmp_path / "study").path
    calls = provider.bill.calls
    found = audit(path, worlds=False)
    assert found.ok, [one.words for one in found.findings if one.state == FAILED]
    assert states(found)["ledger"] == PASSED
    assert states(found)["re-execution, where a language model answered"] == PASSED
    assert provider.bill.calls == calls


def untreated(name, value, n=3, users=10_000, steps=200, sets=()):
    settings = resolve("paper", users=users, seed=5, sets=sets)
    return [
        Audited(
            settings,
            RunData({"skips": round(value * 10**6) + k, "impressions": 10**6}, {}, {}, 0, steps),
        )
        for k in range(n)
    ]


def levels_of(runs):
    stated = [one for one in stated_by("paper") if one.rate == "skip_rate"]
    (found,) = rates._levels("paper", "paper", stated, runs)
    return found


def test_levels_that_a_world_states_are_held_to():
    assert {one.rate for one in stated_by("paper")} <= set(RATES)
    assert {name for name in RATES if name not in METRICS} == {
        "impressions_per_user_day", "sessions_per_user_day",
    }  # fmt: skip
    found = levels_of(untreated("skip_rate", 0.36))
    assert found.state == PASSED and "target 0.363 within 5%" in found.words
    found = levels_of(untreated("skip_rate", 0.42))
    assert found.state == FAILED and found.check == "level: skip_rate"
    assert "0.4200 [0.4200, 0.4200] in 3 untreated runs" in found.words


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"n": 1}, "one run has no interval"),
        ({"users": 300, "steps": 24}, "stated from 10,000 people and 200 hours on, these have 300 and 24"),
        ({"sets": ["policies.recommendation=random"]}, "no whole run here leaves it so"),
    ],
)  # fmt: skip
def test_levels_are_not_judged_where_they_are_not_stated(how, words):
    found = levels_of(untreated("skip_rate", 0.42, **how))
    assert found.state == SKIPPED and words in found.words


def test_a_world_of_ones_own_is_said_to_have_no_targets_unless_it_is_one_of_the_package(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(
        rates, "totals_of", lambda settings, steps, kernels: dict.fromkeys(("skips", "impressions", "sessions"), 9)
    )  # fmt: skip
    text = (files("feedtwin.worlds") / "paper.yaml").read_text("utf-8")
    mine = tmp_path / "mine.yaml"
    mine.write_text(text.partition("# What every run")[0], "utf-8")
    (plain,) = untreated("skip_rate", 0.36, n=1)

    def checks(sets=()):
        settings = resolve(mine, users=10_000, seed=5, sets=sets)
        runs = [Audited(settings, plain.data)]
        return {one.check: one for one in check_rates(settings, runs)}

    assert checks()["level: skip_rate"].state == PASSED
    found = checks(["user.stamina_s=900"])["levels of the world"]
    assert found.state == SKIPPED
    assert "no targets: the world mine is a file of your own" in found.words


def test_rates_without_a_target_are_named(run_path):
    words = next(
        one.words for one in audit(run_path).findings if one.check == "rates without a target"
    )
    assert "watch_s" in words and "skip_rate" not in words and "sessions_per_user_day" not in words


def test_a_world_that_misses_a_parameter_that_is_a_mean_fails(monkeypatch):
    few = {"skips": 40, "impressions": 100, "sessions": 10}
    monkeypatch.setattr(rates, "totals_of", lambda settings, steps, kernels: few)
    found = {one.check: one for one in check_rates(resolve("synthetic", users=60), ())}
    assert {one.state for name, one in found.items() if name.startswith("rate: ")} == {FAILED}
    assert "0.400, target 0.49" in found["rate: interaction.skip_target"].words
