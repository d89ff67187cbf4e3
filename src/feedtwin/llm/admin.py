"""What the command line may ask of language models: usage of a run, one question.

Usage is plain numbers; nothing here is part of a run. Estimates are in `estimates.py`, the meter in `fidelity.py`, caches in
`shipping.py`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from feedtwin.errors import IntegrityError, RunFolderError, SettingsError
from feedtwin.llm.budget import PPM, Ledger
from feedtwin.llm.opening import open_service
from feedtwin.llm.records import Counts, Nowhere, Row, StepInputs, inputs_by_step
from feedtwin.llm.settings import SECTIONS, LlmSettings, code_of
from feedtwin.llm.task import TASKS, Answer, Ask, Task, task
from feedtwin.randomness import Draws
from feedtwin.record.folder import STOPPED, read_manifest
from feedtwin.record.journal import Frame, commits, read_journal
from feedtwin.record.reader import Run
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.schema.nearest import suggest
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import Settings


def llm_settings(settings: Settings) -> LlmSettings:
    """Return the part of a world's settings that is about language models."""
    return section_model(LlmSettings, settings.section("llm"))


_LEDGER: Final = "llm_ledger"
UNKNOWN_REASON: Final = "for a reason that is not on record"
"""Of answers that older journals only count."""


# -- usage of a run ------------------------------------------------------------------------------


@dataclass
class TaskUsage:
    """What a task used in a run.

    Attributes:
        counts: Answers by source, degraded ones, and those that found no money.
        calls: Calls that were sent.
        tokens_in: Tokens of prompts, as providers counted them.
        tokens_out: Tokens of answers.
        charged: Micro-dollars charged, answers from the cache at the price on their record.
        paid: Micro-dollars paid.
    """

    counts: Counts = field(default_factory=Counts)
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    charged: int = 0
    paid: int = 0

    @property
    def reasons(self) -> dict[str, int]:
        """Why answers were degraded, the most frequent first; of older journals not all is known."""
        known = sorted(self.counts.reasons.items(), key=lambda one: (-one[1], one[0]))
        rest = self.counts.degraded - sum(number for _, number in known)
        return {**dict(known), **({UNKNOWN_REASON: rest} if rest > 0 else {})}

    @property
    def why(self) -> str:
        """How many answers were degraded for each reason, in words."""
        return ", ".join(f"{number} {reason}" for reason, number in self.reasons.items())

    @property
    def degraded_ppm(self) -> int:
        """Share of answers that were degraded, parts per million."""
        return self.counts.degraded * PPM // max(self.counts.total, 1)

    def take(self, row: Row) -> None:
        """Add an answer."""
        if row.source is not AnswerSource.CACHED:
            self.tokens_in += row.tokens[0]
            self.tokens_out += row.tokens[1]


@dataclass(frozen=True)
class Usage:
    """What a run used.

    Attributes:
        tasks: By task; tasks that were never asked are absent.
        burn_down: (step, charged so far) for each step that charged something.
        budget: Spending limit, micro-dollars.
        disputed: Micro-dollars that providers claimed above reservations.
        degraded: Tasks of which more than the tolerated share of answers was degraded.
        inherited: Micro-dollars of `paid` that a fork's parent had paid.
        damaged: Records of the cache that could not be used, by what is wrong with them.
        stopped: Where and why the run stopped before its end, as its manifest has it; empty where it did not, or nothing is said.
        unfinished: A sentence where the journal ends before the run did; empty for a finished run.
        lost_calls: Calls without a recorded end: a crash took it, or they are under way.
        lost: Micro-dollars that those count as spent, of `paid`.
    """

    tasks: Mapping[LlmTask, TaskUsage]
    burn_down: Sequence[tuple[int, int]]
    budget: int
    disputed: int
    degraded: tuple[LlmTask, ...]
    inherited: int = 0
    damaged: Mapping[str, int] = field(default_factory=dict)
    unfinished: str = ""
    lost_calls: int = 0
    lost: int = 0
    stopped: str = ""

    @property
    def loss(self) -> str:
        """A sentence about calls whose end is not known; empty where all ends are."""
        if not self.lost_calls:
            return ""
        is_one = self.lost_calls == 1
        return (
            f"of {self.lost_calls} {'call' if is_one else 'calls'} the end is not on record, as the run was cut short: "
            f"{self.lost} of the {self.paid} micro-dollars paid are the most that {'it' if is_one else 'they'} can have "
            "cost"
        )

    @property
    def damage(self) -> str:
        """A sentence about records of the cache that could not be used; empty where all could."""
        if not self.damaged:
            return ""
        number = sum(self.damaged.values())
        what = ", ".join(f"{n} {fault}" for fault, n in sorted(self.damaged.items()))
        return (
            f"{number} {'record' if number == 1 else 'records'} of the answer cache could not be used ({what}); "
            "check it with `feedtwin llm cache verify FOLDER`"
        )

    @property
    def charged(self) -> int:
        """Micro-dollars charged for all tasks."""
        return sum(one.charged for one in self.tasks.values())

    @property
    def paid(self) -> int:
        """Micro-dollars paid for all tasks."""
        return sum(one.paid for one in self.tasks.values())


def usage(run: Path) -> Usage:
    """Return what a run used, from its journal; what rules were asked, from its registry.

    Raises:
        RunFolderError: There is no journal.
        IntegrityError: The journal was altered.
    """
    found = usage_of(journal_of(run)[0])
    tasks = dict(sorted({**_by_rule(run), **found.tasks}.items()))
    about = read_manifest(run) if (run / "manifest.json").exists() else {}
    return replace(found, tasks=tasks, stopped=str(about.get(STOPPED, "")))


