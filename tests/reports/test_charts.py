"""Charts: their numbers are what they draw, one drawing serves every paper, and a figure without data is None."""

import csv
import io
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from feedtwin.lab import figures
from feedtwin.lab.figures import Basis
from feedtwin.lab.figures.earnings import bins_of
from feedtwin.lab.figures.palette import DARK, LIGHT, PAGE, ROLES
from feedtwin.lab.figures.stages import flows_of
from feedtwin.lab.study.tables import read_result
from feedtwin.record.reader import Run
from feedtwin.schema.codes import Stage

BASIS = Basis("1 run, no interval", "seed 7, replicate 0", "uncalibrated: not fitted")


def rows_of(chart):
    return list(csv.DictReader(io.StringIO(chart.csv().decode())))


@pytest.fixture(scope="module")
def charts(run_folder):
    run = Run.open(run_folder)
    found = {
        "hours": figures.hours(run, BASIS),
        "stages": figures.exposure_stages(run, BASIS),
        "trend": figures.trend_lifecycle(run, BASIS),
        "adoption": figures.adoption({"run": [figures.adoption_of(run)]}, BASIS),
    }
    assert all(one is not None for one in found.values()), found
    return found


def test_every_chart_says_its_n_seeds_and_calibration_in_its_caption(charts):
    for chart in charts.values():
        for words in ("1 run", "seed 7", "uncalibrated"):
            assert words in chart.caption


@pytest.mark.parametrize("name", ["hours", "stages", "trend", "adoption"])
def test_a_page_drawing_has_no_colour_font_or_address_of_its_own(charts, name):
    for narrow in (False, True):
        drawn = charts[name].svg_for_page(narrow=narrow)
        assert "var(--ink)" in drawn and "var(--font)" in drawn
        assert not any(getattr(PAGE, role) in drawn for role in ROLES)
        assert "DejaVu" not in drawn and "<metadata" not in drawn
        assert 'role="img"' in drawn


def test_a_figure_for_print_is_the_same_every_time_and_travels_with_csv_and_caption(
    charts, tmp_path
):
    first = {file.name: file.read_bytes() for file in charts["stages"].save(tmp_path / "a")}
    again = {file.name: file.read_bytes() for file in charts["stages"].save(tmp_path / "b")}
    assert set(first) == {f"stages.{suffix}" for suffix in ("pdf", "svg", "csv", "txt")}
    assert first == again
    assert first["stages.pdf"].startswith(b"%PDF")
    assert b"uncalibrated" in first["stages.svg"] and b"seed 7" in first["stages.txt"]


def test_hours_add_up_to_the_run(charts, run_folder):
    total = sum(int(row["impressions"]) for row in rows_of(charts["hours"]))
    found = Run.open(run_folder).sql(
        "SELECT (SELECT count(*) FROM video_watched) + (SELECT count(*) FROM video_skipped) AS n"
    )
    assert total == found.column("n")[0].as_py() > 0


def test_every_upload_is_in_the_sankey_once(charts, run_folder):
    rows = rows_of(charts["stages"])
    ended = sum(int(row["videos"]) for row in rows if row["from_place"] == row["to_place"])
    assert ended == Run.open(run_folder).events("VIDEO_CREATED").num_rows


def test_flows_keep_what_stays_apart_from_what_moves():
    test, more, viral = Stage.INITIAL_EXPOSURE, Stage.EXPANDED_EXPOSURE, Stage.VIRAL_STAGE
    flows = flows_of([(test,), (test, more), (test, more, viral)])
    assert (0, test.name, 1, more.name, 2) in flows
    assert (0, test.name, 0, test.name, 1) in flows
    assert (2, viral.name, 2, viral.name, 1) in flows


def test_the_forecast_of_a_trend_is_drawn_before_its_peak_only(charts):
    chart = charts["trend"]
    if "before its peak" in chart.reading:
        issued = [row for row in rows_of(chart) if row["forecast_confidence"]]
        peaked = [row for row in rows_of(chart) if row["lifecycle"] == "peak"]
        assert min(int(row["hour"]) for row in issued) < min(int(row["hour"]) for row in peaked)
    assert "One trend is an example" in chart.reading


