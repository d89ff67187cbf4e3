"""A service with a scripted provider, and a journal in memory."""

from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

import feedtwin.llm.tasks  # noqa: F401 - lists the tasks
from feedtwin.llm.records import StepInputs
from feedtwin.llm.service import Service, Sources
from feedtwin.llm.settings import LlmSettings
from feedtwin.llm.task import TASKS, task
from feedtwin.randomness import Draws
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import resolve
from feedtwin.testing.samples import sample_asks

NAMES = tuple(TASKS.names())


@dataclass
class Records:
    """A journal in memory."""

    rows: list = field(default_factory=list)

    def append_input(self, step, name, payload):
        self.rows.append((step, name, payload))

    def sync(self):
        pass

    def by_step(self):
        found = {}
        for step, name, payload in self.rows:
            found.setdefault(step, StepInputs()).take(name, payload)
        return found


def llm_settings(*sets):
    """The settings of the service, with `path=value` changes below `llm.`."""
    resolved = resolve("synthetic", users=10, sets=[f"llm.{one}" for one in sets])
    return section_model(LlmSettings, resolved.section("llm"))


FAST = ("backoff_s=0", "rate_per_minute=1000000", "key_is_needed=false")


def live_settings(*sets, model="feedtwin-demo"):
    """All tasks live, with a model whose price is known and no waiting."""
    every = ("persona", "caption", "comment", "campaign", "trend", "decision")
    lines = [f"{one}.source=live" for one in every] + [f"{one}.model={model}" for one in every]
    told = {line.partition("=")[0] for line in sets}
    kept = [line for line in (*FAST, *lines) if line.partition("=")[0] not in told]
    return llm_settings(*kept, *sets)


@contextmanager
def service_of(settings, *, seed=7, replicate=0, records=None, **sources):
    """A service that is closed at the end."""
    service = Service(
        settings, Draws(seed, replicate), Sources(**sources),
        Records() if records is None else records,
    )  # fmt: skip
    try:
        yield service
    finally:
        service.close()


def asks_of(count, seed=0, names=NAMES):
    """Asks of all tasks, mixed."""
    per_task = -(-count // len(names))
    mixed = [sample_asks(task(name), per_task, seed) for name in names]
    return [ask for row in zip(*mixed, strict=True) for ask in row][:count]


@pytest.fixture
def records():
    return Records()
