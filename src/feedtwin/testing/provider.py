"""A provider of language models that follows a script: slow, lossy, lying, and with a bill of its own.

`ScriptedProvider` is a client, so a service can use it without a network; `serve` puts the same provider
behind a loopback HTTP server, for the way through the real SDK. What happens to a call depends on the call
and the seed, never on when it arrives. The bill is kept apart from what replies claim.
"""

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from feedtwin.llm.clients import Call, Failure, Outcome, Reply
from feedtwin.llm.prices import TABLE, Price
from feedtwin.llm.task import Ask, task
from feedtwin.testing.samples import Lots, sample_response

BYTES_PER_TOKEN = 4
"""The tokeniser of this provider."""

GOOD, LOST, BUSY, BROKEN = "good", "lost", "429", "500"
GARBAGE, PROSE, CUT, WRONG, KEY = "garbage", "prose", "cut", "wrong", "key"
"""Kinds of behaviour: answers well; never; refuses; fails after the work; bad replies; echoes the key."""
USAGES: Mapping[str, Any] = {
    "true": None,
    "negative": {"prompt_tokens": -5, "completion_tokens": -7},
    "null": {"prompt_tokens": None, "completion_tokens": None},
    "huge": {"prompt_tokens": 10**18, "completion_tokens": 10**18},
    "float": {"prompt_tokens": 1.5, "completion_tokens": 2.5},
    "string": {"prompt_tokens": "1", "completion_tokens": "2"},
    "missing": [],
    "all cached": {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}},
}  # fmt: skip
"""What replies claim to have used, by the name of the lie."""


@dataclass(frozen=True)
class Script:
    """What a provider does.

    Attributes:
        behaviours: Weights of kinds of behaviour.
        usages: Weights of what replies claim.
        latency_s: Shortest and longest time of a call.
        retry_after: Text of the header of a refusal.
        is_apt: Whether good answers are those of the stand-ins, in length and sense, or any that fit.
    """

    behaviours: Mapping[str, int] = field(default_factory=lambda: {GOOD: 1})
    usages: Mapping[str, int] = field(default_factory=lambda: {"true": 1})
    latency_s: tuple[float, float] = (0.0, 0.0)
    retry_after: str = ""
    is_apt: bool = False


@dataclass
class Bill:
    """What a provider will ask to be paid; it knows, whatever its replies say."""

    microusd: int = 0
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True)
class _Turn:
    """What happens to one call."""

    kind: str
    usage: str
    wait_s: float
    text: str
    tokens_in: int
    tokens_out: int


class ScriptedProvider:
    """Follows a script; any number of calls at once.

    Attributes:
        bill: What it will ask to be paid.
        seen: How often each kind of behaviour occurred.
    """

    def __init__(
        self, script: Script | None = None, seed: int = 0, prices: Mapping[str, Price] = TABLE
    ) -> None:
        self.script, self.seed, self._prices = script or Script(), seed, prices
        self.bill = Bill()
        self.seen: Counter[str] = Counter()
        self._lock = Lock()

    async def complete(self, call: Call) -> Outcome:
        """Answer one call; see `llm.clients.Client`."""
        turn = self.turn(call)
        self.charge(call, turn)
        if turn.kind == LOST:
            await asyncio.Event().wait()
        await asyncio.sleep(turn.wait_s)
        if turn.kind in (BUSY, BROKEN):
            return Failure(
                f"http {turn.kind}", is_spent=turn.kind == BROKEN, is_passing=True, wait_s=0.0
            )
        return Reply(turn.text, self.usage(turn), is_cut=False)

    async def close(self) -> None:
        """Nothing to let go of."""

    def turn(self, call: Call) -> _Turn:
        """Return what happens to a call."""
        lots = Lots(self.seed, call.messages, call.seed)
        kind = _weighted(self.script.behaviours, lots)
        usage = _weighted(self.script.usages, lots)
        low, high = self.script.latency_s
        wait = low + (high - low) * lots.one(0, 1001) / 1000
        text = _text(kind, call, lots, self.script.is_apt)
        size = sum(len(one["content"].encode()) for one in call.messages)
        size += len(json.dumps(call.schema, separators=(",", ":")))
        tokens_out = min(_tokens(len(text.encode())), call.tokens_max)
        return _Turn(kind, usage, wait, text, _tokens(size), tokens_out)

    def charge(self, call: Call, turn: _Turn) -> None:
        """Put a call on the bill; refusals are free."""
        with self._lock:
            self.seen[turn.kind] += 1
            if turn.kind == BUSY:
                return
            price = self._prices[call.model]
            self.bill.calls += 1
            self.bill.tokens_in += turn.tokens_in
            self.bill.tokens_out += turn.tokens_out
            self.bill.microusd += price.cost(turn.tokens_in, turn.tokens_out)

    @staticmethod
    def usage(turn: _Turn) -> Any:
        """Return what a reply claims to have used."""
        if turn.usage == "true":
            return {"prompt_tokens": turn.tokens_in, "completion_tokens": turn.tokens_out}
        return USAGES[turn.usage]


