"""One append-only Arrow IPC stream file, and reading or checking the committed prefix of one.

The file is a schema message followed by record batches, without an end marker: a reader takes the end of
the file (or of the committed prefix) as the end of the stream. After a resume no second schema message is
written, so a resumed file has the bytes of an uninterrupted one. Nothing is compressed: LZ4 saved a third of
the bytes and cost four times the processor time, and closing compresses anyway.
"""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import xxhash

from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.record.durable import folder_error, sync, write_all

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX = ".arrows"
_READ_BYTES = 1 << 22
_SMALL_BYTES = (
    1 << 16
)  # below this average, a record batch's own header would weigh and slow readers


class Mark(TypedDict):
    """How far a stream reached at a commit: bytes, rows, and XXH3-128 of all bytes up to there."""

    bytes: int
    rows: int
    hash: str


Marks = dict[str, Mark]


class Stream:
    """Writes one stream file; not thread-safe, one thread at a time calls it."""

    def __init__(self, path: Path, schema: "pa.Schema", fd: int) -> None:
        self.path = path
        self.schema = schema
        self._fd = fd
        self._hash = xxhash.xxh3_128()
        self._bytes = 0
        self._rows = 0
        self._schema_message = schema.serialize().to_pybytes()

    @classmethod
    def create(cls, path: Path, schema: "pa.Schema") -> "Stream":
        """Start an empty stream, replacing a file of that name."""
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        except OSError as error:
            raise folder_error(path, error) from error
        stream = cls(path, schema, fd)
        stream._put(stream._schema_message, 0)
        return stream

    @classmethod
    def resume(cls, path: Path, schema: "pa.Schema", mark: Mark) -> "Stream":
        """Truncate to a mark and go on from there.

        Raises:
            IntegrityError: the file is shorter than the mark, or its bytes up to there changed.
        """
        digest = _hash_prefix(path, mark)
        with path.open("rb") as file:
            schema_message = schema.serialize().to_pybytes()
            if file.read(len(schema_message)) != schema_message:
                raise IntegrityError(
                    f"{path}: its columns differ from this version's {schema.names}; expected a run "
                    "of the same version. Resume with the version named in manifest.json."
                )
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND)
            os.ftruncate(fd, mark["bytes"])
        except OSError as error:
            raise folder_error(path, error) from error
        stream = cls(path, schema, fd)
        stream._hash, stream._bytes, stream._rows = digest, mark["bytes"], mark["rows"]
        return stream

    def write(self, messages: Sequence["pa.Buffer"]) -> None:
        """Append serialised record batches; small ones are first put together into one."""
        import pyarrow as pa

        size = sum(message.size for message in messages)
        if len(messages) > 1 and size < _SMALL_BYTES * len(messages):
            batches = [pa.ipc.read_record_batch(message, self.schema) for message in messages]
            messages = [pa.concat_batches(batches).serialize()]
        for message in messages:
            rows = pa.ipc.read_record_batch(message, self.schema).num_rows
            self._put(memoryview(message), rows)

    def mark(self) -> Mark:
        """How far the file reaches now."""
        return {"bytes": self._bytes, "rows": self._rows, "hash": self._hash.hexdigest()}

    def sync(self) -> None:
        """Have the disk acknowledge the file."""
        sync(self._fd, self.path)

    def release(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _put(self, data: bytes | memoryview, rows: int) -> None:
        write_all(self._fd, data, self.path)
        self._hash.update(data)
        self._bytes += memoryview(data).nbytes
        self._rows += rows


class _Prefix(io.RawIOBase):
    """The first `end` bytes of a file, as a file."""

    def __init__(self, path: Path, end: int) -> None:
        self._file = path.open("rb")
        self._left = end

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


def open_prefix(path: Path, end: int) -> Any:
    """A `pyarrow.RecordBatchStreamReader` over the first `end` bytes of a stream file.

    Raises:
        IntegrityError: those bytes are no Arrow stream.
        RunFolderError: the file is missing.
    """
    import pyarrow as pa

    try:
        return pa.ipc.open_stream(_Prefix(path, end))
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot read: {error.strerror or error}; expected an event stream. "
            "Check that the run was made with --log full."
        ) from error
    except pa.ArrowInvalid as error:
        raise damaged(path, "record 0 (the schema)") from error


def damaged(path: Path, record: str) -> IntegrityError:
    """The error for bytes that are not those that were written."""
    return IntegrityError(
        f"{path}: {record}: content and hash disagree; expected the bytes that were written. "
        "The file was altered: restore it from a copy, or run again (the journal suffices)."
    )


def verify_streams(folder: Path, commits: Mapping[int, Mapping[str, Mark]]) -> None:
    """Compare every committed byte of the open streams with the hashes in the journal.

    Args:
        folder: the run's `events` folder.
        commits: marks by step, in order of steps (from the journal's commit records).

    Raises:
        IntegrityError: names the file and the first step whose bytes changed.
    """
    names = sorted({name for marks in commits.values() for name in marks})
    for name in names:
        marks = [(step, found[name]) for step, found in commits.items() if name in found]
        _verify_stream(folder / f"{name}{SUFFIX}", marks)


def _verify_stream(path: Path, marks: Sequence[tuple[int, Mark]]) -> None:
    digest = xxhash.xxh3_128()
    done = 0
    try:
        with path.open("rb") as file:
            for step, mark in marks:
                while done < mark["bytes"]:
                    data = file.read(min(_READ_BYTES, mark["bytes"] - done))
                    if not data:
                        raise _too_short(path, f"step {step}", done, mark["bytes"])
                    digest.update(data)
                    done += len(data)
                if digest.hexdigest() != mark["hash"]:
                    raise damaged(path, f"record of step {step}")
    except OSError as error:
        raise _unreadable(path, error) from error


def _hash_prefix(path: Path, mark: Mark) -> "xxhash.xxh3_128":
    digest = xxhash.xxh3_128()
    left = mark["bytes"]
    try:
        with path.open("rb") as file:
            while left:
                data = file.read(min(_READ_BYTES, left))
                if not data:
                    raise _too_short(path, "last commit", mark["bytes"] - left, mark["bytes"])
                digest.update(data)
                left -= len(data)
    except OSError as error:
        raise _unreadable(path, error) from error
    if digest.hexdigest() != mark["hash"]:
        raise damaged(path, f"a record within the first {mark['rows']} rows")
    return digest


def check_prefix(path: Path, mark: Mark) -> None:
    """Compare the bytes up to a mark with its hash; IntegrityError names the file."""
    _hash_prefix(path, mark)


def _too_short(path: Path, record: str, found: int, expected: int) -> IntegrityError:
    return IntegrityError(
        f"{path}: record of {record}: the file ends at byte {found}, expected {expected}. "
        "Committed events are missing: restore the file from a copy, or run again."
    )


def _unreadable(path: Path, error: OSError) -> IntegrityError:
    return IntegrityError(
        f"{path}: record 0: cannot read: {error.strerror or error}; expected the event stream that the "
        "journal names. Restore it from a copy, or run again."
    )
