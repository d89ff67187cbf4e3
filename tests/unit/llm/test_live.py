"""The way to a server through the official client: faults, deadlines, and a key that shows nowhere."""

import asyncio
import base64
import json
import logging
import socket
import sys
import threading
import traceback
from contextlib import ExitStack, suppress
from urllib.parse import quote

import pytest

from feedtwin.errors import FeedtwinError, LLMError
from feedtwin.llm.cache import Cache
from feedtwin.llm.clients import BODY_BYTES_MAX, Call, Failure, LiveClient, Reply, answered
from feedtwin.llm.opening import open_service
from feedtwin.llm.records import inputs_by_step
from feedtwin.llm.secrets import Screen, Secret
from feedtwin.randomness import Draws
from feedtwin.record.journal import Journal, read_journal
from feedtwin.schema.codes import AnswerSource
from feedtwin.testing.canary import CANARY, traces
from feedtwin.testing.provider import (
    BROKEN,
    BUSY,
    GARBAGE,
    GOOD,
    KEY,
    LOST,
    WRONG,
    Script,
    ScriptedProvider,
    serve,
)
from feedtwin.testing.services import Records, asks_of, live_settings, service_of

pytest.importorskip("openai")
pytestmark = pytest.mark.usefixtures("loopback")

CALL = Call(
    1, "feedtwin-demo", ({"role": "user", "content": "x"},), "t", {"type": "object"}, 1.0, 3, 50
)


def live(address, **sources):
    """A service whose client goes through the SDK."""
    secret = Secret(CANARY)
    settings = sources.pop("settings", live_settings())
    client = LiveClient(address, secret, settings.call_timeout_s)
    return service_of(settings, client=client, screen=Screen(secret), **sources)


def completed(address, timeout_s=5.0):
    """What one call to an address ends as."""

    async def once():
        client = LiveClient(address, Secret(CANARY), timeout_s)
        try:
            return await answered(client, CALL, timeout_s)
        finally:
            await client.close()

    return asyncio.run(once())


def test_through_the_sdk_the_ledger_is_the_providers_bill():
    provider = ScriptedProvider()
    with serve(provider) as address, live(address) as service:
        service.begin_step(0)
        answers = service.answer(asks_of(60))
        assert {one.source for one in answers} == {AnswerSource.LIVE}
        assert service.ledger.account().charged == provider.bill.microusd > 0
    in_process = ScriptedProvider()
    with service_of(live_settings(), client=in_process) as service:
        service.begin_step(0)
        assert service.answer(asks_of(60)) == answers
    assert in_process.bill == provider.bill


def test_a_storm_of_refusals_is_waited_out_as_the_server_asks():
    provider = ScriptedProvider(Script({BUSY: 2, GOOD: 1}, retry_after="0.01"), seed=3)
    with (
        serve(provider) as address,
        live(address, settings=live_settings("attempts_max=8")) as service,
    ):
        service.begin_step(0)
        answers = service.answer(asks_of(30))
    assert {one.reason for one in answers} <= {"", "http 429"}
    assert sum(one.source is AnswerSource.LIVE for one in answers) >= 27
    assert service.ledger.account().charged == provider.bill.microusd


def test_a_storm_without_end_degrades_the_run_and_says_so():
    provider, records = ScriptedProvider(Script({BUSY: 1})), Records()
    with serve(provider) as address, live(address, records=records) as service:
        for step in range(2):
            service.begin_step(step)
            assert {one.reason for one in service.answer(asks_of(24, step))} == {"http 429"}
        assert service.ledger.account().charged == provider.bill.microusd == 0
        assert sum(one.degraded for one in service.counts.values()) == 48
    sent = sum(len(one.sent) for one in records.by_step().values())
    assert (
        sent == sum(provider.seen.values()) == 96
    )  # every call was reserved: the SDK repeats none


def test_a_server_that_dies_between_steps_degrades_the_run_and_one_told_to_stop_resumes():
    provider, records = ScriptedProvider(), Records()
    settings = live_settings("on_trouble=stop", "call_timeout_s=2")
    with ExitStack() as alive:
        address = alive.enter_context(serve(provider))
        with live(address, settings=settings, records=records) as service:
            service.begin_step(0)
            first = service.answer(asks_of(12))
            service.begin_step(1)
            alive.close()
            with pytest.raises(LLMError, match="resume"):
                service.answer(asks_of(12, 1))
    with (
        serve(provider) as address,
        live(address, settings=settings, past=records.by_step(), replays_until=0) as again,
    ):
        again.begin_step(0)
        assert again.answer(asks_of(12)) == first
        again.begin_step(1)
        assert {one.source for one in again.answer(asks_of(12, 1))} == {AnswerSource.LIVE}
        assert again.ledger.account().charged == provider.bill.microusd