def _tokens(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)


def _weighted(weights: Mapping[str, int], lots: Lots) -> str:
    left = lots.one(0, sum(weights.values()))
    for name, weight in weights.items():
        if left < weight:
            return name
        left -= weight
    raise AssertionError


def _text(kind: str, call: Call, lots: Lots, is_apt: bool) -> str:
    good = json.dumps(_answer(call, lots, is_apt), separators=(",", ":"))
    return {
        GARBAGE: "\x00{]\ud7ff not json",
        PROSE: f"Sure! Here is your answer:\n```json\n{good}\n```",
        CUT: good[: len(good) // 2],
        WRONG: json.dumps({"answer": 42, "admin": True}),
    }.get(kind, good)


def _answer(call: Call, lots: Lots, is_apt: bool) -> dict[str, Any]:
    """Return an answer that fits: the provider reads the request out of the marked data."""
    kind = task(call.name.upper())
    data = call.messages[-1]["content"].split("\n")[1]
    request = kind.request.model_validate_json(data)
    if is_apt:
        words = [lots.one(0, 2**32) for _ in range(kind.words)]
        fields: dict[str, Any] = kind.surrogate(request, words).model_dump(mode="json")
        return fields
    return sample_response(Ask(kind, tuple(0 for _ in kind.key), request), lots)


@contextmanager
def serve(provider: ScriptedProvider, echo: str = "") -> Iterator[str]:
    """Put a provider behind a loopback HTTP server.

    Args:
        provider: The provider.
        echo: Header whose value error bodies and `KEY` replies repeat, as careless servers do.

    Yields:
        The base URL.
    """
    connections: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            """Note the connection, which dies with the server."""
            super().setup()
            connections.append(self.connection)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

        def do_POST(self) -> None:
            """Answer a chat request."""
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            call = _call_of(body)
            turn = provider.turn(call)
            provider.charge(call, turn)
            time.sleep(turn.wait_s)
            heard = self.headers.get(echo, "") if echo else ""
            if turn.kind == LOST:
                self.close_connection = True
                return
            if turn.kind in (BUSY, BROKEN):
                self._send(
                    int(turn.kind), {"error": {"message": f"refused {heard}", "type": heard}}
                )
                return
            text = json.dumps({"title": heard}) if turn.kind == KEY else turn.text
            self._send(200, _completion(call, text, provider.usage(turn)))

        def _send(self, status: int, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            if provider.script.retry_after:
                self.send_header("retry-after", provider.script.retry_after)
            self.end_headers()
            self.wfile.write(data)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_: Any) -> None:
            """Let clients hang up."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _call_of(body: Mapping[str, Any]) -> Call:
    schema = body["response_format"]["json_schema"]
    return Call(
        number=0,
        model=body["model"],
        messages=tuple(body["messages"]),
        name=schema["name"],
        schema=schema["schema"],
        temperature=body["temperature"],
        seed=body["seed"],
        tokens_max=body.get("max_tokens", body.get("max_completion_tokens", 0)),
    )


def _completion(call: Call, text: str, usage: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "scripted",
        "object": "chat.completion",
        "created": 0,
        "model": call.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
