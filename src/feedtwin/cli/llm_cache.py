"""The commands `feedtwin llm cache ...`: answers of a run's cache, or of all cells of a study."""

from pathlib import Path
from typing import Annotated

import typer

from feedtwin.cli.going import AsJson
from feedtwin.cli.terminal import NOT_EQUAL, answer, plural, reports, say

app = typer.Typer(no_args_is_help=True, help="Answers on disk: export, import, verify.")

Folder = Annotated[Path, typer.Argument(help="Folder of a cache, or of a study.")]


@app.command("export")
@reports
def cache_export(
    folder: Folder, target: Annotated[Path, typer.Argument(help="JSON Lines file to write.")]
) -> None:
    """Write all records as JSON Lines, each once, to ship with a paper."""
    from feedtwin.llm import shipping

    say(f"{plural(shipping.export_cache(folder, target), 'record')} written to {target}")


@app.command("import")
@reports
def cache_import(
    source: Annotated[Path, typer.Argument(help="JSON Lines file to read.")], folder: Folder
) -> None:
    """Add records of a JSON Lines file, all or none; records that are there stay."""
    from feedtwin.llm import shipping

    say(f"{plural(shipping.import_cache(source, folder), 'record')} taken into {folder}")


@app.command("verify")
@reports
def cache_verify(folder: Folder, as_json: AsJson = False) -> None:
    """Check every record; exits with status 1 if one is not sound."""
    from feedtwin.llm import shipping

    report = shipping.verify_cache(folder)
    if as_json:
        answer({"records": report.records, "faults": report.faults})
    else:
        for name, count in report.records.items():
            say(f"{name}: {plural(count, 'sound record')}")
        for fault in report.faults:
            say(fault)
        say(f"{sum(report.records.values())} sound, {len(report.faults)} not")
    if report.faults:
        raise typer.Exit(NOT_EQUAL)
