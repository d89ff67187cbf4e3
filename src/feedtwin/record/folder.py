"""The run folder: where each file of a run lies, who may write it, and its manifest."""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Final, Self

from feedtwin.errors import RunFolderError
from feedtwin.record.durable import folder_error, replace_bytes, sync_folder
from feedtwin.record.journal import Journal

CACHE: Final = "llm-cache"
"""Name of the folder with answers of language models, beside the run folders."""

STOPPED: Final = "stopped"
"""Key of a manifest that says why the run stopped before its end; absent while it runs, and once it is finished."""


class RunFolder:
    """A run folder held by this process: it has the lock until `close` or its death.

    It appears whole: it is filled under a hidden name beside its place and then renamed, so a folder that
    exists has a manifest and a journal with its header, and can be resumed.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def create(cls, path: Path, manifest: Mapping[str, Any], header: Mapping[str, Any]) -> Self:
        """Make the folder with its manifest and the journal's header record, and lock it.

        Args:
            path: a path that must not exist; missing parents are made.
            manifest: first content of manifest.json.
            header: payload of the journal's header record.

        Raises:
            RunFolderError: it exists already, or cannot be written.
        """
        refuse_existing(path)
        staging = path.with_name(f".{path.name}.partial")
        try:
            staging.mkdir(parents=True, exist_ok=True)
            lock = _lock(staging)
        except OSError as error:
            raise folder_error(path, error, run_exists=False) from error
        folder = cls(staging, lock)
        try:
            folder._fill(path, manifest, header)
        except BaseException as error:
            shutil.rmtree(staging, ignore_errors=True)
            folder.close()
            if isinstance(error.__cause__, OSError):
                raise folder_error(path, error.__cause__, run_exists=False) from error
            raise
        return cls(path, lock)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Take the lock of an existing run, to resume it.

        Raises:
            RunFolderError: there is no run, or another process holds it.
        """
        require_run(path)
        try:
            return cls(path, _lock(path))
        except OSError as error:
            raise folder_error(path, error) from error

    @property
    def manifest_path(self) -> Path:
        """What the run is: settings, versions, final digest."""
        return self.path / "manifest.json"

    @property
    def journal_path(self) -> Path:
        """The journal."""
        return self.path / "journal"

    @property
    def events(self) -> Path:
        """Folder of the event log."""
        return self.path / "events"

    @property
    def registry_path(self) -> Path:
        """The registry."""
        return self.path / "registry.sqlite"

    @property
    def snapshots(self) -> Path:
        """Folder of snapshots, one file per step that has one."""
        return self.path / "snapshots"

    @property
    def tables(self) -> Path:
        """Folder of the closing tables (users, items, step_metrics)."""
        return self.path / "tables"

    def tables_at(self, steps: int) -> Path:
        """Folder of the tables of users and items as they were after so many steps."""
        return self.path / tables_at(steps)

    def snapshot_path(self, step: int) -> Path:
        """Where the snapshot after a step lies."""
        return self.snapshots / f"{step}.safetensors"

    def read_manifest(self) -> dict[str, Any]:
        """The manifest as it is now."""
        return read_manifest(self.path)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replace the manifest, atomically and durably."""
        write_manifest(self.path, manifest)

    def close(self) -> None:
        """Give up the lock; the death of the process does so too."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _fill(self, target: Path, manifest: Mapping[str, Any], header: Mapping[str, Any]) -> None:
        """Fill the staging folder (self.path) and rename it to its place."""
        try:
            for leftover in self.path.iterdir():
                if leftover.name == "journal":
                    leftover.unlink()
            for part in (self.events, self.snapshots, self.tables):
                part.mkdir(exist_ok=True)
        except OSError as error:
            raise folder_error(target, error) from error
        self.write_manifest(manifest)
        Journal.create(self.journal_path, header).release()
        sync_folder(self.path)
        refuse_existing(target)
        try:
            self.path.rename(target)
        except OSError as error:
            raise folder_error(target, error) from error
        sync_folder(target.parent)


def tables_at(steps: int) -> str:
    """Name within a run folder of the tables as they were after so many steps."""
    return f"tables-at/{steps}"


def refuse_existing(path: Path) -> None:
    """Raise RunFolderError if something is at `path` already."""
    if path.exists() or path.is_symlink():
        what = "a run" if (path / "journal").exists() else "something that is not a run"
        advice = "Choose another --out"
        if what == "a run":
            advice += f", or continue this run with `feedtwin resume {path}`"
        raise RunFolderError(
            f"{path}: holds {what} already; expected a path that does not exist. {advice}."
        )


def refuse_unwritable(path: Path) -> None:
    """Raise RunFolderError if nothing can be written at or below a folder, which need not exist; nothing is left behind.

    A file is made in the nearest folder that is there and removed at once: permissions alone do not say what a disk takes.
    """
    _try_to_write(path, path)


def refuse_unwritable_file(path: Path) -> None:
    """Raise RunFolderError if no file can be put at `path`; one that is there may be replaced."""
    if path.is_dir():
        raise RunFolderError(f"{path}: is a folder; expected a place for a file. Give another")
    _try_to_write(path, path.parent)


def _try_to_write(path: Path, folder: Path) -> None:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be written: {folder}: {error.strerror}; expected a place that can be written. Give another"
        ) from None


def require_run(path: Path) -> None:
    """Raise RunFolderError unless `path` is a run folder."""
    if not (path / "journal").is_file():
        found = "no journal in it" if path.is_dir() else "no such folder"
        raise RunFolderError(
            f"{path}: {found}; expected a run folder made by `feedtwin run`. Check the path."
        )


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the run folder at `path`.

    Raises:
        RunFolderError: it is missing or not JSON.
    """
    file = path / "manifest.json"
    try:
        return dict(json.loads(file.read_bytes()))
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"{file}: cannot read: {error}; expected the JSON manifest of a run. "
            "Check the path, or restore the file: nothing makes it again."
        ) from error


def write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Replace the manifest of the run folder at `path`, atomically and durably."""
    text = json.dumps(dict(manifest), indent=2, sort_keys=True, allow_nan=False)
    replace_bytes(path / "manifest.json", text.encode() + b"\n")


def _lock(folder: Path) -> int:
    """Hold `folder`'s lock file; the system drops the lock when the process ends, however it ends."""
    path = folder / "lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise RunFolderError(
            f"{path}: process {holder} is writing this run; expected no other writer. "
            "Wait for it or stop it, then try again. Reading needs no lock."
        ) from error
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode("ascii"), 0)
    return fd
