"""Cells are keyed by content, finished ones are reused, and the table does not depend on how it was made."""

import signal
import subprocess
import sys
import time

import pytest

import feedtwin
from feedtwin.cli.effects import print_result
from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.lab.numbers import p_value
from feedtwin.lab.study import read_result, run_study
from feedtwin.lab.study.executors import Futures, InProcess, LocalProcesses
from feedtwin.lab.study.rehearsal import rehearse

SMALL = """\
world: synthetic
users: 60
seed: 3
horizon: 6
arms:
  base: {}
  random: {policies: {recommendation: random}}
replicates: 4
estimands:
  - metric: [watch_s, skip_rate, view_gini_videos]
distributions: [views_of_videos]
over_time: 3
"""
TABLES = ("effects.csv", "effects.parquet", "effects.json", "levels.csv", "over_time.csv", "curves.csv",
          "readings.csv", "study.json")  # fmt: skip


def bytes_of(folder):
    return {name: (folder / name).read_bytes() for name in TABLES}


def test_a_study_ends_in_a_table_that_reads_back(small):
    assert [one.metric for one in small.effects] == ["watch_s", "skip_rate", "view_gini_videos"]
    one = small.effect("watch_s")
    assert one.n == one.n_effective == 4 and one.low < one.estimate < one.high
    assert one.estimate == pytest.approx(one.mean_treatment - one.mean_base)
    assert one.calibration.startswith("uncalibrated")
    assert read_result(small.path) == small
    assert {(one.of, one.kind) for one in small.curves} >= {
        ("base", "lorenz"),
        ("random - base", "quantile"),
    }
    windows = [(one.metric, one.first_step, one.last_step) for one in small.over_time]
    metrics = ("watch_s", "skip_rate", "view_gini_videos")
    assert windows == [(name, first, first + 3) for name in metrics for first in (0, 3)]


def test_the_terminal_says_which_p_are_corrected(small, capsys):
    print_result(small)
    text = " ".join(capsys.readouterr().out.split())
    assert "p corrected: holm, over 3 tests; p of claims likewise" in text
    (curve,) = {one.p for one in small.curves if one.is_contrast and one.kind == "lorenz"}
    assert f"(p {p_value(curve)}, uncorrected)" in text


def test_a_cell_is_a_run_like_any_other(small, kernels):
    path = small.cell_path("random", 2)
    settings = feedtwin.Run.open(path).manifest["settings"]
    assert settings["replicate"] == 2 and settings["policies"]["recommendation"] == "random"
    assert feedtwin.replay(path, kernels).steps == 6
    own = feedtwin.measure(feedtwin.read_run(path))["watch_s"].value
    (reading,) = [
        one
        for one in small.readings
        if (one.arm, one.replicate, one.metric) == ("random", 2, "watch_s")
    ]
    assert reading.value == own


@pytest.mark.parametrize("executor", [LocalProcesses(2), "pool"], ids=["processes", "futures"])
def test_workers_do_not_change_the_table(small, study_of, tmp_path, executor):
    from concurrent.futures import ThreadPoolExecutor

    where = Futures(ThreadPoolExecutor(1), 1) if executor == "pool" else executor
    run_study(study_of(SMALL), tmp_path / "again", executor=where)
    assert bytes_of(tmp_path / "again") == bytes_of(small.path)


class Counting(InProcess):
    """An executor that counts jobs, and fails at one."""

    def __init__(self, fails_at=None):
        self.jobs, self.fails_at = 0, fails_at

    def run(self, function, jobs):
        for job in jobs:
            self.jobs += 1
            if self.jobs == self.fails_at:
                raise KeyboardInterrupt
            yield function(job)


def test_finished_cells_are_reused_and_more_replicates_only_add(study_of, tmp_path, small):
    first, second, third = Counting(fails_at=4), Counting(), Counting()
    with pytest.raises(KeyboardInterrupt):
        run_study(study_of(SMALL), tmp_path / "one", executor=first)
    result = run_study(study_of(SMALL), tmp_path / "one", executor=second)
    assert second.jobs == 8 - 3 and result.reused == 3
    assert bytes_of(tmp_path / "one") == bytes_of(small.path)
    run_study(study_of(SMALL, replicates=5), tmp_path / "one", executor=third)
    assert third.jobs == 2


