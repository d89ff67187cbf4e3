"""How hashtags and shares spread in a world, fitted to real series: the data's side, simulated worlds, the preset."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np

from feedtwin.calibration.ecosystem.fitting import (
    Observation,
    OnWorld,
    Point,
    fit_ecosystem,
)
from feedtwin.calibration.ecosystem.plan import FITTED, HELD_OUT, Plan
from feedtwin.calibration.ecosystem.section import section_of
from feedtwin.calibration.ecosystem.table import TableFile
from feedtwin.calibration.ecosystem.verdict import known_in_words
from feedtwin.calibration.place import check_place
from feedtwin.calibration.series.facts import GROWTH_H, HORIZON_H, Fact, summaries
from feedtwin.calibration.spread.patterns import Spread, facts, measure, summed
from feedtwin.calibration.spread.plan import WORLD, part_of, spread_constants, spread_plan
from feedtwin.calibration.spread.preset import write_spread
from feedtwin.datasets.series import CASCADES, GROWTH, HASHTAGS, About, CountSeries
from feedtwin.errors import DataError
from feedtwin.lab.fitting.simulating import HOURS, Job, kernels, simulator
from feedtwin.lab.series.comparing import weights
from feedtwin.lab.series.twin import observed_cascades, observed_growth, observed_hashtags
from feedtwin.lab.study.cells import simulation_hash
from feedtwin.lab.study.executors import Executor
from feedtwin.schema.settings import Settings, resolve
from feedtwin.world.observing import observe_spreading

FORMAT: Final = 1
"""Raised when a row of the reference table comes to mean something else."""
KINDS: Final = (HASHTAGS, CASCADES, GROWTH)
"""Kinds of series that can be fitted to."""
_SIMULATED: Final = About("simulated world", "", "", "feedtwin", "", ())


@dataclass(frozen=True)
class SpreadSetting:
    """What all simulated worlds of a fit have in common: `spread.*` without the section's name."""

    constants: Mapping[str, Any]

    @property
    def warmup_days(self) -> int:
        """First days whose views do not count."""
        return int(self.constants["warmup_days"])

    @property
    def steps(self) -> int:
        """Steps of each world."""
        return HOURS * (self.warmup_days + int(self.constants["window_days"]))


def fit_spread(
    path: Path,
    whole: Spread,
    abouts: Sequence[About],
    parameters: Mapping[str, Any] | None,
    executor: Executor,
    on_world: OnWorld = lambda *_: None,
    plan: Plan | None = None,
) -> dict[str, Any]:
    """Fits how hashtags and shares spread, and writes a preset that holds this level alone.

    The reference table stays beside the preset (FILE.worlds.jsonl), as for the ecosystem.

    Args:
        path: the preset; one of this level is replaced.
        whole: what was read (`read_series`).
        abouts: their provenance.
        parameters: changed parameters by full path; those of `calibration` count.
        executor: where worlds are simulated.
        on_world: told of every finished world.
        plan: what is fitted to what; the package's own by default.

    Returns:
        The preset's section `spread`.

    Raises:
        DataError: The file is no preset of this level, or no world gives the data's patterns.
    """
    check_place(path, {"spread"})
    constants, plan = spread_constants(parameters), plan or spread_plan()
    observed = observe_series(plan, whole, constants)
    left_out = [one.name for one in plan.patterns if not isfinite(observed[one.name].error)]
    plan = plan.without(left_out)
    if not plan.place(FITTED):
        raise DataError(
            f"{' and '.join(one.name for one in abouts)}: fewer than two hashtags, trees or videos of the fit are large and long enough for a "
            f"pattern that is fitted; expected windows of {constants['window_days']} days, trees of {constants['first_events']} events, or videos "
            "over three days. Give longer, larger or more series. (Sizes of this level are calibration.spread.*; the method's constants are "
            "calibration.ecosystem.*, and hold here too)"
        )
    setting = SpreadSetting(constants)
    names = [one.name for one in plan.patterns]
    file = TableFile(path.with_name(path.name + ".worlds.jsonl"), _key(plan, constants), names)
    work = simulator(setting, executor, simulate_spread)
    fitted = fit_ecosystem(plan, observed, work, file, constants, on_world)
    what = " and ".join(f"{one.name} ({one.state})" for one in abouts)
    design = {
        "world": WORLD, "people": int(constants["people"]), "days": setting.steps // HOURS,
        "code_hash": simulation_hash(), "table": file.path.name,
        "patterns_the_data_do_not_hold": left_out,
    }  # fmt: skip
    section = section_of(
        fitted, f"simulated worlds matched to patterns of {what}", design, constants
    )
    write_spread(path, section, what, known_in_words(section), abouts, constants)
    return section


