"""How faithful the stand-ins of runs are: the command, and how it prints."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedtwin.cli.going import AsJson, load_kernels
from feedtwin.cli.progress import bar, is_shown, working
from feedtwin.cli.terminal import answer, reports, say, table, usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feedtwin.lab.downstream import Outcome
    from feedtwin.lab.fidelity import Fidelity
    from feedtwin.lab.statistics import Mean

MICRO = 1_000_000
"""Micro-dollars of a dollar."""


@reports
def fidelity(
    paths: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders; several are pooled.")
    ],
    again: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Ask the model N requests of each task a second time, for the floor (costs money).",
        ),
    ] = 0,
    budget_usd: Annotated[
        float | None,
        typer.Option(
            min=0, help="Most that --again may spend; what each run left of its budget by default."
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--llm-cache", help="Where second answers are kept; beside each run by default."
        ),
    ] = None,
    outcomes: Annotated[
        bool,
        typer.Option("--outcomes", help="Also run the worlds with stand-ins, and compare metrics."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say how far stand-ins are from the model that answered in runs, beside how far each is from itself.

    Nobody is asked but with --again. With --outcomes and runs of several replicates, differences of metrics have
    intervals.
    """
    from feedtwin.lab.fidelity import fidelity as measured

    budget = None if budget_usd is None else round(budget_usd * MICRO)
    with working("comparing answers", is_shown(False, as_json)):
        found = measured(paths, again=again, budget_microusd=budget, cache=cache)
    compared: list[Outcome] = []
    if outcomes:
        from feedtwin.lab.downstream import downstream

        with bar("running with stand-ins", is_shown(False, as_json)) as on_progress:
            compared = downstream(paths, load_kernels("auto", None), on_progress)
    if as_json:
        answer(_as_json(found, compared if outcomes else None))
        return
    _print_tasks(found, again)
    if outcomes:
        say()
        _print_outcomes(compared, len(paths))


def _as_json(found: "Fidelity", compared: "Sequence[Outcome] | None") -> dict[str, object]:
    tasks = []
    for one in found.tasks:
        plain = {
            name: vars(value) if hasattr(value, "estimate") else value
            for name, value in vars(one).items()
        }
        tasks.append(plain)
    value: dict[str, object] = {**vars(found), "tasks": tasks}
    if compared is not None:
        value["outcomes"] = [
            {**vars(one), "is_distinguishable": one.is_distinguishable} for one in compared
        ]
    return value


def _print_tasks(found: "Fidelity", again: int) -> None:
    if not found.tasks:
        say("no answer of a model is on record")
        return
    head = ("task", "n", "same", "apart", "95 %", "rule twice", "model twice")
    rows = [
        (
            one.task, f"{one.distance.n:,}", f"{one.equal:,}", _share(one.distance), _interval(one.distance),
            _share(one.of_stand_in), "-" if one.of_model is None else _share(one.of_model),
        )
        for one in found.tasks
    ]  # fmt: skip
    table(head, rows, right=head[1:], keep=head)
    say()
    say(
        "apart: share of the decisions of a request that differ between stand-in and model; twice: of one source,"
    )
    say("between two draws; intervals over requests (bootstrap), which count as independent")
    for one in found.tasks:
        over = (
            "" if one.excess.low is None else f", by {_share(one.excess)} {_interval(one.excess)}"
        )
        note = f" ({one.note})" if one.note else ""
        say(f"{one.task}: {one.verdict}{over}, n {one.excess.n:,}{note}")
    if again:
        say(f"asking again charged {usd(found.charged_microusd)}, paid {usd(found.paid_microusd)}")


def _print_outcomes(compared: "Sequence[Outcome]", runs: int) -> None:
    differing = [one for one in compared if one.difference]
    names = ("run", "stand-ins", "difference")
    if runs == 1:
        rows = [(one.metric, one.run, one.stand_ins, one.difference, one.unit) for one in differing]
        table(("metric", *names, "unit"), rows, right=names, keep=("metric",))
        say(
            f"{len(differing)} of {len(compared)} metrics differ; one pair of runs has no interval: give runs of further "
            "replicates (feedtwin run --replicate N)"
        )
        return
    pairs = [
        (one.metric, one.run, one.stand_ins, one.difference, _ends(one), f"{one.n}", one.unit)
        for one in differing
    ]
    table(("metric", *names, "95 %", "n", "unit"), pairs, right=(*names, "95 %", "n"), keep=("metric",))  # fmt: skip
    sure = sum(one.is_distinguishable for one in differing)
    say(
        f"{len(differing)} of {len(compared)} metrics differ over {runs} pairs of runs, {sure} of them distinguishably from 0 "
        "(intervals are not corrected for their number)"
    )


def _ends(one: "Outcome") -> str:
    return "-" if one.low is None or one.high is None else f"[{one.low:+.3g}, {one.high:+.3g}]"


def _share(one: "Mean") -> str:
    return f"{one.estimate:.1%}".replace("%", " %")


def _interval(one: "Mean") -> str:
    if one.low is None or one.high is None:
        return "all alike"
    return f"[{100 * one.low:.1f}, {100 * one.high:.1f}]"
