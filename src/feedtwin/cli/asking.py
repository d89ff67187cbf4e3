"""Commands that answer questions: what a run holds (sql), and what there is (list)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import typer

from feedtwin.cli.going import AsJson, RunPath
from feedtwin.cli.terminal import answer, console, reports, say, shell, table

_WIDE = 120
"""From this width on, a listing shows its long columns too."""

Row = Mapping[str, object]


@reports
def sql(
    path: RunPath,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT of DuckDB's SQL.")],
    limit: Annotated[int, typer.Option(min=1, help="Rows to print; --json prints all.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Query the events and tables of a run.

    Also while it runs. Events are tables by lower-case name (video_watched); others are users, items,
    step_metrics and commits.
    """
    from feedtwin.record.reader import Run

    run = Run.open(path)
    found = run.sql(query)
    rows = found.to_pylist() if as_json else found.slice(0, limit).to_pylist()
    if as_json:
        answer({
            "columns": found.column_names, "row_count": found.num_rows, "rows": rows,
            **({"unfinished": run.unfinished} if run.unfinished else {}),
        })  # fmt: skip
        return
    names = found.column_names
    table(names, [[row[name] for name in names] for row in rows])
    more = found.num_rows - len(rows)
    if more > 0:
        say(f"and {more:,} more of {found.num_rows:,} rows (--limit N, or --json for all)")
    if run.unfinished:
        say(f"note    {run.unfinished}")


