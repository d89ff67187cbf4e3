"""The commands `feedtwin llm ...`."""

import os
import signal
import socket
import time
from decimal import Decimal

import pytest

from feedtwin.llm.cache import Cache
from feedtwin.record.journal import Journal
from feedtwin.schema.settings import resolve
from feedtwin.testing.provider import Script, ScriptedProvider, serve
from feedtwin.testing.services import asks_of, live_settings, service_of

LIVE_CAPTIONS = ("--set", "llm.caption.source=live", "--set", "llm.caption.model=feedtwin-demo")


def test_an_estimate_names_every_number_before_anything_is_spent(cli):
    found = cli.json(
        "llm",
        "estimate",
        "synthetic",
        *LIVE_CAPTIONS,
        "--calls",
        "caption=200",
        "--calls",
        "trend=9",
    )
    (row,) = found["tasks"]
    assert row["task"] == "CAPTION_GENERATION" and row["calls"] == 200
    assert 0 < found["expected_microusd"] == row["expected"] < found["worst_microusd"]
    shown = cli("llm", "estimate", *LIVE_CAPTIONS, "--calls", "caption=200").stdout
    assert "feedtwin-demo" in shown and "budget $10.00" in shown


def test_an_estimate_of_nothing_says_how_to_ask(cli):
    assert "--calls caption=200" in cli("llm", "estimate").stdout


def test_a_model_without_a_price_is_refused_with_what_to_do(cli):
    told = cli(
        "llm",
        "estimate",
        "--set",
        "llm.caption.source=live",
        "--set",
        "llm.caption.model=nobodys",
        "--calls",
        "caption=1",
        status=2,
    ).stderr
    assert "--set llm.prices=nobodys:INPUT:OUTPUT" in told
    priced = cli.json("llm", "estimate", "--set", "llm.caption.source=live", "--set", "llm.caption.model=nobodys",
                      "--set", "llm.prices=nobodys:0:0", "--calls", "caption=1")  # fmt: skip
    assert priced["expected_microusd"] == 0


def test_usage_shows_who_answered_and_what_it_cost(cli, monkeypatch):
    settings = resolve(
        "synthetic", users=10, sets=["llm.caption.source=live", "llm.degraded_share=0"]
    )
    header = {"segments": [{"from_step": 0, "settings": settings.model_dump()}]}
    (cli.folder / "run").mkdir()
    with (
        Journal.create(cli.folder / "run" / "journal", header) as journal,
        service_of(
            live_settings(),
            client=ScriptedProvider(Script({"good": 3, "wrong": 1})),
            records=journal,
        ) as service,
    ):
        service.begin_step(0)
        service.answer(asks_of(60))
        charged = service.ledger.account().charged
    found = cli.json("llm", "usage", "run")
    assert found["charged_microusd"] == found["paid_microusd"] == charged
    assert sum(one["charged_microusd"] for one in found["tasks"].values()) == charged
    assert found["degraded"]
    shown = cli("llm", "usage", "run").stdout
    assert "CREATOR_CAMPAIGN" in shown and "degraded:" in shown
    monkeypatch.setenv("COLUMNS", "80")
    narrow = cli("llm", "usage", "run").stdout
    answers, costs, _ = narrow.split("\n\n")
    for part in (answers, costs):
        words = [line.split() for line in part.splitlines()]
        assert all(len(line) <= 80 for line in part.splitlines())
        assert len({len(row) for row in words[1:]}) == 1, part
    *rows, whole = [line.split() for line in costs.splitlines()[1:]]
    for column in (-2, -1):
        parts = [Decimal(row[column].removeprefix("$")) for row in rows]
        assert sum(parts) == Decimal(whole[column].removeprefix("$")) == Decimal(charged) / 10**6
    assert "no such" in cli("llm", "usage", "missing", status=2).stderr.lower()
    meter = cli.json("llm", "fidelity", "run")
    assert {one["task"] for one in meter["tasks"]} <= set(found["tasks"])
    for one in meter["tasks"]:
        assert one["distance"]["n"] and one["of_model"] is None and one["verdict"]
    assert "outcomes" not in meter and meter["paid_microusd"] == 0
    printed = cli("llm", "fidelity", "run").stdout
    assert "rule twice" in printed and "the model was not asked twice" in printed
    assert "given twice" in cli("llm", "fidelity", "run", "run", status=2).stderr


def test_a_question_without_a_model_is_answered_by_rule(cli):
    found = cli.json("llm", "ask", "CREATOR_CAMPAIGN")
    assert found["source"] == "surrogate" and len(found["response"]["days"]) == 3
    assert "answered by surrogate" in cli("llm", "ask", "CREATOR_CAMPAIGN").stdout
    assert (
        "did you mean 'CREATOR_CAMPAIGN'" in cli("llm", "ask", "CREATOR_CAMPAIN", status=2).stderr
    )


def test_a_question_goes_to_the_server_that_the_settings_name(cli, loopback, monkeypatch):
    pytest.importorskip("openai")
    monkeypatch.setenv("FEEDTWIN_LLM_KEY", "sk-some-key-of-mine")
    provider = ScriptedProvider()
    with serve(provider) as address:
        found = cli.json(
            "llm", "ask", "CAPTION_GENERATION", *LIVE_CAPTIONS, "--set", f"llm.base_url={address}"
        )
    assert found["source"] == "live" and found["paid_microusd"] == provider.bill.microusd > 0


def test_a_missing_key_is_one_sentence(cli, monkeypatch):
    pytest.importorskip("openai")
    monkeypatch.delenv("FEEDTWIN_LLM_KEY", raising=False)
    told = cli("llm", "ask", "CAPTION_GENERATION", *LIVE_CAPTIONS, status=2).stderr
    assert "export FEEDTWIN_LLM_KEY" in told and told.count("\n") == 1


