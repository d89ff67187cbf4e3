"""Everything that a validation report says of a preset, as plain numbers."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np

from feedtwin.calibration.ecosystem.plan import Plan, ecosystem_constants, read_plan
from feedtwin.calibration.ecosystem.verdict import parameters_of, verdict_of
from feedtwin.calibration.preset import read_about
from feedtwin.calibration.report.bands import band_of, failures_first, null_verdict, pattern_row
from feedtwin.calibration.report.coverage import coverages
from feedtwin.calibration.report.ledger import claims, verdicts
from feedtwin.calibration.report.look import few_of
from feedtwin.calibration.report.plan import (
    Overlay,
    Sizes,
    Worlds,
    ranges,
    read_worlds,
    report_constants,
    sizes_of,
)
from feedtwin.calibration.report.screening import (
    Indices,
    elementary_effects,
    is_active,
    morris,
    most_active,
    sobol_indices,
)
from feedtwin.calibration.report.signs import contrast_of, robustness
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.lab.fitting.ecosystem import LogSide, log_side
from feedtwin.lab.fitting.simulating import Setting
from feedtwin.lab.study.cells import simulation_hash
from feedtwin.lab.study.executors import Executor
from feedtwin.lab.study.reading import read_study
from feedtwin.lab.validating.running import (
    Bench,
    OnRun,
    Row,
    column,
    input_names,
    morris_rows,
    runs_of,
    sobol_rows,
    with_key,
)
from feedtwin.schema.presets import ADAPTOR, calibrated_line, file_of

ROWS_SUFFIX: Final = ".report.jsonl"
"""Rows of finished worlds lie beside the preset in FILE.report.jsonl."""
TWIN: Final = Overlay("twin", "the preset's own world, one per posterior draw")
Plain = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """How much of a report is wanted.

    Attributes:
        quick: few and small worlds.
        budget: most worlds; None for as many as the constants say.
        parameters: changed parameters by full path; those of `calibration` count.
    """

    quick: bool = False
    budget: int | None = None
    parameters: Mapping[str, Any] | None = None


def about_preset(path: Path, asked: Asked) -> Plain:
    """What a report says of its preset without running anything."""
    about, sha256 = read_about(path), _sha256(path)
    ecosystem = about.get("ecosystem") or {}
    state = calibrated_line(
        about["calibration"]["state"], str(path), sha256, "its split fit and draws"
    )
    return {
        "preset": path.name, "sha256": sha256,
        "state": state, "levels": about["calibration"]["levels"],
        "exposure": about["calibration"]["exposure"], "data": about["data"], "heads": about["heads"],
        "parameters": parameters_of(ecosystem),
        "ridges": (ecosystem.get("design") or {}).get("ridges") or [],
        "fit_worlds": (ecosystem.get("design") or {}).get("runs"),
        "recovery": coverages(ecosystem.get("recovery")),
        "recovery_verdict": verdict_of(ecosystem.get("recovery")),
        "quick": asked.quick, "code_hash": simulation_hash(),
    }  # fmt: skip


def _sha256(preset: Path) -> str:
    return hashlib.sha256(file_of(preset).read_bytes()).hexdigest()


def can_run(about: Mapping[str, Any]) -> str:
    """Why no worlds can be built from a preset's log, or ""."""
    if about["data"]["adaptor"] != ADAPTOR:
        return (
            f"the preset was fitted through the adaptor {about['data']['adaptor']!r}, and worlds are built from logs in the layout "
            f"{ADAPTOR!r} only"
        )
    return ""


def planned(asked: Asked) -> tuple[Plan, Worlds, Sizes]:
    """What is fitted to what, which worlds there are and how many of each; nothing is read or run for it.

    Raises:
        SettingsError: What is asked for cannot be met: the budget is below the smallest report, or a size is impossible.
    """
    plan, worlds = read_plan(), read_worlds()
    constants = report_constants(asked.parameters, asked.quick)
    sizes = sizes_of(
        constants, asked.budget, len(plan.free) + 1, len(worlds.nulls), len(worlds.changed)
    )
    return plan, worlds, sizes


