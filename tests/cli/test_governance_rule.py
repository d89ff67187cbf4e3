"""The governance rule of the how-to works when it is copied into an empty folder."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from feedtwin.record.reader import Run
from feedtwin.record.registry import Registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "write-a-governance-rule.md"


def block(kind):
    (found,) = re.findall(
        rf"^```{kind}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return found


def test_the_rule_of_the_how_to_runs_from_an_empty_folder(tmp_path):
    code = block("python")
    assert len(code.splitlines()) <= 40
    (tmp_path / "my_rules.py").write_text(code)
    source = Path(sys.modules["feedtwin"].__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f".{os.pathsep}{source}"}
    commands = [shlex.split(line) for line in block("console").splitlines()]
    assert [words[:3] for words in commands] == [["$", "feedtwin", w] for w in ("check", "run")]
    for words in commands:
        done = subprocess.run(
            [sys.executable, "-m", "feedtwin", *words[2:]], cwd=tmp_path, env=environment,
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    run = Run.open(tmp_path / "runs" / "newcomers")
    applied = run.events("GOVERNANCE_ACTION_APPLIED")
    assert applied.num_rows > 0
    registry = Registry.open(run.path / "registry.sqlite")
    audited = registry.query("SELECT detail_json FROM audit WHERE actor = 'governance'")
    registry.close()
    assert len(audited) == applied.num_rows
    assert json.loads(audited[0][0])["target_kind"] == "CREATOR"
    source_hash = hashlib.sha256(code.encode()).hexdigest()
    assert run.manifest["own_policies"] == {"governance": source_hash}
