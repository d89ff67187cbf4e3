"""The way to a model: what a call is, what can come back, and the client for compatible servers.

One protocol reaches hosted models, vLLM, Ollama and llama.cpp: OpenAI's chat completions, through the
official SDK and a base URL. The SDK never retries (a retry is money that has to be reserved first), never
follows redirects, and a body is read up to a bound. Nothing that the SDK says about an error is quoted:
it may hold headers; a failure is one word of a fixed vocabulary and a status.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from importlib.util import find_spec
from typing import Any, Final, Protocol

from feedtwin.errors import LLMError
from feedtwin.llm.json_schema import Schema
from feedtwin.llm.secrets import Secret
from feedtwin.schema.address import bad_address, check_address

BODY_BYTES_MAX: Final = 1_048_576
INSTALL: Final = "pip install 'feedtwin[llm]'"
_UNBILLED_STATUS: Final = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})
"""Refusals before any work; every other end of a call that was sent counts as spent."""
_PASSING_STATUS: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""What another attempt may find gone."""
_WAIT_MAX_S: Final = 60.0
_IN_TROUBLE: Final = frozenset(
    {"unreachable", "timeout", "connection", "deadline", "http 408", "http 429"}
)
"""Reasons that say nothing about the request, as every status from 500 does."""


class Heard(IntEnum):
    """What calls to a model say about it; of several the highest counts."""

    NOTHING = 0
    """No call left."""
    SILENT = 1
    """It was not reached, not in time, or is in trouble: 429, 5xx."""
    REFUSED = 2
    """A server is there, and takes the request for a mistake, or sends what is no chat completion."""
    ANSWERED = 3
    """A chat completion, whatever it is worth."""


@dataclass(frozen=True)
class Call:
    """One request to a model.

    Attributes:
        number: Number of the reservation.
        model: Name of the model.
        messages: Chat messages.
        name: Name of the schema.
        schema: JSON schema of the answer, in the server's dialect.
        temperature: Sampling temperature.
        seed: Sampling seed.
        tokens_max: Most tokens of the answer.
    """

    number: int
    model: str
    messages: tuple[Mapping[str, str], ...]
    name: str
    schema: Schema
    temperature: float
    seed: int
    tokens_max: int


@dataclass(frozen=True)
class Reply:
    """What a server answered; nothing of it is trusted.

    Attributes:
        text: The content of the first choice; None if it has none.
        usage: What the server says it counted.
        is_cut: Whether the answer stops at the limit of tokens.
        is_chat: Whether it is a chat completion at all, an object with choices, whatever they are worth.
    """

    text: str | None
    usage: Any
    is_cut: bool = False
    is_chat: bool = True


@dataclass(frozen=True)
class Failure:
    """A call without an answer.

    Attributes:
        reason: One word, and a status where there is one.
        is_spent: Whether the reservation counts as spent.
        is_passing: Whether another attempt makes sense.
        wait_s: How long the server asked to wait.
    """

    reason: str
    is_spent: bool
    is_passing: bool
    wait_s: float = 0.0

    @property
    def heard(self) -> Heard:
        """What it says about the model."""
        if self.reason == "deadline" and not self.is_spent:
            return Heard.NOTHING
        is_silent = self.reason in _IN_TROUBLE or self.reason.startswith("http 5")
        return Heard.SILENT if is_silent else Heard.REFUSED


Outcome = Reply | Failure


class Client(Protocol):
    """Sends calls; many at once, from one event loop."""

    async def complete(self, call: Call) -> Outcome:
        """Send one call; failures are returned, only cancellation is raised."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def require(*modules: str, install: str = INSTALL) -> None:
    """Raise LLMError, with the command that mends it, where a module of the extra is missing."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise LLMError(
            f"llm: the package {missing[0]} is not installed; expected the extra of language models: {install}"
        )


