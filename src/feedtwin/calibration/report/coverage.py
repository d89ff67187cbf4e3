"""Recovery as a report tells it: how often intervals held the truth, parameter by parameter, with an interval of its own."""

from collections.abc import Mapping
from typing import Any, Final

from scipy import stats

from feedtwin.calibration.ecosystem.verdict import verdict_of

CONFIDENCE: Final = 0.95
"""Of the interval of a coverage: Clopper and Pearson's, which is that of the exact test beside it."""


def coverages(recovery: Mapping[str, Any] | None) -> dict[str, Any]:
    """The recovery of a preset's ecosystem, plain.

    Args:
        recovery: the part `recovery` of a preset's section `ecosystem`; None where none was fitted.

    Returns:
        `trials`, `nominal`, `widened_by`, `verdict` (`ecosystem.verdict`) and per parameter of `parameters` its `coverage` with `low` and `high`, `p` (exact,
        two-sided, uncorrected) and whether it is `tested` with the others; {} without a recovery.
    """
    if not recovery:
        return {}
    trials = int(recovery["trials"])
    told = {}
    for name, one in recovery["parameters"].items():
        held = stats.binomtest(round(one["coverage"] * trials), trials)
        ends = held.proportion_ci(CONFIDENCE, method="exact")
        told[name] = {
            "coverage": one["coverage"], "low": float(ends.low), "high": float(ends.high), "p": one["p"],
            "tested": name in recovery["tested"],
        }  # fmt: skip
    kept = {key: recovery[key] for key in ("trials", "nominal", "widened_by")}
    return {**kept, "verdict": verdict_of(recovery), "parameters": told}
