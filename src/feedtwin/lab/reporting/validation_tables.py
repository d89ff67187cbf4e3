"""The tables of a validation report."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from feedtwin.calibration.report.bands import nulls_inside
from feedtwin.lab.figures.bands import UNITLESS
from feedtwin.lab.figures.words import MINUS, p_value, percent
from feedtwin.lab.numbers import significant
from feedtwin.lab.reporting.document import MORE, RIGHT, SHORT, Column, Table, plain_table
from feedtwin.lab.reporting.protocol import Rows, card, odd, trace
from feedtwin.lab.study.tables import as_csv

_NUMBER = f"{MORE} {RIGHT}"
_WORD = f"{MORE} {SHORT}"
_PATTERNS: Final = (
    "pattern", "role", "level", "unit", "tolerance", "log", "log_error", "worlds", "twin", "low", "high", "strict_low", "strict_high",
    "inside", "strictly", "p", "other_people", "other_people_low", "other_people_high", "other_people_inside", "nulls_rejected",
    "nulls_inside",
)  # fmt: skip
_NULLS: Final = (
    "null_world", "pattern", "role", "level", "unit", "worlds", "log", "middle", "low", "high", "p", "rejects", "twin_inside",
    "tells_apart",
)  # fmt: skip
_RECOVERY: Final = (
    "parameter", "tested", "trials", "nominal", "widened_by", "coverage", "low", "high", "p",
)  # fmt: skip


def claims_table(claims: Sequence[Mapping[str, str]]) -> Table:
    """The ledger, in its order."""
    return plain_table(
        "claims", "Claims ledger",
        "Each state follows by rule from the evidence beside it; the rules stand in the model card. What is not shown comes first.",
        [Column("claim"), Column("state", SHORT), Column("evidence")],
        [(one["claim"], one["state"], one["evidence"]) for one in claims], "prose",
    )  # fmt: skip


def patterns_table(rows: Sequence[Mapping[str, Any]], basis: str) -> Table:
    """Every pattern with band, p and baseline, and the null worlds that reject it or do not."""
    return Table(
        "patterns", "Patterns, those outside first",
        "Band: 95\u202f% predictive interval over the twin's worlds, the stated tolerance included; p without it. Other people: the same "
        "pattern of the people of the log whom its role leaves out, without any model. Rejects: null worlds in whose bands the log does not lie; "
        f"where a pattern outside the twin's band lies inside those of null worlds, these do better than the twin. {basis}",
        [
            Column("pattern"), Column("role", _WORD), Column("level", _WORD), Column("log", RIGHT), Column("twin", _NUMBER),
            Column("band", RIGHT), Column("inside", SHORT), Column("without tolerance", MORE), Column("p", _NUMBER),
            Column("other people", _NUMBER), Column("rejects", MORE), Column("inside for null worlds instead", MORE),
        ],
        [_pattern(row) for row in rows], as_csv(_PATTERNS, [_pattern_record(row) for row in rows]), "broad",
    )  # fmt: skip


def _pattern(row: Mapping[str, Any]) -> list[str]:
    twin, baseline = row["twin"], row["baseline"]
    return [
        f"{row['name']}\n{UNITLESS.get(row['unit'], row['unit'])}", row["role"].replace("_", " "), row["level"], number(row["observed"]), number(twin["middle"]),
        _span(twin["low"], twin["high"]), "yes" if twin["inside"] else "NO", "yes" if twin["strictly"] else "no",
        p_value(twin["p"]), f"{number(baseline['middle'])} {'inside' if baseline['inside'] else 'outside'}",
        ", ".join(row["rejects"]) or "none", "" if twin["inside"] else ", ".join(nulls_inside(row)) or "none",
    ]  # fmt: skip


def _pattern_record(row: Mapping[str, Any]) -> dict[str, Any]:
    twin, baseline = row["twin"], row["baseline"]
    return {
        "pattern": row["name"], "role": row["role"], "level": row["level"], "unit": row["unit"], "tolerance": row["tolerance"],
        "log": row["observed"], "log_error": row["error"], "worlds": len(twin["values"]), "twin": twin["middle"],
        **{name: twin[name] for name in ("low", "high", "strict_low", "strict_high", "inside", "strictly", "p")},
        "other_people": baseline["middle"], "other_people_low": baseline["low"], "other_people_high": baseline["high"],
        "other_people_inside": baseline["inside"],
        "nulls_rejected": len(row["rejects"]), "nulls_inside": len(nulls_inside(row)),
    }  # fmt: skip


def nulls_table(
    nulls: Mapping[str, Mapping[str, Any]], patterns: Sequence[Mapping[str, Any]], basis: str
) -> Table:
    """The worlds that are wrong on purpose, and what tells them from the twin; its CSV has every pattern of each."""
    return Table(
        "nulls", "Worlds that are wrong on purpose",
        "A pattern rejects a world where the log lies outside that world's band. Only patterns that hold the twin tell the two apart and "
        f"count; what rejects both does not. {basis}",
        [
            Column("null world"), Column("rejected", SHORT), Column("by, and the twin is inside"), Column("of these held out", RIGHT),
            Column("needed", _NUMBER), Column("rejects the twin as well", MORE),
        ],
        [
            (
                name, "yes" if one["rejected"] else "NO",
                f"{len(one['told_apart_by'])}: {', '.join(one['told_apart_by'])}" if one["told_apart_by"] else "none",
                str(len(one["held_out"])), str(one["needed"]),
                ", ".join(by for by in one["rejected_by"] if by not in one["told_apart_by"]) or "none",
            )
            for name, one in nulls.items()
        ],
        as_csv(_NULLS, [_null_record(name, row) for name in nulls for row in patterns]), "broad",
    )  # fmt: skip


def _null_record(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    band, inside = row["nulls"][name], row["twin"]["inside"]
    rejects = name in row["rejects"]
    return {
        "null_world": name, "pattern": row["name"], "role": row["role"], "level": row["level"], "unit": row["unit"],
        "worlds": len(band["values"]), "log": row["observed"], "middle": band["middle"], "low": band["low"], "high": band["high"],
        "p": band["p"], "rejects": rejects, "twin_inside": inside, "tells_apart": rejects and inside,
    }  # fmt: skip


def recovery_table(recovery: Mapping[str, Any], state: str) -> Table:
    """How often intervals held the truth when simulated worlds played the log, parameter by parameter."""
    widened = recovery["widened_by"]
    wider = f" Intervals were widened by {widened:g} for it." if widened > 1 else ""
    return Table(
        "recovery", "Recovery of the parameters",
        f"Share of simulated worlds in the log's place whose {percent(recovery['nominal'])} interval held the truth, with its exact 95\u202f% interval; "
        f"p: exact, two-sided, uncorrected. Tested together (Holm) are those that the data contract: recovery {recovery['verdict']}.{wider} "
        f"n = {recovery['trials']:,} worlds; {state}.",
        [
            Column("parameter"), Column("tested", _WORD), Column("coverage and interval", RIGHT), Column("p", RIGHT),
        ],
        [
            (
                name, "yes" if one["tested"] else "no", f"{one['coverage']:.3f}\n[{one['low']:.3f}, {one['high']:.3f}]",
                p_value(one["p"]),
            )
            for name, one in recovery["parameters"].items()
        ],
        as_csv(
            _RECOVERY,
            [
                {
                    "parameter": name, "tested": one["tested"], "trials": recovery["trials"], "nominal": recovery["nominal"],
                    "widened_by": widened, **{key: one[key] for key in ("coverage", "low", "high", "p")},
                }
                for name, one in recovery["parameters"].items()
            ],
        ),
        "stacked",
    )  # fmt: skip


def protocol_tables(results: Mapping[str, Any]) -> list[Table]:
    """ODD, TRACE and the model card."""
    said = "Filled by code from registry, schema, settings and results."
    return [
        _text("odd", "ODD", said, odd(results)), _text("trace", "TRACE", said, trace(results)),
        _text("card", "Model card", said, card(results)),
    ]  # fmt: skip


def _text(name: str, title: str, caption: str, rows: Rows) -> Table:
    columns = [Column("part"), Column("what the code says")]
    return plain_table(name, title, caption, columns, rows, "grouped prose")


def number(value: float | None) -> str:
    """Return a number as the tables of the report show it."""
    return "\u2013" if value is None else significant(value, 4, strip=True).replace("-", MINUS)


def _span(low: float | None, high: float | None) -> str:
    return "\u2013" if low is None else f"{number(low)} to {number(high)}"
