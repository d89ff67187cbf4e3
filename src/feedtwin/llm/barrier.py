"""Step barriers: who answers from now on, decided by what was charged until now and by nothing else.

Neither latency nor the number of workers nor the order of replies can move a decision, for within a step
nothing here changes. A run that resumes or replays takes the charges of past steps from the journal, and
decides the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from feedtwin.llm.budget import PPM, WHOLE, Account, Caps, Ledger, Limit
from feedtwin.llm.records import Counts, CountsByTask, StepInputs, merge
from feedtwin.llm.settings import SECTIONS, LlmSettings
from feedtwin.schema.codes import AnswerSource, LlmTask

THRESHOLD: Final = "threshold"
"""Reason of an answer that `live_until` keeps from a model: configured, where somebody chose its value."""


@dataclass(frozen=True)
class TierChange:
    """A task that moves to another answer source; asks with privilege keep the old one."""

    task: LlmTask
    from_source: AnswerSource
    to_source: AnswerSource
    utilisation_ppm: int


@dataclass(frozen=True)
class Exceeded:
    """A limit that kept an ask from a model, told once.

    Attributes:
        task: Whose limit it is; ALL for the whole, with its reserve or without.
        budget: The limit, micro-dollars.
        spend: What the task, or the whole, was charged until then, micro-dollars.
    """

    task: LlmTask
    budget: int
    spend: int


@dataclass(frozen=True)
class Barrier:
    """What a barrier decided, for LLM_TIER_CHANGED and BUDGET_EXCEEDED."""

    changes: tuple[TierChange, ...] = ()
    exceeded: tuple[Exceeded, ...] = ()


@dataclass(frozen=True)
class LedgerRow:
    """What a task was asked in a step and what it cost; rows of all steps add up to the ledger.

    Attributes:
        task: The task.
        answers: Answers by source.
        degraded: Answers for which a better source was wanted.
        charged: Micro-dollars charged.
        paid: Micro-dollars paid.
    """

    task: LlmTask
    answers: Mapping[AnswerSource, int]
    degraded: int
    charged: int
    paid: int


@dataclass(frozen=True)
class _Standing:
    """What was decided: who answers each task, why nobody better does, and which limits have bound."""

    tiers: dict[LlmTask, AnswerSource]
    reasons: dict[LlmTask, str]
    bound: frozenset[tuple[LlmTask, Limit]] = frozenset()


class Barriers:
    """The state between steps.

    Attributes:
        step: The step under way; None before the first.
        counts: Answers of each task so far.
        disputed: Micro-dollars that providers claimed above reservations.
    """

    def __init__(
        self, settings: LlmSettings, ledger: Ledger, past: Mapping[int, StepInputs]
    ) -> None:
        """Bind settings, accounts and what the journal holds already, by step."""
        self._settings, self._ledger, self._past = settings, ledger, past
        self._absorbed: set[int] = set()
        self._live_until_ppm = settings.live_until_ppm()
        self._standing = _Standing({task: settings.source(task) for task in SECTIONS}, {})
        self._settings_before: LlmSettings | None = None
        self._before: dict[LlmTask, tuple[Account, Counts]] = {}
        self.step: int | None = None
        self.counts: CountsByTask = {}
        self.disputed = 0

    def follow(self, settings: LlmSettings) -> None:
        """Take note that the first step to begin is the first under these settings, and which were in force before.

        Limits that the past exceeds by them alone are told in that step.
        """
        self._settings_before = settings

    def begin(self, step: int) -> Barrier:
        """Decide at the barrier before a step; steps begin in order, the first one anywhere."""
        if self.step is not None:
            assert step == self.step + 1, (self.step, step)
        elif (
            step > 0
        ):  # a run that resumes knows what the barrier before decided; a fresh one had none
            self._absorb_before(step - 1)
            self._standing = self._decide()
            if self._settings_before is not None:
                self._standing = replace(self._standing, bound=self._bound(self._settings_before))
        self._absorb_before(step)
        self.step = step
        before, self._standing = self._standing, self._decide()
        ledger, utilisation = self._ledger, self._ledger.utilisation_ppm()
        changes = tuple(
            TierChange(task, before.tiers[task], source, utilisation)
            for task, source in self._standing.tiers.items()
            if source is not before.tiers[task]
        )
        exceeded = tuple(
            Exceeded(task, ledger.caps.at(limit, task), ledger.account(task).charged)
            for task, limit in sorted(self._standing.bound - before.bound)
        )
        self._before = self._state()
        # Calls of a step that a crash cut short are spent already; they decide at the next barrier.
        self._absorb(step)
        return Barrier(changes, exceeded)

    def rows(self) -> list[LedgerRow]:
        """Return what tasks were asked since the barrier, for the registry; tasks at rest have no row."""
        found = []
        for task, (account, counts) in self._state().items():
            old_account, old = self._before[task]
            answers = {
                source: number - old.by_source.get(source, 0)
                for source, number in sorted(counts.by_source.items())
            }
            charged = account.charged - old_account.charged
            if any(answers.values()) or charged:
                paid = account.paid - old_account.paid
                degraded = counts.degraded - old.degraded
                found.append(LedgerRow(task, answers, degraded, charged, paid))
        return found

    def tier(self, task: LlmTask) -> AnswerSource:
        """Return who answers asks without privilege in this step."""
        return self._standing.tiers[task]

    def why(self, task: LlmTask) -> str:
        """Return why asks without privilege get no better answer in this step; empty where they do."""
        return self._standing.reasons[task]

    def _state(self) -> dict[LlmTask, tuple[Account, Counts]]:
        """Return copies of accounts and counts of all tasks."""
        return {
            task: (self._ledger.account(task), self.counts.get(task, Counts()).copy())
            for task in SECTIONS
        }

    def _absorb_before(self, step: int) -> None:
        for one in sorted(self._past):
            if one < step:
                self._absorb(one)

    def _absorb(self, step: int) -> None:
        """Take over what the journal holds of a step, once."""
        inputs = self._past.get(step)
        if inputs is None or step in self._absorbed:
            return
        self._absorbed.add(step)
        self._ledger.absorb(inputs.sent, inputs.ends)
        self.disputed += inputs.disputed
        merge(self.counts, inputs.counts())

    def _decide(self) -> _Standing:
        tiers, reasons = {}, {}
        for task in SECTIONS:
            source, reason = self._settings.source(task), self._reason(task)
            if source is AnswerSource.LIVE and (self.disputed or reason):
                source = AnswerSource.CACHED
            elif source is AnswerSource.CACHED and reason:
                source = AnswerSource.SURROGATE
            tiers[task], reasons[task] = source, reason
        return _Standing(tiers, reasons, self._bound(self._settings))

    def _bound(self, settings: LlmSettings) -> frozenset[tuple[LlmTask, Limit]]:
        """Return the limits that have kept an ask from a model, or would keep any, under some settings."""
        bound = {
            (task if limit is Limit.OWN else WHOLE, limit)
            for task, counts in self.counts.items()
            for limit in counts.limits()
        }
        caps = settings.caps()
        asking = {task for task in SECTIONS if settings.source(task) is not AnswerSource.SURROGATE}
        return frozenset(bound | _nothing(caps, asking) | self._outspent(caps, asking))

    def _outspent(self, caps: Caps, asking: set[LlmTask]) -> set[tuple[LlmTask, Limit]]:
        """Return the limits below what was charged already: a fork inherits what its parent spent by higher ones."""
        found = {(task, Limit.OWN) for task in asking if self._charged(task) > caps.of(task)}
        if asking and self._charged(WHOLE) > caps.total:
            found = {(WHOLE, Limit.OPEN)} | ({(WHOLE, Limit.RESERVE)} if caps.reserve else set())
        return found

    def _charged(self, task: LlmTask) -> int:
        return self._ledger.account(task).charged

    def _reason(self, task: LlmTask) -> str:
        """Return what a task has used up: its threshold of the whole, the whole, or its own limit."""
        if self._ledger.caps.total == 0:  # no share of nothing is used up before the whole is
            return Limit.OPEN
        threshold, whole = self._live_until_ppm[task], self._ledger.utilisation_ppm()
        if threshold < PPM and whole > threshold:
            return THRESHOLD
        if whole >= PPM:
            return Limit.OPEN
        return Limit.OWN if self._ledger.utilisation_ppm(task) >= PPM else ""


def _nothing(caps: Caps, asking: set[LlmTask]) -> set[tuple[LlmTask, Limit]]:
    """Return the limits that admit nothing at all: they bind before anybody asks."""
    if asking and caps.total == 0:
        return {(WHOLE, Limit.OPEN)}
    return {(task, Limit.OWN) for task in asking if caps.of(task) == 0}