def test_answers_slower_than_the_deadline_are_spent_and_the_phase_ends_in_time():
    provider = ScriptedProvider(Script(latency_s=(2.0, 2.0)))
    settings = live_settings("flush_deadline_s=0.4", "attempts_max=1", "call_timeout_s=30", "on_trouble=degrade")  # fmt: skip
    with serve(provider) as address, live(address, settings=settings) as service:
        service.begin_step(0)
        assert {one.reason for one in service.answer(asks_of(6))} == {"deadline"}
        assert service.ledger.account().charged >= provider.bill.microusd


class RawServer:
    """A server that sends the same bytes to whoever connects."""

    def __init__(self, reply, *, holds=False, drips=False):
        self.pieces = [reply[k : k + 1] for k in range(len(reply))] if drips else [reply]
        self.holds, self.drips = holds, drips
        self.stop = threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.server.getsockname()[1]}/v1"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self.address

    def __exit__(self, *_):
        self.stop.set()
        self.server.close()

    def _accept(self):
        with suppress(OSError):
            while not self.stop.is_set():
                connection, _ = self.server.accept()
                threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection):
        with connection, suppress(OSError):
            connection.recv(65536)
            for piece in self.pieces:
                connection.sendall(piece)
                self.stop.wait(0.05 if self.drips else 0)
            self.stop.wait(10 if self.holds else 0)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(1)
            while connection.recv(65536):  # a request left unread would reset the connection
                pass


def http(body=b"", status="200 OK", *headers):
    head = "".join(f"{one}\r\n" for one in headers)
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{head}\r\n".encode() + body


