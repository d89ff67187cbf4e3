"""Who answered in a study: the source mix of every arm, and the mark of numbers that rest on degraded answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from feedtwin.lab.language import language_use
from feedtwin.lab.study.estimating import Cells
from feedtwin.lab.study.plan import Study
from feedtwin.lab.study.result import Answered, CurvePoint, Effect, Level, Reading, Warned

_SOURCES: Final = (("live", "live"), ("cached", "cached"), ("surrogate", "stand-in"))
_COUNTS: Final = ("live", "cached", "surrogate", "degraded", "charged_microusd", "paid_microusd")
RowT = TypeVar("RowT", Level, Reading)


@dataclass(frozen=True)
class Marks:
    """What stands beside the numbers of arms: who answered (in words), and what was degraded; "" for nothing."""

    sources: Mapping[str, str]
    degraded: Mapping[str, str]

    def of(self, arms: Iterable[str]) -> tuple[str, str]:
        """Return the words for numbers that rest on some arms."""
        names = list(arms)
        said = [f"{arm}: {self.sources[arm]}" for arm in names if self.sources[arm]]
        return "; ".join(said), "; ".join(self.degraded[a] for a in names if self.degraded[a])


def answers_in(run: Path) -> dict[str, dict[str, int]]:
    """Return answers and money of a run by task; `is_degraded` where too much was not answered as wanted."""
    use = language_use(run)
    if use is None:
        return {}
    names = dict.fromkeys((*use.tasks, *use.degraded_tasks))  # a branch may have inherited all
    found = {}
    for name in names:
        own = use.tasks.get(name)
        counts = {count: 0 if own is None else int(getattr(own, count)) for count in _COUNTS}
        found[name] = {**counts, "is_degraded": int(name in use.degraded_tasks)}
    return found


def answered(study: Study, cells: Cells) -> tuple[Answered, ...]:
    """Return who answered each task in each arm, over its cells; no row where nobody was asked."""
    rows = []
    for arm in study.arms:
        own = cells.of(arm)
        for task in dict.fromkeys(task for one in own for task in one.answers):
            found = [one.answers[task] for one in own if task in one.answers]
            sums = {name: sum(one[name] for one in found) for name in _COUNTS}
            bad = sum(one["is_degraded"] for one in found)
            rows.append(Answered(arm=arm, task=task, cells=len(own), degraded_cells=bad, **sums))
    return tuple(rows)


def marks_of(study: Study, rows: Sequence[Answered]) -> Marks:
    """Return the marks of every arm."""
    by_arm = {arm: [row for row in rows if row.arm == arm] for arm in study.arms}
    return Marks(
        {arm: _mix(own) for arm, own in by_arm.items()},
        {arm: _degraded(arm, own) for arm, own in by_arm.items()},
    )


def _mix(rows: Sequence[Answered]) -> str:
    """`live 97.0 %, stand-in 3.0 %`."""
    counts = [(words, sum(getattr(row, name) for row in rows)) for name, words in _SOURCES]
    total = sum(number for _, number in counts)
    return ", ".join(f"{words} {number / total:.1%}" for words, number in counts if number).replace(
        "%", " %"
    )


def _degraded(arm: str, rows: Sequence[Answered]) -> str:
    bad = [row for row in rows if row.degraded_cells]
    said = ", ".join(f"{row.task} in {row.degraded_cells} of {row.cells} cells" for row in bad)
    return f"degraded: {arm}: {said}" if said else ""


def marked_effects(effects: Sequence[Effect], study: Study, marks: Marks) -> tuple[Effect, ...]:
    """Return effects with the marks of the arms that they compare."""
    arms = {one.name: one.arms for one in study.contrasts}
    out = []
    for one in effects:
        sources, degraded = marks.of(arms[one.contrast])
        out.append(replace(one, sources=sources, degraded=degraded))
    return tuple(out)


def marked_points(
    points: Sequence[CurvePoint], study: Study, marks: Marks
) -> tuple[CurvePoint, ...]:
    """Return points of curves with the marks of what they are of."""
    arms = {one.name: one.arms for one in study.contrasts}
    out = []
    for one in points:
        sources, degraded = marks.of(arms[one.of] if one.is_contrast else (one.of,))
        out.append(replace(one, sources=sources, degraded=degraded))
    return tuple(out)


def marked_levels(levels: Sequence[Level], marks: Marks) -> tuple[Level, ...]:
    """Return levels with the marks of their arms."""
    return tuple(_marked(one, marks) for one in levels)


def marked_readings(readings: Iterable[Reading], cells: Cells, study: Study) -> tuple[Reading, ...]:
    """Return readings, each with the marks of its own cell."""
    by_cell: dict[tuple[str, int], Marks] = {}
    for arm in study.arms:
        for one in cells.of(arm):
            by_cell[arm, one.replicate] = marks_of(study, answered(study, Cells([one])))
    return tuple(_marked(one, by_cell[one.arm, one.replicate]) for one in readings)


def _marked(one: RowT, marks: Marks) -> RowT:
    sources, degraded = marks.of((one.arm,))
    return replace(one, sources=sources, degraded=degraded)


def degraded_warnings(rows: Sequence[Answered]) -> tuple[Warned, ...]:
    """Return a warning per arm and task that was degraded in some cell."""
    return tuple(
        Warned(
            "degraded", row.arm,
            f"arm {row.arm}: too many answers of {row.task} were not given as wanted in {row.degraded_cells} of "
            f"{row.cells} cells ({row.degraded:,} of {row.live + row.cached + row.surrogate:,} in all): its numbers "
            "speak about a mixture of the model and the rule that stood in. Raise llm_budget_usd, or mend the "
            "server (feedtwin llm usage CELL says why)",
        )
        for row in rows
        if row.degraded_cells
    )  # fmt: skip
