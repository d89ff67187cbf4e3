"""The paper's experiments as studies: their quick looks run, their claims are well-formed, its copies are flagged."""

import csv
import json
from dataclasses import fields
from importlib.resources import files

import pytest

from feedtwin.errors import SettingsError
from feedtwin.lab.claims import Judged, read_sheet
from feedtwin.lab.claims.sheet import sheets
from feedtwin.lab.run_data import read_run
from feedtwin.lab.study import read_study, run_study
from feedtwin.lab.study.costing import cost_of
from feedtwin.lab.study.executors import InProcess
from feedtwin.lab.study.reading import parse_study
from feedtwin.schema.yaml_reader import read_document
from feedtwin.testing.provider import Script, ScriptedProvider

VERDICTS = {"supported", "not supported", "not testable"}
AS_PRINTED = """\
world: paper
users: 60
seed: 3
horizon: 6
parameters: {trends.track: always}
factors:
  strategy:
    s0: {policies: {campaigns: template}, parameters: {campaigns.others: template}}
    s1: {policies: {campaigns: trend_aware}, parameters: {campaigns.others: template}}
  adoption:
    0: {parameters: {campaigns.adoption: 0.0}}
    50: {parameters: {campaigns.adoption: 0.5}}
replicates: 2
estimands: [{metric: watch_s, contrast: {strategy: s1 - s0}}]
"""
"""S0 ignores adoption: its template is everybody's, adopter or not."""
BUDGETS = """\
world: paper
users: 60
seed: 3
horizon: 6
arms:
  none: {}
  s2_100: {policies: {governance: proactive, forecast: metered}, parameters: {forecast.budget_usd: 100.0}}
  s2_50: {policies: {governance: proactive, forecast: metered}, parameters: {forecast.budget_usd: 50.0}}
  s2_10: {policies: {governance: proactive, forecast: metered}, parameters: {forecast.budget_usd: 10.0}}
base: none
replicates: 2
estimands: [{metric: [watch_s, hashtag_entropy_supply]}]
"""


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """The quick look of each study of the paper, run once in this process."""
    kept = {}

    def of(name):
        if name not in kept:
            folder = tmp_path_factory.mktemp("paper") / name
            kept[name] = run_study(read_study(name, quick=True), folder, executor=InProcess())
        return kept[name]

    return of


@pytest.mark.parametrize("name", ["creator-campaigns", "trend-governance", "personas-captions"])
def test_a_quick_look_ends_in_a_claims_table(name, looked):
    result = looked(name)
    assert result.provenance.quick and result.provenance.world == "paper"
    rows = list(csv.DictReader((result.path / "claims.csv").read_text("utf-8").splitlines()))
    assert list(rows[0]) == [one.name for one in fields(Judged)]
    assert len(rows) == len(json.loads((result.path / "claims.json").read_text()))
    firsts = [row for row in rows if row["verdict"]]
    assert {row["id"] for row in rows} == {claim.id for claim in read_sheet(name).claims}
    assert len(firsts) == len(read_sheet(name).claims)
    assert {row["verdict"] for row in firsts} <= VERDICTS
    assert all(row["why"] and row["where"] and row["answers"] for row in firsts)
    assert not [row["estimand"] for row in rows if row["twin"].startswith("not in this study")]
    page = (result.path / "claims.md").read_text()
    assert "A quick look" in page and "Who answers" in page and "rules" in page


@pytest.mark.parametrize("name", ["creator-campaigns", "trend-governance", "personas-captions"])
def test_the_papers_table_stands_beside_ours(name, looked):
    cells = json.loads((looked(name).path / "layout.json").read_text())
    table = read_sheet(name).table
    assert len(cells) == len(table.rows) * len(table.columns)
    assert all(
        cell["our_mean"] is not None for cell in cells if not cell["metric"].startswith("llm_")
    )


def test_the_eight_cells_of_the_first_experiment_are_distinct(looked):
    result = looked("creator-campaigns")
    assert len(result.provenance.arms) == 8
    assert not [one for one in result.warnings if one.kind == "duplicate cells"]


def test_the_extended_horizon_has_two_halves():
    study = read_study("trend-governance-extended", quick=True)
    spans = {(one.first_step, one.last_step) for one in study.estimands}
    assert spans == {(0, 8), (8, 16), (0, 16)}


def test_every_sheet_is_about_a_study_that_estimates_what_it_names():
    for name in sheets():
        sheet, study = read_sheet(name), read_study(name)
        known = {one.name for one in study.estimands}
        assert [one for claim in sheet.claims for one in claim.ours if one not in known] == []
        assert {arm for row in sheet.table.rows for arm in row.arms} <= set(study.arms)
        assert study.replication.most >= 20 and study.users is None


def test_horizons_are_the_papers():
    assert read_study("creator-campaigns").horizon == 350
    assert read_study("trend-governance").horizon == 200
    assert read_study("personas-captions").horizon == 200


def test_the_copies_of_the_printed_design_are_flagged(ran, tmp_path):
    result = ran(AS_PRINTED, tmp_path / "printed")
    (copies,) = [one for one in result.warnings if one.kind == "duplicate cells"]
    assert copies.what == "s0/0, s0/50, s1/0"
    inert = [one.message for one in result.warnings if one.kind == "inert factor"]
    assert any("adoption" in one and "s0" in one for one in inert)


