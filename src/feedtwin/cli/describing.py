"""The commands `data`: what a log, a series or a set of cascades holds, and how the twin stands beside it."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feedtwin.cli import series
from feedtwin.cli.calibrating import DataPath, MapFile, adaptor_of, say_source
from feedtwin.cli.going import AsJson, Quiet
from feedtwin.cli.progress import is_shown, working
from feedtwin.cli.terminal import answer, quantity, reports, say, table

if TYPE_CHECKING:
    from feedtwin.datasets.describing import Fact

app = typer.Typer(
    help="What data hold, and how the twin stands beside them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


app.command("compare")(series.compare)
app.command("score-forecasts")(series.score_forecasts)


@app.command()
@reports
def describe(
    data: DataPath,
    map_file: MapFile = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--adaptor", help="kuairand, kuairec, hashtag-views, trend-lists or cascades."
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print the stylised facts of a log, each with n and a 95 % interval.

    Without --adaptor or --map the adaptor is found from the files.
    """
    from feedtwin.datasets import series_names

    which = name if name in series_names() else None
    if which is None and name is None and map_file is None:
        which = _series_in(data)
    with working("measuring", is_shown(quiet, as_json)):
        about, facts = _of_series(which, data) if which else _of_log(data, name, map_file)
    if as_json:
        answer({
            "name": about.name, "state": about.state, "licence": about.licence, "citation": about.citation,
            "source_hash": about.source_hash, "notes": list(about.notes),
            "facts": [_plain(fact) for fact in facts],
        })  # fmt: skip
        return
    say_source(about)
    say()
    table(
        ["about", "fact", "value", "95 % interval", "n"],
        [(f.group, f.name, _value(f.value, f.unit), _interval(f), f"{f.n:,}") for f in facts],
        right=("value", "n"),
        keep=("about", "fact"),
    )


def _series_in(data: Path) -> str | None:
    """The series adaptor all of whose files are there, where no watch log is."""
    from feedtwin.datasets.series import SERIES

    for name, one in SERIES.items():
        if all((data / file).is_file() for file in one.files):
            return name
    return None


def _of_series(name: str, data: Path) -> "tuple[Any, list[Fact]]":
    from feedtwin.datasets.series import SERIES
    from feedtwin.datasets.series_facts import series_facts

    found = SERIES[name].read(data)
    return found.about, series_facts(found)


def _of_log(data: Path, name: str | None, map_file: Path | None) -> "tuple[Any, list[Fact]]":
    from feedtwin.datasets import adaptor, fit_constants
    from feedtwin.datasets.describing import describe as measure

    log = adaptor(adaptor_of(data, name, map_file), None, map_file).read_log(data)
    return log.provenance, measure(log, fit_constants())


def _plain(fact: "Fact") -> dict[str, object]:
    return {
        "group": fact.group, "name": fact.name, "value": fact.value, "low": fact.low, "high": fact.high,
        "unit": fact.unit, "n": fact.n,
    }  # fmt: skip


def _value(value: float, unit: str) -> str:
    if not isfinite(value):
        return "undefined"
    return quantity(value, "share" if unit.startswith("share") else unit)


def _interval(fact: "Fact") -> str:
    if not (isfinite(fact.low) and isfinite(fact.high)):
        return "-"
    if fact.unit.startswith("share") and fact.value in (0.0, 1.0):
        return (
            f"at most {_value(fact.high, fact.unit)}"
            if fact.value == 0.0
            else f"at least {_value(fact.low, fact.unit)}"
        )
    return f"{_value(fact.low, fact.unit)} to {_value(fact.high, fact.unit)}"