def read_series(folders: Sequence[Path]) -> tuple[Spread, tuple[About, ...]]:
    """Reads folders of hashtag series, cascades and growing videos, at most one of each, and their provenance.

    Raises:
        DataError: There is none, a folder is of no such kind, or two are of one.
    """
    found: dict[str, Any] = {}
    for folder in folders:
        fitting = [one for one in KINDS if all((folder / name).is_file() for name in one.files)]
        if len(fitting) != 1:
            files = "; ".join(", ".join(one.files) for one in KINDS)
            raise DataError(
                f"{folder}: {'is of several kinds' if fitting else 'is of no kind'} that is fitted to; expected the files of one: {files}. "
                "`feedtwin data describe` says what a folder holds"
            )
        kind = fitting[0]
        if kind.name in found:
            raise DataError(
                f"{folder}: a second folder of {kind.name}; expected at most one of each kind. Give one --series less"
            )
        found[kind.name] = kind.read(folder)
    if not found:
        raise DataError("no series are given; expected --series FOLDER, one or more")
    hashtags, cascades, growth = (found.get(one.name) for one in KINDS)
    whole = Spread(hashtags, cascades, is_rounded=True, growth=growth)
    return whole, tuple(one.about for one in found.values())


def observe_series(
    plan: Plan, whole: Spread, constants: Mapping[str, Any]
) -> dict[str, Observation]:
    """Every pattern of the plan with its standard error; fitted and held-out ones of different hashtags and cascades.

    NaN where the data do not hold a pattern; without an error where one hashtag, tree or channel alone holds it.
    """
    share = float(constants["held_out"])
    sides = {out: facts(part_of(whole, share, held_out=out), constants) for out in (False, True)}
    found = {}
    for one in plan.patterns:
        fact = sides[one.role == HELD_OUT].get(one.name)
        found[one.name] = (
            Observation(float("nan"), float("nan"))
            if fact is None
            else Observation(summed(fact), _error(fact))
        )
    return found


def _error(fact: Fact) -> float:
    """Standard error of a fact's summary, by a bootstrap of hashtags or trees."""
    known = np.isfinite(fact.values)
    names, cluster = np.unique(fact.cluster[known], return_inverse=True)
    if len(names) < 2:
        return float("nan")
    drawn = summaries(
        fact.values[known], weights(len(names))[1:][:, cluster.reshape(-1)], fact.summary
    )
    return float(np.nanstd(drawn, ddof=1))


def spread_settings(setting: SpreadSetting, point: Point) -> Settings:
    """The world at a point."""
    people = int(setting.constants["people"])
    return resolve(WORLD, users=people, seed=point.seed, arm={"parameters": dict(point.values)})


def simulate_spread(job: Job[SpreadSetting]) -> tuple[int, dict[str, float]]:
    """Simulate a world and measure its hashtags and share trees; what it has none of is NaN."""
    setting = job.setting
    seen = observe_spreading(spread_settings(setting, job.point), setting.steps, kernels())
    series = _after(observed_hashtags(seen, _SIMULATED), setting.warmup_days)
    trees = observed_cascades(seen, setting.steps, HORIZON_H, _SIMULATED)
    curves = observed_growth(seen, setting.steps, GROWTH_H, _SIMULATED)
    whole = Spread(series, trees, is_rounded=False, growth=curves)
    return job.place, measure(whole, setting.constants)


def _after(series: CountSeries, day: int) -> CountSeries:
    """The series from a day on."""
    kept = series.day >= day
    return replace(
        series, name=series.name[kept], day=series.day[kept] - day, count=series.count[kept]
    )


def _key(plan: Plan, constants: Mapping[str, Any]) -> str:
    """Hash of what a row of the table depends on besides its point: not of the data, which no world sees."""
    names = ("people", "warmup_days", "window_days", "first_events", "tree_events_most")
    plain = [
        FORMAT, simulation_hash(), WORLD, dict(plan.fixed), [(f.path, f.low, f.high, f.scale) for f in plan.free],
        [one.name for one in plan.patterns], {name: constants[name] for name in names},
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
