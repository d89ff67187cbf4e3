"""The journal: settings, inputs and step commits; append-only, hash-chained, synced at every commit.

One frame is a header, a payload and a hash:

    magic "FTJ1" | kind u1 | 3 zero bytes | payload length u4 | sequence u8 | CRC-32 of the 20 bytes before
    payload: canonical JSON
    SHA-256 of (hash of the previous frame, header, payload); 32 zero bytes stand before the first frame

The CRC tells a damaged length (an error) from a file that ends too early (a torn tail, which a kill or a
power cut leaves). The chain makes every frame vouch for all frames before it.
"""

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.record.durable import canonical_json, folder_error, sync, sync_folder, write_all

MAGIC = b"FTJ1"
KINDS = ("header", "input", "segment", "commit", "closed")

_PREFIX = struct.Struct("<4sB3xIQ")
_HEADER_BYTES = _PREFIX.size + 4
_HASH_BYTES = 32
_FIRST_PREVIOUS = bytes(_HASH_BYTES)


@dataclass(frozen=True, slots=True)
class Frame:
    """One record of the journal.

    Attributes:
        sequence: 0 for the first record.
        kind: one of `KINDS`.
        payload: the decoded JSON object.
        start: offset of its first byte in the file.
        end: offset after its last byte.
        hash: SHA-256 that vouches for it and all records before it.
    """

    sequence: int
    kind: str
    payload: dict[str, Any] = field(hash=False)
    start: int
    end: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Recovery:
    """What recovery found: where the sound part ends and what was dropped behind it.

    Attributes:
        records: sound records kept.
        dropped_bytes: bytes of the torn tail that were cut; 0 for a clean file.
        reason: one sentence; empty for a clean file.
        last_step: step of the last commit, None before the first.
    """

    records: int
    dropped_bytes: int
    reason: str
    last_step: int | None


class _TornError(Exception):
    """The file ends inside, or with a half-written, last frame."""


