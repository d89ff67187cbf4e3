"""What the journal holds of language models: calls before they are sent, answers before they are used.

Two kinds of input records, in the order in which things happen:

- `llm.sent`: reservations of calls about to go out. If the run dies now, they count as spent.
- `llm.answers`: answers that settings and seed do not determine, and how many asks each source answered.

Both also say how calls ended since the record before: money that a cheap answer gave back is spent again
only after the journal knows of it, so that after a crash, too, no more is spent than there is.

State is a function of settings, seed and these rows: replay and resume read them and ask nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from feedtwin.llm.budget import End, Reservation
from feedtwin.record.journal import Frame
from feedtwin.schema.codes import AnswerSource, LlmTask

SENT: Final = "llm.sent"
ANSWERS: Final = "llm.answers"
NO_MONEY: Final = "budget"
"""Reason of an ask that found no money left."""
NOT_KEPT: Final = "not in the cache"
"""Reason of an ask that may not be sent, and has no record."""

Name = tuple[int, tuple[int, ...]]
"""Number of the task, and key."""


class Recorder(Protocol):
    """Where rows go; `record.journal.Journal` is one."""

    def append_input(self, step: int, name: str, payload: Mapping[str, Any]) -> None:
        """Record an input of a step before it is used."""
        ...

    def sync(self) -> None:
        """Have the disk acknowledge what was recorded."""
        ...


@dataclass(frozen=True)
class Row:
    """One answer as the journal keeps it.

    Attributes:
        name: Task and key of the ask.
        source: Where the answer came from.
        response: Fields of the response.
        request: Fields of the request, so that the record explains itself.
        request_hash: What tells the request from others.
        reason: Why a better source was wanted; empty for the one that was.
        text: Replies that were refused, in order, cut.
        settled: (call, charged, paid) of each call made for it.
        tokens: (prompt, completion) of all its calls, as the provider counted.
        cache_key: Record in the cache; empty if none.
        distance_ppm: How far the matched request was from this one; 0 for an exact match.
    """

    name: Name
    source: AnswerSource
    response: dict[str, Any]
    request: dict[str, Any]
    request_hash: str
    reason: str = ""
    text: tuple[str, ...] = ()
    settled: tuple[tuple[int, int, int], ...] = ()
    tokens: tuple[int, int] = (0, 0)
    cache_key: str = ""
    distance_ppm: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        return {
            "task": self.name[0],
            "key": list(self.name[1]),
            "source": int(self.source),
            "response": self.response,
            "request": self.request,
            "request_hash": self.request_hash,
            "reason": self.reason,
            "text": list(self.text),
            "settled": [list(one) for one in self.settled],
            "tokens": list(self.tokens),
            "cache_key": self.cache_key,
            "distance_ppm": self.distance_ppm,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Row":
        """Read back what the journal keeps."""
        return cls(
            name=(int(value["task"]), tuple(int(word) for word in value["key"])),
            source=AnswerSource(value["source"]),
            response=dict(value["response"]),
            request=dict(value["request"]),
            request_hash=str(value["request_hash"]),
            reason=str(value["reason"]),
            text=tuple(value["text"]),
            settled=tuple((int(c), int(a), int(b)) for c, a, b in value["settled"]),
            tokens=(int(value["tokens"][0]), int(value["tokens"][1])),
            cache_key=str(value["cache_key"]),
            distance_ppm=int(value["distance_ppm"]),
        )


@dataclass
class Counts:
    """Answers of a task.

    Attributes:
        by_source: Number by `AnswerSource`.
        degraded: How many wanted a better source.
        refused: How many found no money left.
        reasons: How many of the degraded ones by reason; journals of older releases do not say for all.
    """

    by_source: dict[AnswerSource, int] = field(default_factory=dict)
    degraded: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, source: AnswerSource, reason: str) -> None:
        """Count one answer; a reason says that it is degraded, and why."""
        self.by_source[source] = self.by_source.get(source, 0) + 1
        self.degraded += bool(reason)
        self.refused += reason == NO_MONEY
        if reason:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def merge(self, other: "Counts") -> None:
        """Add another count."""
        for source, number in other.by_source.items():
            self.by_source[source] = self.by_source.get(source, 0) + number
        self.degraded += other.degraded
        self.refused += other.refused
        for reason, number in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + number

    def copy(self) -> "Counts":
        """Return a count that no longer changes with this one."""
        return Counts(dict(self.by_source), self.degraded, self.refused, dict(self.reasons))

    @property
    def total(self) -> int:
        """All answers."""
        return sum(self.by_source.values())

    def as_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        sources = {str(int(source)): number for source, number in sorted(self.by_source.items())}
        return {
            "sources": sources,
            "degraded": self.degraded,
            "refused": self.refused,
            "reasons": dict(sorted(self.reasons.items())),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Counts":
        """Read back what the journal keeps."""
        sources = {AnswerSource(int(s)): int(n) for s, n in value["sources"].items()}
        refused = int(value["refused"])
        known = value.get("reasons", {NO_MONEY: refused} if refused else {})
        reasons = {str(reason): int(number) for reason, number in known.items()}
        return cls(sources, int(value["degraded"]), refused, reasons)


CountsByTask = dict[LlmTask, Counts]


@dataclass
class StepInputs:
    """What the journal holds of one step.

    Attributes:
        sent: Calls that went out.
        rows: Answers by name.
        ends: How calls ended, by number.
        plain: Answers without a row, by ordinal of the flush; a flush that ran again counts once.
        disputed: Micro-dollars that providers claimed above reservations.
        damaged: Records of the cache that could not be used, by what is wrong with them.
    """

    sent: list[Reservation] = field(default_factory=list)
    rows: dict[Name, Row] = field(default_factory=dict)
    ends: dict[int, End] = field(default_factory=dict)
    plain: dict[int, CountsByTask] = field(default_factory=dict)
    disputed: int = 0
    damaged: dict[str, int] = field(default_factory=dict)

    def take(self, name: str, payload: Mapping[str, Any]) -> None:
        """Take one input record."""
        for call, task, charged, paid in payload["ended"]:
            self.ends[int(call)] = End(LlmTask(task), int(charged), int(paid))
        self.disputed += int(payload["disputed"])
        if name == SENT:
            self.sent.extend(
                Reservation(int(call), LlmTask(task), int(amount))
                for call, task, amount in payload["calls"]
            )
            return
        for fault, number in payload.get("damaged", {}).items():
            self.damaged[str(fault)] = self.damaged.get(str(fault), 0) + int(number)
        for value in payload["rows"]:
            row = Row.from_json(value)
            self.rows[row.name] = row
        if payload["plain"] is not None:
            self.plain[int(payload["flush"])] = {
                LlmTask(int(task)): Counts.from_json(value)
                for task, value in payload["plain"].items()
            }

    def counts(self) -> CountsByTask:
        """Return the answers of each task, with and without rows."""
        found: CountsByTask = {}
        for row in self.rows.values():
            found.setdefault(LlmTask(row.name[0]), Counts()).add(row.source, row.reason)
        for one in self.plain.values():
            merge(found, one)
        return found


def merge(into: CountsByTask, other: Mapping[LlmTask, Counts]) -> None:
    """Add counts of tasks to others."""
    for task, counts in other.items():
        into.setdefault(task, Counts()).merge(counts)


@dataclass
class Unrecorded:
    """What happened since the last record.

    Attributes:
        rows: Answers that settings and seed do not determine.
        ends: How calls ended, by number.
        disputed: Micro-dollars claimed above reservations.
        damaged: Records of the cache that could not be used, by what is wrong with them.
    """

    rows: list[Row] = field(default_factory=list)
    ends: dict[int, End] = field(default_factory=dict)
    disputed: int = 0
    damaged: dict[str, int] = field(default_factory=dict)

    def sent(self, calls: Sequence[Reservation]) -> dict[str, Any]:
        """Return the payload of `llm.sent` for calls about to go out; rows wait for their own record."""
        return {**self._ended(), "calls": [[one.call, int(one.task), one.amount] for one in calls]}

    def answers(self, flush: int, plain: CountsByTask | None) -> dict[str, Any]:
        """Return the payload of `llm.answers`.

        Args:
            flush: Ordinal of the flush in its step.
            plain: Answers without a row, in the last record of a flush; None before.
        """
        counts = None
        if plain is not None:
            counts = {str(int(task)): one.as_json() for task, one in sorted(plain.items())}
        rows = [row.as_json() for row in self.rows]
        told = {"damaged": dict(sorted(self.damaged.items()))} if self.damaged else {}
        return {**self._ended(), "flush": flush, "rows": rows, "plain": counts, **told}

    def _ended(self) -> dict[str, Any]:
        ended = [
            [call, int(end.task), end.charged, end.paid] for call, end in sorted(self.ends.items())
        ]
        return {"ended": ended, "disputed": self.disputed}


def inputs_by_step(frames: Iterable[Frame]) -> dict[int, StepInputs]:
    """Return what a journal holds of language models, by step."""
    found: dict[int, StepInputs] = {}
    for frame in frames:
        if frame.kind == "input" and frame.payload["name"] in (SENT, ANSWERS):
            inputs = found.setdefault(int(frame.payload["step"]), StepInputs())
            inputs.take(frame.payload["name"], frame.payload["payload"])
    return found
