"""The ecosystem's parameters of a preset, fitted to the log that its encounter was fitted to."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Final

from feedtwin.calibration.ecosystem.fitting import (
    Observation,
    OnWorld,
    Point,
    fit_ecosystem,
)
from feedtwin.calibration.ecosystem.patterns import measure, spread
from feedtwin.calibration.ecosystem.plan import HELD_OUT, Plan, ecosystem_constants, read_plan
from feedtwin.calibration.ecosystem.section import section_of
from feedtwin.calibration.ecosystem.seen import Pool, Seen, seen_of_log
from feedtwin.calibration.ecosystem.table import TableFile
from feedtwin.calibration.ecosystem.verdict import known_in_words
from feedtwin.calibration.preset import add_ecosystem, calibration_constants, read_about
from feedtwin.calibration.split import held_out_people
from feedtwin.datasets.adaptor import Flags
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.errors import DataError
from feedtwin.lab.fitting.simulating import WORLD, Setting, do, simulator, world_settings
from feedtwin.lab.study.cells import simulation_hash
from feedtwin.lab.study.executors import Executor
from feedtwin.schema.parameters import load_defaults
from feedtwin.schema.presets import ADAPTOR
from feedtwin.world.real import read_world

FORMAT: Final = 1
"""Raised when a row of the reference table comes to mean something else."""


@dataclass(frozen=True)
class LogSide:
    """What the fit reads of the log.

    Attributes:
        observed: every pattern; fitted ones of the people of the fit, held-out ones of the others. NaN where the log is
            too small or too short.
        other: the same patterns of the people whom their role leaves out.
        setting: what simulated worlds have in common.
        people: people who appear, of the fit and held out.
    """

    observed: Mapping[str, Observation]
    other: Mapping[str, Observation]
    setting: Setting
    people: tuple[int, int]


def fit_preset(
    path: Path,
    data: Path,
    log: EncounterLog,
    parameters: Mapping[str, Any] | None,
    executor: Executor,
    on_world: OnWorld = lambda *_: None,
) -> dict[str, Any]:
    """Fits the ecosystem's parameters and writes them into a preset.

    The reference table stays beside the preset (FILE.worlds.jsonl): a fit that was interrupted goes on from there, and one
    with a larger budget uses what is there.

    Args:
        path: the preset, with its encounter.
        data: the log's folder.
        log: the log.
        parameters: changed parameters by full path; those of `calibration` count.
        executor: where worlds are simulated.
        on_world: told of every finished world.

    Returns:
        The preset's section `ecosystem`.

    Raises:
        DataError: The preset was fitted to other files or through an adaptor of which no world can be built, or no world
            gives the log's patterns.
    """
    about = read_about(path)
    _check(about, path, log)
    constants = ecosystem_constants(parameters)
    plan = read_plan()
    side = log_side(plan, data, log, calibration_constants(parameters), constants, path)
    left_out = [name for name, one in side.observed.items() if not isfinite(one.value)]
    plan = plan.without(left_out)
    key = _key(plan, side, log, constants, str(about["arrays"]["sha256"]))
    file = TableFile(
        path.with_name(path.name + ".worlds.jsonl"), key, [one.name for one in plan.patterns]
    )
    fitted = fit_ecosystem(
        plan, side.observed, simulator(side.setting, executor, do), file, constants, on_world
    )
    of = log.provenance
    what = f"{of.name} ({of.state}, {of.days} days from {of.first_day})"
    design = {
        "world": WORLD, "people": side.setting.people, "days": of.days,
        "people_of_fit": side.people[0], "people_held_out": side.people[1],
        "impressions_per_person": round(side.setting.per_person, 4), "source_hash": of.source_hash,
        "code_hash": simulation_hash(), "table": file.path.name,
        "patterns_the_log_is_too_small_for": left_out,
    }  # fmt: skip
    section = section_of(
        fitted, f"simulated worlds matched to patterns of {what}", design, constants
    )
    level = f"fitted by simulation: {known_in_words(section)}"
    encounter = str(about["calibration"]["state"]).split("; ecosystem")[0]
    add_ecosystem(path, section, f"{encounter}; ecosystem {level}", level)
    return section


def _check(about: Mapping[str, Any], path: Path, log: EncounterLog) -> None:
    if about["data"]["adaptor"] != ADAPTOR:
        raise DataError(
            f"{path}: was fitted through the adaptor {about['data']['adaptor']!r}; expected {ADAPTOR!r}: worlds are built from "
            "logs in that layout only. Leave out --levels ecosystem"
        )
    if about["data"]["source_hash"] != log.provenance.source_hash:
        raise DataError(
            f"{path}: was fitted to other files than those of the log given; expected the same. Fit its encounter again"
        )


def log_side(
    plan: Plan,
    data: Path,
    log: EncounterLog,
    calibration: Mapping[str, Any],
    constants: Mapping[str, Any],
    preset: Path,
) -> LogSide:
    """Measures the log's patterns, each on the people that its role allows.

    Args:
        plan: which patterns.
        data: the log's folder.
        log: the log.
        calibration: the section `calibration` without its name, for the split.
        constants: `ecosystem.*` without the section's name.
        preset: whose encounter acts in the simulated worlds.
    """
    people, days = int(constants["people"]), log.provenance.days
    setting = Setting(data, people, days, 0.0, constants, str(preset))
    catalogue = read_world(world_settings(setting, Point({}, 0))).catalogue
    pool = Pool.of(catalogue)
    surface = int(load_defaults().get("kuairand_fit.log.surface_tab"))
    held = held_out_people(log, calibration)
    sides: dict[bool, tuple[Seen, dict[str, float], dict[str, float]]] = {}
    for out in (False, True):
        mine: Flags = held if out else ~held
        seen = seen_of_log(log, catalogue, surface, mine)
        sides[out] = (
            seen, measure(seen, pool, days, constants), spread(seen, pool, days, constants),
        )  # fmt: skip

    def side(name: str, out: bool) -> Observation:
        return Observation(sides[out][1][name], sides[out][2][name])

    observed = {one.name: side(one.name, one.role == HELD_OUT) for one in plan.patterns}
    other = {one.name: side(one.name, one.role != HELD_OUT) for one in plan.patterns}
    per_person = sides[False][0].per_person
    counts = tuple(len(set(sides[out][0].user.tolist())) for out in (False, True))
    return LogSide(observed, other, replace(setting, per_person=per_person), (counts[0], counts[1]))


def _key(
    plan: Plan, side: LogSide, log: EncounterLog, constants: Mapping[str, Any], encounter: str
) -> str:
    """Hash of what a row of the table depends on besides its point."""
    names = (
        "people", "warmup_days", "volume", "subsets", "skip_below_s", "personal_impressions",
        "often_impressions", "long_gap_days",
    )  # fmt: skip
    plain = [
        FORMAT, simulation_hash(), encounter, log.provenance.source_hash, side.setting.days,
        round(side.setting.per_person, 9), {name: constants[name] for name in names},
        dict(plan.fixed), [(f.path, f.low, f.high, f.scale) for f in plan.free],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
