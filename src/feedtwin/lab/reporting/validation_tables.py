"""The tables of a validation report."""

from collections.abc import Mapping, Sequence
from typing import Any

from feedtwin.calibration.baselines import NAMES
from feedtwin.calibration.judging import TWIN
from feedtwin.lab.figures.bands import UNITLESS
from feedtwin.lab.figures.words import difference, p_value
from feedtwin.lab.numbers import significant
from feedtwin.lab.reporting.document import MORE, RIGHT, SHORT, Column, Table, plain_table
from feedtwin.lab.reporting.protocol import Rows, card, odd, trace

_NUMBER = f"{MORE} {RIGHT}"
_WORD = f"{MORE} {SHORT}"


def claims_table(claims: Sequence[Mapping[str, str]]) -> Table:
    """The ledger, in its order."""
    return plain_table(
        "claims", "Claims ledger",
        "Each state follows by rule from the evidence beside it; the rules stand in the model card. What is not shown comes first.",
        [Column("claim"), Column("state", SHORT), Column("evidence")],
        [(one["claim"], one["state"], one["evidence"]) for one in claims], "prose",
    )  # fmt: skip


def patterns_table(rows: Sequence[Mapping[str, Any]], basis: str) -> Table:
    """Every pattern with band, p and baseline."""
    return plain_table(
        "patterns", "Patterns, those outside first",
        "Band: 95 % predictive interval over the twin's worlds, the stated tolerance included; p without it. Other people: the same "
        f"pattern of the people of the log whom its role leaves out, without any model. {basis}",
        [
            Column("pattern"), Column("role", _WORD), Column("level", _WORD), Column("log", RIGHT), Column("twin", _NUMBER),
            Column("band", RIGHT), Column("inside", SHORT), Column("without tolerance", MORE), Column("p", _NUMBER),
            Column("other people", _NUMBER), Column("rejects", MORE),
        ],
        [_pattern(row) for row in rows], "broad",
    )  # fmt: skip


def _pattern(row: Mapping[str, Any]) -> list[str]:
    twin, baseline = row["twin"], row["baseline"]
    return [
        f"{row['name']}\n{UNITLESS.get(row['unit'], row['unit'])}", row["role"].replace("_", " "), row["level"], _n(row["observed"]), _n(twin["middle"]),
        _span(twin["low"], twin["high"]), "yes" if twin["inside"] else "NO", "yes" if twin["strictly"] else "no",
        p_value(twin["p"]), f"{_n(baseline['middle'])} {'inside' if baseline['inside'] else 'outside'}",
        ", ".join(row["rejects"]) or "none",
    ]  # fmt: skip


def nulls_table(nulls: Mapping[str, Mapping[str, Any]], basis: str) -> Table:
    """The worlds that are wrong on purpose, and what rejects them."""
    return plain_table(
        "nulls", "Worlds that are wrong on purpose",
        f"A pattern rejects a world where the log lies outside that world's band. {basis}",
        [
            Column("null world"), Column("rejected", SHORT), Column("by"), Column("of these the twin is inside", MORE), Column("needed", _NUMBER),
        ],
        [
            (
                f"{name}\n{one['why']}", "yes" if one["rejected"] else "NO", ", ".join(one["rejected_by"]) or "none",
                ", ".join(one["told_apart_by"]) or "none", str(one["needed"]),
            )
            for name, one in nulls.items()
        ],
    )  # fmt: skip


def encounter_tables(found: Mapping[str, Any], state: str) -> list[Table]:
    """Scores beside every baseline, and the deciles and distances that do not pass."""
    rows = [row for row in (*found["curves"], *found["distances"]) if not row["passes"]]
    return [
        plain_table(
            "scores", "Held-out scores of the encounter, beside baselines",
            f"Differences are twin minus rival, with 95 % intervals over people; {state}.",
            [
                Column("where"), Column("outcome", SHORT), Column("score", SHORT), Column("n", _NUMBER), Column("twin", RIGHT),
                *(Column(name, _NUMBER) for name in reversed(NAMES)), Column("against boosting", RIGHT),
                Column("against additive", _NUMBER),
            ],
            [
                (
                    row["where"], row["outcome"], row["score"].replace("_", " "), f"{row['n']:,}", _n(row[TWIN]),
                    *(_n(row[name]) for name in reversed(NAMES)), _difference(row["against_boosting"]),
                    _difference(row["against_additive"]),
                )
                for row in found["scores"]
            ],
            "grouped stacked broad",
        ),
        plain_table(
            "outside", "Deciles and distances outside what was stated",
            f"Curves: within two points and two standard errors; distances: as `calibration.judge.distance` says; {state}.",
            [Column("where"), Column("what"), Column("off by", RIGHT), Column("allowed", RIGHT)],
            [_outside(row) for row in rows], empty="None: every decile and every distance passes.",
        ),
    ]  # fmt: skip


def _outside(row: Mapping[str, Any]) -> list[str]:
    if "decile" in row:
        return [
            row["where"],
            f"{row['outcome']}, decile {row['decile']}",
            _n(row["gap"]),
            _n(row["allowed"]),
        ]
    return [
        row["where"],
        f"{row['what']}, {row['durations']}",
        _n(row["distance"]),
        _n(row["allowed"]),
    ]


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


def _n(value: float | None) -> str:
    return "\u2013" if value is None else significant(value, 4, strip=True).replace("-", "\u2212")


def _span(low: float | None, high: float | None) -> str:
    return "\u2013" if low is None else f"{_n(low)} to {_n(high)}"


def _difference(values: Sequence[float]) -> str:
    return "\n".join(difference("1", *values))
