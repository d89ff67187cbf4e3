"""The levels of `feedtwin calibrate` that are fitted by simulation: progress, and what was found, in words."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from feedtwin.cli.terminal import INTERRUPTED, answer, plural, say, shell, table, tell
from feedtwin.errors import SettingsError

if TYPE_CHECKING:
    from feedtwin.calibration.ecosystem.fitting import OnWorld
    from feedtwin.calibration.spread.patterns import Spread
    from feedtwin.datasets.encounters import EncounterLog
    from feedtwin.datasets.series import About

ENCOUNTER: Final = "encounter"
ECOSYSTEM: Final = "ecosystem"
SPREAD: Final = "spread"
_TOLD_EVERY: Final = 20
"""Worlds between two lines of progress."""


def levels_of(text: str) -> set[str]:
    """The levels named in `--levels`.

    Raises:
        SettingsError: One is unknown, none is named, or spread is named with another.
    """
    chosen = {one.strip() for one in text.split(",") if one.strip()}
    if not chosen or chosen - {ENCOUNTER, ECOSYSTEM, SPREAD}:
        raise SettingsError(
            f"--levels {text!r}: expected {ENCOUNTER}, {ECOSYSTEM}, or both with a comma between them; or {SPREAD}"
        )
    if SPREAD in chosen and len(chosen) > 1:
        from feedtwin.calibration.spread.preset import OTHER_LEVELS

        raise SettingsError(
            f"--levels {text!r}: {SPREAD} does not go with other levels: {OTHER_LEVELS}; expected it alone, with a preset of its own"
        )
    return chosen


def check_sources(levels: set[str], data: Path | None, series: Sequence[Path]) -> None:
    """Hold what a fit reads to its levels: series for spread, a log for the others.

    Raises:
        SettingsError: Something is missing, or is given in vain.
    """
    if SPREAD in levels:
        if data is not None:
            raise SettingsError(
                f"{data}: --levels {SPREAD} reads series and no log; expected --series {data} for a folder of series"
            )
        if not series:
            raise SettingsError(
                f"--levels {SPREAD}: no series are given; expected --series FOLDER with hashtag series, cascades or growing videos, one or more"
            )
    elif series:
        raise SettingsError(
            f"--series {series[0]}: is read by --levels {SPREAD} only; leave it out, or name that level"
        )
    elif data is None:
        raise SettingsError(
            "no log is given; expected a data folder, or `sample` for the shipped one: feedtwin calibrate DATA --preset-out FILE"
        )


def check_worlds(adaptor: str) -> None:
    """See, before anything is read or fitted, that worlds can be built of a log.

    Raises:
        SettingsError: They are not built from logs in its layout.
    """
    from feedtwin.schema.presets import ADAPTOR

    if adaptor != ADAPTOR:
        raise SettingsError(
            f"--levels {ECOSYSTEM}: worlds are built from logs in the layout {ADAPTOR!r} only, and this one is read as {adaptor!r}; "
            f"expected --levels {ENCOUNTER}"
        )


def fit_spread(
    preset: Path,
    whole: "Spread",
    abouts: "Sequence[About]",
    parameters: Mapping[str, Any],
    workers: int | None,
    told: bool,
    as_json: bool,
) -> None:
    """Fits how hashtags and shares spread, writes the preset and prints what was found."""
    from feedtwin.lab.fitting.spread import fit_spread as fit
    from feedtwin.lab.machine import usable_cores
    from feedtwin.lab.study.executors import local

    def work(on_world: "OnWorld") -> dict[str, Any]:
        return fit(preset, whole, abouts, parameters, local(workers or usable_cores()), on_world)

    section = _fitted(preset, work, told, as_json)
    if not as_json:
        people = section["design"]["people"]
        say(f"next    {shell('run', 'synthetic', '--users', str(people), '--preset', preset)}")


def fit_ecosystem(
    preset: Path,
    data: Path,
    log: "EncounterLog",
    parameters: Mapping[str, Any],
    workers: int | None,
    told: bool,
    as_json: bool,
    has_stages: bool,
) -> None:
    """Fits the ecosystem's parameters of a preset and prints what was found.

    The stages of the encounter's fit, if it was fitted by the same command, are kept until this is done.
    """
    from feedtwin.calibration.preset import close_work
    from feedtwin.lab.fitting.ecosystem import fit_preset
    from feedtwin.lab.machine import usable_cores
    from feedtwin.lab.study.executors import local

    def work(on_world: "OnWorld") -> dict[str, Any]:
        found = fit_preset(
            preset, data, log, parameters, local(workers or usable_cores()), on_world
        )
        if has_stages:
            close_work(preset)
        return found

    _fitted(preset, work, told, as_json)


def _fitted(
    preset: Path, work: "Callable[[OnWorld], dict[str, Any]]", told: bool, as_json: bool
) -> dict[str, Any]:
    """Fits a level, telling of its worlds, prints its section of the preset and returns it."""
    from feedtwin.schema.yaml_reader import read_file

    began = time.perf_counter()

    def on_world(wave: int, done: int, of: int, reused: int) -> None:
        if told and (done % _TOLD_EVERY == 0 or done in (reused, of)):
            kept = f", {reused} kept from before" if reused else ""
            tell(f"worlds  wave {wave}: {done}/{of} ({time.perf_counter() - began:.0f} s{kept})")

    try:
        section = work(on_world)
    except KeyboardInterrupt:
        tell(
            f"interrupted; finished worlds are kept in {preset}.worlds.jsonl: the same command goes on from there"
        )
        raise typer.Exit(INTERRUPTED) from None
    about = read_file(preset).values
    if as_json:
        answer(about)
        return section
    _print(section)
    say(f"state   {about['calibration']['state']}")
    say(f"wrote   {preset} in {time.perf_counter() - began:.0f} s")
    return section


def _print(section: Mapping[str, Any]) -> None:
    from feedtwin.calibration.ecosystem.verdict import too_few

    design, recovery = section["design"], section["recovery"]
    no = "not told" if too_few(recovery) else "no"
    say(
        f"worlds  {plural(design['runs'], 'world')} of {design['people']} people; {design['runs_not_ruled_out']} of them, and "
        f"{design['share_not_ruled_out']:.1%} of the prior, are not ruled out"
    )
    if design["runs_without_a_pattern"]:
        say(
            f"note    {plural(design['runs_without_a_pattern'], 'world')} had no number for some pattern and count as ruled out"
        )
    if design["patterns_let_off"] > 1:
        say(f"note    {design['patterns_let_off']} fitted patterns had to be let off")
    if design["patterns_out_of_reach"]:
        say(f"note    no world gave the data's {', '.join(design['patterns_out_of_reach'])}")
    table(
        ["parameter", "point", "low", "high", "prior", "contraction", "identified", "coverage"],
        [
            (
                name, one["point"], one["low"], one["high"],
                f"{one['prior_low']:g} to {one['prior_high']:g}", one["contraction"],
                "yes" if one["identified"] else no, recovery["parameters"][name]["coverage"],
            )
            for name, one in section["parameters"].items()
        ],
        keep=("parameter",),
    )  # fmt: skip
    for one in design["ridges"]:
        say(f"ridge   {' and '.join(one['pair'])}: correlation {one['correlation']:.2f}")
    say(f"check   {_checked(recovery)}")
    rows = sorted(
        section["patterns"].items(), key=lambda item: (item[1]["role"], item[1]["inside"])
    )
    table(
        ["pattern", "role", "level", "data", "twin", "low", "high", "inside"],
        [
            (
                name, one["role"].replace("_", " "), one["level"], one["observed"],
                one["predicted"], one["predicted_low"], one["predicted_high"],
                "yes" if one["inside"] else "no",
            )
            for name, one in rows
        ],
        keep=("pattern",),
    )  # fmt: skip


def _checked(recovery: Mapping[str, Any]) -> str:
    """What recovery says, and what to do where it cannot say anything."""
    from feedtwin.calibration.ecosystem.verdict import FAILS, PASSES, too_few, verdict_of

    widened = (
        f", after widening by {recovery['widened_by']:g}" if recovery["widened_by"] > 1 else ""
    )
    played = f"{plural(recovery['trials'], 'simulated world')} in the data's place"
    held = f"{recovery['nominal']:.0%} intervals hold the truth"
    verdict = verdict_of(recovery)
    if too_few(recovery):
        return (
            f"{played}{widened}: recovery {verdict} whether {held}, and no parameter is called identified. A larger --budget leaves more "
            "worlds; those that are finished are kept"
        )
    if verdict in (PASSES, FAILS):
        found = "as often as they should" if verdict == PASSES else "NOT at the nominal rate"
        return f"{played}: {held} {found}{widened}"
    return f"{played}: recovery {verdict}"
