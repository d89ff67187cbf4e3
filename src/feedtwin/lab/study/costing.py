"""What the language models of a study will cost, before anything is spent.

The first replicate of every world that may ask a model is rehearsed in memory, against a model that answers as the
stand-ins do, and counted once for each of its cells. Replicates ask a little more or less than the first one. Where
cells have answers on disk, the first of those is rehearsed with its answers, and counted once for each of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedtwin.kernels.binding import Kernels
from feedtwin.lab.study.budget import MICRO, PAST, asking, cap_of, live_tasks
from feedtwin.lab.study.cells import CELLS, Job, cell_of
from feedtwin.lab.study.plan import Study
from feedtwin.lab.study.settings_check import settings_of
from feedtwin.world.rehearsing import Rehearsed, rehearse, together

if TYPE_CHECKING:
    from feedtwin.llm.estimates import Estimate


@dataclass(frozen=True)
class ArmCost:
    """What the cells of one arm will cost; arms that are one world are one. Cells with answers on disk are apart.

    Attributes:
        arm: Name of the arm; "" for the shared past.
        cells: Cells that are counted.
        cap: Most that a cell may spend, micro-dollars.
        cell: What one cell is expected to ask and to spend.
        is_kept: Whether these are the cells that have answers on disk already.
    """

    arm: str
    cells: int
    cap: int
    cell: Rehearsed
    is_kept: bool = False

    @property
    def expected(self) -> int:
        """Expected spend of its cells, micro-dollars."""
        return self.cells * sum(one.expected for one in self.cell.tasks)

    @property
    def worst(self) -> int:
        """Spend of its cells if every ask took every attempt and repair at full length: their caps at most."""
        left = self.cap - sum(one.recorded for one in self.cell.tasks)
        return self.cells * min(sum(one.worst for one in self.cell.tasks), left)

    @property
    def cached(self) -> int:
        """Asks of its cells whose answers are on disk."""
        return self.cells * sum(one.cached for one in self.cell.tasks)


@dataclass(frozen=True)
class StudyCost:
    """What the language models of a study will cost.

    Attributes:
        arms: Arms that may ask a model.
        budget: Most that the study may spend, micro-dollars; 0 where it states none.
    """

    arms: tuple[ArmCost, ...]
    budget: int

    @property
    def whole(self) -> Rehearsed:
        """What all cells ask and spend, task by task."""
        return together([one.cell for one in self.arms for _ in range(one.cells)])

    @property
    def expected(self) -> int:
        """Expected spend, micro-dollars."""
        return sum(one.expected for one in self.arms)

    @property
    def worst(self) -> int:
        """Most that can be spent, micro-dollars; never above a stated budget."""
        return sum(one.worst for one in self.arms)

    @property
    def cached(self) -> int:
        """Asks whose answers are on disk, and cost nothing more."""
        return sum(one.cached for one in self.arms)

    @property
    def is_enough(self) -> bool:
        """Whether a budget is stated and no cell is expected to want for money."""
        return self.budget > 0 and not self.whole.degraded

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        whole = self.whole
        return {
            "tasks": tasks_json(whole.tasks),
            "arms": [
                {
                    "arm": one.arm, "cells": one.cells, "cap_microusd": one.cap,
                    "expected_microusd": one.expected, "worst_microusd": one.worst,
                    "tasks_of_a_cell": tasks_json(one.cell.tasks), "cached": one.cached, "is_kept": one.is_kept,
                }
                for one in self.arms
            ],
            "expected_microusd": self.expected,
            "worst_microusd": self.worst,
            "cached": self.cached,
            "budget_microusd": self.budget,
            "within_budget": self.is_enough,
            "degraded": {n: {"degraded": k, "answers": of} for n, (k, of) in whole.degraded.items()},
        }  # fmt: skip


def tasks_json(rows: "tuple[Estimate, ...]") -> list[dict[str, Any]]:
    """Return estimates as plain objects, tasks by name."""
    return [{**vars(one), "task": one.task.name} for one in rows]


def cost_of(
    study: Study,
    kernels: Kernels,
    cells: Mapping[str, Sequence[int]] | None = None,
    folder: Path | None = None,
    on_arm: Callable[[str], None] = lambda arm: None,
) -> StudyCost:
    """Rehearse a study's arms and say what its cells will cost; nobody is asked and nothing is written.

    Args:
        study: The study.
        kernels: The kernels to use.
        cells: Replicates to count by arm, for example those that are not finished; all by default.
        folder: The study's folder, whose cells' answers cost nothing more; None for none.
        on_arm: Called with the name of each arm before its rehearsal.

    Raises:
        BudgetError: A model has no known price.
    """
    found = []
    for name, settings in asking(study).items():
        if not live_tasks(settings):
            continue
        counted = range(study.replication.most) if cells is None else cells.get(name, ())
        kept = (
            []
            if folder is None
            else [r for r in counted if _answers(study, name, r, folder).is_dir()]
        )
        fresh = len(counted) - len(kept)
        if counted:
            on_arm(name)
        if fresh:
            cell = _rehearsed(study, name, 0, kernels, None)
            found.append(ArmCost(name, fresh, cap_of(settings), cell))
        if kept and folder is not None:
            answers = _answers(study, name, kept[0], folder)
            cell = _rehearsed(study, name, kept[0], kernels, answers)
            found.append(ArmCost(name, len(kept), cap_of(settings), cell, is_kept=True))
    return StudyCost(tuple(found), round(study.llm_budget_usd * MICRO))


def _answers(study: Study, arm: str, replicate: int, folder: Path) -> Path:
    """Return where the answers of a cell are kept."""
    return Job(cell_of(study, arm, replicate), folder / CELLS).answers


def _rehearsed(
    study: Study, arm: str, replicate: int, kernels: Kernels, cache: Path | None
) -> Rehearsed:
    cell = cell_of(study, arm, replicate)
    past = None
    if arm != PAST and study.warmup:
        past = settings_of(study, None, replicate), study.warmup
    return rehearse(cell.settings, cell.steps, kernels, past=past, cache=cache)
