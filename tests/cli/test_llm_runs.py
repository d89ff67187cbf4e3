"""Language models from the command line: a run, its bill, its marks, and the same run without a network."""

import html
import json

import pytest

from feedtwin.llm.cache import Cache
from feedtwin.testing.provider import BROKEN, GARBAGE, GOOD, Script, ScriptedProvider, serve

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


def test_usage_of_a_run_that_rules_answer_has_the_numbers_of_its_summary(cli):
    rules = [*WORLD[:-2], "surrogate"]
    shown = cli.json("run", *rules, "--set", "campaigns.adoption=1", "--out", "r")["language_models"]["tasks"]  # fmt: skip
    used = cli.json("llm", "usage", "r")["tasks"]
    assert shown and set(used) == set(shown)
    for name, one in shown.items():
        assert used[name]["answers"] == {"surrogate": one["surrogate"]} and one["surrogate"]
    refused = cli("run", *WORLD, "--set", "llm.budget_microusd=0", "--set", "llm.key=optional", "--out", "x", status=2)  # fmt: skip
    assert "one call to" in refused.stderr and not (cli.folder / "x").exists()


def test_summary_usage_and_report_say_why_answers_are_degraded_and_how_many(cli, ran):
    printed, address = ran
    told = cli.json("llm", "usage", "a")
    assert not told["unfinished"]
    degraded = {name: one for name, one in told["tasks"].items() if one["degraded"]}
    assert degraded
    report = cli.json("report", "a")["report"]
    page = html.unescape((cli.folder / report).read_text("utf-8"))
    shown, usage = " ".join(printed.split()), " ".join(cli("llm", "usage", "a").stdout.split())
    for name, one in degraded.items():
        why = ", ".join(f"{number} {reason}" for reason, number in one["reasons"].items())
        assert sum(one["reasons"].values()) == one["degraded"]
        assert f"degraded: {why}" in shown and why in usage
        if name in told["degraded"]:
            share = 100 * one["degraded"] / sum(one["answers"].values())
            sentence = f"degraded: {share:.1f} % of {name} was not answered as wanted ({why})"
            assert f"warning: {sentence}" in shown and sentence in " ".join(page.split())
    assert told["degraded"]
    estimate = ("llm", "estimate", *WORLD[:-1], *sets(address), "--llm-cache", "llm-cache")
    assert cli.json(*estimate)["cached"] > 0
    assert "for nothing" in cli(*estimate).stdout


def test_forks_replays_and_measures_of_a_live_run_need_no_server(cli, ran):
    assert "equal" in cli("replay", "a", "--quiet").stdout
    cli("fork", "a", "--at", "2", "--out", "f", "--offline", "--quiet")
    assert "\nequal " in cli("compare", "a", "f").stdout
    assert "paid by the run that this one is forked from" in cli("llm", "usage", "f").stdout
    assert cli.json("llm", "usage", "f")["inherited_microusd"] > 0
    measured = cli.json("llm", "fidelity", "a", "--outcomes")
    assert measured["tasks"] and measured["outcomes"]
    assert {one["n"] for one in measured["outcomes"]} == {1}
    assert {one["low"] for one in measured["outcomes"]} == {None}
    printed = cli("llm", "fidelity", "a", "--outcomes").stdout
    assert "one pair of runs has no interval" in " ".join(printed.split())


def test_a_run_goes_on_with_another_server_and_remembers_where_its_answers_are(
    cli, loopback, monkeypatch
):
    monkeypatch.setenv("FEEDTWIN_LLM_KEY", "key-of-a-test")
    faults = Script({GOOD: 12, BROKEN: 1}, is_apt=True)
    with serve(ScriptedProvider(faults)) as first:
        stop = ("llm.on_trouble=stop", "llm.attempts_max=1")
        told = cli(
            "run",
            *WORLD,
            *sets(first, *stop),
            "--llm-cache",
            "kept/answers",
            "--out",
            "in/a",
            status=2,
        )
        assert "`feedtwin resume in/a`" in told.stderr
    why = told.stderr.removeprefix("error: ").strip()
    stopped = cli.json("llm", "usage", "in/a")["stopped"]
    assert stopped.startswith("in step ") and why in stopped and "llm.on_trouble is stop" in stopped
    assert f"warning: the run stopped {stopped}" in cli("llm", "usage", "in/a").stdout
    kept = {entry.server for _, entry in Cache(cli.folder / "kept" / "answers").entries()}
    assert kept == {first}
    for change in ("llm.caption.model=other", "trends.window_steps=2"):
        told = cli("resume", "in/a", "--set", change, status=2).stderr
        assert "llm.base_url" in told and "feedtwin fork" in told
    with serve(ScriptedProvider(Script(is_apt=True))) as second:
        more = ("--set", f"llm.base_url={second}", "--quiet")
        cli("resume", "in/a", *more)
    assert "the run stopped" not in cli("llm", "usage", "in/a").stdout
    kept = {entry.server for _, entry in Cache(cli.folder / "kept" / "answers").entries()}
    assert kept == {first, second} and not (cli.folder / "in" / "llm-cache").exists()
    known = json.loads((cli.folder / "in" / "a" / "manifest.json").read_text())["language_models"]
    assert known == {"cache": "../../kept/answers", "set": [f"llm.base_url={second}"]}
    assert "equal" in cli("replay", "in/a", "--quiet").stdout
    cli(
        "fork", "in/a", "--at", "3", "--out", "f", "--offline", "--quiet"
    )  # it knows the second server, too
    told = cli("fork", "in/a", "--at", "2", "--out", "g", "--offline", "--quiet", status=2).stderr
    assert "llm.on_trouble is stop" in told  # of step 2, the first server gave some of the answers
    assert not (cli.folder / "llm-cache").exists()


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