def validate_worlds(
    path: Path,
    data: Path,
    log: EncounterLog,
    executor: Executor,
    asked: Asked,
    on_run: OnRun = lambda *_: None,
) -> Plain:
    """Runs a preset's worlds and judges them.

    Args:
        path: the preset, by name or file; rows of finished worlds lie beside that path.
        data: folder of the log that it was fitted to.
        log: that log.
        executor: where worlds are simulated.
        asked: how much is wanted.
        on_run: told how many worlds there are in all, then of every finished row.

    Returns:
        `patterns` (failures first), `nulls`, `verdicts`, `contrast`, `runs`, and what the worlds were.

    Raises:
        SettingsError: The budget is too small.
    """
    about = read_about(path)
    constants = report_constants(asked.parameters, asked.quick)
    ecosystem = ecosystem_constants(asked.parameters)
    if asked.quick:
        ecosystem["people"] = constants["people"]
    plan, worlds, sizes = planned(asked)
    side = log_side(plan, data, log, about["constants"], ecosystem, path)
    plan = plan.without([name for name, one in side.observed.items() if not isfinite(one.value)])
    section = about.get("ecosystem") or {}
    free = ranges(plan.free, section.get("parameters") or {})
    on_run("all groups", 0, runs_of(worlds, sizes, free), 0)
    bench = _bench(path, about, worlds, side, constants, executor, on_run)
    confidence = float(about["constants"]["judge.confidence"])
    found = _patterns(bench, plan, side, worlds, sizes.draws, sizes.null_draws, confidence)
    needed = int(constants["null_patterns"])
    nulls = {
        one.name: {"why": one.why, **null_verdict(one.name, found, needed)} for one in worlds.nulls
    }
    contrast = _contrast(bench, worlds, sizes.draws, sizes.variant_pairs, confidence)
    points, rows = morris_rows(bench, free, sizes)
    contrast["screening"] = _screening(points, rows, free, worlds, constants, confidence)
    names = input_names(free)
    chosen = contrast["screening"]["chosen"]
    active = [one for one in free if one.path in chosen]
    contrast["indices"] = _indices(
        sobol_rows(bench, active, sizes), input_names(active), worlds, constants, confidence
    )
    contrast["range"] = "posterior" if section.get("parameters") else "prior"
    results: Plain = {"patterns": failures_first(found), "nulls": nulls, "contrast": contrast}
    return {
        **results,
        "verdicts": verdicts(results, constants),
        "runs": runs_of(worlds, sizes, free), "sizes": asdict(sizes), "inputs": names,
        "world": {
            "people": side.setting.people, "days": side.setting.days, "impressions_per_person": side.setting.per_person,
            "people_of_fit": side.people[0], "people_held_out": side.people[1],
            "people_of_pairs": bench.pairs.people, "days_of_pairs": bench.pairs.days, "seed": bench.seed,
        },
    }  # fmt: skip


def whole(
    report: Mapping[str, Any], encounter: Mapping[str, Any], worlds: Mapping[str, Any]
) -> Plain:
    """All results with what they rest on less of than stated, and the claims that follow from them."""
    results: Plain = {**report, "encounter": encounter, **worlds}
    results["few"] = few_of(results)
    return {**results, "claims": claims(results)}


def _bench(
    path: Path,
    about: Mapping[str, Any],
    worlds: Worlds,
    side: LogSide,
    constants: Mapping[str, Any],
    executor: Executor,
    on_run: OnRun,
) -> Bench:
    setting = replace(side.setting, preset=str(path))
    pairs = Setting(
        setting.data, int(constants["people"]), int(constants["days"]), 0.0, setting.constants, str(path),
    )  # fmt: skip
    study = read_study(worlds.study)
    base = study.arms[study.base]
    treatment = next(arm for arm in study.arms.values() if arm.name != study.base)
    arms = tuple(
        Overlay(arm.name, arm.description, arm.parameters, arm.policies)
        for arm in (base, treatment)
    )
    ecosystem = about.get("ecosystem") or {}
    bench = Bench(
        path.with_name(path.name + ROWS_SUFFIX), "", setting, pairs, (arms[0], arms[1]), worlds.outcomes,
        len(ecosystem.get("draws") or ()), int(constants["seed"]), executor, on_run,
    )  # fmt: skip
    return with_key(
        bench, simulation_hash(), about["data"]["source_hash"],
        _sha256(path), round(setting.per_person, 9),
        setting.constants,
    )  # fmt: skip