class LiveClient:
    """A client for any server that speaks OpenAI's chat protocol."""

    def __init__(
        self, address: str, secret: Secret, timeout_s: float, tokens_parameter: str = "max_tokens"
    ) -> None:
        """Prepare a client; nothing is sent.

        Args:
            address: Base URL, ending in /v1 for most servers.
            secret: The server's key; may be empty.
            timeout_s: Time a call may take.
            tokens_parameter: Name of the request's limit on tokens.

        Raises:
            LLMError: The extra is not installed.
            SettingsError: The address is none.
        """
        require("openai", "httpx2", "aiolimiter")
        check_address(address)
        import httpx2
        import openai

        try:
            httpx2.URL(address)
        except (httpx2.InvalidURL, ValueError):
            raise bad_address("its host is none") from None
        for name in ("openai", "httpx2", "httpcore2"):  # at DEBUG they write headers
            logging.getLogger(name).setLevel(logging.WARNING)
        self._openai, self._httpx = openai, httpx2
        self._tokens_parameter = tokens_parameter
        self._client = openai.AsyncOpenAI(
            api_key=secret.reveal() or "none",
            base_url=address,
            max_retries=0,
            timeout=timeout_s,
            http_client=httpx2.AsyncClient(
                timeout=timeout_s,
                follow_redirects=False,
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
            ),
        )

    async def complete(self, call: Call) -> Outcome:
        """Send one call; see `Client`."""
        openai, httpx = self._openai, self._httpx
        try:
            return _reply(await self._body(call))
        except openai.APIStatusError as error:
            status = int(error.status_code)
            return Failure(
                f"http {status}",
                is_spent=status not in _UNBILLED_STATUS,
                is_passing=status in _PASSING_STATUS,
                wait_s=_wait_s(error.response.headers.get("retry-after", "")),
            )
        except (openai.APITimeoutError, httpx.TimeoutException):
            return Failure("timeout", is_spent=True, is_passing=True)
        except openai.APIConnectionError as error:
            is_unsent = isinstance(error.__cause__, httpx.ConnectError)
            reason = "unreachable" if is_unsent else "connection"
            return Failure(reason, is_spent=not is_unsent, is_passing=True)
        except (openai.OpenAIError, httpx.HTTPError, httpx.StreamError):
            return Failure("connection", is_spent=True, is_passing=True)
        except _BodyTooLongError:
            return Failure("body too long", is_spent=True, is_passing=False)

    async def _body(self, call: Call) -> bytes:
        """Return the body of the response, read up to a bound."""
        create: Any = self._client.chat.completions.with_streaming_response.create
        body = bytearray()
        async with create(
            model=call.model,
            messages=[dict(message) for message in call.messages],
            temperature=call.temperature,
            seed=call.seed,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": call.name, "schema": call.schema, "strict": True},
            },
            **{self._tokens_parameter: call.tokens_max},
        ) as response:
            async for chunk in response.iter_bytes():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise _BodyTooLongError
        return bytes(body)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()


class _BodyTooLongError(Exception):
    """A server that does not stop."""


def _reply(body: bytes) -> Reply:
    """Return what a body says, without trusting its shape."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return Reply(None, None, is_chat=False)
    if not isinstance(value, dict):
        return Reply(None, None, is_chat=False)
    choices = value.get("choices")
    is_chat = isinstance(choices, list)
    choice = choices[0] if isinstance(choices, list) and choices else None
    choice = choice if isinstance(choice, dict) else {}
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    return Reply(
        text if isinstance(text, str) else None,
        value.get("usage"),
        is_cut=choice.get("finish_reason") == "length",
        is_chat=is_chat,
    )


def _wait_s(text: str) -> float:
    """Return the seconds of a Retry-After header, bounded; 0 where it is none."""
    try:
        wait = float(text)
    except ValueError:
        return 0.0
    return min(max(wait, 0.0), _WAIT_MAX_S) if wait - wait == 0 else 0.0


async def answered(client: Client, call: Call, timeout_s: float) -> Outcome:
    """Send a call and give it up after a time, however slowly its server drips."""
    try:
        async with asyncio.timeout(timeout_s):
            return await client.complete(call)
    except TimeoutError:
        return Failure("timeout", is_spent=True, is_passing=True)
