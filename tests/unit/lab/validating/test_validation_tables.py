"""Figures and tables of a validation report: what passes is shown too, and their CSVs are numbers."""

import csv
import io
from typing import Any

import pytest

from feedtwin.calibration.ecosystem.plan import Pattern
from feedtwin.calibration.report.bands import band_of, null_verdict, pattern_row
from feedtwin.lab.figures import Basis
from feedtwin.lab.figures.bands import band_chart
from feedtwin.lab.reporting.validation_encounter import encounter_charts, encounter_tables
from feedtwin.lab.reporting.validation_tables import nulls_table, patterns_table, recovery_table

STATE = "calibrated: encounter fitted to a test"
BASIS = Basis("20 worlds of the twin, 10 worlds of each null", "root seed 11", STATE)


def score(**more: Any) -> dict[str, Any]:
    means = {
        "twin": 18.25,
        "boosting": 18.5,
        "additive": 19.0,
        "user": 20.0,
        "item": 21.0,
        "global": 22.0,
    }
    gaps = {"against_boosting": [-0.25, -0.5, 0.125], "against_additive": [-0.75, -1.0, -0.5]}
    row = {
        "where": "later days, all",
        "outcome": "watch",
        "score": "log_loss",
        "better": "low",
        "n": 15312,
    }
    return {**row, **means, **gaps, **more}  # fmt: skip


def decile(number: int, outcome: str, predicted: float, observed: float, where: str = "later days"):
    allowed, gap = 0.02 + 2 * 0.01, observed - predicted
    return {
        "where": where, "outcome": outcome, "decile": number, "n": 100, "predicted": predicted, "observed": observed,
        "se": 0.01, "gap": gap, "allowed": allowed, "passes": abs(gap) <= allowed,
    }  # fmt: skip


def far(what: str, distance: float) -> dict[str, Any]:
    return {
        "where": "later days", "durations": "up to 7 s", "what": what, "n": 1340, "distance": distance, "allowed": 0.05,
        "passes": distance <= 0.05,
    }  # fmt: skip


ENCOUNTER = {
    "scores": [score()],
    "curves": [
        decile(1, "skip", 0.25, 0.26), decile(2, "skip", 0.75, 0.85), decile(1, "like", 0.01, 0.012),
        decile(2, "like", 0.02, 0.02),
    ],
    "distances": [far("watch time", 0.0125), far("watch ratio", 0.25)],
}  # fmt: skip


def pattern(name: str, twin: list[float], null: list[float], role: str = "held_out"):
    """A pattern whose log is at 1, in three worlds each."""
    bands = {"random feed": band_of(null, 1.0, 0.01, 0.0, 0.95)}
    return pattern_row(
        Pattern(name, role, "user", "1", 0.0), (1.0, 0.01), (1.01, 0.01), band_of(twin, 1.0, 0.01, 0.0, 0.95), bands,
        0.95,
    )  # fmt: skip


NEAR, AWAY = [1.0, 1.1, 0.9], [-1234.5, -1234.6, -1234.7]
PATTERNS = [pattern("off", AWAY, NEAR), pattern("good", NEAR, AWAY), pattern("both", AWAY, AWAY)]
NULLS = {"random feed": {"why": "as likely as any", **null_verdict("random feed", PATTERNS, 1)}}
RECOVERY = {
    "trials": 151, "nominal": 0.9, "widened_by": 1.0, "verdict": "passes",
    "parameters": {"user.stamina_s": {"coverage": 0.88, "low": 0.82, "high": 0.93, "p": 0.42, "tested": True}},
}  # fmt: skip


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def tables() -> dict[str, Any]:
    found = [
        *encounter_tables(ENCOUNTER, STATE), patterns_table(PATTERNS, str(BASIS)),
        nulls_table(NULLS, PATTERNS, str(BASIS)), recovery_table(RECOVERY, STATE),
    ]  # fmt: skip
    return {one.name: one for one in found}


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("scores", {"n", "twin", "boosting", "additive", "user", "item", "global", "against_boosting", "against_additive_high"}),
        ("distances", {"n", "distance", "allowed"}),
        ("outside", {"n", "off_by", "allowed"}),
        ("patterns", {"log", "twin", "low", "high", "p", "worlds", "tolerance", "other_people", "nulls_rejected"}),
        ("nulls", {"log", "middle", "low", "high", "p", "worlds"}),
        ("recovery", {"trials", "nominal", "coverage", "low", "high", "p"}),
    ],
)  # fmt: skip
def test_a_csv_holds_raw_numbers_in_plain_columns(name: str, numbers: set[str]) -> None:
    table = tables()[name]
    text = table.csv.decode()
    assert "\u2212" not in text and text.count("\r\n") == text.count("\n"), (
        "no typography, no breaks in cells"
    )
    rows = read(table.csv)
    assert rows
    for row in rows:
        for column in numbers:
            float(row[column])
    assert all(name.isidentifier() for name in rows[0])