def test_a_cache_is_exported_imported_and_verified(cli):
    with service_of(
        live_settings(), client=ScriptedProvider(), cache=Cache(cli.folder / "cache")
    ) as service:
        service.begin_step(0)
        service.answer(asks_of(12))
    assert "12 records" in cli("llm", "cache", "export", "cache", "all.jsonl").stdout
    assert "12 records" in cli("llm", "cache", "import", "all.jsonl", "other").stdout
    assert cli.json("llm", "cache", "verify", "other")["faults"] == []
    next((cli.folder / "other").rglob("*.json")).write_text("{}")
    assert len(cli.json("llm", "cache", "verify", "other", status=1)["faults"]) == 1
    assert "1 not" in cli("llm", "cache", "verify", "other", status=1).stdout
    assert "error:" in cli("llm", "cache", "export", "other", "x.jsonl", status=2).stderr
    assert "error:" in cli("llm", "cache", "verify", "missing", status=2).stderr


def test_the_demo_server_says_what_it_is_and_ends_when_interrupted(cli):
    pytest.importorskip("xllamacpp")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    process = cli.process(
        "llm", "demo-server", "--port", str(port), env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        first = process.stdout.readline()
        assert f"http://127.0.0.1:{port}/v1" in first and "plumbing, not evidence" in first
        while "feedtwin llm ask" not in process.stdout.readline():
            pass
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0 and "ended" in out, (out, err)
    finally:
        process.kill()


@pytest.mark.parametrize("number", ["²", "-1", "1000000001", "9" * 5000])
def test_a_number_of_calls_is_whole_and_bounded(cli, number):
    told = cli("llm", "estimate", "--calls", f"caption={number}", status=2).stderr
    assert "expected TASK=NUMBER" in told and "1,000,000,000" in told


def test_a_demo_server_on_a_used_port_is_one_sentence(cli):
    pytest.importorskip("xllamacpp")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = cli("llm", "demo-server", "--port", port, status=2).stderr
    assert f"port {port}" in told and "--port 0" in told and told.count("\n") == 1


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:99999/v1", "http://[::1/v1", "http://1.2.3.999/v1"]
)
def test_a_run_with_an_address_that_is_none_makes_no_folder(cli, monkeypatch, address):
    pytest.importorskip("openai")
    monkeypatch.setenv("FEEDTWIN_LLM_KEY", "sk-some-key-of-mine")
    told = cli("run", "synthetic", "--users", "20", "--steps", "1", "--out", "r", *LIVE_CAPTIONS,
               "--set", f"llm.base_url={address}", status=2).stderr  # fmt: skip
    assert told.startswith("error: llm.base_url: ") and not (cli.folder / "r").exists()


def test_a_cache_that_is_no_folder_or_cannot_be_written_is_refused_before_anything_is_asked(
    cli, loopback, monkeypatch
):
    pytest.importorskip("openai")
    monkeypatch.setenv("FEEDTWIN_LLM_KEY", "sk-some-key-of-mine")
    (cli.folder / "file").write_text("")
    (cli.folder / "shut").mkdir()
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: "shut" not in str(path) and access(path, mode)
    )
    provider = ScriptedProvider()
    with serve(provider) as address:
        for cache, words in (
            ("file", "is no folder"),
            ("file/in", "is no folder"),
            ("shut/in", "cannot be written"),
        ):
            told = cli("run", "synthetic", "--users", "20", "--steps", "1", "--out", "r", "--llm-cache", cache,
                       *LIVE_CAPTIONS, "--set", f"llm.base_url={address}", status=2).stderr  # fmt: skip
            assert words in told and "--llm-cache" in told and not (cli.folder / "r").exists()
    assert provider.bill.microusd == 0


@pytest.mark.parametrize("given", ["sk-Canary-4711", "4Canary", "Canary name", "Canaryé"])
def test_a_key_in_place_of_its_variables_name_is_refused_and_not_shown(cli, given):
    result = cli("run", "synthetic", "--out", "r", "--set", f"llm.key_variable={given}", status=2)
    assert "error: llm.key_variable: " in result.stderr and "FEEDTWIN_LLM_KEY" in result.stderr
    assert "Canary" not in result.stderr + result.stdout and not (cli.folder / "r").exists()


def test_comments_that_stay_live_longer_than_personas_are_refused(cli):
    sets = ("--set", "llm.comment.live_until=0.96", "--set", "llm.comment.source=surrogate")
    cli("llm", "estimate", "--users", "20", "--steps", "1", *sets)
    told = cli("run", "synthetic", "--users", "20", "--steps", "1", "--out", "r", *sets,
               "--set", "llm.persona.source=surrogate", status=2).stderr  # fmt: skip
    assert "llm.comment.live_until is 0.96" in told and "llm.persona.live_until is 0.95" in told
    assert not (cli.folder / "r").exists()


def test_a_question_without_the_live_answer_it_wants_says_so_and_fails(cli, loopback, monkeypatch):
    pytest.importorskip("openai")
    monkeypatch.setenv("FEEDTWIN_LLM_KEY", "sk-some-key-of-mine")
    fast = (*LIVE_CAPTIONS, "--set", "llm.backoff_s=0", "--set")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    nobody = (*fast, f"llm.base_url=http://127.0.0.1:{port}/v1")
    result = cli("llm", "ask", "CAPTION_GENERATION", *nobody, status=1)
    assert "no live answer came (unreachable)" in result.stderr and "surrogate" in result.stdout
    found = cli.json("llm", "ask", "CAPTION_GENERATION", *nobody, status=1)
    assert found["source"] == "surrogate" and found["reason"] == "unreachable"
