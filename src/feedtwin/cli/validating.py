"""The command `validate`: judge a preset, and write its validation report."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from feedtwin.cli.calibrating import MapFile, folder_of, parameters_of, read_encounters
from feedtwin.cli.ecosystem import ECOSYSTEM, ENCOUNTER, levels_of
from feedtwin.cli.going import AsJson, Quiet, Sets
from feedtwin.cli.progress import is_shown, is_told, working
from feedtwin.cli.terminal import INTERRUPTED, answer, plural, reports, say, table, tell
from feedtwin.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feedtwin.datasets.encounters import EncounterLog
    from feedtwin.lab.validating.running import OnRun
    from feedtwin.lab.validating.validating import Asked

_TOLD_EVERY: Final = 20
"""Rows between two lines of progress."""


@reports
def validate(
    preset: Annotated[
        Path,
        typer.Argument(metavar="PRESET", help="A fitted preset: its name, or a file of calibrate."),
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="The data folder that it was fitted to, or `sample`.", callback=folder_of
        ),
    ],
    map_file: MapFile = None,
    levels: Annotated[
        str,
        typer.Option(
            help="encounter,ecosystem: all; encounter: predictions alone, without simulated worlds."
        ),
    ] = f"{ENCOUNTER},{ECOSYSTEM}",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; PRESET.validation by default.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few and small worlds: a look, not a judgement.")
    ] = False,
    budget: Annotated[
        int | None, typer.Option(min=1, help="Most simulated worlds; sizes are cut alike.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.")
    ] = None,
    sets: Sets = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Judge a preset on what it never saw, beside baselines and null worlds, and write a report.

    The encounter is scored on held-out people and days. The closed loop is run at posterior draws: do the log's patterns lie in its
    bands, do the same bands reject worlds that are wrong on purpose, and which conclusions about a policy survive? Finished worlds are
    kept beside the preset: the same command goes on after an interruption.
    """
    from feedtwin.calibration.judging import judge
    from feedtwin.calibration.preset import SPLIT, read_preset
    from feedtwin.calibration.split import split_log
    from feedtwin.lab.machine import usable_cores
    from feedtwin.lab.reporting.validation_report import write_validation
    from feedtwin.lab.study.executors import local
    from feedtwin.lab.validating.validating import (
        ROWS_SUFFIX,
        Asked,
        about_preset,
        can_run,
        validate_worlds,
        whole,
    )

    asked = Asked(quick, budget, parameters_of(sets))
    chosen = _levels(levels, asked)
    one = read_preset(preset)
    folder = _place_of(preset, out)
    told = is_told(quiet, as_json)
    about = about_preset(preset, asked)
    if not as_json:
        say(about["state"])
    with working("reading", is_shown(quiet, as_json)):
        log = read_encounters(data, one.about["data"]["adaptor"], map_file, None)
    _same_files(one.about["data"], preset, data, log)
    constants = one.about["constants"]
    found = judge(
        one.models[SPLIT], log, split_log(log, constants), constants,
        lambda what: tell(f"stage   {what}") if told else None,
    )  # fmt: skip
    absent = can_run(about) if ECOSYSTEM in chosen else f"--levels {levels} was asked for"
    try:
        worlds = (
            {"no_worlds": absent}
            if absent
            else validate_worlds(
                preset, data, log, local(workers or usable_cores()), asked, _told(told)
            )
        )
    except KeyboardInterrupt:
        tell(
            f"interrupted; finished worlds are kept in {preset}{ROWS_SUFFIX}: the same command goes on from there"
        )
        raise typer.Exit(INTERRUPTED) from None
    results = whole(about, found, worlds)
    page = write_validation(results, folder)
    if as_json:
        answer(results)
        return
    _print_encounter(found)
    if absent:
        say(f"note    no worlds were run: {absent}")
    else:
        _print_worlds(results)
    _print_claims(results)
    say(f"wrote   {page}")


def _levels(text: str, asked: "Asked") -> set[str]:
    """The levels that are judged: all, or the encounter alone; it is judged in any case.

    Raises:
        SettingsError: Something else is named, or worlds are asked for that cannot be had: now, not after the minutes of judging.
    """
    from feedtwin.lab.validating.validating import planned

    chosen = levels_of(text)
    if ENCOUNTER not in chosen:
        raise SettingsError(
            f"--levels {text!r}: validate judges the encounter, with or without worlds; expected {ENCOUNTER},{ECOSYSTEM} or {ENCOUNTER}"
        )
    if ECOSYSTEM in chosen:
        planned(asked)
    return chosen


def _same_files(
    fitted_to: "Mapping[str, Any]", preset: Path, data: Path, log: "EncounterLog"
) -> None:
    from feedtwin.errors import DataError
    from feedtwin.schema.presets import SHOWN

    if log.provenance.source_hash != fitted_to["source_hash"]:
        raise DataError(
            f"{data}: these are not the files that {preset} was fitted to, or they are not read as they were then (--map); what it "
            "held out is not known here. Expected the "
            f"folder of {fitted_to['name']} with SHA-256 {fitted_to['source_hash'][:SHOWN]}; or fit these files: feedtwin calibrate "
            "DATA --preset-out FILE"
        )


