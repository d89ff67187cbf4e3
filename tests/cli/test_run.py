"""`run`: what it prints, what it writes, and the JSON that programs read."""

import json
import re
import shlex

import pytest

from feedtwin.lab.metrics import METRICS
from feedtwin.record.reader import Run

HEADLINES = (
    "watch time", "completion", "skip rate", "session length", "exits: boredom", "exits: tired",
    "exits: cap", "view Gini of videos", "view Gini of creators", "hashtag entropy, as shown",
    "uploads", "encounters/s",
)  # fmt: skip
SMALL = ("synthetic", "--users", "120", "--seed", "5", "--steps", "6")


def test_the_first_line_is_the_state_of_calibration(made):
    assert made.printed.splitlines()[0].startswith("uncalibrated")


@pytest.mark.parametrize("words", HEADLINES)
def test_a_run_prints_its_headline_metrics(made, words):
    assert words in made.printed


def test_a_run_says_that_one_run_has_no_interval(made):
    assert "single run: no interval" in made.printed


def test_a_run_says_how_many_users_which_kernel_and_where_it_wrote(made):
    assert re.search(r"people\s+120 users", made.printed)
    assert re.search(r"kernels\s+(native C|NumPy)", made.printed)
    assert re.search(r"wrote\s+a \(", made.printed)
    assert str(Run.open(made.folder / "a").closing["digest"]) in made.printed


def test_the_commands_that_a_run_proposes_work(made):
    lines = made.printed.splitlines()
    proposed = [line[8:] for line in lines if line[8:].startswith("feedtwin ")]
    assert len(proposed) == 3
    for line in proposed:
        made(*shlex.split(line)[1:])


def test_json_holds_digest_speed_folder_and_metrics_with_units(made):
    found = made.json("run", *SMALL, "--out", "j")
    run = Run.open(made.folder / "j")
    assert found["run_dir"] == "j"
    assert found["digest"] == run.manifest["digest"] == run.closing["digest"]
    met = run.events("VIDEO_WATCHED").num_rows + run.events("VIDEO_SKIPPED").num_rows
    assert found["encounters"] == met == found["metrics"]["impressions"]["value"]
    assert found["encounters_per_s"] == pytest.approx(met / found["wall_s"])
    assert set(found["metrics"]) == set(METRICS)
    for one in found["metrics"].values():
        why = one.get("undefined", "")
        assert set(one) - {"undefined"} == {"value", "unit"}
        assert (one["value"] is None) == bool(why)
    assert found["users"] == 120 and found["steps"] == found["steps_done"] == 6
    assert found["videos"] == run.manifest["videos_at_start"] > 0
    assert found["calibration"].startswith("uncalibrated")
    assert [note.partition(" solved")[0] for note in found["notes"]] == [
        "interaction.skip_intercept"
    ]
    assert "kernels:" in found["kernel"] and found["interrupted"] is False


def test_log_level_threads_and_kernel_do_not_change_the_digest(made):
    digest = Run.open(made.folder / "a").manifest["digest"]
    for k, how in enumerate((["--log", "digest"], ["--threads", "1"], ["--kernel", "numpy"])):
        assert made.json("run", *SMALL, *how, "--out", f"same{k}")["digest"] == digest
    assert not Run.open(made.folder / "same0").has_events


def test_seed_replicate_and_settings_change_the_digest(made):
    digests = {Run.open(made.folder / "a").manifest["digest"]}
    for k, how in enumerate(
        (["--seed", "6"], ["--replicate", "1"], ["--set", "recommendation.temperature=0.5"])
    ):
        digests.add(made.json("run", *SMALL, *how, "--out", f"other{k}")["digest"])
    assert len(digests) == 4


def test_without_out_a_fresh_folder_is_chosen(cli):
    quick = ("run", "synthetic", "--users", "20", "--steps", "1", "--log", "digest")
    assert cli.json(*quick)["run_dir"] == "runs/synthetic-s7-r0"
    assert cli.json(*quick)["run_dir"] == "runs/synthetic-s7-r0-2"


def test_a_real_world_names_its_licence_its_source_and_what_is_generated(cli):
    result = cli("run", "--users", "60", "--steps", "1", "--log", "digest", "--out", "real")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("uncalibrated")
    assert "CC BY-SA 4.0" in result.stdout and "KuaiRand" in result.stdout
    assert "60 users" in result.stdout and "upload-only accounts" in result.stdout
    assert "generated, not in the log" in result.stdout
    manifest = json.loads((cli.folder / "real" / "manifest.json").read_text())
    assert any("CC BY-SA 4.0" in note for note in manifest["notes"])


def test_people_beyond_the_data_are_said_to_be_copies(cli):
    found = cli.json("run", "--users", "3600", "--steps", "1", "--log", "digest", "--out", "big")
    assert found["users"] == 3600 and found["creator_accounts"] > 0
    assert any("100 of 3600 people are jittered copies" in note for note in found["notes"])


def test_resume_of_a_finished_run_says_what_to_do_instead(made):
    result = made("resume", "a", status=2)
    assert result.stdout == "" and "fork" in result.stderr
