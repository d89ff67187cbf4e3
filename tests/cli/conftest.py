"""The command line, called in this process or in one of its own, in a folder of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feedtwin.cli import app
from feedtwin.cli.terminal import console

SMALL = ("synthetic", "--users", "120", "--seed", "5")


class Cli:
    """Calls commands in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, *words, status=0):
        """Call a command in this process and check its exit status."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            console.cache_clear()  # a command of its own process looks at its own terminal
            result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, (result.exit_code, result.stdout, result.stderr)
        return result

    def json(self, *words, status=0):
        """Call a command with --json; standard output is one document, standard error is empty."""
        result = self(*words, "--json", status=status)
        assert result.stderr == ""
        return json.loads(result.stdout)

    def process(self, *words, **options):
        """Start a command as a process."""
        return subprocess.Popen(
            [sys.executable, "-m", "feedtwin", *(str(word) for word in words)], cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
        )  # fmt: skip


@pytest.fixture(scope="session")
def cli_in():
    """Make a command line that works in a folder."""
    return Cli


@pytest.fixture
def cli(tmp_path):
    return Cli(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run `a` of six steps, and what making it printed; tests add folders of their own."""
    made = Cli(tmp_path_factory.mktemp("cli"))
    made.printed = made("run", *SMALL, "--steps", "6", "--out", "a").stdout
    return made
