"""The payout rule of the how-to works when it is copied into an empty folder."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "howto" / "write-a-payout-rule.md").read_text("utf-8")


def block(kind):
    (text,) = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty folder in which somebody did what the page says."""
    path = tmp_path_factory.mktemp("empty")
    (path / "my_rules.py").write_text(block("python"))
    for line in block("console").splitlines():
        words = shlex.split(line.removeprefix("$ "))
        extra = dict(word.split("=", 1) for word in words if word.startswith("PYTHONPATH="))
        words = [word for word in words if not word.startswith("PYTHONPATH=")]
        assert words[0] == "feedtwin"
        here = os.pathsep.join([str(path)] if extra else [])
        search = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH", "")) if part)
        done = subprocess.run(
            [sys.executable, "-m", "feedtwin", *words[1:]], cwd=path, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": search}, check=False,
        )  # fmt: skip
        assert done.returncode == (1 if words[1] == "compare" else 0), done.stderr
    return path


def test_the_example_has_at_most_40_lines():
    assert len(block("python").splitlines()) <= 40


def test_the_rule_pays_small_creators_more_and_large_ones_less(folder):
    earned, followers = {}, {}
    for name in ("small-first", "basic"):
        users = pq.read_table(folder / name / "tables" / "users.parquet").to_pydict()
        followers[name] = users["follower_count"]
        earned[name] = users["earned_microusd"]
    small = {
        name: sum(e for e, f in zip(earned[name], followers[name], strict=True) if f < 20)
        / sum(earned[name])
        for name in earned
    }
    assert small["small-first"] > small["basic"] > 0


def test_the_manifest_keeps_the_hash_of_the_rules_source(folder):
    manifest = json.loads((folder / "small-first" / "manifest.json").read_text())
    assert len(manifest["own_policies"]["monetization"]) == 64
