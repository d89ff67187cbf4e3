"""The ecosystem level of `feedtwin calibrate`: progress, and what was found, in words."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from feedtwin.cli.terminal import INTERRUPTED, answer, plural, say, table, tell
from feedtwin.errors import SettingsError

if TYPE_CHECKING:
    from feedtwin.datasets.encounters import EncounterLog

ENCOUNTER: Final = "encounter"
ECOSYSTEM: Final = "ecosystem"
_TOLD_EVERY: Final = 20
"""Worlds between two lines of progress."""


def levels_of(text: str) -> set[str]:
    """The levels named in `--levels`.

    Raises:
        SettingsError: One is unknown, or none is named.
    """
    chosen = {one.strip() for one in text.split(",") if one.strip()}
    if not chosen or chosen - {ENCOUNTER, ECOSYSTEM}:
        raise SettingsError(
            f"--levels {text!r}: expected {ENCOUNTER}, {ECOSYSTEM}, or both with a comma between them"
        )
    return chosen


def fit_ecosystem(
    preset: Path,
    data: Path,
    log: "EncounterLog",
    parameters: Mapping[str, Any],
    workers: int | None,
    shown: bool,
    as_json: bool,
    has_stages: bool,
) -> None:
    """Fits the ecosystem's parameters of a preset and prints what was found.

    The stages of the encounter's fit, if it was fitted by the same command, are kept until this is done.
    """
    from feedtwin.calibration.preset import close_work, read_about
    from feedtwin.lab.fitting.ecosystem import fit_preset
    from feedtwin.lab.machine import usable_cores
    from feedtwin.lab.study.executors import local

    began = time.perf_counter()

    def on_world(wave: int, done: int, of: int, reused: int) -> None:
        if shown and (done % _TOLD_EVERY == 0 or done in (reused, of)):
            kept = f", {reused} kept from before" if reused else ""
            tell(f"worlds  wave {wave}: {done}/{of} ({time.perf_counter() - began:.0f} s{kept})")

    try:
        section = fit_preset(
            preset, data, log, parameters, local(workers or usable_cores()), on_world
        )
    except KeyboardInterrupt:
        tell(
            f"interrupted; finished worlds are kept in {preset}.worlds.jsonl: the same command goes on from there"
        )
        raise typer.Exit(INTERRUPTED) from None
    if has_stages:
        close_work(preset)
    about = read_about(preset)
    if as_json:
        answer(about)
        return
    _print(section)
    say(f"state   {about['calibration']['state']}")
    say(f"wrote   {preset} in {time.perf_counter() - began:.0f} s")


def _print(section: Mapping[str, Any]) -> None:
    design, recovery = section["design"], section["recovery"]
    say(
        f"worlds  {plural(design['runs'], 'world')} of {design['people']} people; {design['runs_not_ruled_out']} of them, and "
        f"{design['share_not_ruled_out']:.1%} of the prior, are not ruled out"
    )
    if design["patterns_let_off"] > 1:
        say(f"note    {design['patterns_let_off']} fitted patterns had to be let off")
    if design["patterns_out_of_reach"]:
        say(f"note    no world gave the log's {', '.join(design['patterns_out_of_reach'])}")
    table(
        ["parameter", "point", "low", "high", "prior", "contraction", "identified", "coverage"],
        [
            (
                name, section["point"][name], one["low"], one["high"],
                f"{one['prior_low']:g} to {one['prior_high']:g}", one["contraction"],
                "yes" if one["identified"] else "no", recovery["parameters"][name]["coverage"],
            )
            for name, one in section["parameters"].items()
        ],
        keep=("parameter",),
    )  # fmt: skip
    for one in design["ridges"]:
        say(f"ridge   {' and '.join(one['pair'])}: correlation {one['correlation']:.2f}")
    passed = "as it should" if recovery["passes"] else "NOT at the nominal rate"
    say(
        f"check   {recovery['trials']} simulated worlds in the log's place: {recovery['nominal']:.0%} intervals hold the truth {passed}"
        + (f", after widening by {recovery['widened_by']:g}" if recovery["widened_by"] > 1 else "")
    )
    rows = sorted(
        section["patterns"].items(), key=lambda item: (item[1]["role"], item[1]["inside"])
    )
    table(
        ["pattern", "role", "level", "log", "twin", "low", "high", "inside"],
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
