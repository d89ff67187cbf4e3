"""`feedtwin check`, and the worked examples of the documentation, copied into an empty folder."""

import json
import os
import re
import shlex
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto"
EXAMPLES = ["write-a-policy.md", "write-a-promotion-rule.md"]
LINES_MAX = 40


def example(name):
    """The first Python block of a page with the name of its file, and the commands that the page tells."""
    text = (HOWTO / name).read_text("utf-8")
    code = re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]
    console = re.findall(r"^\$ feedtwin (.+)$", text, re.MULTILINE)
    return code, code.splitlines()[0].removeprefix("# "), console


@pytest.mark.parametrize("page", EXAMPLES)
def test_a_worked_example_is_short_and_runs_in_an_empty_folder(tmp_path, page):
    code, file, commands = example(page)
    assert len(code.splitlines()) <= LINES_MAX
    (tmp_path / file).write_text(code, "utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), "."]),
    }
    assert [command.split()[0] for command in commands] == ["check", "run"]
    for command in commands:
        words = [sys.executable, "-m", "feedtwin", *shlex.split(command)]
        words += ["--out", "mine"] if words[3] == "run" else []
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "FAILS" not in done.stdout
    manifest = json.loads((tmp_path / "mine" / "manifest.json").read_text("utf-8"))
    (kept,) = manifest["own_policies"].values()
    assert kept == sha256((tmp_path / file).read_bytes()).hexdigest()


BAD = '''
import numpy as np
from feedtwin.policies.interface import policy
from feedtwin.policies.promotion import Staged


@policy("promotion", "bad", section="promotion")
class Bad(Staged):
    """Adds a score that is no number."""

    def boost(self, view):
        return np.full(len(view.items), np.nan, np.float32)
'''


def test_a_bad_policy_is_reported_with_status_one(cli, monkeypatch):
    (cli.folder / "bad_rule_of_mine.py").write_text(BAD, "utf-8")
    monkeypatch.syspath_prepend(str(cli.folder))
    printed = cli("check", "bad_rule_of_mine:Bad", status=1).stdout
    assert "policy  bad_rule_of_mine:Bad: 'bad', lever promotion" in printed
    assert "FAILS   a usual world: policy Bad, step 0, contract promotion.boost" in printed
    found = cli.json("check", "bad_rule_of_mine:Bad", status=1)
    assert found["ok"] is False
    assert found["lever"] == "promotion"
    assert any(not one["ok"] for one in found["findings"])


def test_a_policy_that_is_not_there_is_bad_input(cli):
    assert "nowhere" in cli("check", "nowhere:Class", status=2).stderr