def chat(**message):
    value = {
        "choices": [{"message": {"content": "{}", **message}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("reply", "options", "wanted"),
    [
        (http(chat()), {}, Reply("{}", {"prompt_tokens": 1, "completion_tokens": 1})),
        (http(b"not json"), {}, Reply(None, None, is_chat=False)),
        (http(b"[1]"), {}, Reply(None, None, is_chat=False)),
        (http(b"[" * 5000), {}, Reply(None, None, is_chat=False)),
        (http(b"<html>It works!</html>"), {}, Reply(None, None, is_chat=False)),
        (http(b'{"error":"no such route"}'), {}, Reply(None, None, is_chat=False)),
        (http(b'{"choices":[]}'), {}, Reply(None, None)),
        (http(b'{"choices":[3],"usage":7}'), {}, Reply(None, 7)),
        (http(chat(content=None)), {}, Reply(None, {"prompt_tokens": 1, "completion_tokens": 1})),
        (http(chat(content=[{"text": "x"}])), {}, Reply(None, {"prompt_tokens": 1, "completion_tokens": 1})),
        (http(b"x" * (BODY_BYTES_MAX + 1)), {}, Failure("body too long", True, False)),
        (http(b"", "302 Found", "location: http://127.0.0.1:1/evil"), {}, Failure("http 302", True, False)),
        (http(b"{}", "401 Unauthorized"), {}, Failure("http 401", False, False)),
        (http(b"{}", "404 Not Found"), {}, Failure("http 404", False, False)),
        (http(b"{}", "429 Too Many", "retry-after: 3"), {}, Failure("http 429", False, True, 3.0)),
        (http(b"{}", "429 Too Many", "retry-after: Wed, 21 Oct"), {}, Failure("http 429", False, True)),
        (http(b"{}", "429 Too Many", "retry-after: inf"), {}, Failure("http 429", False, True)),
        (http(b"{}", "429 Too Many", "retry-after: 99999"), {}, Failure("http 429", False, True, 60.0)),
        (http(b"{}", "500 Oops"), {}, Failure("http 500", True, True)),
        (http(b"{}", "503 Busy"), {}, Failure("http 503", True, True)),
        (b"", {}, Failure("connection", True, True)),
        (b"garbage\r\n\r\n", {}, Failure("connection", True, True)),
        (http(chat())[:-9], {}, Failure("connection", True, True)),
        (http(b"no gzip at all, but text", "200 OK", "content-encoding: gzip"), {}, Failure("connection", True, True)),
        (b"", {"holds": True}, Failure("timeout", True, True)),
        (http(chat())[:-9], {"holds": True}, Failure("timeout", True, True)),
        (http(chat()), {"drips": True}, Failure("timeout", True, True)),
    ],
)  # fmt: skip
def test_whatever_a_server_does_is_a_reply_or_a_failure(reply, options, wanted):
    with RawServer(reply, **options) as address:
        assert completed(address, 0.5) == wanted


def test_a_server_that_is_not_there_costs_nothing():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = completed(f"http://127.0.0.1:{port}/v1")
    assert found == Failure("unreachable", is_spent=False, is_passing=True)


def test_the_extra_that_is_missing_is_named_in_one_sentence_with_its_command(monkeypatch):
    monkeypatch.setattr(
        "feedtwin.llm.clients.find_spec", lambda name: None if name == "openai" else object()
    )
    with pytest.raises(LLMError) as caught:
        LiveClient("http://127.0.0.1:1/v1", Secret(""), 1.0)
    text = str(caught.value)
    assert "pip install 'feedtwin[llm]'" in text and "\n" not in text


# -- the key -------------------------------------------------------------------------------------


def test_the_search_for_traces_sees_what_it_is_for():
    for leak in (
        CANARY,
        CANARY[3:17],
        quote(CANARY, safe=""),
        CANARY.encode().hex(),
        CANARY.upper(),
        base64.b64encode(f"Bearer {CANARY}".encode()).decode(),
    ):
        assert traces(f"x {leak} y")
    assert not traces("nothing of the kind")


PATHS = {
    "good": Script(),
    "echoed in an answer": Script({KEY: 1}),
    "echoed by refusals": Script({BUSY: 1}),
    "echoed by failures": Script({BROKEN: 1}),
    "garbage": Script({GARBAGE: 1}),
    "another shape": Script({WRONG: 1}),
    "no answer": Script({LOST: 1}),
    "slow": Script(latency_s=(3.0, 3.0)),
}


@pytest.mark.parametrize("path", PATHS)
def test_the_key_is_in_no_file_log_or_error_on_any_path(path, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("FEEDTWIN_LLM_KEY", CANARY)
    monkeypatch.setenv("OPENAI_LOG", "debug")
    handler = logging.FileHandler(tmp_path / "log.txt")
    logging.getLogger().addHandler(handler)
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    errors = []
    try:
        with serve(ScriptedProvider(PATHS[path]), echo="authorization") as address:
            _use(address, tmp_path, "degrade", errors)
            _use(address, tmp_path, "stop", errors)
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    out = capfd.readouterr()
    files = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert any(one.name == "journal" for one in files)
    for name, text in [
        ("output", out.out + out.err),
        *(("error", e) for e in errors),
        *((str(f), f.read_bytes().decode("latin-1")) for f in files),
    ]:
        assert not traces(text), (name, traces(text)[:3])


def _use(address, folder, on_trouble, errors):
    """Run two asks with a journal and a cache on disk; keep what an error would print, locals included."""
    settings = live_settings(
        f"base_url={address}", f"on_trouble={on_trouble}", "call_timeout_s=0.3", "attempts_max=1",
        "key=required",
    )  # fmt: skip
    try:
        with (
            Journal.create(folder / on_trouble / "journal", {})
            if (folder / on_trouble).mkdir() is None
            else None as journal
        ):
            service = open_service(settings, Draws(1), journal, cache_folder=folder / "cache")
            try:
                service.begin_step(0)
                service.answer(asks_of(6))
            finally:
                service.close()
    except FeedtwinError:
        errors.append(
            "".join(traceback.TracebackException(*sys.exc_info(), capture_locals=True).format())
        )


# -- a journal on disk ---------------------------------------------------------------------------


def test_a_journal_on_disk_replays_with_every_socket_blocked(tmp_path, monkeypatch):
    provider = ScriptedProvider(Script({GOOD: 4, GARBAGE: 1}))
    asks = [asks_of(18, step) for step in range(3)]
    with (
        serve(provider) as address,
        Journal.create(tmp_path / "journal", {}) as journal,
        live(address, records=journal, cache=Cache(tmp_path / "cache", "")) as service,
    ):
        first = []
        for step in range(3):
            service.begin_step(step)
            first.append(service.answer(asks[step]))
            journal.commit(step, "00")

    def blocked(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", blocked)
    monkeypatch.setattr(socket.socket, "connect_ex", blocked)
    past = inputs_by_step(read_journal(tmp_path / "journal"))
    for sources in ({"past": past, "replays_until": 2}, {"cache": Cache(tmp_path / "cache", "")}):
        with service_of(live_settings(), **sources) as again:
            for step in range(3):
                again.begin_step(step)
                found = again.answer(asks[step])
                assert [one.response for one in found] == [one.response for one in first[step]]
            assert again.ledger.account().charged == provider.bill.microusd
