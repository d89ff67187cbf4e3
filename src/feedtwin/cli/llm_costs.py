"""How what language models will cost is printed: of one world, and of a study."""

from typing import TYPE_CHECKING, Any

from feedtwin.cli.terminal import answer, plural, say, table, usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feedtwin.lab.study.costing import StudyCost
    from feedtwin.lab.study.plan import Study
    from feedtwin.llm.estimates import Estimate

_HEAD = ("task", "model", "calls", "tokens in", "tokens out", "expected", "worst case")


def print_world_cost(
    rows: "Sequence[Estimate]",
    budget: int,
    degraded: "Mapping[str, tuple[int, int]]",
    as_json: bool,
) -> None:
    """Print what a world will cost, task by task."""
    from feedtwin.llm import admin

    expected, worst = sum(one.expected for one in rows), min(sum(one.worst for one in rows), budget)
    if as_json:
        answer(
            {
                "tasks": [{**vars(one), "task": admin.name_of(one.task)} for one in rows],
                "expected_microusd": expected,
                "worst_microusd": worst,
                "budget_microusd": budget,
                "degraded": {
                    name: {"degraded": n, "answers": of} for name, (n, of) in degraded.items()
                },
            }
        )
        return
    _print_tasks(rows)
    say(f"expected {usd(expected)}, worst case {usd(worst)}, budget {usd(budget)}")
    if not rows:
        say("no task is live: --llm live, or --set llm.caption.source=live (--calls caption=200)")
    if expected > budget:
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
        (one.arm or "(shared past)", f"{one.cells:,}", usd(one.cap), usd(one.expected), usd(one.worst))
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


def _print_tasks(rows: "Sequence[Estimate]") -> None:
    from feedtwin.llm import admin

    cells = [
        (admin.name_of(one.task), one.model, f"{one.calls:,}", f"{one.tokens_in:,}",
         f"{one.tokens_out:,}", usd(one.expected), usd(one.worst))
        for one in rows
    ]  # fmt: skip
    table(_HEAD, cells, right=_HEAD[2:], keep=_HEAD[:2])
    say()


def _print_degraded(degraded: "Mapping[str, tuple[int, int]]") -> None:
    for name, counts in degraded.items():
        say(_degraded(name, *counts))


def _degraded(name: str, number: int, of: int) -> str:
    return f"not from a model, for want of budget: {number:,} of {of:,} answers of {name}"