def _by_rule(run: Path) -> dict[LlmTask, TaskUsage]:
    """Return what tasks were asked that rules answer: the journal has no word of them, for they follow from the settings."""
    found: dict[LlmTask, TaskUsage] = {}
    for row in ledger_rows(Run.open(run)):
        counts = Counts({AnswerSource.SURROGATE: int(row["surrogate"])}, int(row["degraded"]))
        found.setdefault(LlmTask[row["task"]], TaskUsage()).counts.merge(counts)
    return found


def ledger_rows(run: Run) -> list[dict[str, Any]]:
    """Return the rows of a run's table `llm_ledger`; none where it has no registry.

    Raises:
        IntegrityError: A row names no task.
    """
    rows: list[dict[str, Any]] = (
        run.table(_LEDGER).to_pylist() if _LEDGER in run.table_names else []
    )
    strange = {row["task"] for row in rows} - set(LlmTask.__members__)
    if strange:
        raise IntegrityError(
            f"{run.path}: the registry names the task {min(strange)}; expected one of {', '.join(LlmTask.__members__)}. "
            "The run was made by an older release: read it with that one"
        )
    return rows


def usage_of(frames: Sequence[Frame]) -> Usage:
    """Return what a run used, from the records of its journal, those that a fork inherited included."""
    start = int(frames[0].payload.get("start_step", 0))
    found = usage_from(llm_settings(_settings_of(frames)), inputs_by_step(frames), start)
    return replace(found, unfinished=_unfinished(frames))


def _unfinished(frames: Sequence[Frame]) -> str:
    """Return a sentence about a journal that a kill, an interrupt or a running process left open."""
    if frames[-1].kind == "closed":
        return ""
    header = frames[0].payload
    step = max(commits(frames), default=int(header.get("start_step", 0)) - 1) + 1
    of = f" of {header['steps']}" if "steps" in header else ""
    return (
        f"the journal ends early, in step {step}{of}: the run was cut short or is under way. Calls without a recorded end "
        "count as spent; answers of that step may be missing"
    )


def usage_from(
    settings: LlmSettings, by_step: Mapping[int, StepInputs], start_step: int = 0
) -> Usage:
    """Return what a run used, from its inputs by step; those before `start_step` are a fork's parent's."""
    ledger = Ledger(settings.caps())
    tasks: dict[LlmTask, TaskUsage] = {}
    burn_down: list[tuple[int, int]] = []
    disputed = inherited = 0
    damaged: Counter[str] = Counter()
    lost: list[int] = []
    for step, inputs in sorted(by_step.items()):
        before = ledger.account().charged
        ledger.absorb(inputs.sent, inputs.ends)
        lost += [one.amount for one in inputs.sent if one.call not in inputs.ends]
        disputed += inputs.disputed
        damaged.update(inputs.damaged)
        for code, counts in inputs.counts().items():
            tasks.setdefault(code, TaskUsage()).counts.merge(counts)
        for row in inputs.rows.values():
            tasks[LlmTask(row.name[0])].take(row)
        for call in inputs.sent:
            tasks.setdefault(call.task, TaskUsage()).calls += 1
        if step < start_step:
            inherited = ledger.account().paid
        if ledger.account().charged != before:
            burn_down.append((step, ledger.account().charged))
    for code, one in tasks.items():
        account = ledger.account(code)
        one.charged, one.paid = account.charged, account.paid
    tolerated = round(settings.degraded_share * PPM)
    degraded = tuple(code for code, one in sorted(tasks.items()) if one.degraded_ppm > tolerated)
    return Usage(
        dict(sorted(tasks.items())), burn_down, ledger.caps.total, disputed, degraded, inherited, dict(damaged),
        lost_calls=len(lost), lost=sum(lost),
    )  # fmt: skip


def journal_of(run: Path) -> tuple[list[Frame], Settings]:
    """Return the records of a run and the settings in force at its end.

    Raises:
        RunFolderError: There is no journal.
        IntegrityError: The journal was altered.
    """
    frames = read_journal(run / "journal", strict=False)
    if not frames:
        raise RunFolderError(f"{run / 'journal'}: holds no record; expected a run that has started")
    if not frames[0].payload.get("segments"):
        raise IntegrityError(f"{run / 'journal'}: the first record has no settings of a run")
    return frames, _settings_of(frames)


def _settings_of(frames: Sequence[Frame]) -> Settings:
    return Settings.model_validate(frames[0].payload["segments"][-1]["settings"])


# -- one question ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """An answer to a task's example, what it cost, and whether a live one was wanted and did not come."""

    answer: Answer[Any]
    paid: int
    is_missed: bool


def _task_of(name: str) -> Task[Any, Any]:
    """Return a task by either of its names, or by `module:Class`."""
    code = code_of(name)
    if code is None and ":" not in name and name not in TASKS.names():
        known = (*SECTIONS.values(), *TASKS.names())
        raise SettingsError(
            f"no LLM task is called {name!r}{suggest(name, known)} (there is: {', '.join(known)}; or give module:Class)"
        )
    return task(name if code is None else code.name)


def ask_example(settings: LlmSettings, name: str, seed: int = 0) -> Asked:
    """Ask a task's example, live if the settings say so.

    Raises:
        SettingsError: No task has that name.
        LLMError: The extra, the key or the server is missing.
    """
    kind = _task_of(name)
    settings = settings.model_copy(update={"on_trouble": "degrade"})  # there is no run to stop
    service = open_service(settings, Draws(seed), Nowhere())
    try:
        service.begin_step(0)
        ask = Ask(kind, tuple(0 for _ in kind.key), kind.example())
        answer = service.answer([ask])[0]
        is_missed = (
            settings.of(kind.code).source == "live" and answer.source is not AnswerSource.LIVE
        )
        return Asked(answer, service.ledger.account().paid, is_missed)
    finally:
        service.close()
