"""Commands that fit the twin to a log and use the fit: calibrate, predict."""

import time
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, overload

import typer

from feedtwin.cli.ecosystem import (
    ECOSYSTEM,
    ENCOUNTER,
    SPREAD,
    check_sources,
    check_worlds,
    fit_ecosystem,
    fit_spread,
    levels_of,
)
from feedtwin.cli.going import AsJson, Quiet, Sets
from feedtwin.cli.progress import is_shown, is_told, working
from feedtwin.cli.terminal import INTERRUPTED, answer, plural, reports, say, shell, table, tell
from feedtwin.errors import SettingsError

if TYPE_CHECKING:
    from feedtwin.calibration.spread.patterns import Spread
    from feedtwin.datasets.encounters import EncounterLog
    from feedtwin.datasets.series import About

MapFile = Annotated[
    Path | None,
    typer.Option("--map", help="Column map (YAML) of a log that no adaptor knows."),
]
AdaptorName = Annotated[
    str | None,
    typer.Option("--adaptor", help="kuairand or kuairec; found from the files by default."),
]


@overload
def folder_of(data: Path) -> Path: ...
@overload
def folder_of(data: None) -> None: ...
def folder_of(data: Path | None) -> Path | None:
    """The folder of the shipped sample for the word `sample`, else what was given."""
    from feedtwin.datasets import sample_path

    return sample_path() if str(data) == "sample" else data


DataPath = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="A data folder, or `sample` for the shipped one.", callback=folder_of
    ),
]


def adaptor_of(data: Path, name: str | None, map_file: Path | None) -> str:
    """The adaptor's name: as said, the column map's, or the one whose files are there."""
    if map_file is not None:
        return "table"
    if name is not None:
        return name
    return (
        "kuairec"
        if any((data / f"{size}_matrix.csv").is_file() for size in ("big", "small"))
        else "kuairand"
    )


def read_encounters(
    data: Path, name: str, map_file: Path | None, parameters: Any
) -> "EncounterLog":
    """Reads a log for calibration."""
    from feedtwin.datasets import adaptor

    found: Any = adaptor(name, parameters, map_file)
    return found.read_encounters(data)


def parameters_of(sets: list[str] | None) -> dict[str, Any]:
    """The parameters that `--set` texts name, checked before anything is read.

    Raises:
        SettingsError: A path is unknown, or a value is out of its bounds.
    """
    from feedtwin.schema.parameters import load_defaults, parse_assignment

    found = dict(parse_assignment(text) for text in sets or ())
    load_defaults().overlay(found, "--set")
    return found


def say_source(provenance: Any) -> None:
    """Prints licence, citation and what was dropped or flagged."""
    days = getattr(provenance, "days", None)
    when = "" if days is None else f", {plural(days, 'day')} from {provenance.first_day}"
    say(f"data    {provenance.name} ({provenance.state}){when}")
    say(f"licence {provenance.licence}")
    say(f"cite    {provenance.citation}")
    for note in provenance.notes:
        say(f"note    {note}")