def test_csvs_have_what_the_results_have_unrounded() -> None:
    found = tables()
    assert read(found["scores"].csv)[0]["n"] == "15312"
    assert float(read(found["scores"].csv)[0]["against_boosting_low"]) == -0.5
    twin = {row["pattern"]: float(row["twin"]) for row in read(found["patterns"].csv)}
    assert twin["off"] == PATTERNS[0]["twin"]["middle"] < -1234
    apart = {row["pattern"]: row["tells_apart"] for row in read(found["nulls"].csv)}
    assert apart == {"off": "False", "good": "True", "both": "False"}


def test_every_caption_says_calibration_and_how_many_worlds_of_each_kind() -> None:
    for table in tables().values():
        assert STATE in table.caption
    chart = band_chart(PATTERNS[0], BASIS, "pattern-off")
    for caption in (tables()["patterns"].caption, tables()["nulls"].caption, chart.caption):
        assert "n = 20 worlds of the twin, 10 worlds of each null" in caption
    assert "n = 151 worlds" in tables()["recovery"].caption


def test_the_table_of_null_worlds_counts_what_tells_them_from_the_twin() -> None:
    (row,) = tables()["nulls"].rows
    assert row == ("random feed", "yes", "1: good", "1", "1", "both")


def test_a_pattern_outside_says_which_null_worlds_are_inside() -> None:
    off, good, both = tables()["patterns"].rows
    assert (off[-1], good[-1], both[-1]) == ("random feed", "", "none")
    assert "null worlds: random feed" in band_chart(PATTERNS[0], BASIS, "x").reading
    assert "null worlds:" not in band_chart(PATTERNS[1], BASIS, "x").reading


def test_curves_show_every_decile_with_what_was_allowed() -> None:
    (chart,) = encounter_charts(ENCOUNTER, STATE)
    rows = read(chart.csv())
    assert len(rows) == 4 and {row["outcome"] for row in rows} == {"skip", "like"}
    first = rows[0]
    assert float(first["allowed_low"]) == pytest.approx(0.21)
    assert float(first["allowed_high"]) == pytest.approx(0.29)
    assert float(first["low"]) < float(first["observed"]) < float(first["high"])
    assert [row["passes"] for row in rows] == ["True", "False", "True", "True"]
    assert "1 of 4 deciles lie outside" in chart.reading and "skip 10" in chart.reading
    assert "(like in 2 deciles), passing says little" in chart.reading
    assert "200 of later days" in chart.caption and STATE in chart.caption
    assert "skip, later days" in chart.svg_for_page(narrow=True)
    assert not encounter_charts({**ENCOUNTER, "curves": []}, STATE)


def test_distances_are_shown_where_they_pass_and_marked_where_they_do_not() -> None:
    found = tables()
    (row,) = found["distances"].rows
    assert row == ["later days", "up to 7 s", "1,340", "0.013", "0.250\nOUTSIDE", "0.050"]
    assert [one["what"] for one in read(found["outside"].csv)] == ["skip", "watch ratio"]
