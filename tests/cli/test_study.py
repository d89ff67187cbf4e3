"""`feedtwin study`, `explain-effect` and `audit` at the command line."""

import json
import re
from pathlib import Path

import pytest

SMALL = """\
description: do people skip more of a random feed?
world: synthetic
users: 60
seed: 3
horizon: 6
arms:
  base: {}
  random: {policies: {recommendation: random}, description: anything to anybody}
replicates: 3
estimands:
  - metric: [watch_s, skip_rate]
distributions: [views_of_videos]
"""
HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto" / "study.md"


@pytest.fixture(scope="module")
def studied(cli_in, tmp_path_factory):
    cli = cli_in(tmp_path_factory.mktemp("study"))
    (cli.folder / "small.yaml").write_text(SMALL, "utf-8")
    cli.printed = cli("study", "small.yaml", "--workers", "1").stdout
    return cli


def test_a_study_prints_effects_with_intervals_and_what_to_do_next(studied):
    text = studied.printed
    assert text.startswith("uncalibrated")
    assert "arm     random: anything to anybody" in text
    assert re.search(
        r"skip_rate +0\.\d+ +[+-]0\.\d+ +\[[+-]0\.\d+, [+-]0\.\d+\] +0\.\d+ +3\n", text
    )
    for word in (
        "few replicates",
        "detects",
        "views per public video",
        "feedtwin audit studies/small",
        "redrawn",
    ):
        assert word in text


def test_as_json_it_is_one_document_and_reuses_its_cells(studied):
    found = studied.json("study", "small.yaml", "--workers", "1")
    assert found["cells_reused"] == 6
    assert [one["metric"] for one in found["effects"]] == ["watch_s", "skip_rate"]
    assert (
        found["provenance"]["replicates"] == 3 and found["warnings"][-1]["kind"] == "few replicates"
    )
    saved = json.loads((studied.folder / "studies" / "small" / "effects.json").read_text("utf-8"))
    assert saved == found["effects"]


def test_a_dry_run_says_what_it_would_take_and_leaves_nothing(studied):
    before = sorted(studied.folder.rglob("*"))
    text = studied("study", "small.yaml", "--dry-run", "--out", "new", "--replicates", "50").stdout
    assert "100 runs of 6 steps" in text and "nothing was run" in text and "0.00 USD" in text
    found = studied.json("study", "small.yaml", "--dry-run")
    assert found["finished"] == 6 and found["seconds"] == 0 and found["bytes"] == 0
    assert sorted(studied.folder.rglob("*")) == before


def test_what_models_of_a_study_cost_is_said_before_anything_is_spent(studied):
    text = SMALL.replace("  base: {}", "  base: {parameters: {llm.comment.source: live}}")
    text += "parameters: {llm.comment.model: feedtwin-demo, user.comment_logit_mean: -1}\n"
    (studied.folder / "asks.yaml").write_text(text, "utf-8")
    shown = studied("llm", "estimate", "asks.yaml").stdout
    assert "counted once per cell" in shown and "states no llm_budget_usd" in shown
    refused = studied("study", "asks.yaml", "--dry-run", status=2).stderr
    assert "asks.yaml, line 7: arm base may ask a language model" in refused
    (studied.folder / "asks.yaml").write_text(text + "llm_budget_usd: 3\n", "utf-8")
    found = studied.json("llm", "estimate", "asks.yaml")
    assert 0 < found["expected_microusd"] < found["worst_microusd"] <= found["budget_microusd"]
    assert found["within_budget"] and [one["cells"] for one in found["arms"]] == [3]
    dry = studied("study", "asks.yaml", "--dry-run").stdout
    assert "within the budget of $3.00" in dry and "nothing was run" in dry
    assert "is a study" in studied("llm", "estimate", "asks.yaml", "--users", "9", status=2).stderr


def test_a_wrong_study_says_where_and_has_run_nothing(studied):
    (studied.folder / "wrong.yaml").write_text(SMALL.replace("skip_rate", "skip_ratte"), "utf-8")
    result = studied("study", "wrong.yaml", status=2)
    assert (
        "error: wrong.yaml, line 11: no metric is called 'skip_ratte'; did you mean 'skip_rate'?"
        in (result.stderr)
    )
    assert not (studied.folder / "studies" / "wrong").exists()


def test_an_effect_is_explained(studied):
    text = studied(
        "explain-effect", "studies/small", "--metric", "skip_rate", "--replicates", "2"
    ).stdout
    for word in (
        "policy line: policies.recommendation: random",
        "first difference: step 0",
        "behaviour",
    ):
        assert word in text
    found = studied.json("explain-effect", "studies/small", "--metric", "watch_s", "--no-parts")
    assert found["parts"] == [] and found["divergence"]["phase"] == "serve"


def test_a_study_is_audited(studied):
    text = studied("audit", "studies/small", "--no-worlds").stdout
    assert "passed      pairing" in text and text.rstrip().endswith("nothing failed")
    assert studied.json("audit", "studies/small", "--no-worlds")["ok"] is True


def test_the_howtos_file_is_a_study(studied):
    (text,) = re.findall(r"^```yaml\n(.*?)^```", HOWTO.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (studied.folder / "own.yaml").write_text(text, "utf-8")
    found = studied.json("study", "own.yaml", "--dry-run", "--workers", "2")
    assert found["arms"] == 3 and found["replicates"] == 60


def test_the_howtos_python_runs(studied, monkeypatch, capsys):
    monkeypatch.chdir(studied.folder)
    (code,) = re.findall(
        r"^```python\n(.*?)^```", HOWTO.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    # As a script is run: its guard (worker processes import the script again) must let it through.
    script = compile(code.replace("replicates=8", "replicates=2, workers=1"), "example", "exec")
    exec(script, {"__name__": "__main__"})
    assert "watch_s" in capsys.readouterr().out