@reports
def calibrate(
    preset_out: Annotated[Path, typer.Option("--preset-out", help="The preset's file.")],
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]",
            help="A data folder, or `sample` for the shipped one; none for the level spread.",
        ),
    ] = None,
    map_file: MapFile = None,
    name: AdaptorName = None,
    levels: Annotated[
        str,
        typer.Option(
            help="encounter, ecosystem, or encounter,ecosystem; ecosystem alone adds to a preset that is there. spread: a "
            "preset of its own."
        ),
    ] = ENCOUNTER,
    series: Annotated[
        list[Path] | None,
        typer.Option(
            "--series",
            help="Level spread: a folder of hashtag series, of cascades or of growing videos; repeatable.",
        ),
    ] = None,
    budget: Annotated[
        int | None, typer.Option(min=20, help="Simulated worlds of the ecosystem or of spread.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that simulate worlds; all cores by default."),
    ] = None,
    sets: Sets = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit the twin to a real log and write a preset.

    The encounter is fitted twice: without the held-out people and days, to be judged by `validate`; and to everything, for
    use. The ecosystem's parameters are fitted by simulated worlds, on top of it. How hashtags and shares spread is fitted to
    series, by simulated worlds too, into a preset that holds nothing else.
    A fit that was interrupted is taken up again by the same command.
    """
    from feedtwin.calibration.place import check_place
    from feedtwin.record.folder import refuse_unwritable_file

    chosen = levels_of(levels)
    _check_name(preset_out)
    check_sources(chosen, data, series or ())
    refuse_unwritable_file(preset_out)
    check_place(preset_out, chosen)
    parameters, told = parameters_of(sets), is_told(quiet, as_json)
    if budget is not None:
        parameters[f"calibration.{ECOSYSTEM if data else SPREAD}.budget"] = budget
    if data is None:
        fit_spread(
            preset_out, *_read_series(series or [], as_json), parameters, workers, told, as_json
        )
        return
    data = folder_of(data)
    which = adaptor_of(data, name, map_file)
    if ECOSYSTEM in chosen:
        check_worlds(which)
    with working("reading", is_shown(quiet, as_json)):
        log = read_encounters(data, which, map_file, parameters)
    if not as_json:
        say_source(log.provenance)
        _say_features(log)
    if ENCOUNTER in chosen:
        keep = ECOSYSTEM in chosen
        _fit_encounter(log, which, map_file, preset_out, parameters, told, as_json, keep)
    if ECOSYSTEM in chosen:
        fit_ecosystem(
            preset_out, data, log, parameters, workers, told, as_json, ENCOUNTER in chosen
        )
    if ENCOUNTER in chosen and not as_json:
        mapped = () if map_file is None else ("--map", map_file)
        say(f"next    {shell('validate', preset_out, '--data', data, *mapped)}")


def _read_series(folders: list[Path], as_json: bool) -> "tuple[Spread, tuple[About, ...]]":
    """Reads the series of the level spread and says where they come from."""
    from feedtwin.lab.fitting.spread import read_series

    whole, abouts = read_series(folders)
    for one in () if as_json else abouts:
        say_source(one)
    return whole, abouts


def _fit_encounter(
    log: "EncounterLog",
    which: str,
    map_file: Path | None,
    preset: Path,
    parameters: dict[str, Any],
    told: bool,
    as_json: bool,
    keep_stages: bool,
) -> None:
    """Fits the encounter and prints what was found; `keep_stages` leaves the last word to the level that follows."""
    from feedtwin.calibration.calibrating import Source
    from feedtwin.calibration.calibrating import calibrate as fit

    began = time.perf_counter()

    def on_stage(stage: str, number: int, of: int, kept: bool) -> None:
        if told:
            what = "kept from before" if kept else f"{time.perf_counter() - began:.0f} s"
            tell(f"stage   {number}/{of} {stage} ({what})")

    try:
        source = Source(which, None if map_file is None else str(map_file))
        about = fit(log, source, preset, parameters, on_stage, keep_stages=keep_stages)
    except KeyboardInterrupt:
        tell(
            f"interrupted; finished stages are kept in {preset}.work: the same command goes on from there"
        )
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        if not keep_stages:
            answer(about)
        return
    say(f"fitted  {about['calibration']['state']}")
    table(
        ["outcome", "events", "how", "trees", "sd user", "sd video", "sd author", "slope"],
        [
            (
                key, one["events"], one["how"], one["trees"], *one["sd_of_effects"].values(),
                one["slope"],
            )
            for key, one in about["heads"].items()
        ],
        keep=("outcome",),
    )  # fmt: skip
    say(f"wrote   {preset} in {time.perf_counter() - began:.0f} s")


def _say_features(log: "EncounterLog") -> None:
    """Prints what the tables of a fit supply; a table without features is named too."""
    history = "no history" if log.earlier is None else f"history {len(log.earlier.names())}"
    say(
        f"fits on features: people {len(log.user_features.names())}, videos {len(log.video_features.names())}, {history}"
    )


def _check_name(preset_out: Path) -> None:
    if preset_out.suffix not in (".yaml", ".yml"):
        raise SettingsError(
            f"--preset-out {preset_out}: expected a name that ends in .yaml; other words are names of presets of the package"
        )


@reports
def predict(
    preset: Annotated[
        Path,
        typer.Argument(metavar="PRESET", help="A fitted preset: its name, or a file of calibrate."),
    ],
    log: Annotated[Path, typer.Option(help="The impressions to predict.")],
    users: Annotated[Path | None, typer.Option(help="The table of their people.")] = None,
    videos: Annotated[Path | None, typer.Option(help="The table of their videos.")] = None,
    out: Annotated[Path, typer.Option(help="Predictions: .parquet or .csv.")] = Path(
        "predictions.parquet"
    ),
    history: Annotated[
        Path | None,
        typer.Option(
            help="What people met before the log (KuaiRand); the file beside the users' by default."
        ),
    ] = None,
    map_file: MapFile = None,
    samples: Annotated[int, typer.Option(min=0, help="Outcomes to draw per impression.")] = 0,
    seed: Annotated[int, typer.Option(help="Root seed of the draws.")] = 7,
    fit: Annotated[
        str, typer.Option(help="all, or split: the fit that held-out rows are judged by.")
    ] = "all",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write what the fitted encounter says of every impression of a log, in its order.

    Outcomes in the log are not looked at; duplicates stay. People and videos that the fit never met get what their
    features say.
    """
    from feedtwin.calibration.predicting import COLUMNS, write_predictions
    from feedtwin.calibration.predicting import predict as all_rows
    from feedtwin.calibration.preset import read_preset
    from feedtwin.calibration.reach import reach
    from feedtwin.record.folder import refuse_unwritable_file

    refuse_unwritable_file(out)
    one = read_preset(preset)
    if fit not in one.models:
        raise SettingsError(f"--fit {fit!r}: the preset has {', '.join(one.models)}")
    with working("predicting", is_shown(quiet, as_json)):
        rows = _read_files(one.about["data"]["adaptor"], log, users, videos, history, map_file)
        found = all_rows(one.models[fit], rows, samples, seed)
        write_predictions(out, rows, found)
    means = {name: float(found[name].mean()) for name in COLUMNS if found[name].size}
    known, notes = reach(one.models[fit], rows), rows.provenance.notes
    line = one.line(fit)
    if as_json:
        answer({
            "state": one.state, "calibration": line, "sha256": one.sha256, "rows": len(rows.rows), "out": str(out),
            "means": means, "notes": list(notes), "reach": known.as_plain(),
        })  # fmt: skip
        return
    say(line)
    for note in notes:
        say(f"note    {note}")
    for text in known.lines():
        say(text)
    say(f"licence {one.about['data']['licence']} (of the data that the preset is derived from)")
    table(
        ["prediction", "mean"],
        [(name, "not in the log of the fit" if isnan(one) else one) for name, one in means.items()],
    )
    say(f"wrote   {out}: {plural(len(rows.rows), 'impression')}")


def _read_files(
    name: str,
    log: Path,
    users: Path | None,
    videos: Path | None,
    history: Path | None,
    map_file: Path | None,
) -> "EncounterLog":
    from feedtwin.datasets import adaptor

    if name == "kuairand":
        from feedtwin.datasets.kuairand import HISTORY, KuaiRand
        from feedtwin.datasets.kuairand_encounters import read_files

        if users is None or videos is None:
            raise SettingsError("predict: a preset fitted to KuaiRand needs --users and --videos")
        beside = users.with_name(HISTORY)
        if history is None and beside.is_file():
            tell(f"history {beside} (beside the table of people)")
            history = beside
        return read_files(KuaiRand(), log, users, videos, history, every_row=True)
    if map_file is None:
        raise SettingsError(
            f"predict: the preset was fitted through the adaptor {name!r}; give a column map with --map"
        )
    mapped: Any = adaptor("table", None, map_file)
    return mapped.read_files(log, users, videos, every_row=True)
