"""Reading totals and tables of runs: closed, open, forked, and cut to common steps."""

from pathlib import Path

import pytest

import feedtwin
from feedtwin.errors import RunFolderError
from feedtwin.lab.launch import fresh_path, numbered
from feedtwin.lab.machine import memory_bytes, usable_cores
from feedtwin.lab.run_data import common_steps, read_run
from feedtwin.record.folder import read_manifest
from feedtwin.schema.settings import resolve


def test_increments_add_up_and_levels_do_not(run_folder):
    whole = read_run(run_folder)
    first, second = read_run(run_folder, range(13)), read_run(run_folder, range(13, 26))
    assert first["impressions"] + second["impressions"] == whole["impressions"] > 0
    assert whole["active_users"] == second["active_users"] <= 150
    assert whole.steps == 26 and second.first_step == 13


def test_steps_that_end_early_leave_the_closing_tables_out(run_folder):
    assert not read_run(run_folder, range(13)).is_closed
    assert read_run(run_folder, range(13, 26)).is_closed


def test_a_fork_says_from_where_it_counts(run_folder, tmp_path):
    kernels = feedtwin.load_kernels()
    feedtwin.fork(run_folder, 20, tmp_path / "fork", (), None, "digest", kernels)
    data = read_run(tmp_path / "fork")
    assert data.first_step == 20 and data.steps == 6
    assert any("step 20" in note for note in data.notes)
    assert data["impressions"] == read_run(run_folder, range(20, 26))["impressions"]
    assert common_steps(run_folder, tmp_path / "fork") == range(20, 26)


def test_reading_what_is_no_run_says_so(tmp_path):
    with pytest.raises(RunFolderError, match="no such folder"):
        read_run(tmp_path / "nothing")


def test_a_fresh_name_says_world_seed_and_replicate_and_never_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = resolve("synthetic", 10, seed=3, replicate=2)
    assert fresh_path(settings) == Path("runs/synthetic-s3-r2")
    Path("runs/synthetic-s3-r2").mkdir(parents=True)
    Path("runs/synthetic-s3-r2-2").mkdir()
    assert fresh_path(settings) == numbered(Path("runs/synthetic-s3-r2"))
    assert fresh_path(settings).name == "synthetic-s3-r2-3"


def test_the_machine_has_a_core_and_some_memory():
    assert usable_cores() >= 1
    assert memory_bytes() is None or memory_bytes() > 2**20


def test_people_who_never_joined_are_not_counted(tmp_path):
    """Prospects and the vacant rows before them have rows in the table, and none in the data."""
    sets = ["population.prospects=30", "user.signup_rate=0.5", "user.leave_rate=0.1"]
    feedtwin.run(
        "synthetic", users=60, steps=26, seed=3, sets=sets, out=tmp_path / "run", threads=1
    )
    data = read_run(tmp_path / "run")
    users = data.users
    assert data["signups"] > 3 and data["departures"] > 0
    assert len(users["user"]) == 60 + data["signups"]
    assert set(users["member"].tolist()) == {1, 2}
    assert (users["user"] >= 4096).sum() == data["signups"]
    assert read_manifest(tmp_path / "run")["users"] == 60
