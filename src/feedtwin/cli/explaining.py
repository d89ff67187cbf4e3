"""The command that explains an effect of a study."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedtwin.cli.going import AsJson, Quiet
from feedtwin.cli.progress import is_shown, working
from feedtwin.cli.terminal import answer, reports, say, shell, table

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


def _print(found: "Explanation") -> None:
    one = found.effect
    say(one.calibration)
    say(f"{one.metric}, {one.contrast}: {one.verdict}", style="bold")
    for line in found.path:
        say(f"  {line}")
    say(f"  (replicate {found.replicate}; {shell('compare', *found.runs)})")
    if found.total is None:
        return
    say()
    say(
        f"Parts of {found.total.estimate:+.4g} {one.unit} in {found.total.n} replicates",
        style="bold",
    )
    rows = [
        [
            part.name,
            f"{part.found.estimate:+.4g}",
            f"[{part.found.low:+.3g}, {part.found.high:+.3g}]",
            "-" if part.share is None else f"{part.share:.0%}",
            part.meaning,
        ]
        for part in found.parts
    ]
    table(["part", "effect", "interval", "share", "what it is"], rows, right=["effect", "share"])
    say("supply, exposure and behaviour add up to the total")
    if found.replayed is not None:
        say(
            f"{found.replayed:.1%} of requests could be served the base's slates while exposure was held"
        )