def test_earnings_bins_hold_everybody_once():
    earned = np.array([0, 0, 0, 5, 999_999, 1_000_000, 250_000_000], np.int64)
    rows = bins_of(earned)
    assert rows[0] == (0.0, 0.0, 3, 0.0)
    assert sum(row[2] for row in rows) == len(earned)
    assert sum(row[3] for row in rows) == pytest.approx(earned.sum() / 1e6)
    chart = figures.earnings_of_run(earned, BASIS)
    assert chart is not None and "43\u202f% of 7 creators earned nothing" in chart.reading


def test_figures_without_data_are_none(run_folder):
    run = Run.open(run_folder)
    assert figures.budget_burn_down(run, BASIS) is None  # no language model was asked
    assert figures.earnings_of_run(np.zeros(5, np.int64), BASIS) is None
    assert figures.lorenz_of_run({"videos": np.zeros(3, np.int64)}, BASIS) is None
    assert figures.forest([], BASIS) is None
    assert figures.effects_over_time([], BASIS) is None
    assert figures.adoption({"an arm": []}, BASIS) is None


def test_the_budget_reconciles_with_the_ledger(run_folder, monkeypatch):
    import pyarrow as pa

    ledger = pa.Table.from_pylist([
        {"step": 0, "task": "caption", "live": 3, "cached": 0, "surrogate": 1, "degraded": 0,
         "charged_microusd": 4_000_000, "paid_microusd": 4_000_000},
        {"step": 9, "task": "persona", "live": 0, "cached": 2, "surrogate": 5, "degraded": 5,
         "charged_microusd": 5_500_000, "paid_microusd": 0},
    ])  # fmt: skip
    run = Run.open(run_folder)
    table = run.table
    monkeypatch.setattr(
        run, "table", lambda name: ledger if name == "llm_ledger" else table(name), raising=False
    )
    chart = figures.budget_burn_down(run, BASIS)
    assert chart is not None
    last = rows_of(chart)[-1]
    assert float(last["charged_usd"]) == 9.5 and float(last["paid_usd"]) == 4.0
    assert float(last["left_usd"]) == pytest.approx(0.5)
    assert "6 came from stand-ins by rule, 5 of them" in chart.reading
    assert chart.svg_for_page(narrow=True)


def test_a_forest_row_is_the_effect_in_percent_of_the_base(study_folder):
    result = read_result(study_folder)
    effects = [one for one in result.effects if one.low is not None]
    chart = figures.forest(effects, BASIS)
    assert chart is not None
    for row, one in zip(rows_of(chart), effects, strict=True):
        assert float(row["estimate"]) == one.estimate
        assert float(row["estimate_percent"]) == pytest.approx(
            100 * one.estimate / abs(one.mean_base)
        )
    far = [replace(effects[0], estimate=50.0, low=40.0, high=60.0, mean_base=1.0), *effects]
    bent = figures.forest(far, BASIS)
    assert (
        bent is not None and "logarithmic beyond" in bent.units and bent.svg_for_page(narrow=True)
    )


def test_adoption_has_a_band_only_with_two_runs(run_folder):
    found = figures.adoption_of(Run.open(run_folder))
    other = replace(found, adopters=tuple(one + 2 for one in found.adopters))
    alone = rows_of(figures.adoption({"a": [found]}, BASIS))
    both = rows_of(figures.adoption({"a": [found, other]}, BASIS))
    assert {row["low"] for row in alone} == {""}
    assert all(
        float(row["low"]) < float(row["estimate"]) for row in both if row["measure"] == "adopters"
    )


def _linear(colour):
    parts = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def _contrast(one, two):
    light = sorted(float(_linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, two))
    return (light[1] + 0.05) / (light[0] + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_series_stand_out_from_the_paper(palette):
    assert _contrast(palette.ink, palette.paper) > 12
    assert _contrast(palette.soft, palette.paper) > 4.5
    assert all(_contrast(one, palette.paper) > 3 for one in palette.series)


# Machado, Oliveira and Fernandes (2009), severity 1, in linear RGB.
_PROTAN = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]  # fmt: skip
_DEUTAN = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]  # fmt: skip


def _lab(linear):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    f = np.cbrt(np.clip(xyz @ linear / [0.9505, 1, 1.089], 1e-6, None))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("seen", [np.eye(3), _PROTAN, _DEUTAN], ids=["all", "protan", "deutan"])
def test_the_first_three_series_differ_for_every_reader(palette, seen):
    labs = [_lab(np.clip(np.array(seen) @ _linear(one), 0, 1)) for one in palette.series[:3]]
    assert min(np.linalg.norm(a - b) for a, b in combinations(labs, 2)) > 20
