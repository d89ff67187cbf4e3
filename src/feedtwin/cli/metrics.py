"""The command `metrics`: every number of a run that exists already."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from feedtwin.cli.going import AsJson, RunPath
from feedtwin.cli.progress import is_shown, working
from feedtwin.cli.terminal import answer, quantity, reports, say, span, table

if TYPE_CHECKING:
    from feedtwin.lab.metrics import Reading

_RUNS = 1
"""Runs that the numbers are of: one has no interval, whatever it holds."""


@reports
def metrics(
    path: RunPath,
    names: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="Only this one; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print every metric of a run: value, unit, runs it is of, and which way is called better.

    Also while it runs, or from a run whose steps were interrupted: then what its committed steps give.
    """
    from feedtwin.lab.metrics import measure, warnings_of
    from feedtwin.lab.run_data import read_run
    from feedtwin.record.folder import read_manifest
    from feedtwin.world.manifest import CALIBRATION

    known = _known(names or ())
    with working("measuring", is_shown(False, as_json)):
        data = read_run(path)
        readings = measure(data)
        calibration = read_manifest(path).get("calibration", CALIBRATION)
    shown = {name: one for name, one in readings.items() if not known or name in known}
    later = {name: _LATER for name in known if name not in readings}
    notes = (*data.notes, *warnings_of(readings))
    if as_json:
        answer({
            "run_dir": str(path), "calibration": calibration, "first_step": data.first_step,
            "steps": data.steps, "n": _RUNS, "notes": list(notes),
            "metrics": {name: _as_json(one) for name, one in shown.items()}
            | {name: {"value": None, "undefined": why} for name, why in later.items()},
        })  # fmt: skip
        return
    say(calibration)
    say(f"run     {path}, {span(data.steps)} from step {data.first_step} on")
    say()
    table(
        ["metric", "value", "n", "better", "what it is"],
        [
            (
                name,
                quantity(one.value, one.metric.unit),
                _RUNS,
                one.metric.direction,
                f"{one.metric.label}: {one.why}" if one.why else one.metric.label,
            )
            for name, one in shown.items()
        ],
        right=["value", "n"],
        keep=["metric", "value"],
    )  # fmt: skip
    for name, why in later.items():
        say(f"{name}: {why}")
    say()
    say("n = 1 run: no interval; `feedtwin list metrics` says what each is a number of")
    for note in notes:
        say(f"note    {note}")


_LATER = "comes when the run closes: it reads the tables of videos or users"


def _as_json(one: "Reading") -> dict[str, Any]:
    metric = one.metric
    return {
        "value": one.value,
        "unit": metric.unit,
        "n": _RUNS,
        "interval": None,
        "direction": metric.direction,
        "label": metric.label,
        **({"undefined": one.why} if one.why else {}),
    }


def _known(names: "list[str] | tuple[()]") -> list[str]:
    """Return names of metrics, refusing those that there are not."""
    from feedtwin.errors import SettingsError
    from feedtwin.lab.metrics import METRICS
    from feedtwin.schema.nearest import suggest

    for name in names:
        if name not in METRICS:
            raise SettingsError(
                f"--metric {name}: no metric is called {name!r}{suggest(name, METRICS)}; "
                "`feedtwin list metrics` has all of them"
            )
    return list(names)