@reports
def interview(
    path: RunPath,
    user: Annotated[int, typer.Option(min=0, help="Who is asked.")],
    question: Annotated[
        str | None, typer.Option(help="interests, mood, memory or role; everything by default.")
    ] = None,
    at: Annotated[
        int | None, typer.Option(min=0, help="Asked at the end of this step; the last by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a user of a run what they like, feel, remember and are."""
    from feedtwin.kernels.binding import load
    from feedtwin.world.interviewing import interview as ask

    said = ask(path, user, question, at, load())
    if as_json:
        answer(said)
        return
    for name, value in said.items():
        say(f"{name}: {_spoken(value)}")


def _spoken(value: object) -> str:
    """Return an answer's part as words: lists by commas, mappings as `name value`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    if isinstance(value, list):
        return "; ".join(_spoken(one) for one in value) or "nothing"
    return str(value)


class Subject(Enum):
    """What `list` can list."""

    ACTIONS = "actions"
    EVENTS = "events"
    POLICIES = "policies"
    PARAMETERS = "parameters"
    STREAMS = "streams"
    TABLES = "tables"
    METRICS = "metrics"
    WORLDS = "worlds"
    PRESETS = "presets"
    STUDIES = "studies"


@dataclass(frozen=True)
class Listing:
    """Where rows of a subject come from, and which of their columns a terminal shows.

    Attributes:
        rows: Loads the rows.
        columns: Columns that are always shown.
        wide: Columns that are added on a wide terminal.
        after: What to say below the table.
        noun: What a row is, where it is not what the subject says.
        keep: Columns that are not folded; the first one if none are named.
    """

    rows: Callable[[], Sequence[Row]]
    columns: tuple[str, ...]
    wide: tuple[str, ...] = ()
    after: str = ""
    noun: str = ""
    keep: tuple[str, ...] = ()


@reports
def list_(
    subject: Annotated[Subject, typer.Argument(help="What to list.", show_choices=True)],
    as_json: AsJson = False,
) -> None:
    """List actions, events, policies, parameters and more."""
    listing = _LISTINGS[subject]
    rows = listing.rows()
    if as_json:
        answer(rows)
        return
    is_wide = console().width >= _WIDE
    columns = (*listing.columns, *listing.wide) if is_wide else listing.columns
    table(
        columns,
        [[_short(row[name]) for name in columns] for row in rows],
        keep=listing.keep or columns[:1],
    )
    say()
    hidden = (
        "" if is_wide or not listing.wide else f"; wider terminals show {', '.join(listing.wide)}"
    )
    say(f"{len(rows)} {listing.noun or subject.value}{hidden}; --json has every field")
    if listing.after:
        say(listing.after)


def _short(value: object) -> object:
    """Return fields as their names, settings as they are set, and long lists by their ends."""
    if isinstance(value, Mapping):
        return [f"{path}={one}" for path, one in value.items()]
    if not isinstance(value, list) or not value:
        return value
    if isinstance(value[0], Mapping):
        return [one["name"] for one in value]
    return f"{value[0]} ... {value[-1]} ({len(value)})" if len(value) > 6 else value


def _actions() -> list[Row]:
    from feedtwin.schema.actions import ACTIONS

    return [action.as_row() for action in ACTIONS.values()]


def _events() -> list[Row]:
    from feedtwin.schema.events import EVENTS

    return [event.as_row() for event in EVENTS.values()]


def _policies() -> list[Row]:
    from feedtwin.world.catalogue import policy_rows

    return list(policy_rows())


def _parameters() -> list[Row]:
    from feedtwin.schema.parameters import load_defaults

    return list(load_defaults().rows())


def _streams() -> list[Row]:
    from feedtwin.randomness import STREAMS

    return [
        {
            "stream": stream.name,
            "block": stream.block,
            "word": stream.word,
            "key": list(stream.key),
            "decides": stream.decides,
            "where": stream.where,
        }
        for stream in STREAMS
    ]


def _tables() -> list[Row]:
    from feedtwin.world.catalogue import table_rows

    return list(table_rows())


def _metrics() -> list[Row]:
    from feedtwin.lab.metrics import listed_metrics

    return [one.as_row() for one in listed_metrics()]


def _worlds() -> list[Row]:
    from feedtwin.schema.settings import read_world, worlds

    found: list[Row] = []
    for name in worlds():
        values = read_world(name)[1].values
        population = values.get("population") or {}
        found.append(
            {
                "world": name,
                "population": population.get("kind", "synthetic"),
                "description": values.get("description", ""),
            }
        )
    return found


def _presets() -> list[Row]:
    """One row per value: of the presets, and of the worlds that were matched to something."""
    from feedtwin.schema.parameters import load_defaults, load_preset, preset_sources, presets
    from feedtwin.schema.settings import matched_of, worlds

    units = {row["path"]: row["unit"] for row in load_defaults().rows()}
    named: list[tuple[str, str, Mapping[str, object], Mapping[str, str]]] = [
        (name, f"--preset {name}", load_preset(name).values, preset_sources(name))
        for name in presets()
    ]
    named += [
        (f"{name} (a world)", shell("run", name), one.values, one.sources)
        for name in worlds()
        if (one := matched_of(name)) is not None
    ]
    return [
        {
            "preset": name,
            "use": use,
            "path": path,
            "value": value,
            "unit": units[path],
            "source": sources[path],
        }
        for name, use, values, sources in named
        for path, value in values.items()
    ]


def _studies() -> list[Row]:
    from feedtwin.calibration.exposure.metrics import METRICS
    from feedtwin.calibration.exposure.studying import ABOUT
    from feedtwin.cli.exposing import RANDOM_EXPOSURE
    from feedtwin.lab.study.reading import built_in_studies, read_study

    found: list[Row] = [
        {
            "study": one.name,
            "world": one.world,
            "arms": list(one.arms),
            "estimands": len(one.estimands),
            "replicates": one.replication.most,
            "description": one.description,
        }
        for one in map(read_study, built_in_studies())
    ]
    found.append({
        "study": RANDOM_EXPOSURE,
        "world": "none: a log and its preset",
        "arms": ["recommender", "random"],
        "estimands": len(METRICS),
        "replicates": 0,
        "description": ABOUT,
    })  # fmt: skip
    return found


_LISTINGS = {
    Subject.ACTIONS: Listing(
        _actions,
        ("number", "name", "group", "actor", "handled", "meaning"),
        ("executor", "emits", "payload"),
        "An action without a handler is declared, and does nothing yet.",
        keep=("name", "emits"),
    ),
    Subject.EVENTS: Listing(
        _events, ("number", "name", "producer", "consumers", "meaning"), ("fields",), keep=("name",)
    ),
    Subject.POLICIES: Listing(
        _policies,
        ("lever", "name", "default", "oracle", "meaning"),
        ("settings",),
        "An oracle sees what no platform can. Choose with --set policies.<lever>=<name>.",
        keep=("lever", "name"),
    ),
    Subject.PARAMETERS: Listing(
        _parameters,
        ("path", "value", "unit", "bounds", "status"),
        ("source", "meaning"),
        f"Set one with {shell('run')} --set path=value.",
    ),
    Subject.STREAMS: Listing(
        _streams,
        ("stream", "block", "word", "key", "decides"),
        ("where",),
        "A draw is word `word` of Philox4x32-10 under (seed, replicate, block) at `key`, and nothing else.",
        keep=("stream", "key"),
    ),
    Subject.TABLES: Listing(
        _tables,
        ("table", "column", "dtype", "shape", "unit", "policy_visible"),
        ("owner", "key", "meaning"),
        "A policy reads policy-visible columns only. A run folder keeps part of these as tables for `sql`.",
        noun="columns",
        keep=("table", "column"),
    ),
    Subject.METRICS: Listing(_metrics, ("name", "unit", "direction", "formula"), ("needs",)),
    Subject.WORLDS: Listing(
        _worlds,
        ("world", "population", "description"),
        (),
        f"Run one with {shell('run', 'WORLD')}; a path of a .yaml file is a world too.",
    ),
    Subject.PRESETS: Listing(
        _presets,
        ("preset", "path", "value", "unit", "source"),
        (),
        f"Use one with {shell('run')} --preset NAME, a world with {shell('run')} WORLD; a file of {shell('calibrate')} is a "
        "preset too, and says itself what it was fitted to.",
        noun="values",
    ),
    Subject.STUDIES: Listing(
        _studies,
        ("study", "world", "arms", "description"),
        ("estimands", "replicates"),
        f"Run one with {shell('study', 'NAME')}; a path of a .yaml file is a study too.",
    ),
}
