"""`metrics`: every number of a run, and what is said of a run that is not finished."""

import shutil

import pytest

from feedtwin.lab.metrics import METRICS


@pytest.fixture(scope="module")
def open_run(made):
    """The run without the record that closes it: what an interruption after the last step leaves."""
    from feedtwin.record.journal import read_journal

    path = made.folder / "open"
    shutil.copytree(made.folder / "a", path)
    end = read_journal(path / "journal")[-1].start
    with (path / "journal").open("r+b") as file:
        file.truncate(end)
    shutil.rmtree(path / "tables")
    return "open"


def test_every_metric_is_printed_with_unit_and_direction(made):
    printed = made("metrics", "a").stdout
    assert printed.splitlines()[0].startswith("uncalibrated")
    assert all(name in printed for name in METRICS)
    assert "n = 1 run: no interval" in printed and "not finished" not in printed
    found = made.json("metrics", "a")
    assert set(found["metrics"]) == set(METRICS)
    one = found["metrics"]["watch_s"]
    assert one["unit"] == "s" and one["n"] == 1 and one["interval"] is None
    assert one["direction"] == METRICS["watch_s"].direction


def test_some_metrics_can_be_chosen_and_a_wrong_name_is_explained(made):
    found = made.json("metrics", "a", "--metric", "watch_s", "--metric", "uploads")
    assert set(found["metrics"]) == {"watch_s", "uploads"}
    said = made("metrics", "a", "--metric", "wach_s", status=2).stderr
    assert "no metric is called 'wach_s'; did you mean 'watch_s'" in said
    assert "no such folder" in made("metrics", "nowhere", status=2).stderr


def test_what_is_read_from_an_unfinished_run_is_said_to_be(made, open_run):
    words = f"{open_run} is not finished: steps 0 to 5 of 0 to 5"
    assert words in made("metrics", open_run).stdout
    assert words in made("sql", open_run, "select count(*) from video_watched").stdout
    assert made.json("sql", open_run, "select 1 as one")["unfinished"].startswith(words)
    assert "unfinished" not in made.json("sql", "a", "select 1 as one")
    assert words in made("compare", "a", open_run).stdout
    assert made.json("compare", open_run, "a")["notes"][0].startswith(words)
    assert made.json("compare", "a", "a")["notes"] == []
    table = "view_gini_videos"
    found = made.json("metrics", open_run, "--metric", table)["metrics"][table]
    assert found["value"] is None and "comes when the run closes" in found["undefined"]
