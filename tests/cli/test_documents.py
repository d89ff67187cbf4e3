"""What the tutorial and the README tell people to type works."""

import re
import shlex
from pathlib import Path

import pytest

from feedtwin.cli.effects import COLUMNS
from feedtwin.lab.study import read_study

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial" / "first-run.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")


def blocks(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_tutorials_commands_work_in_order(cli):
    lines = [line for block in blocks(TUTORIAL, "console") for line in block.splitlines()]
    assert len(lines) == 8 and all(line.startswith("$ feedtwin ") for line in lines)
    statuses = []
    for line in lines:
        words = shlex.split(line)[2:]
        is_different = words[0] == "compare" and words[-1] == "runs/popular"
        statuses.append(cli(*words, status=1 if is_different else 0).exit_code)
    assert statuses.count(1) == 1


@pytest.mark.parametrize("text", [TUTORIAL, README], ids=["tutorial", "readme"])
def test_python_examples_run(cli, monkeypatch, capsys, text):
    monkeypatch.chdir(cli.folder)
    (code,) = blocks(text, "python")
    exec(compile(code, "example", "exec"), {})
    assert capsys.readouterr().out


def test_the_readmes_commands_exist_and_parse(cli):
    lines = re.findall(r"^feedtwin (.+)$", README, re.MULTILINE)
    assert len(lines) >= 8
    for line in lines:
        words = shlex.split(line, comments=True)
        assert "Usage" in cli(words[0], "--help").stdout


def test_documents_link_to_files_that_are_there():
    for folder, text in ((ROOT, README), (ROOT / "docs" / "tutorial", TUTORIAL)):
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (folder / target).exists(), target


def test_the_readmes_output_is_of_the_present_form():
    """What `make run` prints: rows of the study's metrics, in the columns of today."""
    (printed,) = (b for b in blocks(README, "") if b.startswith("uncalibrated"))
    table = printed.partition("intervals\n")[2].partition("\n\n")[0].splitlines()
    assert tuple(table[0].split()) == COLUMNS
    asked_for = {one.metric for one in read_study("first-look").estimands}
    shown = {line.split()[0].rstrip(",") for line in table[1:] if not line.startswith(" ")}
    assert len(shown) >= 5 and shown <= asked_for
