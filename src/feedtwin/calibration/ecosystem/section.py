"""What a preset says of the ecosystem: plain numbers, for people and for worlds that are built from it."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from feedtwin.calibration.ecosystem.fitting import Fitted
from feedtwin.calibration.ecosystem.verdict import too_few, verdict_of
from feedtwin.datasets.adaptor import F8

DIGITS: Final = 6
"""Significant digits of what is written."""
_Z: Final = 1.959964
"""Half the width of a 95 % interval, in standard deviations."""


def section_of(
    fitted: Fitted, source: str, design: Mapping[str, Any], constants: Mapping[str, Any]
) -> dict[str, Any]:
    """The section `ecosystem` of a preset.

    Args:
        fitted: what the fit found.
        source: what it was fitted to, in words.
        design: what else determined it: people, days, hashes.
        constants: `ecosystem.*` without the section's name.

    Returns:
        `names`, `point`, `draws` (K rows in the order of `names`), `fixed` where the plan fixes something, `parameters`, `patterns`, `recovery` (`verdict` says
        what it found), `design`. A band
        `predicted_low` to `predicted_high` is 95 % and holds the posterior, the emulator, the observation's error and the
        stated tolerance; `inside` says whether the observed value is in it, `inside_without_tolerance` whether it would be
        in a band without the last.
    """
    plan, posterior = fitted.plan, fitted.posterior
    recovery = _recovery(fitted, constants)
    unit = posterior.draws(int(constants["draws"]), int(constants["seed"]))
    point = plan.values(posterior.quantile(0.5)[None, :])[0]
    return {
        "names": [one.parameter for one in plan.free],
        "point": plan.settings(_short(point)),
        "draws": [list(plan.settings(_short(row)).values()) for row in plan.values(unit)],
        **({"fixed": dict(plan.fixed)} if plan.fixed else {}),
        "parameters": _parameters(fitted, point, source, constants, too_few(recovery)),
        "patterns": _patterns(fitted, unit),
        "recovery": recovery,
        "design": {
            **design,
            "runs": fitted.runs,
            "runs_without_a_pattern": fitted.without,
            "runs_not_ruled_out": len(fitted.table),
            "share_not_ruled_out": _one(fitted.region.share),
            "patterns_let_off": fitted.region.rank - 1,
            "patterns_out_of_reach": out_of_reach(fitted),
            "ridges": ridges(fitted, float(constants["ridge_correlation"])),
        },
    }


def _parameters(
    fitted: Fitted, point: F8, source: str, constants: Mapping[str, Any], few: str
) -> dict[str, Any]:
    tail = (1.0 - float(constants["credible"])) / 2.0
    low = fitted.plan.values(fitted.posterior.quantile(tail)[None, :])[0]
    high = fitted.plan.values(fitted.posterior.quantile(1.0 - tail)[None, :])[0]
    why = (
        f"too few trials to tell ({few}) whether these data identify it"
        if few
        else "not identified by these data"
    )
    found = {}
    for k, one in enumerate(fitted.plan.free):
        known = bool(fitted.identified[k])
        found[one.path] = {
            "point": _one(point[k]), "low": _one(low[k]), "high": _one(high[k]), "prior_low": one.low, "prior_high": one.high,
            "scale": one.scale, "contraction": _one(fitted.contraction[k]), "identified": known,
            "source": source if known else f"{why}: {source}",
        }  # fmt: skip
    return found


def _patterns(fitted: Fitted, unit: F8) -> dict[str, Any]:
    mean, variance = fitted.emulator.predict(unit)
    centre = mean.mean(axis=0)
    target = fitted.target
    strict = np.sqrt(mean.var(axis=0) + variance.mean(axis=0) + target.error**2)
    wide = np.sqrt(strict**2 + target.tolerance**2)
    found = {}
    for k, one in enumerate(fitted.plan.patterns):
        off = abs(float(target.value[k] - centre[k]))
        found[one.name] = {
            "role": one.role, "level": one.level, "unit": one.unit,
            "observed": _one(target.value[k]),
            "low": _one(target.value[k] - _Z * target.error[k]),
            "high": _one(target.value[k] + _Z * target.error[k]),
            "predicted": _one(centre[k]),
            "predicted_low": _one(centre[k] - _Z * wide[k]),
            "predicted_high": _one(centre[k] + _Z * wide[k]),
            "inside": off <= _Z * float(wide[k]),
            "inside_without_tolerance": off <= _Z * float(strict[k]),
            "tolerance": one.tolerance,
        }  # fmt: skip
    return found


def _recovery(fitted: Fitted, constants: Mapping[str, Any]) -> dict[str, Any]:
    recovery = fitted.recovery
    found: dict[str, Any] = {
        "trials": recovery.trials,
        "trials_min": int(constants["trials_min"]),
        "nominal": float(constants["credible"]),
        "passes": recovery.passes,
        "tested": [n for n, is_so in zip(fitted.plan.names, recovery.tested, strict=True) if is_so],
        "widened_by": recovery.factor,
        "parameters": {
            name: {
                "coverage": _one(recovery.coverage[k]),
                "coverage_before_widening": _one(recovery.coverage_before[k]),
                "p": _one(recovery.p[k]),
                "ranks": recovery.ranks[k].tolist(),
            }
            for k, name in enumerate(fitted.plan.names)
        },
    }
    return {"verdict": verdict_of(found), **found}


def out_of_reach(fitted: Fitted) -> list[str]:
    """Patterns whose observed value is outside what every world of the table gave."""
    low, high = fitted.table.patterns.min(axis=0), fitted.table.patterns.max(axis=0)
    value = fitted.target.value
    outside = ((value < low) | (value > high)).tolist()
    return [one.name for one, out in zip(fitted.plan.patterns, outside, strict=True) if out]


def ridges(fitted: Fitted, least: float) -> list[dict[str, Any]]:
    """Pairs of parameters that the posterior cannot tell apart."""
    covariance = fitted.posterior.covariance
    sd = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    correlation = covariance / np.outer(sd, sd)
    names = fitted.plan.names
    return [
        {"pair": [names[i], names[j]], "correlation": _one(correlation[i, j])}
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if abs(correlation[i, j]) > least
    ]


def _one(value: Any) -> float:
    return float(f"{float(value):.{DIGITS}g}")


def _short(values: F8) -> F8:
    return np.array([_one(value) for value in values])