def test_the_budgets_of_the_printed_design_never_bind(ran, tmp_path):
    result = ran(BUDGETS, tmp_path / "budgets")
    assert len([one for one in result.warnings if one.kind == "inert budget"]) == 3
    assert "hashtag_entropy_supply" in {
        one.what for one in result.warnings if one.kind == "dead metric"
    }


def test_live_puts_a_language_model_in_the_stand_ins_place():
    study = read_study("creator-campaigns", quick=True, live=True)
    planners = {name: arm.policies["campaigns"] for name, arm in study.arms.items()}
    assert planners["s0/basic"] == "template" and planners["s1_50/full"] == "llm"
    assert study.arms["s1_50/full"].parameters["llm.campaign.source"] == "live"
    assert study.name == "creator-campaigns-live"
    forecasts = read_study("trend-governance", live=True).arms
    assert forecasts["proactive_25"].policies["forecast"] == "llm"
    assert forecasts["proactive_25"].parameters["llm.budget_microusd"] == 125_000
    assert "forecast" not in forecasts["reactive"].policies


def test_live_personas_and_captions_are_asked_for_in_the_rules_places():
    study, plain = read_study("personas-captions", live=True), read_study("personas-captions")
    assert study.name == "personas-captions-live" and list(study.arms) == list(plain.arms)
    for name, arm in study.arms.items():
        told = arm.parameters
        assert (told.get("llm.persona.source") == "live") == name.startswith("p1/")
        assert (told.get("population.persona_use") == "asked") == name.startswith("p1/")
        assert (told.get("llm.caption.source") == "live") == ("/c1/" in name)
        assert "written" not in told.values()
    assert study.llm_share_microusd == round(study.llm_budget_usd * 1e6) // (6 * 20)
    assert [one.name for one in study.estimands] == [one.name for one in plain.estimands]


def tiny_personas():
    """The live study with forty people, four hours and one replicate."""
    text = (files("feedtwin.studies") / "personas-captions.yaml").read_text("utf-8")
    for old, new in (
        ("horizon: 200", "horizon: 4\nusers: 40\nparameters: {user.uploads_per_day: [24, 24, 24, 0]}"), ("replicates: 20", "replicates: 1"), ("over_time: 25\n", ""),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new, 1)
    document = read_document(text, "studies/personas-captions.yaml")
    return parse_study(document, "personas-captions", live=True)


def test_a_live_study_says_in_its_claims_who_answered_and_pays_its_bill(
    kernels, tmp_path, monkeypatch
):
    provider = ScriptedProvider(Script(is_apt=True))
    monkeypatch.setattr("feedtwin.llm.opening.live_client", lambda *_: provider)
    monkeypatch.setenv("FEEDTWIN_LLM_KEY", "key-of-a-test")
    study = tiny_personas()
    cost = cost_of(study, kernels)
    assert {one.arm for one in cost.arms} == {
        name for name in study.arms if not name.startswith("p0/c0")
    }
    result = run_study(study, tmp_path / "live", executor=InProcess())
    bill = provider.bill.microusd
    assert round(result.provenance.llm_spent_usd * 1e6) == bill > 0
    assert abs(cost.expected / bill - 1) < 0.2 and bill <= cost.worst <= cost.budget
    who = next(
        line
        for line in (tmp_path / "live" / "claims.md").read_text().splitlines()
        if "Who answers" in line
    )
    assert "PERSONA_GENERATION by gpt-3.5-turbo in p1/c0/off, p1/c0/on, p1/c1/off, p1/c1/on" in who
    assert "CAPTION_GENERATION by gpt-3.5-turbo in p0/c1/off" in who
    assert "rules in p0/c0/off, p0/c0/on" in who and f"{bill / 1e6:.2f} USD spent" in who
    by_arm = {row.arm: row for row in result.answers if row.task == "PERSONA_GENERATION"}
    viewers = int((read_run(result.cell_path("p1/c0/off", 0)).users["activity"] > 0).sum())
    assert {row.live for row in by_arm.values()} == {viewers}
    assert not [one for one in result.warnings if one.kind == "degraded"]
    rows = list(csv.DictReader((tmp_path / "live" / "claims.csv").read_text("utf-8").splitlines()))
    assert {row["answers"] for row in rows} == {who.removeprefix("Who answers: ").removesuffix(".")}


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("factors: {strategi: {s1: {}}}", "no factor is called 'strategi'; did you mean 'strategy'"),
        ("factors: {strategy: {s2: {}}}", "no level of strategy is called 's2'"),
        ("arms: {s1: {}}", "no arm is called 's1'"),
        ("factors: {strategy: {s1: {parameters: {llm.persona.sorce: live}}}}", "llm.persona.sorce"),
        ("factors: {strategy: {s1: {parameters: {population.persona_use: asked}}}}", "llm.persona.source is off"),
    ],
)  # fmt: skip
def test_a_live_part_that_names_what_is_not_there_is_refused_with_its_line(part, words, study_of):
    with pytest.raises(SettingsError, match=r"small\.yaml, line \d+: ") as refused:
        study_of(f"{AS_PRINTED}live:\n  {part}\n", live=True)
    assert words in str(refused.value)


def test_live_is_refused_where_nobody_is_asked():
    with pytest.raises(SettingsError, match="asks no language model"):
        read_study("first-look", live=True)
