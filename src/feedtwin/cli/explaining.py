"""The command that explains an effect of a study."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedtwin.cli.going import AsJson, Quiet
from feedtwin.cli.progress import is_shown, working
from feedtwin.cli.terminal import answer, plural, reports, say, shell, table
from feedtwin.lab.numbers import decimals, fixed, interval, significant

if TYPE_CHECKING:
    from feedtwin.lab.study.explaining import Explanation


@reports
def explain_effect(
    path: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a finished study.")],
    metric: Annotated[str, typer.Option(help="A metric that the study estimates.")],
    contrast: Annotated[
        str | None, typer.Option(help="Which contrast; the first of the metric by default.")
    ] = None,
    replicates: Annotated[
        int, typer.Option(min=2, help="Replicates to take apart; each is executed four more times.")
    ] = 6,
    parts: Annotated[
        bool, typer.Option("--parts/--no-parts", help="Take the effect apart, twin by twin.")
    ] = True,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say how a policy came to its effect.

    Where two paired runs part, the path from the policy line to the metric, and which part of the effect went through
    what is made, what is shown and what people do.
    """
    with working("executing runs again", is_shown(quiet, as_json)):
        from feedtwin.lab.study.explaining import explain_effect as explain

        found = explain(path, metric, contrast=contrast, replicates=replicates, parts=parts)
    if as_json:
        answer(asdict(found))
    else:
        _print(found)


def _share(share: float | None, is_clear: bool) -> str:
    """A share in percent, or why there is none; what rounds to nothing has no sign."""
    if not is_clear:
        return "-"
    return "not distinguishable" if share is None else f"{fixed(100 * share, 0)}%"


def _print(found: "Explanation") -> None:
    one = found.effect
    say(one.calibration)
    say(f"{one.metric}, {one.contrast}: {one.verdict}", style="bold")
    for line in found.path:
        say(f"  {line}")
    say(f"  (replicate {found.replicate}; {shell('compare', *found.runs)})")
    if found.total is None:
        return
    from feedtwin.lab.study.explaining import is_clear

    total, pairs = found.total, plural(found.total.n, "replicate")
    whole = significant(total.estimate, 4, sign=True)
    say()
    say(f"Parts of {whole} {one.unit} in {pairs}", style="bold")
    rows = []
    for part in found.parts:
        mine = part.found
        digits = decimals(mine.low, mine.high, mine.estimate)
        share = _share(part.share, is_clear(total))
        rows.append(
            [part.name, fixed(mine.estimate, digits, sign=True), interval(mine.low, mine.high, digits), share, part.meaning]
        )  # fmt: skip
    columns = ["part", "effect", "interval", "share", "what it is"]
    table(columns, rows, right=["effect"], keep=columns[:3])
    if not is_clear(total):
        say(
            f"the whole effect cannot be told from zero in {pairs} ({total.test}), so its parts are no shares of it"
        )
    say("supply, exposure and behaviour add up to the total")
    if found.replayed is not None:
        say(
            f"{found.replayed:.1%} of requests could be served the base's slates while exposure was held"
        )
