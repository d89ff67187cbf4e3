"""calibrate, predict, validate and data describe, as a user calls them."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from feedtwin.calibration.preset import calibration_constants, fingerprint
from feedtwin.cli.app import app
from feedtwin.datasets import fit_constants, sample_path
from feedtwin.datasets.kuairand import HISTORY, LOG, USERS, VIDEOS, KuaiRand
from feedtwin.datasets.mapped import Mapped

SMALL = (
    "--set", "calibration.boosting.trees_max=8", "--set", "calibration.judge.trees=8",
    "--set", "calibration.judge.resamples=50",
)  # fmt: skip
MAP = """\
name: example
licence: CC0
log:
  file: views.csv
  columns:
    user: who
    video: what
    time: {column: at, unit: s}
    watch: {column: seen, unit: s}
    duration: {column: length, unit: s}
    like: heart
    category: topic
"""


def call(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_log_is_described_with_licence_and_intervals(tmp_path: Path) -> None:
    folder = KuaiRand().write_tiny(tmp_path / "data")
    said = call("data", "describe", folder)
    assert said.exit_code == 0, said.output
    assert "licence none: the file is generated" in said.output and "skip hazard" in said.output
    facts = json.loads(call("data", "describe", folder, "--json").output)["facts"]
    assert {"group", "name", "value", "low", "high", "unit", "n"} == set(facts[0])


def test_a_folder_that_is_no_log_is_refused(tmp_path: Path) -> None:
    said = call("data", "describe", tmp_path)
    assert said.exit_code == 2 and LOG in said.stderr


def test_from_a_log_to_predictions_and_a_judgement(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="fits need the extra `calibration`")
    folder = KuaiRand().write_tiny(tmp_path / "data", 0, 200, 80)
    preset, out = tmp_path / "p.yaml", tmp_path / "predictions.parquet"
    said = call("calibrate", folder, "--preset-out", preset, *SMALL)
    assert said.exit_code == 0, said.output
    assert "ecosystem uncalibrated" in said.output and "feedtwin validate" in said.output
    assert "stage   " in said.stderr, "progress is for files, too"
    said = call(
        "predict", preset, "--log", folder / LOG, "--users", folder / USERS, "--videos", folder / VIDEOS,
        "--out", out, "--samples", 1,
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert pq.read_table(out).num_rows == pq.read_table(folder / LOG).num_rows
    said = call("validate", preset, "--data", folder, "--levels", "encounter")
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("partly calibrated: encounter fitted to")
    assert "no worse than gradient boosting" in said.output
    page = (tmp_path / "p.yaml.validation" / "report.html").read_text("utf-8")
    assert "Held-out scores of the encounter" in page and "No worlds were run" in page
    other = KuaiRand().write_tiny(tmp_path / "other", 1, 200, 80)
    said = call("validate", preset, "--data", other)
    assert said.exit_code == 2 and "not the files" in said.stderr


def test_a_log_of_ones_own_goes_through_a_column_map(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="fits need the extra `calibration`")
    (tmp_path / "map.yaml").write_text(MAP, "utf-8")
    folder = Mapped(tmp_path / "map.yaml").write_tiny(tmp_path / "data", 0, 200, 80)
    preset = tmp_path / "p.yaml"
    said = call("calibrate", folder, "--map", tmp_path / "map.yaml", "--preset-out", preset, *SMALL)
    assert said.exit_code == 0, said.output
    said = call(
        "predict",
        preset,
        "--log",
        folder / "views.csv",
        "--map",
        tmp_path / "map.yaml",
        "--out",
        tmp_path / "o.csv",
        "--json",
    )
    assert said.exit_code == 0, said.output
    answer = json.loads(said.output)
    means = answer["means"]
    assert 0 < means["skip_p"] < 1 and means["comment_p"] is None
    assert any("exact duplicates" in note and "are kept" in note for note in answer["notes"])
    assert answer["reach"]["people"]["not_in_fit"] == 0


def test_a_mapped_log_keeps_its_words_for_people_and_is_judged_by_its_own_map(
    tmp_path: Path,
) -> None:
    pytest.importorskip("sklearn", reason="fits need the extra `calibration`")
    own, preset = tmp_path / "map.yaml", tmp_path / "p.yaml"
    own.write_text(MAP, "utf-8")
    folder = Mapped(own).write_tiny(tmp_path / "data", 0, 200, 80)
    table = pacsv.read_csv(folder / "views.csv")
    place = table.column_names.index("who")
    words = [f"person {one}" for one in table["who"].to_pylist()]
    pacsv.write_csv(table.set_column(place, "who", [words]), folder / "views.csv")
    said = call("calibrate", folder, "--map", own, "--preset-out", preset, *SMALL, "--quiet")
    assert said.stderr == ""
    assert f"validate {preset} --data {folder} --map {own}" in " ".join(said.stdout.split())
    out = tmp_path / "o.csv"
    said = call("predict", preset, "--log", folder / "views.csv", "--map", own, "--out", out)
    assert said.exit_code == 0, said.output
    predicted = pacsv.read_csv(out)
    assert predicted["user_id"].to_pylist() == words
    assert predicted["video_id"].to_pylist() == table["what"].to_pylist()
    other = tmp_path / "other.yaml"
    other.write_text(MAP + "zone_h: 9\n", "utf-8")
    said = call("validate", preset, "--data", folder, "--map", other, "--levels", "encounter")
    assert said.exit_code == 2 and "not read as they were then (--map)" in " ".join(
        said.stderr.split()
    )
    said = call("validate", preset, "--data", folder)
    assert said.exit_code == 2 and "expected --map FILE" in said.stderr


def test_a_fit_that_was_killed_takes_no_stage_of_another_map(tmp_path: Path) -> None:
    log = KuaiRand().read_encounters(KuaiRand().write_tiny(tmp_path / "d", 0, 60, 40))
    constants = calibration_constants()
    first = fingerprint(log, constants, fit_constants())
    assert first == fingerprint(log, constants, fit_constants())
    of = replace(log.provenance, source_hash="0f" * 32)
    assert fingerprint(replace(log, provenance=of), constants, fit_constants()) != first
    changed = {"kuairand_fit.checks.year_low": 2010}
    assert fingerprint(log, constants, fit_constants(changed)) != first


def test_a_prediction_says_what_the_fit_does_not_know_of_the_log(tmp_path: Path) -> None:
    folder = KuaiRand().write_tiny(tmp_path / "data", 0, 30, 20)
    (folder / HISTORY).unlink()
    log = pq.read_table(folder / LOG)
    place = log.column_names.index("tab")
    tabs = [77 if i < 4 else tab for i, tab in enumerate(log["tab"].to_pylist())]
    pq.write_table(log.set_column(place, "tab", pa.array(tabs)), folder / LOG)
    pacsv.write_csv(pq.read_table(folder / USERS), tmp_path / "people.csv")
    words = (
        "predict", "kuairand", "--log", folder / LOG, "--users", tmp_path / "people.csv",
        "--videos", folder / VIDEOS, "--out", tmp_path / "o.csv",
    )  # fmt: skip
    said = call(*words, "--json")
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert any("exact duplicates" in note and note.endswith("are kept.") for note in found["notes"])
    assert any("duration 0" in note for note in found["notes"])
    assert found["reach"]["surfaces_not_in_fit"] == {"77": 4}
    assert found["reach"]["people_with_history"] is None
    people = found["reach"]["features"]["people"]
    assert "follow_user_num" not in people["missing"] and "register_days" in people["missing"]
    assert found["calibration"].startswith(("calibrated: ", "partly calibrated: "))
    assert "; preset kuairand (SHA-256 " in found["calibration"]
    plain = " ".join(call(*words).stdout.split())
    assert found["calibration"] in plain and "history: none" in plain
    assert "are not in the fit" in plain and "the fit never met: 77 (4 rows)" in plain
    assert f"2 of the fit's {people['of']} features of people; lacking " in plain
    assert all(note in plain for note in found["notes"])


def test_the_map_of_the_how_to_leads_from_a_log_to_a_judgement(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="fits need the extra `calibration`")
    page = (Path(__file__).parents[2] / "docs" / "howto" / "calibrate.md").read_text("utf-8")
    text = next(one for one in page.split("```") if one.startswith("yaml\nname: kuairand-kcore15"))
    column_map, preset, out = (tmp_path / name for name in ("map.yaml", "mine.yaml", "p.parquet"))
    column_map.write_text(text.removeprefix("yaml\n"), "utf-8")
    folder = Mapped(column_map).write_tiny(tmp_path / "data", 0, 200, 80)
    log = folder / "interactions.parquet"
    assert {"user_id", "play_time_ms", "label"} <= set(pq.read_schema(log).names)
    said = call("calibrate", folder, "--map", column_map, "--preset-out", preset, *SMALL)
    assert said.exit_code == 0, said.output
    assert "generated sample" in said.output and "not recorded by this log" in said.output
    said = call("predict", preset, "--log", log, "--map", column_map, "--out", out)
    assert said.exit_code == 0, said.output
    found = pq.read_table(out)
    assert found.num_rows == pq.read_metadata(log).num_rows
    assert found["not_interested_p"].null_count == found.num_rows, "the log does not record it"
    said = call("validate", preset, "--data", folder, "--map", column_map)
    assert said.exit_code == 0, said.output
    assert "no worlds were run" in said.output and "worlds are built from logs" in said.output
    said = call("run", "kuairand-sample", "--preset", preset, "--steps", 1, "--out", tmp_path / "r")
    assert said.exit_code == 2 and "through the adaptor 'table'" in said.stderr


def test_a_named_preset_predicts_and_is_judged_on_its_own_data_only(tmp_path: Path) -> None:
    folder, out = sample_path(), tmp_path / "p.parquet"
    said = call(
        "predict", "kuairand", "--log", folder / LOG, "--users", folder / USERS, "--videos", folder / VIDEOS,
        "--out", out, "--json",
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    found, log = pq.read_table(out), pq.read_table(folder / LOG)
    skipped = (log["play_time_ms"].to_numpy() < 3000).mean()
    assert json.loads(said.stdout)["means"]["skip_p"] == pytest.approx(skipped, abs=0.02)
    assert found.num_rows == log.num_rows
    said = call("validate", "kuairand", "--data", "sample", "--levels", "encounter")
    assert said.exit_code == 2 and "not the files that kuairand was fitted to" in said.stderr
    said = call("study", "random-exposure", "--preset", "kuairand", "--data", "sample")
    assert said.exit_code == 2 and "fitted to" in said.stderr
    for words in (
        ("predict", "kuairnd", "--log", out),
        ("validate", "kuairnd", "--data", "sample"),
    ):
        said = call(*words)
        assert said.exit_code == 2 and "did you mean 'kuairand'" in said.stderr
    said = call("predict", "paper_text", "--log", out)
    assert said.exit_code == 2 and "expected kuairand, or a file" in said.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--budget", 60), "the smallest report needs"),
        (("--set", "calibration.report.sobol_points=12"), "power of two"),
        (("--levels", "spread"), "expected encounter,ecosystem or encounter"),
    ],
)
def test_a_report_that_cannot_be_had_is_refused_before_judging(words, told, monkeypatch) -> None:
    def judge(*_):
        raise AssertionError("judged first")

    monkeypatch.setattr("feedtwin.calibration.judging.judge", judge)
    said = call("validate", "kuairand", "--data", "sample", *words)
    assert said.exit_code == 2 and told in " ".join(said.stderr.split()), said.output
    assert "not the files" not in said.stderr, "the log was read first"


def test_levels_that_cannot_be_fitted_are_refused(tmp_path: Path) -> None:
    folder, preset = KuaiRand().write_tiny(tmp_path / "data", 0, 40, 30), tmp_path / "p.yaml"
    said = call("calibrate", folder, "--preset-out", preset, "--levels", "ecosystems")
    assert said.exit_code == 2 and "expected encounter, ecosystem, or both" in said.stderr
    said = call("calibrate", folder, "--preset-out", preset, "--levels", "ecosystem")
    assert said.exit_code == 2 and "no such file" in said.stderr
    own = tmp_path / "map.yaml"
    own.write_text(MAP, "utf-8")
    both = ("--levels", "encounter,ecosystem", "--map", own)
    said = call("calibrate", folder, "--preset-out", preset, *both)
    assert said.exit_code == 2 and "expected --levels encounter" in said.stderr
    assert not preset.with_name("p.yaml.work").exists()
    said = call("calibrate", folder, "--preset-out", "kuairand")
    assert said.exit_code == 2 and "a name that ends in .yaml" in said.stderr
    preset.write_text(
        "format: 2\narrays: {}\ncalibration: {state: made up}\ndata: {adaptor: table, source_hash: '0'}\nmodels: {}\n",
        "utf-8",
    )
    said = call("calibrate", folder, "--preset-out", preset, "--levels", "ecosystem")
    assert said.exit_code == 2 and "Leave out --levels ecosystem" in said.stderr


@pytest.mark.parametrize(
    ("there", "levels", "told"),
    [
        ("hello: world\n", "encounter", "holds no preset that `feedtwin calibrate` wrote"),
        ("calibration: {}\nspread: {}\n", "encounter", "spread does not share a preset"),
        ("calibration: {}\narrays: {}\necosystem: {}\n", "encounter", "--levels encounter,ecosystem to fit both anew"),
        ("\x00", "encounter,ecosystem", "p.yaml"),
    ],
)  # fmt: skip
def test_a_fit_is_not_written_over_what_it_does_not_replace(
    tmp_path: Path, there: str, levels: str, told: str
) -> None:
    preset = tmp_path / "p.yaml"
    preset.write_text(there, "utf-8")
    said = call("calibrate", "sample", "--preset-out", preset, "--levels", levels)
    assert said.exit_code == 2 and told in " ".join(said.stderr.split()), said.stderr
    assert preset.read_text("utf-8") == there


def test_a_study_over_draws_needs_a_fitted_preset() -> None:
    said = call("study", "first-look", "--posterior", 4)
    assert said.exit_code == 2 and "--posterior needs a fitted preset" in said.stderr


@pytest.mark.slow
def test_from_a_log_to_a_validation_report(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="fits need the extra `calibration`")
    folder, preset = KuaiRand().write_tiny(tmp_path / "data", 0, 150, 60), tmp_path / "p.yaml"
    assert call("calibrate", folder, "--preset-out", preset, *SMALL).exit_code == 0
    words = (
        "validate", preset, "--data", folder, "--quick", "--budget", 110, "--workers", 1,
        "--set", "calibration.report.quick.people=40", "--set", "calibration.ecosystem.resamples=5",
        "--set", "calibration.ecosystem.volume=200", "--set", "calibration.ecosystem.warmup_days=0",
    )  # fmt: skip
    said = call(*words)
    assert said.exit_code == 0, said.output
    assert "Patterns outside their band first" in said.output and "Claims: " in said.output
    results = json.loads(call(*words, "--json").stdout)
    assert results["runs"] <= 110
    assert set(results["nulls"]) == {"random feed", "popularity feed", "no feedback"}
    assert {one["state"] for one in results["claims"]} <= {"shown", "inferred", "not shown"}


@pytest.mark.parametrize(
    "words",
    [
        ("calibrate", "nowhere", "--preset-out", "p.yaml"),
        ("validate", "kuairand", "--data", "nowhere"),
    ],
)
def test_a_value_out_of_bounds_is_refused_before_the_log_is_read(words: tuple[str, ...]) -> None:
    said = call(*words, "--set", "calibration.boosting.masked_share=7")
    assert said.exit_code == 2 and "masked_share" in said.stderr and "nowhere" not in said.stderr
