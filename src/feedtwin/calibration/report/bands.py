"""Predictive bands: where a pattern should lie if a world is right, and whether the log's value does."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from feedtwin.calibration.ecosystem.plan import HELD_OUT, Pattern


@dataclass(frozen=True)
class Band:
    """One pattern in the worlds of one kind; None where a world gave no number.

    Attributes:
        middle: mean over the worlds.
        low, high: ends of the predictive interval, the stated tolerance in it.
        strict_low, strict_high: the same without the tolerance.
        inside: whether the observed value lies in it; a pattern without a number is not inside.
        strictly: the same without the tolerance.
        p: two-sided chance of a value as far off, without the tolerance.
        values: of each world.
    """

    middle: float | None
    low: float | None
    high: float | None
    strict_low: float | None
    strict_high: float | None
    inside: bool
    strictly: bool
    p: float | None
    values: tuple[float, ...]


def band_of(
    values: Sequence[float], observed: float, error: float, tolerance: float, confidence: float
) -> Band:
    """The band of worlds, and where an observed value lies.

    Each world holds the chance of a sample of people as a log does, so that the spread over worlds is that of a replicated log;
    where it is below the log's own standard error, that stands in its place. Few worlds are paid for by Student's t.

    Args:
        values: (K,) the pattern of each world, K >= 2.
        observed: the log's value.
        error: its standard error.
        tolerance: standard deviation of the stated discrepancy.
        confidence: nominal coverage.
    """
    found = np.array(values, np.float64)
    told = tuple(float(one) for one in found)
    if not np.isfinite(found).all() or not np.isfinite(observed):
        return Band(None, None, None, None, None, False, False, None, told)
    count = len(found)
    spread = float(np.sqrt(max(found.var(ddof=1), error**2) * (1.0 + 1.0 / count)))
    middle, off = float(found.mean()), abs(observed - float(found.mean()))
    reach = float(stats.t.ppf(0.5 + confidence / 2.0, count - 1))
    normal = float(stats.norm.ppf(0.5 + confidence / 2.0))
    strict = reach * spread
    wide = float(np.hypot(strict, normal * tolerance))
    p = 2.0 * float(stats.t.sf(off / spread, count - 1)) if spread > 0 else float(off == 0.0)
    return Band(
        middle, middle - wide, middle + wide, middle - strict, middle + strict,
        off <= wide, off <= strict, p, told,
    )  # fmt: skip


def baseline_of(
    value: float, error: float, observed: float, observed_error: float, confidence: float
) -> dict[str, Any]:
    """What the other people of the same log predict, without any model: their value, the sum of both errors."""
    reach = float(stats.norm.ppf(0.5 + confidence / 2.0)) * float(np.hypot(error, observed_error))
    return {
        "middle": value, "low": value - reach, "high": value + reach,
        "inside": bool(abs(value - observed) <= reach),
    }  # fmt: skip


def pattern_row(
    pattern: Pattern,
    observed: tuple[float, float],
    other: tuple[float, float],
    twin: Band,
    nulls: Mapping[str, Band],
    confidence: float,
) -> dict[str, Any]:
    """Everything that a report says of one pattern, plain.

    Args:
        pattern: name, role, level, unit, tolerance.
        observed: value and standard error on the people whom the pattern's role allows.
        other: the same on the other people of the log.
        twin: in the preset's worlds.
        nulls: in the worlds that are wrong on purpose.
        confidence: nominal coverage.
    """
    return {
        "name": pattern.name, "role": pattern.role, "level": pattern.level, "unit": pattern.unit,
        "tolerance": pattern.tolerance, "observed": observed[0], "error": observed[1],
        "twin": asdict(twin), "baseline": baseline_of(*other, *observed, confidence),
        "nulls": {name: asdict(band) for name, band in nulls.items()},
        "rejects": [n for n, band in nulls.items() if band.low is not None and not band.inside],
    }  # fmt: skip


def nulls_inside(row: Mapping[str, Any]) -> list[str]:
    """The null worlds whose bands hold the log's value of a pattern; where the twin's does not, they do better than it."""
    return [name for name, band in row["nulls"].items() if band["inside"]]


def null_verdict(name: str, rows: Sequence[Mapping[str, Any]], needed: int) -> dict[str, Any]:
    """What becomes of a null world: a pattern that rejects the twin as well does not tell the two apart, and does not count.

    Args:
        name: of the null world.
        rows: of `pattern_row`.
        needed: patterns that must tell it from the twin.

    Returns:
        `rejected_by` (patterns), of these `told_apart_by` (those that hold the twin), of these `held_out` (those that were not
        fitted), `needed` and `rejected`.
    """
    by = [row for row in rows if name in row["rejects"]]
    apart = [row for row in by if row["twin"]["inside"]]
    return {
        "rejected_by": [row["name"] for row in by],
        "told_apart_by": [row["name"] for row in apart],
        "held_out": [row["name"] for row in apart if row["role"] == HELD_OUT],
        "needed": needed,
        "rejected": len(apart) >= needed,
    }


def failures_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Patterns in the order of a report: outside first, held out before fitted, then by p."""
    return sorted(
        rows,
        key=lambda row: (
            row["twin"]["inside"],
            row["role"] != "held_out",
            row["twin"]["p"] if row["twin"]["p"] is not None else -1.0,
        ),
    )
