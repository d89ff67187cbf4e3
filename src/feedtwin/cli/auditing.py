"""The command that audits a run or a study."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feedtwin.cli.going import AsJson, Quiet
from feedtwin.cli.progress import is_shown, working
from feedtwin.cli.terminal import NOT_EQUAL, answer, reports, say

if TYPE_CHECKING:
    from feedtwin.lab.auditing import Finding


@reports
def audit(
    path: Annotated[Path, typer.Argument(metavar="RUN|STUDY", help="A run folder, or a study's.")],
    worlds: Annotated[
        bool,
        typer.Option(
            "--worlds/--no-worlds", help="Execute small worlds too: dose response, rates."
        ),
    ] = True,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Keep what was found in the folder, so that its report has it."
        ),
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check whether a run or a study is what it claims to be, and say in words what is not.

    Hashes, versions, conservation, pairing, re-execution, order invariance, placebo, dose response, liveness of metrics.
    Exit status 0 if nothing failed, 1 if something did.
    """
    with working("loading", is_shown(quiet, as_json)):
        from feedtwin.lab.auditing import audit as examine

    if keep:
        from feedtwin.record.folder import refuse_unwritable

        refuse_unwritable(path)

    def show(one: "Finding") -> None:
        if not as_json:
            style = {"FAILED": "red", "not checked": "dim"}.get(one.state)
            say(f"{one.state:<12}{one.check}: {one.words}", style=style)

    found = examine(path, on_finding=show, worlds=worlds)
    if keep:
        from feedtwin.lab.auditing.keeping import keep_audit

        keep_audit(found)
    if as_json:
        answer({
            "ok": found.ok, "path": found.path, "kind": found.kind, "calibration": found.calibration,
            "findings": [vars(one) for one in found.findings],
        })  # fmt: skip
    else:
        failed = sum(one.state == "FAILED" for one in found.findings)
        say()
        say(found.calibration)
        say("nothing failed" if found.ok else f"{failed} of {len(found.findings)} checks failed")
    if not found.ok:
        raise typer.Exit(NOT_EQUAL)