class Journal:
    """A journal open for appending; one writer at a time (the run folder's lock sees to that)."""

    def __init__(self, path: Path, fd: int, *, sequence: int, previous: bytes, size: int) -> None:
        self.path = path
        self._fd = fd
        self._sequence = sequence
        self._previous = previous
        self._size = size

    @classmethod
    def create(cls, path: Path, header: Mapping[str, Any]) -> Self:
        """Start a journal with its header record, synced.

        Args:
            path: a file that must not exist.
            header: settings, code and parameter hashes, versions; JSON values only.

        Raises:
            RunFolderError: the file exists or cannot be written.
        """
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        except FileExistsError as error:
            raise RunFolderError(
                f"{path}: a journal exists already; expected none. Continue it with "
                "`feedtwin resume`, or choose another --out."
            ) from error
        except OSError as error:
            raise folder_error(path, error) from error
        journal = cls(path, fd, sequence=0, previous=_FIRST_PREVIOUS, size=0)
        journal._append("header", dict(header))
        journal.sync()
        sync_folder(path.parent)
        return journal

    @classmethod
    def recover(cls, path: Path) -> tuple[Self, list[Frame], Recovery]:
        """Open for appending after any end, clean or not; cut only a torn tail.

        Returns:
            The journal, its sound records, and what was dropped (report it; nothing is mended silently).

        Raises:
            IntegrityError: a record was altered, or the header record is not whole.
            RunFolderError: the file is missing or cannot be written.
        """
        data = _read(path)
        frames, torn = _scan(data, path)
        if not frames:
            raise IntegrityError(
                f"{path}: record 0: {torn or 'the file is empty'}; expected the header record. "
                "Nothing was committed yet: start the run again."
            )
        end = frames[-1].end
        try:
            fd = os.open(path, os.O_RDWR | os.O_APPEND)
            if end < len(data):
                os.ftruncate(fd, end)
                os.fsync(fd)
        except OSError as error:
            raise folder_error(path, error) from error
        commits = [frame for frame in frames if frame.kind == "commit"]
        report = Recovery(
            records=len(frames),
            dropped_bytes=len(data) - end,
            reason=torn,
            last_step=int(commits[-1].payload["step"]) if commits else None,
        )
        last = frames[-1]
        return (
            cls(path, fd, sequence=last.sequence + 1, previous=last.hash, size=end),
            frames,
            report,
        )

    def append_input(self, step: int, name: str, payload: Mapping[str, Any]) -> None:
        """Record what settings and seed do not determine, before it is used.

        It survives the death of the process at once and a power cut from the next commit (or `sync`) on.
        """
        self._append("input", {"step": step, "name": name, "payload": dict(payload)})

    def append_segment(self, from_step: int, settings: Mapping[str, Any]) -> None:
        """Record settings that hold from a step on (a fork, an intervention)."""
        self._append("segment", {"from_step": from_step, "settings": dict(settings)})

    def commit(
        self,
        step: int,
        digest: str,
        *,
        rounds: int = 0,
        streams: Mapping[str, Mapping[str, object]] | None = None,
        batches: int = 0,
    ) -> None:
        """Commit a step: once this returns, the step survives a kill and a power cut.

        Args:
            step: the step that ended.
            digest: its digest, hexadecimal.
            rounds: rounds of delivery the step took.
            streams: `EventLog.marks()`, taken before.
            batches: event batches published since the start of the run.
        """
        payload = {
            "step": step,
            "digest": digest,
            "rounds": rounds,
            "streams": {name: dict(mark) for name, mark in (streams or {}).items()},
            "batches": batches,
        }
        self._append("commit", payload)
        self.sync()

    def close(
        self, digest: str, *, index: str = "", outputs: Mapping[str, str] | None = None
    ) -> None:
        """Record the end of the run, synced, and release the file.

        Args:
            digest: final digest, hexadecimal.
            index: what `EventLog.close` returned, so that the closed log is vouched for too.
            outputs: SHA-256 of other files by their path in the run folder.
        """
        closing = {"digest": digest, "index": index, "outputs": dict(outputs or {})}
        self._append("closed", closing)
        self.sync()
        self.release()

    def release(self) -> None:
        """Close the file and leave the run open, to be recovered later."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def sync(self) -> None:
        """Have the disk acknowledge every record appended so far."""
        sync(self._fd, self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _append(self, kind: str, payload: dict[str, Any]) -> None:
        assert self._fd >= 0, "the journal was released"
        body = canonical_json(payload)
        header = _pack_header(kind, len(body), self._sequence)
        digest = hashlib.sha256(self._previous + header + body).digest()
        frame = header + body + digest
        try:
            write_all(self._fd, frame, self.path)
        except RunFolderError:
            # A half-written frame would sit between good ones if the caller tried again.
            os.ftruncate(self._fd, self._size)
            raise
        self._sequence += 1
        self._previous = digest
        self._size += len(frame)


def read_journal(path: Path, strict: bool = True) -> list[Frame]:
    """All records of a journal, without changing it.

    Args:
        path: the journal.
        strict: also refuse a torn tail and an empty file; otherwise the tail is left out.

    Raises:
        IntegrityError: a record was altered; names the file and the record's number.
        RunFolderError: the file is missing or unreadable.
    """
    data = _read(path)
    frames, torn = _scan(data, path)
    if strict and (torn or not frames):
        raise IntegrityError(
            f"{path}: record {len(frames)}: {torn or 'the file is empty'}; expected a whole record. "
            "If the run was interrupted, `feedtwin resume` cuts the torn tail and goes on."
        )
    return frames


def commits(frames: Sequence[Frame]) -> dict[int, Frame]:
    """Commit records by step, in order of steps."""
    return {int(frame.payload["step"]): frame for frame in frames if frame.kind == "commit"}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot read the journal: {error.strerror}; expected a run folder made by "
            "`feedtwin run`. Check the path."
        ) from error


def _pack_header(kind: str, length: int, sequence: int) -> bytes:
    prefix = _PREFIX.pack(MAGIC, KINDS.index(kind), length, sequence)
    return prefix + zlib.crc32(prefix).to_bytes(4, "little")


def _scan(data: bytes, path: Path) -> tuple[list[Frame], str]:
    """Sound frames from the start, and why the tail was left out (empty when there is none)."""
    frames: list[Frame] = []
    previous, offset = _FIRST_PREVIOUS, 0
    while offset < len(data):
        try:
            frame = _parse(data, offset, len(frames), previous, path)
        except _TornError as torn:
            return frames, str(torn)
        frames.append(frame)
        previous, offset = frame.hash, frame.end
    return frames, ""


def _parse(data: bytes, offset: int, number: int, previous: bytes, path: Path) -> Frame:
    header = data[offset : offset + _HEADER_BYTES]
    kind, length = _parse_header(header, data, offset, number, path)
    end = offset + _HEADER_BYTES + length + _HASH_BYTES
    if end > len(data):
        raise _TornError(f"the file ends {end - len(data)} bytes inside the record")
    body = data[offset + _HEADER_BYTES : end - _HASH_BYTES]
    found = data[end - _HASH_BYTES : end]
    if hashlib.sha256(previous + header + body).digest() != found:
        if end == len(data):
            raise _TornError("the last record does not have the content its hash says")
        raise IntegrityError(
            f"{path}: record {number} ({kind}): content and hash disagree; expected the bytes that "
            "were written. The file was altered: restore it from a copy, or run again."
        )
    payload = json.loads(body)
    return Frame(number, kind, payload, offset, end, found)


def _parse_header(
    header: bytes, data: bytes, offset: int, number: int, path: Path
) -> tuple[str, int]:
    if len(header) < _HEADER_BYTES:
        raise _TornError("the file ends inside the record's header")
    prefix = header[: _PREFIX.size]
    magic, kind, length, sequence = _PREFIX.unpack(prefix)
    sound = zlib.crc32(prefix).to_bytes(4, "little") == header[_PREFIX.size :]
    if not sound and not any(data[offset + _HEADER_BYTES :]):
        # A power cut can leave the grown size without the data; zeros to the end are that.
        raise _TornError("the record was never written: zeros to the end of the file")
    reason = ""
    if not sound:
        reason = "the header's checksum is wrong"
    elif magic != MAGIC:
        reason = f"format {magic!r}, expected {MAGIC!r} of this version of feedtwin"
    elif kind >= len(KINDS):
        reason = f"kind {kind} is unknown"
    elif sequence != number:
        reason = f"it has sequence number {sequence}"
    elif (KINDS[kind] == "header") != (number == 0):
        reason = f"a {KINDS[kind]} record cannot stand here"
    if reason:
        raise IntegrityError(
            f"{path}: record {number}: {reason}; expected the bytes that were written. "
            "The file was altered: restore it from a copy, or run again."
        )
    return KINDS[kind], int(length)
