import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from feedtwin.errors import RunFolderError
from feedtwin.record.folder import RunFolder, read_manifest
from feedtwin.record.journal import read_journal

HOLD = """
import sys, time
from pathlib import Path
from feedtwin.record.folder import RunFolder
folder = RunFolder.open(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""

DIE = """
import os, signal, sys
from pathlib import Path
from feedtwin.record import folder
folder.sync_folder = lambda _: os.kill(os.getpid(), signal.SIGKILL)
folder.RunFolder.create(Path(sys.argv[1]), {"seed": 7}, {})
"""


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_folder_that_exists_has_a_manifest_and_a_journal(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "deep/run", {"seed": 7}, {"users": 3}) as folder:
        assert folder.read_manifest() == {"seed": 7}
        assert read_journal(folder.journal_path)[0].payload == {"users": 3}
        assert folder.snapshot_path(24) == tmp_path / "deep/run/snapshots/24.safetensors"
    assert names(tmp_path / "deep") == ["run"]


@pytest.mark.parametrize("what", ["run", "folder", "file"])
def test_an_output_path_that_exists_is_refused_and_untouched(tmp_path: Path, what: str) -> None:
    path = tmp_path / "out"
    if what == "run":
        RunFolder.create(path, {"seed": 7}, {}).close()
    elif what == "folder":
        path.mkdir()
    else:
        path.write_text("mine")
    with pytest.raises(RunFolderError, match="Choose another --out") as caught:
        RunFolder.create(path, {"seed": 8}, {})
    assert ("feedtwin resume" in str(caught.value)) is (what == "run")
    assert names(tmp_path) == ["out"]
    if what == "run":
        assert read_manifest(path) == {"seed": 7}


def test_a_crash_while_creating_leaves_no_folder_and_no_hindrance(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DIE, str(tmp_path / "run")], check=False)
    assert died.returncode == -signal.SIGKILL
    assert names(tmp_path) == [".run.partial"]
    RunFolder.create(tmp_path / "run", {"seed": 8}, {}).close()
    assert names(tmp_path) == ["run"]
    assert read_manifest(tmp_path / "run") == {"seed": 8}


def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunFolderError, match=r"Permission denied.*grant write permission"):
        RunFolder.create(tmp_path / "run", {}, {})
    assert names(tmp_path) == []


def test_a_second_writer_is_refused_at_once_and_a_dead_one_does_not_hinder(
    run_factory: Callable[..., Path],
) -> None:
    path = run_factory()
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(RunFolderError, match=f"process {holder.pid} is writing this run"):
                RunFolder.open(path)
        finally:
            holder.kill()
    RunFolder.open(path).close()


def test_the_lock_of_a_closed_folder_is_free(run_factory: Callable[..., Path]) -> None:
    path = run_factory()
    with RunFolder.open(path), pytest.raises(RunFolderError, match="is writing this run"):
        RunFolder.open(path)
    RunFolder.open(path).close()


def test_a_manifest_is_replaced_whole_or_not_at_all(
    run_factory: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run_factory()
    with RunFolder.open(path) as folder:
        folder.write_manifest({"seed": 7, "digest": "aa"})
        before = names(path)

        def refuse(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            with pytest.raises(RunFolderError, match="free some disk space"):
                folder.write_manifest({"seed": 8})
        assert folder.read_manifest() == {"seed": 7, "digest": "aa"}
        assert names(path) == before


def test_a_path_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no such folder"):
        RunFolder.open(tmp_path / "nothing")
    with pytest.raises(RunFolderError, match="no journal in it"):
        RunFolder.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"manifest\.json: cannot read"):
        read_manifest(tmp_path)
