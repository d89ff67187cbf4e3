"""`feedtwin data compare` and `feedtwin data score-forecasts`, on generated files and a tiny run."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import feedtwin
from feedtwin.cli.app import app
from feedtwin.datasets.series import CASCADES, GROWTH
from feedtwin.lab.series.twin import video_growth

START = np.datetime64("2024-01-01")


def call(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


def write_hashtags(folder: Path, days: int = 200, tags: int = 12) -> Path:
    """Write pulses of different ages and heights in the schema of the tracker's file."""
    folder.mkdir(parents=True, exist_ok=True)
    day = np.arange(days)
    views = np.stack(
        [
            2e5 * (1 + k) * (1.0 + 2.0 * np.exp(-np.square((day + 17 * k) % 60 - 30) / 30.0))
            for k in range(tags)
        ]
    )
    table = {
        "hashtag": np.repeat([f"tag{k}" for k in range(tags)], days),
        "day": np.tile(START + day, tags).astype("datetime64[ms]"),
        "views": np.cumsum(views, axis=1).reshape(-1).astype(np.int64),
    }
    pq.write_table(pa.table(table), folder / "daily_views.parquet")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three weeks, the shortest that can be compared."""
    place = tmp_path_factory.mktemp("runs") / "0"
    feedtwin.run("synthetic", users=30, steps=504, out=place)
    return place


def test_forecasters_are_scored_on_files_of_ones_own(tmp_path: Path) -> None:
    data = write_hashtags(tmp_path / "data")
    words = ("data", "score-forecasts", data, "--horizon", 7, "--out", tmp_path / "out", "--json")
    code, text = call(*words)
    assert code == 0, text
    found = json.loads(text)
    assert found["state"].startswith("no state of calibration")
    assert [one["forecaster"] for one in found["scores"]] == [
        "base rate", "own base rate", "persistence", "drift", "seasonal", "heuristic", "rules",
    ]  # fmt: skip
    assert all(0 <= one["brier_recalibrated"] <= 1 for one in found["scores"])
    with (tmp_path / "out" / "forecasts.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 7
    assert (tmp_path / "out" / "forecasts-7-days.svg").stat().st_size > 1000
    assert call(*words)[1] == text
    code, text = call("data", "score-forecasts", data, "--horizon", 7)
    assert code == 0 and "Against naive rules" in text and "licence unknown" in text


def test_a_run_is_put_beside_trends_and_cascades(tmp_path: Path, run: Path) -> None:
    hashtags = write_hashtags(tmp_path / "hashtags")
    cascades = CASCADES.write_tiny(tmp_path / "cascades", count=40)
    code, text = call(
        "data", "compare", hashtags, "--run", run, "--out", tmp_path / "out", "--json"
    )
    assert code == 0, text
    found = json.loads(text)
    assert found["state"].startswith("uncalibrated") and len(found["patterns"]) == 7
    assert {one["about"] for one in found["patterns"]} == {"hashtags"}
    assert found["patterns"][0]["twin_low"] is None  # one run has no interval
    with (tmp_path / "out" / "patterns.csv").open() as file:
        assert [one["name"] for one in csv.DictReader(file)] == [
            one["name"] for one in found["patterns"]
        ]
    assert len(list((tmp_path / "out").glob("*.svg"))) == 7
    code, text = call("data", "compare", cascades, "--run", run)
    assert code == 0 and text.startswith("uncalibrated") and "cascades, rumours" in text
    assert "does not match" in text or "not compared" in text


def test_growth_of_a_runs_videos_is_what_its_log_counted(tmp_path: Path, run: Path) -> None:
    data = GROWTH.write_tiny(tmp_path / "growth", count=9)
    code, text = call("data", "compare", data, "--run", run)
    assert code == 0 and "of 9 videos were read from their first 12 hours to 72" in text
    assert "half of three days' views after" in text
    curves = video_growth(run, 72.0)
    opened = feedtwin.Run.open(run)
    made = dict(
        zip(*(opened.table("items").column(n).to_pylist() for n in ("item", "created_step")), strict=True)
    )  # fmt: skip
    assert len(curves.key) and len(curves.views) == 73 * len(curves.key)
    shown = opened.sql("select item, step from impression_served").to_pylist()
    for k, key in enumerate(curves.key[:5].tolist()):
        born = made[int(key)]
        for age in (1, 24, 72):
            counted = sum(one["item"] == int(key) and one["step"] < born + age for one in shown)
            assert curves.views[73 * k + age] == counted


def test_what_cannot_be_compared_is_refused_in_one_sentence(tmp_path: Path, run: Path) -> None:
    code, text = call("data", "compare", tmp_path, "--run", run)
    assert code == 2 and "neither daily_views.parquet nor" in text and "panel.parquet" in text
    code, text = call("data", "score-forecasts", write_hashtags(tmp_path, days=40))
    assert code == 2 and "consecutive days" in text
    code, text = call("data", "score-forecasts", write_hashtags(tmp_path), "--policy", "oracle")
    assert code == 2 and "oracle" in text
