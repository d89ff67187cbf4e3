"""How what language models will cost is printed: of one world, and of a study."""

from typing import TYPE_CHECKING, Any

from feedtwin.cli.terminal import answer, plural, say, table, usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from feedtwin.lab.study.costing import ArmCost, StudyCost
    from feedtwin.lab.study.plan import Study
    from feedtwin.llm.estimates import Estimate

_HEAD = ("task", "model", "calls", "tokens in", "tokens out", "expected", "worst case", "cached")


def print_world_cost(
    rows: "Sequence[Estimate]",
    budget: int,
    degraded: "Mapping[str, tuple[int, int]]",
    as_json: bool,
    cache: "Path | None" = None,
) -> None:
    """Print what a world will cost, task by task; answers that are in a cache cost nothing more."""
    cached, recorded = sum(one.cached for one in rows), sum(one.recorded for one in rows)
    expected = sum(one.expected for one in rows)
    worst = min(sum(one.worst for one in rows), budget - recorded)
    if as_json:
        answer(
            {
                "tasks": [{**vars(one), "task": one.task.name} for one in rows],
                "expected_microusd": expected,
                "worst_microusd": worst,
                "budget_microusd": budget,
                "cached": cached,
                "recorded_microusd": recorded,
                "cache": None if cache is None else str(cache),
                "degraded": {
                    name: {"degraded": n, "answers": of} for name, (n, of) in degraded.items()
                },
            }
        )
        return
    _print_tasks(rows)
    say(f"expected {usd(expected)}, worst case {usd(worst)}, budget {usd(budget)}")
    if cached:
        asks = cached + sum(one.calls for one in rows)
        say(
            f"{cached:,} of {plural(asks, 'ask')} answered from {cache}, for nothing: {usd(recorded)} on record count "
            "against the budget"
        )
    if not rows:
        say("no task is live: --llm live, or --set llm.caption.source=live (--calls caption=200)")
    if expected + recorded > budget:
        say("the budget will be used up; what comes after it is answered by stand-ins")
    _print_degraded(degraded)


def print_study_cost(study: "Study", cost: "StudyCost", as_json: bool) -> None:
    """Print what a study will cost: task by task, arm by arm, and whether its budget is enough."""
    if as_json:
        answer({"study": study.name, **cost.as_json()})
        return
    if not cost.arms:
        say(f"study {study.name}: no arm may ask a language model; nothing will be spent")
        return
    if cost.whole.tasks:
        _print_tasks(cost.whole.tasks)
    cells: list[tuple[Any, ...]] = [
        (_name(one), f"{one.cells:,}", usd(one.cap), usd(one.expected), usd(one.worst))
        for one in cost.arms
    ]  # fmt: skip
    head = ("arm", "cells", "cap of a cell", "expected", "worst case")
    table(head, cells, right=head[1:], keep=head[:1])
    say()
    say("from the first replicate of each arm, rehearsed with stand-ins and counted once per cell")
    for line in study_lines(cost):
        say(line)


def study_lines(cost: "StudyCost") -> list[str]:
    """Return the money of a study in sentences: spend, and whether the budget is enough."""
    cells = plural(sum(one.cells for one in cost.arms), "cell")
    lines = [
        f"expected {usd(cost.expected)}, worst case {usd(cost.worst)} on language models, in {cells}"
    ]
    if cost.cached:
        lines.append(f"answers to {plural(cost.cached, 'ask')} are on disk and cost nothing more")
    degraded = cost.whole.degraded
    if not cost.whole.tasks:
        lines.append(
            "nothing was asked in the rehearsal: are the live tasks' cohorts and levers on?"
        )
    if not cost.budget:
        lines.append(
            "the study states no llm_budget_usd, which it needs to run; the worst case is never short of money"
        )
    elif degraded:
        lines.append(
            f"not within the budget of {usd(cost.budget)}: a cell's cap is used up before its end"
        )
    else:
        lines.append(f"within the budget of {usd(cost.budget)}")
    return lines + [_degraded(name, *counts) for name, counts in degraded.items()]


def _name(one: "ArmCost") -> str:
    return (one.arm or "(shared past)") + (", answers on disk" if one.is_kept else "")


def _print_tasks(rows: "Sequence[Estimate]") -> None:

    head: tuple[str, ...] = _HEAD
    cells: list[tuple[str, ...]] = [
        (one.task.name, one.model, f"{one.calls:,}", f"{one.tokens_in:,}",
         f"{one.tokens_out:,}", usd(one.expected), usd(one.worst), f"{one.cached:,}")
        for one in rows
    ]  # fmt: skip
    if not any(one.cached for one in rows):
        head, cells = head[:-1], [row[:-1] for row in cells]
    table(head, cells, right=head[2:], keep=head[:2])
    say()


def _print_degraded(degraded: "Mapping[str, tuple[int, int]]") -> None:
    for name, counts in degraded.items():
        say(_degraded(name, *counts))


def _degraded(name: str, number: int, of: int) -> str:
    return f"not from a model, for want of budget: {number:,} of {of:,} answers of {name}"
