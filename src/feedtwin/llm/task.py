"""What a task is: a typed request, a typed response, an instruction, and a stand-in for the model.

A task is one file in `llm/tasks`, and the only place that knows what is asked and what an answer means.
Whoever answers (a live model, the cache, the stand-in), the response has the same type, so callers never
block and never see text that is not bounded. A response carries no authority: it names categories,
hashtags and options that the request offered, never ids, money or policies.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, ClassVar, Final, Generic, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from feedtwin.llm.decoding import Refused, decode
from feedtwin.llm.json_schema import Schema, schema_of
from feedtwin.randomness import Draws, Stream
from feedtwin.record.durable import canonical_json
from feedtwin.registry import Registry
from feedtwin.schema.codes import AnswerSource, LlmTask

KEY_WORDS: Final = 4
"""Entity words of a key at most, as in a draw."""


class Typed(BaseModel):
    """Base of requests and responses: frozen, no other keys, no coercion, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Request(Typed):
    """What a task needs to know. Text written by users has the type `UserText`."""


class Response(Typed):
    """What an answer says; every string, list and number in it is bounded."""


RequestT = TypeVar("RequestT", bound=Request)
ResponseT = TypeVar("ResponseT", bound=Response)


class Task(ABC, Generic[RequestT, ResponseT]):
    """One kind of question.

    Attributes:
        name: Name in the paper, CREATOR_CAMPAIGN and the like.
        code: Number in events.
        version: Raised whenever instruction, types or normalisation change; part of the cache key.
        request: Type of the request.
        response: Type of the response.
        instruction: What the model is told. A constant: nothing that a user wrote can get into it.
        key: Names of the entity words that identify an ask, as in the stand-in's stream.
        stream: Stream of the stand-in's draws, or None if it draws nothing.
        words: Draws that the stand-in may use.
        sources: Where answers may come from.
    """

    name: ClassVar[str]
    code: ClassVar[LlmTask]
    version: ClassVar[int]
    request: ClassVar[type[Request]]
    response: ClassVar[type[Response]]
    instruction: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    stream: ClassVar[Stream | None] = None
    words: ClassVar[int] = 0
    sources: ClassVar[frozenset[AnswerSource]] = frozenset(AnswerSource)

    @abstractmethod
    def surrogate(self, request: RequestT, words: Sequence[int]) -> ResponseT:
        """Answer without a model, good enough for a world that has none.

        Args:
            request: What is asked.
            words: `Task.words` random numbers of 32 bits; the only chance there is.
        """

    @abstractmethod
    def decisions(self, response: ResponseT) -> dict[str, Any]:
        """Return what of a response acts on the world, as nested fields; wording left out.

        Stand-ins are measured by it: the share of these fields in which they differ from the model.
        """

    @abstractmethod
    def example(self) -> RequestT:
        """Return a typical request, from which costs are estimated and which shows what is asked."""

    def normalise(self, request: RequestT, response: ResponseT) -> ResponseT:
        """Return a decoded response in canonical form.

        Raises:
            Refused: It speaks of something that the request did not offer.
        """
        del request
        return response

    def narrow(self, schema: Schema, request: RequestT) -> Schema:
        """Return the response's schema limited to what this request offers (names, options)."""
        del request
        return schema

    @cached_property
    def schema(self) -> Schema:
        """The response's JSON schema."""
        return schema_of(self.response)

    def schema_for(self, request: RequestT) -> Schema:
        """Return the schema of responses to one request."""
        return self.narrow(self.schema, request)

    def read(self, request: RequestT, text: str) -> ResponseT:
        """Return a reply's text as a response in canonical form.

        Raises:
            Refused: It is none; nothing of it may be used.
        """
        response: Any = decode(self.response, text)
        return self.normalise(request, response)

    def accept(self, request: RequestT, fields: dict[str, Any]) -> ResponseT:
        """Return a recorded response, checked like a reply.

        Raises:
            Refused: It is none of this task and request.
        """
        return self.read(request, canonical_json(fields).decode("ascii"))

    def chance(self, draws: Draws, keys: Sequence[tuple[int, ...]]) -> np.ndarray:
        """Return the stand-in's draws, uint32 (asks, words).

        Args:
            draws: All chance of the replicate.
            keys: Key of each ask.
        """
        if self.stream is None or not keys:
            return np.zeros((len(keys), 0), np.uint32)
        columns = [np.asarray(column, np.uint32)[:, None] for column in zip(*keys, strict=True)]
        if "k" in self.stream.key:
            columns.append(np.arange(self.words, dtype=np.uint32)[None, :])
        return draws.bits(self.stream, *columns)


@dataclass(frozen=True)
class Ask:
    """One request of one entity.

    Attributes:
        task: The task.
        key: Whose ask it is: one whole number below 2**32 per name in `task.key`. A key is asked once a
            step, and stands for the draw: equal keys and prompts have equal answers in all arms.
        request: What is asked.
        is_privileged: Whether the reserve of the budget is for it: elite creators, governance.
        in_cohort: Whether a model may answer; False leaves it to the stand-in (hybrid runs).
    """

    task: Task[Any, Any]
    key: tuple[int, ...]
    request: Request
    is_privileged: bool = False
    in_cohort: bool = True

    def __post_init__(self) -> None:
        assert len(self.key) == len(self.task.key), (self.task.name, self.key)
        assert isinstance(self.request, self.task.request), self.task.name

    @property
    def name(self) -> tuple[int, tuple[int, ...]]:
        """Task and key: what tells it from all other asks of the step, and gives their order."""
        return int(self.task.code), self.key

    @property
    def order(self) -> tuple[bool, int, tuple[int, ...]]:
        """Place among the asks of a flush: privileged ones first, then by name."""
        return not self.is_privileged, *self.name

    def request_hash(self) -> str:
        """Return what tells this request from others, in hex digits."""
        return sha256(canonical_json(self.request.model_dump(mode="json"))).hexdigest()[:32]


@dataclass(frozen=True)
class Answer(Generic[ResponseT]):
    """What came back.

    Attributes:
        response: The typed response.
        source: Where it came from.
        reason: Why a better source was wanted; empty for the one that was. For reports, never for state:
            a replay knows the answer, and not always why nobody better gave it.
    """

    response: ResponseT
    source: AnswerSource
    reason: str = ""


TASKS: Registry[Task[Any, Any]] = Registry("LLM task", "feedtwin.llm_tasks")
"""Tasks by name; `module:Class` works for tasks of other packages."""

_MADE: dict[str, Task[Any, Any]] = {}


def task(name: str) -> Task[Any, Any]:
    """Return a task by name.

    Raises:
        SettingsError: No task has that name; the nearest one is suggested.
    """
    import feedtwin.llm.tasks  # noqa: F401 - lists the tasks of this package

    if name not in _MADE:
        _MADE[name] = TASKS.factory(name)()
    return _MADE[name]


def refuse_unknown(name: str, offered: Sequence[str], what: str) -> None:
    """Refuse a name that the request did not offer.

    Raises:
        Refused: `name` is not among `offered`.
    """
    if name not in offered:
        raise Refused(f"{what} that was not offered")