def test_another_question_about_the_same_runs_executes_none_again(study_of, tmp_path):
    run_study(study_of(SMALL), tmp_path / "one", executor=InProcess())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("journal")}
    text = SMALL.replace("skip_rate", "completion")
    result = run_study(study_of(text), tmp_path / "one", executor=InProcess())
    assert result.effect("completion").estimate is not None
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("journal")} == before


@pytest.mark.slow
def test_a_study_that_is_killed_goes_on_and_gives_the_same_table(tmp_path, small):
    (tmp_path / "small.yaml").write_text(SMALL, "utf-8")
    words = [
        sys.executable,
        "-m",
        "feedtwin",
        "study",
        "small.yaml",
        "--out",
        "s",
        "--workers",
        "2",
        "-q",
    ]
    killed = 0
    for _ in range(20):
        process = subprocess.Popen(
            words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        done = len(list((tmp_path / "s").rglob("cell.json")))
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            if len(list((tmp_path / "s").rglob("cell.json"))) > done + 1:
                process.send_signal(signal.SIGKILL)
                killed += 1
                break
            time.sleep(0.01)
        process.communicate()
        if process.returncode == 0:
            break
        time.sleep(1.5)  # orphans see that their parent is gone
    assert process.returncode == 0 and killed >= 1
    assert bytes_of(tmp_path / "s") == bytes_of(small.path)


def test_arms_that_share_a_past_share_its_digest(ran, tmp_path):
    result = ran(SMALL.replace("horizon: 6", "horizon: 6\nwarmup: 5"), tmp_path / "warm")
    headers = [
        feedtwin.Run.open(result.cell_path(arm, 1)).frames[0].payload for arm in ("base", "random")
    ]
    assert headers[0]["start_step"] == 5
    assert headers[0]["start_digest"] == headers[1]["start_digest"]
    assert result.provenance.warmup == 5 and result.provenance.horizon == 6


def test_what_was_counted_before_the_arms_part_is_taken_off(ran, tmp_path):
    text = SMALL.replace("horizon: 6", "horizon: 6\nwarmup: 5").replace(
        "view_gini_videos", "completion_of_totals"
    )
    result = ran(text, tmp_path / "warm")
    path = result.cell_path("base", 0)
    start = feedtwin.Run.open(path).frames[0].payload["start_digest"]
    pasts = [one.parent for one in (tmp_path / "warm").rglob("journal")]
    (past,) = [one for one in pasts if feedtwin.Run.open(one).manifest["digest"] == start]
    now, then = feedtwin.read_run(path).items, feedtwin.read_run(past).items
    assert list(now["item"][: len(then["item"])]) == list(then["item"])
    watched = int(now["watch_ms"].sum()) - int(then["watch_ms"].sum())
    met = now["impressions"].astype(int)
    met[: len(then["item"])] -= then["impressions"].astype(int)
    (reading,) = [
        one for one in result.readings
        if (one.arm, one.replicate, one.metric) == ("base", 0, "completion_of_totals")
    ]  # fmt: skip
    assert reading.value == pytest.approx(watched / 1000 / float((met * now["duration_s"]).sum()))


def test_identical_arms_are_run_once_and_differ_by_nothing(ran, tmp_path):
    result = ran(SMALL.replace("policies: {recommendation: random}", ""), tmp_path / "same")
    assert len(list((tmp_path / "same" / "cells").iterdir())) == 4
    one = result.effect("watch_s")
    assert (one.estimate, one.low, one.high, one.p) == (0.0, 0.0, 0.0, 1.0)
    assert one.verdict == "identical in every pair"


def test_a_study_stops_when_it_is_as_precise_as_declared(ran, tmp_path, capsys):
    until = "{most: 30, batch: 5, until: {estimand: skip_rate | random - base, half_width: 0.9}}"
    result = ran(SMALL.replace("replicates: 4", f"replicates: {until}"), tmp_path / "precise")
    assert result.provenance.replicates == 10  # the pilot is enough
    assert "precision reached" in result.provenance.precision
    short = until.replace("most: 30", "most: 6").replace("half_width: 0.9", "half_width: 0.00001")
    result = ran(SMALL.replace("replicates: 4", f"replicates: {short}"), tmp_path / "not")
    assert "not reached" in result.provenance.precision
    assert result.provenance.precision.endswith("the cap of 6 replicates was reached first")
    print_result(result)
    assert " ".join(capsys.readouterr().out.split()).count("precision not reached") == 1
    assert "precision" in {one.kind for one in result.warnings}


def test_parts_of_the_population_have_effects_of_their_own(ran, tmp_path):
    text = SMALL.replace("users: 60", "users: 150") + (
        "cohorts:\n  lower: {of: creators, column: tier, is: [casual, consumer]}\n"
        "  busy: {of: viewers, column: activity, top: 0.2}\n"
        "  others: {of: viewers, column: activity, bottom: 0.8}\n"
    )
    text = text.replace(
        "distributions:",
        "  - {metric: view_gini_videos, cohort: lower}\n"
        "  - {metric: [impressions, watch_s], cohort: [busy, others]}\n  - metric: impressions\ndistributions:",
    )
    result = ran(text, tmp_path / "parts")
    level = {(one.metric, one.cohort, one.arm): one.mean for one in result.levels}
    for arm in ("base", "random"):
        parts = level["impressions", "busy", arm] + level["impressions", "others", arm]
        assert parts == pytest.approx(level["impressions", "everyone", arm])
    assert (
        level["view_gini_videos", "lower", "base"] != level["view_gini_videos", "everyone", "base"]
    )


def test_folders_that_are_not_this_studys_are_refused(small, study_of, ran, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine", "utf-8")
    with pytest.raises(RunFolderError, match="is no study's folder"):
        ran(SMALL, tmp_path / "other")
    named = study_of(SMALL + "name: another\n")
    with pytest.raises(RunFolderError, match="holds the study 'small'"):
        run_study(named, small.path, executor=InProcess())
    with pytest.raises(RunFolderError, match="expected the folder of a finished study"):
        read_result(tmp_path / "other")


def test_a_table_that_is_damaged_is_named(ran, tmp_path):
    result = ran(SMALL, tmp_path / "one")
    (result.path / "effects.parquet").write_bytes(b"nothing")
    with pytest.raises(IntegrityError, match=r"effects\.parquet"):
        read_result(result.path)


def test_policies_are_compared_in_a_line_of_python(tmp_path):
    result = feedtwin.compare(
        (), "policies.recommendation=random", world="synthetic", users=60, steps=6, replicates=3,
        metrics=["watch_s"], out=tmp_path / "c", workers=1, seed=3,
    )  # fmt: skip
    assert result.effects[0].contrast == "treatment - base"
    with pytest.raises(feedtwin.FeedtwinError, match="no metric is called 'wach_s'"):
        feedtwin.compare((), (), metrics=["wach_s"])
    with pytest.raises(feedtwin.FeedtwinError, match="weight_similarity"):
        feedtwin.compare((), {"recommendation.weight_similarty": 1.0}, world="synthetic", users=60)


WARMED = """\
world: synthetic
users: 150
seed: 3
horizon: 18
warmup: 12
arms:
  base: {}
  random: {policies: {recommendation: random}}
replicates: 2
estimands:
  - metric: [watch_s, view_gini_videos, LOGGED]
over_time: 6
"""


@pytest.mark.parametrize("logged", ["like_rate", "intra_list_diversity"])
def test_the_dry_run_knows_how_much_disk_cells_take(study_of, tmp_path, logged):
    study = study_of(WARMED.replace("LOGGED", logged))
    said = rehearse(study, tmp_path / "s", workers=1).bytes
    run_study(study, tmp_path / "s", executor=InProcess())
    files = [file for file in (tmp_path / "s").rglob("*") if file.is_file()]
    took = sum(file.stat().st_size for file in files)
    assert any(file.parent.name == "snapshots" for file in files)
    assert 0.7 < said / took < 1.3, (said, took)
