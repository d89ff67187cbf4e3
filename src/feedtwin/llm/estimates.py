"""What tasks will cost, before anything is spent: from stated numbers of calls, or from a rehearsed run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from feedtwin.errors import BudgetError, SettingsError
from feedtwin.llm.admin import usage_from
from feedtwin.llm.budget import Ledger
from feedtwin.llm.desk import Desk, tokens_in_max
from feedtwin.llm.prices import usage_of
from feedtwin.llm.records import StepInputs
from feedtwin.llm.rehearsal import reply_of
from feedtwin.llm.settings import SECTIONS, LlmSettings, code_of
from feedtwin.llm.task import Ask, task
from feedtwin.randomness import Draws
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.schema.nearest import suggest

CALLS_MAX: Final = 10**9
"""Most calls of a task that an estimate is made for."""


@dataclass(frozen=True)
class Demand:
    """What a world will ask of a task.

    Attributes:
        task: The task.
        calls: Number of asks.
        asks: Typical ones, from which sizes are taken; the task's example if there are none.
    """

    task: LlmTask
    calls: int
    asks: Sequence[Ask] = ()


@dataclass(frozen=True)
class Estimate:
    """What a task will cost, before anything is spent.

    Attributes:
        task: The task.
        model: The model that would be asked.
        calls: Number of asks.
        tokens_in: Expected tokens of all prompts.
        tokens_out: Expected tokens of all answers.
        expected: Expected spend, micro-dollars.
        worst: Spend if every ask took every attempt and repair at full length, micro-dollars.
        cached: Number of asks that are not calls, as their answers are in the cache.
        recorded: Micro-dollars on the records of those: they count against the budget, and are not paid again.
    """

    task: LlmTask
    model: str
    calls: int
    tokens_in: int
    tokens_out: int
    expected: int
    worst: int
    cached: int = 0
    recorded: int = 0

    def plus(self, other: "Estimate") -> "Estimate":
        """Return the sum of two estimates of one task and model."""
        assert (self.task, self.model) == (other.task, other.model)
        names = ("calls", "tokens_in", "tokens_out", "expected", "worst", "cached", "recorded")
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return Estimate(self.task, self.model, **sums)


def one_call(settings: LlmSettings, section: str) -> tuple[str, int, int]:
    """Return a task's model, the most that a typical call of it can cost, and the most that it may spend.

    Raises:
        BudgetError: The model has no known price.
    """
    code = next(code for code, name in SECTIONS.items() if name == section)
    kind, own = task(code.name), settings.of(code)
    ask = Ask(kind, tuple(0 for _ in kind.key), kind.example())
    pending = Desk(settings, Ledger(settings.caps()), (0, 0)).prepare(ask)
    call = pending.price.worst_case(tokens_in_max(pending), own.tokens_max)
    return own.model, call, settings.caps().of(code)


def check_money(settings: LlmSettings) -> None:
    """Refuse settings that leave a live task no money for a single call.

    Raises:
        BudgetError: names the task, its money and what a call can cost.
    """
    for code, section in SECTIONS.items():
        if settings.source(code) is not AnswerSource.LIVE:
            continue
        model, call, limit = one_call(settings, section)
        if limit < max(call, 1):
            raise BudgetError(
                f"llm.{section}.source is live, but the most that it may spend is {limit} micro-dollars, and one call to "
                f"{model} can cost {call}; expected {max(call, 1)} or more: raise llm.budget_microusd "
                f"({settings.budget_microusd}) or llm.{section}.budget_share "
                f"({settings.of(code).budget_share:g}), or set llm.{section}.source=surrogate"
            )


def estimate(settings: LlmSettings, demands: Sequence[Demand]) -> list[Estimate]:
    """Return what the live tasks of some demands will cost, in the order of the demands.

    Raises:
        BudgetError: A model has no known price.
    """
    desk = Desk(settings, Ledger(settings.caps()), (0, 0))
    return [
        _estimate(settings, desk, demand)
        for demand in demands
        if settings.of(demand.task).source == "live"
    ]


def _estimate(settings: LlmSettings, desk: Desk, demand: Demand) -> Estimate:
    own, price = settings.of(demand.task), settings.price(demand.task)
    kind = task(demand.task.name)
    asks = demand.asks or [Ask(kind, tuple(0 for _ in kind.key), kind.example())]
    draws = Draws(0)
    cost = tokens_in = tokens_out = worst = 0
    for ask in asks:
        pending = desk.prepare(ask)
        words = kind.chance(draws, [ask.key])[0].tolist()
        reply = reply_of(
            kind, ask.request, words, pending.prompt.size(), pending.schema, own.tokens_max
        )
        usage = usage_of(reply.usage)
        assert usage is not None, "a rehearsal counts"
        tokens_in, tokens_out = tokens_in + usage.tokens_in, tokens_out + usage.tokens_out
        cost += price.cost(usage.tokens_in, usage.tokens_out)
        calls = settings.attempts_max + settings.repairs_max
        worst += calls * price.worst_case(tokens_in_max(pending), own.tokens_max)
    count = len(asks)
    return Estimate(
        demand.task,
        own.model,
        demand.calls,
        tokens_in * demand.calls // count,
        tokens_out * demand.calls // count,
        cost * demand.calls // count,
        worst * demand.calls // count,
    )


def estimate_of(
    settings: LlmSettings, inputs: Mapping[int, StepInputs]
) -> tuple[list[Estimate], dict[str, tuple[int, int]]]:
    """Return what a rehearsed run asked and spent, and how many of a task's answers no model gave.

    Args:
        settings: Settings of the run.
        inputs: What its journal holds, by step.
    """
    used = usage_from(settings, inputs)
    reserved: dict[LlmTask, int] = {}
    for one in inputs.values():
        for call in one.sent:
            reserved[call.task] = reserved.get(call.task, 0) + call.amount
    calls = settings.attempts_max + settings.repairs_max
    rows = [
        Estimate(
            code, settings.of(code).model, one.calls, one.tokens_in, one.tokens_out, one.paid,
            min(calls * reserved.get(code, 0), settings.caps().of(code) - (one.charged - one.paid)),
            one.counts.by_source.get(AnswerSource.CACHED, 0), one.charged - one.paid,
        )
        for code, one in used.tasks.items()
        if settings.of(code).source == "live"
    ]  # fmt: skip
    degraded = {
        code.name: (one.counts.degraded, one.counts.total)
        for code, one in used.tasks.items()
        if one.counts.degraded
    }
    return rows, degraded


def parse_calls(entries: Sequence[str]) -> list[Demand]:
    """Return demands stated as `caption=200` or `CAPTION_GENERATION=200`.

    Raises:
        SettingsError: An entry is not of that form.
    """
    known = (*SECTIONS.values(), *(code.name for code in SECTIONS))
    found = []
    for entry in entries:
        name, equals, number = entry.partition("=")
        code = code_of(name)
        if code is None or not equals or not _is_count(number):
            raise SettingsError(
                f"--calls {entry!r}: expected TASK=NUMBER with one of {', '.join(known)} and a number up to "
                f"{CALLS_MAX:,}, written without commas{'' if code else suggest(name, known)}"
            )
        found.append(Demand(code, int(number)))
    return found


def _is_count(text: str) -> bool:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(CALLS_MAX))
    return is_number and int(text) <= CALLS_MAX
