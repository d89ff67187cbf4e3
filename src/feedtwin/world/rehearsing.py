"""What a run will ask of language models and what it will cost, before anything is spent.

The world is run in memory against a model that answers as the stand-ins do (`llm.rehearsal`): cohorts, prompts,
reservations, thresholds and the end of the budget are those of a real run. What a real model writes differs, so
the answers' length, the retries and, through them, the demand of later steps are estimates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedtwin.kernels.binding import Kernels
from feedtwin.schema.settings import Settings
from feedtwin.world.counsel import Counsel, uses_models
from feedtwin.world.segments import Segment, advance, begin

if TYPE_CHECKING:
    from feedtwin.llm.estimates import Estimate
    from feedtwin.llm.records import StepInputs


@dataclass
class _Memory:
    """A journal in memory."""

    by_step: "dict[int, StepInputs]" = field(default_factory=dict)

    def append_input(self, step: int, name: str, payload: Mapping[str, Any]) -> None:
        """Keep a record."""
        from feedtwin.llm.records import StepInputs

        self.by_step.setdefault(step, StepInputs()).take(name, payload)

    def sync(self) -> None:
        """Memory needs no disk."""


@dataclass(frozen=True)
class Rehearsed:
    """What a run is expected to ask and to spend.

    Attributes:
        tasks: One row per live task that is asked.
        budget: Spending limit, micro-dollars.
        degraded: Answers by task, that would not come from a model, and all answers of the task.
        steps: Steps that were rehearsed.
    """

    tasks: "tuple[Estimate, ...]"
    budget: int
    degraded: Mapping[str, tuple[int, int]]
    steps: int


def together(parts: Sequence[Rehearsed]) -> Rehearsed:
    """Return what several runs (the cells of a study) cost together; each has its own budget."""
    tasks: dict[tuple[int, str], Estimate] = {}
    degraded: dict[str, tuple[int, int]] = {}
    for part in parts:
        for row in part.tasks:
            key = int(row.task), row.model
            known = tasks.get(key)
            tasks[key] = row if known is None else known.plus(row)
        for name, (number, of) in part.degraded.items():
            before = degraded.get(name, (0, 0))
            degraded[name] = before[0] + number, before[1] + of
    rows = tuple(tasks[key] for key in sorted(tasks))
    return Rehearsed(rows, sum(p.budget for p in parts), degraded, sum(p.steps for p in parts))


def rehearse(
    settings: Settings,
    steps: int,
    kernels: Kernels,
    on_step: Callable[[int], None] = lambda step: None,
    past: tuple[Settings, int] | None = None,
    cache: Path | None = None,
) -> Rehearsed:
    """Run a world in memory and return what its language models would cost; nobody is asked.

    Args:
        settings: The world, with the tasks that are to be live.
        steps: Hours to run, its past included.
        kernels: The kernels to use.
        on_step: Called after each step.
        past: Settings of a past that it branches from, and the step of the branch; what that asks is not counted.
        cache: Folder of answers that are there already, and cost nothing more; it is only read. None for none.

    Raises:
        BudgetError: A model has no known price.
    """
    from feedtwin.llm.admin import llm_settings
    from feedtwin.llm.estimates import estimate_of
    from feedtwin.llm.rehearsal import Rehearsal

    own = llm_settings(settings)
    memory = _Memory()
    before, at = past or (settings, 0)
    if uses_models(settings):
        segments = [Segment(0, before), Segment(at, settings)]
        world = begin(segments, kernels, Counsel(client=Rehearsal(), journal=memory, cache=cache))
        world = advance(
            world, segments, kernels, steps, on_step=lambda world: on_step(world.step_count - 1)
        )
        if world.adviser is not None:
            world.adviser.close()
    own_steps = {step: inputs for step, inputs in memory.by_step.items() if step >= at}
    rows, degraded = estimate_of(own, own_steps)
    return Rehearsed(tuple(rows), own.budget_microusd, degraded, steps)
