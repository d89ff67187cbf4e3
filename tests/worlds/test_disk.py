"""A disk that refuses: a clear error, a folder that can be resumed, and nothing half-written."""

import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from feedtwin.errors import RunFolderError
from feedtwin.record import closed
from feedtwin.record.reader import Run
from feedtwin.world import snapshot
from feedtwin.world.running import RunOptions, resume, start

# The system refuses any file to grow beyond the limit, as a full disk does; what died is resumed without.
CHILD = """
import json, resource, sys
from pathlib import Path
from feedtwin.errors import FeedtwinError
from feedtwin.kernels.binding import load
from feedtwin.schema.settings import Settings
from feedtwin.world.running import RunOptions, start
settings, path, log, limit = sys.argv[1:]
from feedtwin.world.build import build
settings = Settings.model_validate(json.loads(settings))
build(settings, load("auto")).step()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
try:
    start(settings, Path(path), RunOptions(6, log, 2), load("auto"))
except FeedtwinError as error:
    print(type(error).__name__, error)
    sys.exit(3)
"""


def _run(settings, path, log, limit):
    command = [
        sys.executable,
        "-c",
        CHILD,
        json.dumps(settings.model_dump()),
        str(path),
        log,
        str(limit),
    ]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def truth(lab, kernels, tmp_path_factory):
    path = tmp_path_factory.mktemp("truth") / "run"
    return start(lab.tiny(users=50), path, RunOptions(6, "full", 2), kernels)


@pytest.mark.parametrize(("log", "kilobytes"), [("full", 1), ("full", 40), ("digest", 14)])
def test_a_full_disk_stops_a_run_with_a_clear_error_and_it_can_be_resumed(
    lab, kernels, truth, tmp_path, log, kilobytes
):
    path = tmp_path / "run"
    died = _run(lab.tiny(users=50), path, log, kilobytes * 1024)
    assert died.returncode == 3, died.stderr[-2000:]
    assert died.stdout.startswith(f"RunFolderError {path}")
    assert any(word in died.stdout for word in ("cannot write", "disk space"))
    assert list(path.rglob("*.partial")) == []
    if not path.exists():
        assert "Nothing was written" in died.stdout
        assert list(tmp_path.iterdir()) == []
        return
    assert "feedtwin resume" in died.stdout
    finished = resume(path, kernels)
    assert finished.digest == truth.digest
    run = Run.open(path)
    run.verify()
    if log == "full":
        theirs = lab.tables(truth.path)
        assert all(table.equals(theirs[name]) for name, table in lab.tables(path).items())


def test_a_folder_that_cannot_be_made_is_said_and_nothing_is_left(lab, kernels, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RunFolderError, match="file"):
        start(lab.tiny(users=50), tmp_path / "file" / "run", RunOptions(2), kernels)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_said(lab, kernels, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(RunFolderError, match="permission"):
        start(lab.tiny(users=50), tmp_path / "closed" / "run", RunOptions(2), kernels)


@pytest.mark.parametrize("content", ["nothing", "a file", "a run", "a dangling link"])
def test_a_path_that_exists_is_refused_and_left_alone(
    lab, kernels, straight, copied, tmp_path, content
):
    path = tmp_path / "out"
    if content == "a run":
        path = copied(straight.path)
    elif content == "a dangling link":
        path.symlink_to(tmp_path / "nowhere")
    else:
        path.mkdir()
        if content == "a file":
            (path / "mine.txt").write_text("precious")
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    with pytest.raises(RunFolderError, match="already"):
        start(lab.tiny(users=50), path, RunOptions(2), kernels)
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before
    assert not (tmp_path / "nowhere").exists()


@pytest.fixture
def small_files():
    """The system refuses to let a file grow beyond 20 KB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_snapshot_that_does_not_fit_is_said_and_leaves_nothing(tmp_path, small_files):
    noise = np.arange(10_000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    with pytest.raises(RunFolderError, match=r"5\.safetensors: cannot write: File too large"):
        snapshot.save(tmp_path / "5.safetensors", {"noise": noise}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_only_at_the_close_leaves_a_run_to_close(
    lab, kernels, truth, tmp_path, monkeypatch
):
    path = tmp_path / "run"

    def full(target, reader):
        if target.name.startswith(".VIDEO_WATCHED"):
            raise OSError(28, "No space left on device")
        return write(target, reader)

    write = closed._write_parquet
    with monkeypatch.context() as patch, pytest.raises(RunFolderError, match="free some disk"):
        patch.setattr(closed, "_write_parquet", full)
        start(lab.tiny(users=50), path, RunOptions(6, "full", 2), kernels)
    assert resume(path, kernels).digest == truth.digest
    index = "events/index.json"
    assert (path / index).read_bytes() == (truth.path / index).read_bytes()
