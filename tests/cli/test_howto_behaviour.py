"""The behaviour of the how-to works when it is copied into an empty folder."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from feedtwin.record.folder import read_manifest
from feedtwin.record.reader import Run

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "howto" / "write-a-behaviour.md").read_text("utf-8")
(CODE,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def feedtwin(folder, *words):
    path = os.pathsep.join([".", *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "feedtwin", *words], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": path}, check=False,
    )  # fmt: skip


def run(folder, code, *more):
    (folder / "my_behaviours.py").write_text(code, "utf-8")
    return feedtwin(
        folder, "run", "synthetic", "--users", "100", "--steps", "4", "--seed", "5", "--out", "out",
        "--set", "policies.behaviour=my_behaviours:Hedonic", *more,
    )  # fmt: skip


def test_the_example_is_one_class_of_at_most_40_lines():
    (found,) = [node for node in ast.parse(CODE).body if isinstance(node, ast.ClassDef)]
    assert found.end_lineno - found.lineno < 40


def test_the_example_runs_from_an_empty_folder_and_replays(tmp_path):
    made = run(tmp_path, CODE)
    assert made.returncode == 0, made.stderr
    log = Run.open(tmp_path / "out")
    engaged = set(log.events("VIDEO_ENGAGED")["engagement"].to_pylist())
    assert engaged == {1, 2}, "the example comments on nothing and likes and shares something"
    assert len(log.events("VIDEO_SKIPPED")) > 0
    assert "behaviour" in read_manifest(tmp_path / "out")["own_policies"]
    again = feedtwin(tmp_path, "replay", "out")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("return Choices(skip, watch_s,", "return Choices(skip, watch_s / 0,", "watch_s holds"),
        (
            "return Choices(skip, watch_s,",
            "return Choices(skip[:1], watch_s,",
            "skip is bool of shape",
        ),
        ("quality, duration =", "block.items['quality'][:] = 0; quality, duration =", "wrote"),
    ],
)
def test_a_behaviour_that_breaks_its_contract_is_named(tmp_path, good, bad, message):
    assert CODE.count(good) == 1
    made = run(tmp_path, CODE.replace(good, bad))
    assert made.returncode != 0
    assert "policy Hedonic, step " in made.stderr and message in made.stderr
    assert "Traceback" not in made.stderr
