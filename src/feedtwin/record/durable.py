"""Writing files so that a crash leaves either the old content or the new, never a mixture."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

from feedtwin.errors import RunFolderError

_ADVICE = {
    errno.ENOSPC: "free some disk space",
    errno.EDQUOT: "free some disk space or raise the quota",
    errno.EFBIG: "raise the file size limit (ulimit -f)",
    errno.EACCES: "grant write permission on the run folder",
    errno.EPERM: "grant write permission on the run folder",
    errno.EROFS: "remount the disk for writing",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "raise the limit on open files (ulimit -n)",
}


def folder_error(path: Path, error: OSError, *, run_exists: bool = True) -> RunFolderError:
    """Turn an operating-system error into one that says where it happened and what to do."""
    advice = _ADVICE.get(error.errno or 0, "mend the cause")
    reason = error.strerror or str(error)
    if run_exists:
        next_step = f"Nothing committed is lost: {advice}, then continue with `feedtwin resume`."
    else:
        next_step = f"Nothing was written: {advice} or choose another --out, then run again."
    return RunFolderError(f"{path}: cannot write: {reason}; expected to be able to. {next_step}")


def canonical_json(value: object) -> bytes:
    """One byte string per value: sorted keys, no spaces, ASCII, no NaN or infinity."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode("ascii")


def write_all(fd: int, data: bytes | memoryview, path: Path) -> None:
    """Write every byte of `data`, whatever the size of the pieces the system takes.

    Raises:
        RunFolderError: the disk is full, the file is read-only, ...
    """
    view = memoryview(data)
    try:
        while view.nbytes:
            view = view[os.write(fd, view) :]
    except OSError as error:
        raise folder_error(path, error) from error


def sync(fd: int, path: Path) -> None:
    """Have the disk acknowledge what was written to `fd`."""
    try:
        os.fsync(fd)
    except OSError as error:
        raise folder_error(path, error) from error


def sync_folder(folder: Path) -> None:
    """Have the disk acknowledge the names in `folder` (new, renamed and removed files)."""
    try:
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise folder_error(folder, error) from error


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then sync it and give it its name.

    Raises:
        RunFolderError: the system refused; `path` is as it was and the temporary file is gone.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        write(temporary)
        fd = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise folder_error(path, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_bytes(path: Path, data: bytes) -> None:
    """Give `path` the content `data`, atomically and durably."""
    replace_file(path, lambda temporary: _write_bytes(temporary, data))


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)
