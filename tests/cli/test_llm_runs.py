"""Language models from the command line: a run, its bill, its marks, and the same run without a network."""

import pytest

from feedtwin.testing.provider import GARBAGE, GOOD, Script, ScriptedProvider, serve

pytest.importorskip("openai")

TASKS = ("persona", "caption", "campaign", "trend", "comment")
WORLD = ("synthetic", "--users", "80", "--seed", "3", "--steps", "4", "--llm", "live", "--quiet")


def sets(address, *more):
    """Options that point at a server of ours."""
    lines = [f"llm.{task}.model=feedtwin-demo" for task in TASKS]
    lines += [
        f"llm.base_url={address}", "llm.backoff_s=0", "llm.comment.source=live", "campaigns.adoption=1",
        "trends.window_steps=1", "user.uploads_per_day=[6,3,1,0]", "user.comment_logit_mean=-1", *more,
    ]  # fmt: skip
    return [word for line in lines for word in ("--set", line)]


@pytest.fixture
def ran(cli, loopback, monkeypatch):
    """A live run `a`, half of whose answers are garbage, its offline twin `b`, and the address."""
    monkeypatch.setenv("FEEDTWIN_LLM_KEY", "key-of-a-test")
    with serve(ScriptedProvider(Script({GOOD: 1, GARBAGE: 1}, is_apt=True))) as address:
        printed = cli("run", *WORLD, *sets(address), "--out", "a").stdout
    return printed, address


def test_a_live_run_shows_who_answered_what_it_cost_and_that_it_is_degraded(cli, ran):
    printed, address = ran
    assert "Models" in printed and "live" in printed and "budget" in printed
    assert "warning: degraded: " in printed and "not one JSON value" in printed
    assert "degraded: " in cli("llm", "usage", "a").stdout
    offline = ("run", *WORLD, *sets(address), "--offline", "--out", "b")
    second = cli.json(*offline)
    use = second["language_models"]
    assert use["is_degraded"] and any("degraded: " in one for one in second["warnings"])
    assert all(one["live"] == 0 for one in use["tasks"].values())
    assert sum(one["paid_microusd"] for one in use["tasks"].values()) == 0
    compared = cli("compare", "a", "b").stdout
    assert (
        compared.startswith("uncalibrated: ")
        and "\nequal " in compared
        and compared.count("warning: ") >= 2
    )
    assert "warnings" in cli.json("compare", "a", "b")
    seen = "select user, request, slot from impression_served limit 1"
    one = cli.json("sql", "a", seen)["rows"][0]
    mark = f"{one['user']}:{one['request']}:{one['slot']}"
    assert "warning: degraded: " in cli("trace", "a", "--impression", mark).stdout
    assert "warning: degraded: " in cli("trace", "a", "--user", one["user"]).stdout
    assert cli.json("trace", "a", "--impression", mark)["warnings"]


def test_forks_replays_and_measures_of_a_live_run_need_no_server(cli, ran):
    assert "equal" in cli("replay", "a", "--quiet").stdout
    cli("fork", "a", "--at", "2", "--out", "f", "--offline", "--quiet")
    assert "\nequal " in cli("compare", "a", "f").stdout
    assert "paid by the run that this one is forked from" in cli("llm", "usage", "f").stdout
    assert cli.json("llm", "usage", "f")["inherited_microusd"] > 0
    measured = cli.json("llm", "fidelity", "a", "--outcomes")
    assert measured["tasks"] and measured["outcomes"]
    assert "metrics differ" in cli("llm", "fidelity", "a", "--outcomes").stdout


def test_an_estimate_of_a_world_is_rehearsed_without_key_or_server(cli, monkeypatch):
    monkeypatch.delenv("FEEDTWIN_LLM_KEY", raising=False)
    words = ("synthetic", "--users", "80", "--seed", "3", "--steps", "4", "--llm", "live")
    found = cli.json("llm", "estimate", *words, *sets("http://127.0.0.1:9/v1"))
    names = {one["task"] for one in found["tasks"]}
    assert names >= {"PERSONA_GENERATION", "COMMENT_GENERATION", "CREATOR_CAMPAIGN"}
    assert 0 < found["expected_microusd"] <= found["worst_microusd"] <= found["budget_microusd"]
    shown = cli(
        "llm", "estimate", *words, *sets("http://127.0.0.1:9/v1", "llm.budget_microusd=800")
    )
    assert "for want of budget" in shown.stdout


def test_bad_options_of_language_models_are_explained(cli, monkeypatch):
    monkeypatch.delenv("FEEDTWIN_LLM_KEY", raising=False)
    for words, expected in (
        (("--llm", "life"), "expected one of surrogate, cached, live"),
        (("--llm", "live"), "FEEDTWIN_LLM_KEY"),
        (("--set", "policies.campaigns=llm"), "llm.campaign.source is off"),
        (("--set", "llm.decision.source=surrogate"), "nobody would be asked"),
    ):
        result = cli(
            "run", "synthetic", "--users", "40", "--steps", "1", *words, "--out", "x", status=2
        )
        assert expected in result.stderr and "\n" not in result.stderr.strip()
    assert not (cli.folder / "x").exists()
