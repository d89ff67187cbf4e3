"""What `feedtwin study` and its kin refuse or say before anything runs, in words that name the way out."""

import re
import subprocess
import sys

import pytest

import feedtwin
from feedtwin.errors import SettingsError

STUDY = """\
world: synthetic
users: 60
seed: 3
horizon: 4
arms:
  base: {}
  random: {policies: {recommendation: random}}
replicates: 2
estimands: [{metric: watch_s}]
"""
SCRIPT = """\
import feedtwin

feedtwin.compare((), "policies.recommendation=random", world="synthetic", users=40, steps=2, replicates=1, workers=2, out="out")
"""


def test_a_script_without_a_guard_is_told_which_line_it_lacks(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT, "utf-8")
    found = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True
    )
    assert found.returncode == 1
    last = found.stderr.strip().splitlines()[-1]
    assert "mine.py" in last and 'put the line `if __name__ == "__main__":` above it' in last
    assert "memory" not in found.stderr and "another process" not in found.stderr


def test_draws_of_a_study_without_a_preset_are_refused_with_the_line_to_add(cli):
    (cli.folder / "mine.yaml").write_text("description: x\n" + STUDY, "utf-8")
    said = cli("study", "mine.yaml", "--posterior", "4", status=2).stderr
    assert said.startswith("error: mine.yaml, line 2: ")
    assert "add the line `preset: FILE` to mine.yaml, below `world:`" in said
    (cli.folder / "named.yaml").write_text("preset: paper_text\n" + STUDY, "utf-8")
    said = cli("study", "named.yaml", "--posterior", "4", status=2).stderr
    assert said.startswith("error: named.yaml, line 1: ") and "expected `preset: kuairand`" in said
    (cli.folder / "world.yaml").write_text("preset: paper\n" + STUDY, "utf-8")
    said = cli("study", "world.yaml", "--posterior", "4", status=2).stderr
    assert said.startswith("error: world.yaml, line 1: ") and "feedtwin run paper" in said


@pytest.mark.parametrize("name", ["nosuch", "nosuch.yaml", "random-exposur"])
def test_unknown_studies_are_answered_with_all_there_are(cli, name):
    said = cli("study", name, status=2).stderr
    assert "random-exposure" in said and "first-look" in said
    assert ("did you mean 'random-exposure'" in said) == (name == "random-exposur")


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_printed(cli, made):
    (cli.folder / "mine.yaml").write_text(STUDY, "utf-8")
    (cli.folder / "file").write_text("", "utf-8")
    (cli.folder / "folder").mkdir()
    (cli.folder / "folder.yaml").mkdir()
    run = made.folder / "a"
    for words in (
        ("study", "mine.yaml", "--out", "file/s"),
        ("study", "random-exposure", "--preset", "p.yaml", "--data", "sample", "--out", "file/s"),
        ("run", "synthetic", "--users", "60", "--steps", "1", "--out", "file/r"),
        ("fork", run, "--at", "3", "--out", "file/r"),
        ("calibrate", "sample", "--preset-out", "file/p.yaml"),
        ("calibrate", "sample", "--preset-out", "folder.yaml"),
        ("predict", "p.yaml", "--log", "x.csv", "--out", "file/p.csv"),
        ("report", run, "--out", "file/r.html"),
        ("report", run, "--out", "folder"),
        ("report", run, "--out", "r.html", "--figures", "file/f"),
    ):
        found = cli(*words, status=2)
        assert found.stdout == "", words
        assert "expected a place" in found.stderr and words[-1] in found.stderr, (
            words,
            found.stderr,
        )
    assert sorted(path.name for path in cli.folder.iterdir()) == [
        "file", "folder", "folder.yaml", "mine.yaml",
    ]  # fmt: skip


def test_arms_with_the_same_settings_are_named_and_run_once(cli):
    text = STUDY.replace("  random:", "  copy: {policies: {recommendation: tiktok}}\n  random:")
    (cli.folder / "mine.yaml").write_text(text, "utf-8")
    note = "note    arm copy has the same settings as base: its cells are run once and counted once"
    dry = cli("study", "mine.yaml", "--dry-run").stdout
    assert note in dry and "cells   4 runs" in dry
    ran = cli("study", "mine.yaml", "--workers", "1").stdout
    assert note in ran and ran.index(note) < ran.index("copy - base")
    assert len(list((cli.folder / "studies/mine/cells").iterdir())) == 4
    found = cli.json("study", "mine.yaml", "--workers", "1")
    kinds = [one["kind"] for one in found["warnings"]]
    assert "duplicate cells" in kinds and "inert arm" not in kinds
    assert (
        "is no evidence from 2 arms" in found["warnings"][kinds.index("duplicate cells")]["message"]
    )


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
@pytest.mark.parametrize("key", ["no_harm", "smallest_effect", "equivalent_within"])
def test_a_size_that_is_no_finite_number_is_refused_by_line(cli, key, value):
    text = STUDY.replace("{metric: watch_s}", f"{{metric: watch_s, {key}: {value}}}")
    (cli.folder / "mine.yaml").write_text(text, "utf-8")
    said = cli("study", "mine.yaml", "--dry-run", status=2).stderr
    assert said.startswith("error: mine.yaml, line 9: ") and f"estimands[0].{key}" in said
    assert re.search("expected (a finite number|a number|more than 0)", said)


def test_a_precision_that_is_no_finite_number_is_refused_by_line(cli):
    text = STUDY.replace("replicates: 2", "replicates: {most: 4, until: {half_width: .inf}}")
    (cli.folder / "mine.yaml").write_text(text, "utf-8")
    said = cli("study", "mine.yaml", "--dry-run", status=2).stderr
    assert said.startswith("error: mine.yaml, line 8: ") and "expected a finite number" in said


def test_one_replicate_is_said_to_give_no_interval(cli):
    (cli.folder / "mine.yaml").write_text(STUDY, "utf-8")
    assert "no interval" not in cli("study", "mine.yaml", "--dry-run").stdout
    said = cli("study", "mine.yaml", "--dry-run", "--replicates", "1").stdout
    assert "1 replicate: one pair gives an estimate, and no interval" in " ".join(said.split())


def test_a_metric_that_compare_does_not_know_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'skip_rate'"):
        feedtwin.compare((), (), metrics=["skip_rat"])
