"""The command that writes a report of a run or a study."""

from pathlib import Path
from typing import Annotated

import typer

from feedtwin.cli.going import AsJson, Quiet
from feedtwin.cli.progress import is_shown, working
from feedtwin.cli.terminal import answer, plural, reports, say


@reports
def report(
    path: Annotated[Path, typer.Argument(metavar="RUN|STUDY", help="A run folder, or a study's.")],
    out: Annotated[
        Path | None, typer.Option(help="The HTML file; report.html in the folder by default.")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(help="Folder for every figure as PDF and SVG, with its CSV and caption."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a report as one HTML file, which opens offline and holds all that it shows."""
    with working("drawing", is_shown(quiet, as_json)):
        from feedtwin.lab.reporting import write_report

        written = write_report(path, out, figures=figures)
    if as_json:
        answer({"report": str(written.page), "figures": [str(one) for one in written.figures]})
        return
    say(f"report  {written.page}")
    if written.figures:
        say(f"figures {figures} ({plural(len(written.figures), 'file')})")
