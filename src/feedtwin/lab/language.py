"""What a run had of language models: who answered, what it cost, and whether its numbers are degraded.

Counts and money of a run folder come from its registry; whether it is degraded comes from its journal, which also
holds what a fork inherited. Nothing of `llm` is loaded for a run that has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedtwin.record.reader import Run
from feedtwin.schema.settings import Settings
from feedtwin.world.counsel import inputs_of, uses_models

if TYPE_CHECKING:
    from feedtwin.llm.admin import TaskUsage
    from feedtwin.schema.codes import LlmTask

_SOURCES = ("live", "cached", "surrogate")


@dataclass(frozen=True)
class TaskUse:
    """One task in one run folder: answers by who gave them, degraded ones, micro-dollars."""

    live: int
    cached: int
    surrogate: int
    degraded: int
    charged_microusd: int
    paid_microusd: int

    @property
    def answers(self) -> int:
        """All answers."""
        return self.live + self.cached + self.surrogate


@dataclass(frozen=True)
class LanguageUse:
    """What a run had of language models.

    Attributes:
        tasks: By name of the task; tasks that were never asked are absent.
        budget_microusd: Spending limit.
        charged_microusd: Spend that counts against it, a fork's inheritance included.
        burn_down: (step, charged so far) of each step that charged something, a fork's inheritance included.
        degraded: A sentence for each task of which too much was not answered as wanted.
        warnings: All that a reader of the run's numbers must know: these, and whether the model is none to learn from.
        disputed_microusd: What providers claimed above what was reserved.
        degraded_tasks: Names of those tasks.
        reasons: By task, how many answers were not as wanted for each reason, a fork's inheritance included.
    """

    tasks: dict[str, TaskUse]
    budget_microusd: int
    charged_microusd: int
    burn_down: tuple[tuple[int, int], ...]
    degraded: tuple[str, ...]
    warnings: tuple[str, ...]
    disputed_microusd: int
    degraded_tasks: tuple[str, ...]
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            **{name: value for name, value in vars(self).items() if name != "tasks"},
            "tasks": {name: vars(one) for name, one in self.tasks.items()},
            "is_degraded": bool(self.degraded),
        }

    @property
    def by_quarter(self) -> list[tuple[int, float]]:
        """Steps by which a quarter, a half, ... of all that was charged had been charged, each once, with share of the budget."""
        found: list[tuple[int, float]] = []
        for quarter in (1, 2, 3, 4):
            at = next(
                (s for s, c in self.burn_down if 4 * c >= quarter * self.charged_microusd), None
            )
            if at is not None and self.charged_microusd and at not in dict(found):
                charged = next(c for s, c in self.burn_down if s == at)
                found.append((at, charged / max(self.budget_microusd, 1)))
        return found


def uses_language(run: Run) -> bool:
    """Whether any task was on in some segment of a run."""
    segments = run.frames[0].payload["segments"]
    is_used = any(uses_models(Settings.model_validate(one["settings"])) for one in segments)
    return is_used or bool(inputs_of(run.frames))


def language_use(path: str | Path) -> LanguageUse | None:
    """Return what a run had of language models; None where it has none.

    Raises:
        RunFolderError: There is no run at `path`.
        IntegrityError: A file of it was altered.
    """
    run = Run.open(path)
    if not uses_language(run):
        return None
    from feedtwin.llm.admin import ledger_rows, usage_of
    from feedtwin.schema.codes import LlmTask

    found = usage_of(run.frames)
    rows = ledger_rows(run)
    tasks: dict[str, TaskUse] = {}
    for name in sorted({row["task"] for row in rows}, key=lambda name: LlmTask[name]):
        own = [row for row in rows if row["task"] == name]
        columns = (*_SOURCES, "degraded", "charged_microusd", "paid_microusd")
        tasks[name] = TaskUse(**{c: sum(int(row[c]) for row in own) for c in columns})
    degraded = tuple(
        f"degraded: {found.tasks[code].degraded_ppm / 10_000:.1f} % of {code.name} was not answered as wanted "
        f"({found.tasks[code].why})"
        for code in found.degraded
    )
    return LanguageUse(
        tasks, found.budget, found.charged, tuple(found.burn_down), degraded,
        (*degraded, *([found.damage] if found.damage else []), *_demo_notes(run, found.tasks)), found.disputed, tuple(c.name for c in found.degraded),
        {code.name: one.reasons for code, one in found.tasks.items() if one.reasons},
    )  # fmt: skip


def _demo_notes(run: Run, used: "Mapping[LlmTask, TaskUsage]") -> tuple[str, ...]:
    """Say so where the demo server's model answered, now or when an answer was kept."""
    from feedtwin.llm.admin import llm_settings
    from feedtwin.llm.demo import LABEL, MODEL
    from feedtwin.schema.codes import AnswerSource

    told = {
        code
        for code, one in used.items()
        if any(one.counts.by_source.get(s) for s in (AnswerSource.LIVE, AnswerSource.CACHED))
    }
    for segment in run.frames[0].payload["segments"]:
        own = llm_settings(Settings.model_validate(segment["settings"]))
        if any(own.of(code).model == MODEL for code in told):
            return (f"answers of {MODEL} are {LABEL}",)
    return ()


def warnings_about(path: str | Path) -> tuple[str, ...]:
    """Return what a reader of a run's numbers must know of its language models."""
    use = language_use(path)
    return () if use is None else use.warnings
