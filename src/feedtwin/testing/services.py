"""A language model service for tests: settings in one line, a journal in memory, asks of every task."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import feedtwin.llm.tasks  # noqa: F401 - lists the tasks
from feedtwin.llm.records import Recorder, StepInputs
from feedtwin.llm.service import Service
from feedtwin.llm.settings import SECTIONS, LlmSettings
from feedtwin.llm.sources import Sources
from feedtwin.llm.task import TASKS, Ask, task
from feedtwin.randomness import Draws
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import resolve
from feedtwin.testing.samples import sample_asks

FAST = ("backoff_s=0", "rate_per_minute=1000000", "key=optional")
"""No waiting between calls, and no key."""


@dataclass
class Records:
    """A journal in memory; see `llm.records.Recorder`.

    Attributes:
        rows: (step, name, payload) of each record.
        committed: Last step that ended; -1 before the first.
    """

    rows: list[tuple[int, str, Mapping[str, Any]]] = field(default_factory=list)
    committed: int = -1

    def append_input(self, step: int, name: str, payload: Mapping[str, Any]) -> None:
        """Keep a record."""
        self.rows.append((step, name, payload))

    def sync(self) -> None:
        """Memory needs no disk."""

    def by_step(self) -> dict[int, StepInputs]:
        """Return the records as a run that resumes or replays reads them."""
        found: dict[int, StepInputs] = {}
        for step, name, payload in self.rows:
            found.setdefault(step, StepInputs()).take(name, payload)
        return found


def llm_settings(*sets: str) -> LlmSettings:
    """Return settings of the service, with `path=value` changes below `llm.`."""
    return _settings(sets)


@cache
def _settings(sets: tuple[str, ...]) -> LlmSettings:
    resolved = resolve("synthetic", users=10, sets=[f"llm.{one}" for one in sets])
    return section_model(LlmSettings, resolved.section("llm"))


def live_settings(*sets: str, model: str = "feedtwin-demo") -> LlmSettings:
    """Return settings in which all tasks are live, with a model whose price is known."""
    lines = [f"{one}.source=live" for one in SECTIONS.values()]
    lines += [f"{one}.model={model}" for one in SECTIONS.values()]
    told = {line.partition("=")[0] for line in sets}
    kept = [line for line in (*FAST, *lines) if line.partition("=")[0] not in told]
    return llm_settings(*kept, *sets)


@contextmanager
def service_of(
    settings: LlmSettings,
    *,
    seed: int = 7,
    replicate: int = 0,
    records: Recorder | None = None,
    **sources: Any,
) -> Iterator[Service]:
    """Open a service that is closed at the end; `sources` are fields of `Sources`."""
    recorder = Records() if records is None else records
    service = Service(settings, Draws(seed, replicate), Sources(**sources), recorder)
    try:
        yield service
    finally:
        service.close()


@cache
def _asks(count: int, seed: int) -> tuple[Ask, ...]:
    names = TASKS.names()
    per_task = -(-count // len(names))
    mixed = [sample_asks(task(name), per_task, seed) for name in names]
    return tuple(ask for row in zip(*mixed, strict=True) for ask in row)[:count]


def asks_of(count: int, seed: int = 0) -> list[Ask]:
    """Return asks of all tasks, mixed."""
    return list(_asks(count, seed))
