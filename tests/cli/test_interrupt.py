"""Ctrl-C: the run stops at a step, says how to go on, and goes on to the same end."""

import json
import shlex
import signal
from time import monotonic, sleep

import pytest

from feedtwin.errors import FeedtwinError
from feedtwin.record.reader import Run

WORLD = ("synthetic", "--users", "120", "--seed", "5", "--steps", "60", "--threads", "1")


def wait_for_step(folder, step, process):
    deadline = monotonic() + 120
    while monotonic() < deadline and process.poll() is None:
        try:
            if Run.open(folder).last_step >= step:
                return
        except FeedtwinError:
            pass  # not there yet
        sleep(0.01)
    pytest.fail("the run ended before it was interrupted")


def test_ctrl_c_stops_at_a_step_and_resume_reaches_the_digest_of_the_whole_run(cli):
    process = cli.process("run", *WORLD, "--out", "stopped")
    wait_for_step(cli.folder / "stopped", 3, process)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    command = stderr.strip().splitlines()[-1].partition("to go on: ")[2]
    assert command == "feedtwin resume stopped"
    assert "What happened in" in stdout

    run = Run.open(cli.folder / "stopped")
    assert 3 <= run.last_step < 59
    assert (cli.folder / "stopped" / "snapshots" / f"{run.last_step}.safetensors").exists()

    resumed = cli.json(*shlex.split(command)[1:])
    whole = cli.json("run", *WORLD, "--out", "whole")
    assert resumed["digest"] == whole["digest"]
    assert resumed["encounters"] == whole["encounters"]
    assert resumed["metrics"] == whole["metrics"]


def test_an_interrupted_run_with_json_still_prints_one_document(cli):
    process = cli.process("run", *WORLD, "--out", "stopped", "--json")
    wait_for_step(cli.folder / "stopped", 1, process)
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    found = json.loads(stdout)
    assert process.returncode == 130 and found["interrupted"] is True
    assert found["steps_done"] == Run.open(cli.folder / "stopped").last_step + 1
    assert "watch_s" in found["metrics"] and "view_gini_videos" not in found["metrics"]
