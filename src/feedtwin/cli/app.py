"""The command `feedtwin` and its parts."""

from typing import Annotated

import typer

from feedtwin import __version__
from feedtwin.cli import (
    asking,
    auditing,
    calibrating,
    checking,
    describing,
    explaining,
    going,
    llm,
    metrics,
    reporting,
    studying,
    tracing,
    validating,
)

HELP = "A digital twin of a short-video platform that runs, replays, forks and can be trusted."
EPILOG = "Exit status: 0 done; 1 not equal (replay, compare) or not usable (doctor); 2 bad input; 130 interrupted."

app = typer.Typer(
    name="feedtwin",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help costs a third of the time, and reads well in any terminal
    pretty_exceptions_enable=False,  # an unexpected exception is a bug: its traceback is shown as it is
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"feedtwin {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    del version  # no docstring: it would replace HELP


app.command("run")(going.run)
app.command("resume")(going.resume)
app.command("fork")(going.fork)
app.command("replay")(checking.replay)
app.command("compare")(checking.compare)
app.command("metrics")(metrics.metrics)
app.command("study")(studying.study)
app.command("explain-effect")(explaining.explain_effect)
app.command("report")(reporting.report)
app.command("audit")(auditing.audit)
app.command("trace")(tracing.trace)
app.command("sql")(asking.sql)
app.command("interview")(asking.interview)
app.command("list")(asking.list_)
app.command("check")(checking.check)
app.command("doctor")(checking.doctor)
app.command("calibrate")(calibrating.calibrate)
app.command("predict")(calibrating.predict)
app.command("validate")(validating.validate)
app.add_typer(describing.app, name="data")
app.add_typer(llm.app, name="llm")


def main() -> None:
    """Run the command line; exits with its status."""
    app()