def _place_of(preset: Path, out: Path | None) -> Path:
    """The report's folder, refused before any work if it, or the preset's with its finished worlds, cannot be written."""
    from feedtwin.record.folder import refuse_unwritable

    folder = out or preset.with_name(preset.name + ".validation")
    for place in (folder, preset.parent):
        refuse_unwritable(place)
    return folder


def _told(told: bool) -> "OnRun":
    began = time.perf_counter()

    def on_run(group: str, done: int, of: int, reused: int) -> None:
        if told and (done % _TOLD_EVERY == 0 or done in (reused, of)):
            kept = f", {reused} kept from before" if reused else ""
            tell(f"worlds  {group}: {done}/{of} ({time.perf_counter() - began:.0f} s{kept})")

    return on_run


def _print_worlds(results: dict[str, Any]) -> None:
    from feedtwin.calibration.report.bands import nulls_inside
    from feedtwin.calibration.report.look import bands_in_words
    from feedtwin.lab.numbers import p_value

    world = results["world"]
    say()
    say(
        f"Closed loop: {plural(results['runs'], 'world')}; behind the bands are {bands_in_words(results)}; {world['people']} people and "
        f"{world['days']} days each. Patterns outside their band first"
    )
    _print_look(results)
    table(
        ["pattern", "role", "level", "log", "twin", "low", "high", "inside", "p", "rejects"],
        [
            (
                row["name"], row["role"].replace("_", " "), row["level"], row["observed"],
                row["twin"]["middle"], row["twin"]["low"], row["twin"]["high"], "yes" if row["twin"]["inside"] else "NO",
                p_value(row["twin"]["p"]), ", ".join(row["rejects"]) or "none",
            )
            for row in results["patterns"]
        ],
        keep=("pattern",),
    )  # fmt: skip
    say(
        "95 % bands contain each pattern's stated tolerance; p leaves it out, so it may be small inside a band."
    )
    for row in results["patterns"]:
        if not row["twin"]["inside"] and nulls_inside(row):
            say(
                f"note    {row['name']}: the log lies in the band of {', '.join(nulls_inside(row))}"
            )
    for one in results["verdicts"]:
        mark = "yes" if one["passes"] else "NO "
        say(f"{mark} {one['holds']:3d}, {one['needed']} needed: {one['promise']}")
    contrast = results["contrast"]
    say()
    say(f"Contrast {contrast['name']} ({contrast['study']}), over the posterior and by structure")
    table(
        ["outcome", "estimate", "low", "high", "sign", "draws that flip", "label"],
        [
            (
                name, one["estimate"], one["low"], one["high"], one["sign"], f"{one['flips']:.0%}",
                contrast["robustness"][name],
            )
            for name, one in contrast["posterior"].items()
        ],
        keep=("outcome",),
    )  # fmt: skip
    screening = contrast["screening"]
    say(
        f"Most active in {screening['of']}: {', '.join(screening['chosen'])}; above chance: "
        f"{', '.join(screening['above_chance']) or 'none'}"
    )


def _print_look(results: dict[str, Any]) -> None:
    from feedtwin.calibration.report.look import look_in_words

    told = look_in_words(results)
    if told:
        say(f"note    {told}")


def _print_claims(results: dict[str, Any]) -> None:
    from feedtwin.calibration.report.look import fit_in_words

    counts = {
        state: sum(one["state"] == state for one in results["claims"])
        for state in ("not shown", "inferred", "shown")
    }
    say()
    say(fit_in_words(results))
    say(f"Claims: {', '.join(f'{count} {state}' for state, count in counts.items())}")
    _print_look(results)


def _print_encounter(report: dict[str, Any]) -> None:
    names = ["where", "outcome", "score", "twin", "boosting", "additive", "item", "user", "global"]
    say()
    say("Scores on held-out rows; differences are twin minus rival, with 95 % intervals over users")
    table(
        [*names, "against boosting", "against additive"],
        [
            (
                *(row[name] for name in names),
                _interval(row["against_boosting"]),
                _interval(row["against_additive"]),
            )
            for row in report["scores"]
        ],
    )
    failed = [row for row in (*report["curves"], *report["distances"]) if not row["passes"]]
    say()
    say(
        "Outside what was stated in advance: "
        + (f"{len(failed)} of the curves' deciles and distances" if failed else "none")
    )
    for row in failed:
        if "decile" in row:
            say(
                f"  {row['where']}, {row['outcome']}, decile {row['decile']}: predicted {row['predicted']:.4f}, observed "
                f"{row['observed']:.4f} (allowed {row['allowed']:.4f})"
            )
        else:
            say(
                f"  {row['where']}, {row['what']}, {row['durations']}: distance {row['distance']:.4f} (allowed "
                f"{row['allowed']:.4f}, n {row['n']})"
            )
    say()
    for one in report["verdicts"]:
        say(f"{one['holds']:3d} of {one['of']:3d}  {one['promise']}")


def _interval(values: list[float]) -> str:
    return f"{values[0]:+.4f} [{values[1]:+.4f}, {values[2]:+.4f}]"