def _patterns(
    bench: Bench,
    plan: Plan,
    side: LogSide,
    worlds: Worlds,
    draws: int,
    null_draws: int,
    confidence: float,
) -> list[Plain]:
    twin = bench.patterns(TWIN, draws)
    wrong = {one.name: bench.patterns(one, null_draws) for one in worlds.nulls}
    found = []
    for one in plan.patterns:
        seen, other = side.observed[one.name], side.other[one.name]

        def band(rows: Sequence[Row], pattern: Any = one, log: Any = seen) -> Any:
            return band_of(
                column(rows, pattern.name).tolist(), log.value, log.error, pattern.tolerance, confidence
            )  # fmt: skip

        found.append(
            pattern_row(
                one, (seen.value, seen.error), (other.value, other.error), band(twin),
                {name: band(rows) for name, rows in wrong.items()}, confidence,
            )
        )  # fmt: skip
    return found


def _contrast(bench: Bench, worlds: Worlds, draws: int, pairs: int, confidence: float) -> Plain:
    base, treatment = bench.arms

    def signs(rows: Sequence[Row]) -> Plain:
        return {
            name: {
                **contrast_of(column(rows, name).tolist(), confidence),
                "base": float(column(rows, f"base_{name}").mean()),
            }
            for name in worlds.outcomes
        }

    own = bench.contrast(TWIN, draws)
    posterior = signs(own)
    variants = {
        one.name: signs(bench.contrast(one, pairs) if one in worlds.changed else own[:pairs])
        for one in worlds.variants
    }
    labels = {
        name: robustness(posterior[name], {k: one[name] for k, one in variants.items()})
        for name in worlds.outcomes
    }
    return {
        "study": worlds.study, "name": f"{treatment.name} - {base.name}", "outcomes": list(worlds.outcomes),
        "main": worlds.outcomes[0], "posterior": posterior, "variants": variants,
        "why": {one.name: one.why for one in worlds.variants}, "robustness": labels,
        "flips": [name for name, one in posterior.items() if one["flips"] > 0],
    }  # fmt: skip


def _screening(
    points: np.ndarray,
    rows: Sequence[Row],
    free: Sequence[Any],
    worlds: Worlds,
    c: Mapping[str, Any],
    confidence: float,
) -> Plain:
    names = input_names(free)
    values = column(rows, worlds.outcomes[0]).reshape(points.shape[:2])
    effects = elementary_effects(points, values)
    found = morris(effects, int(c["resamples"]), confidence)
    chosen = [names[k] for k in most_active(found, names, int(c["active"]))]
    return {
        "of": worlds.outcomes[0], "trajectories": len(points), "runs": 2 * len(rows),
        "mean_size": _plain(found, names), "mean": dict(zip(names, effects.mean(axis=0).tolist(), strict=True)),
        "spread": dict(zip(names, effects.std(axis=0, ddof=1).tolist(), strict=True)),
        "above_chance": [n for n, is_so in zip(names, is_active(found, names), strict=True) if is_so],
        "chosen": chosen,
    }  # fmt: skip


def _indices(
    rows: Sequence[Row],
    names: list[str],
    worlds: Worlds,
    c: Mapping[str, Any],
    confidence: float,
) -> Plain:
    values = column(rows, worlds.outcomes[0]).reshape(len(names) + 2, -1)
    found = sobol_indices(values, int(c["resamples"]), confidence)
    told: Plain = {"of": worlds.outcomes[0], "points": values.shape[1], "runs": 2 * len(rows)}
    if found is None:
        return {**told, "first": {}, "total": {}}
    return {**told, "first": _plain(found[0], names), "total": _plain(found[1], names)}


def _plain(found: Indices, names: Sequence[str]) -> dict[str, list[float]]:
    columns = (found.value.tolist(), found.low.tolist(), found.high.tolist())
    return {name: list(one) for name, *one in zip(names, *columns, strict=True)}
