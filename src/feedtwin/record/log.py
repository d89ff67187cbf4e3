"""The event log: every batch, in publication order, one Arrow stream per event type.

While a run is going, `events/<EVENT>.arrows` are appended to and `events/BATCHES.arrows` holds the order in
which batches were published; recovery truncates all of them to the marks of a commit. At close each
becomes a Parquet file and `events/index.json`, written last, vouches for every byte of them.

A background thread hashes and writes, so that a step does not wait for the disk; `marks` waits
for it. What is appended is copied at once: a caller may reuse its arrays.
"""

import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from feedtwin.errors import RunFolderError, SchemaError
from feedtwin.record import closed
from feedtwin.record.durable import folder_error, sync_folder
from feedtwin.record.streams import SUFFIX, Mark, Marks, Stream, check_prefix, verify_streams

if TYPE_CHECKING:
    import pyarrow as pa

BATCHES = "BATCHES"
_CHUNK_BYTES = 4 << 20  # waiting bytes of one event type that are handed to the writer at once
_QUEUED_CHUNKS = 8  # bound on memory: the simulation waits for the writer beyond it


class Log(Protocol):
    """What the world needs of an event log."""

    batches: int
    """Batches appended since the start of the run."""

    def append(
        self, seq: int, step: int, phase: str, round_: int, event: str, batch: "pa.RecordBatch"
    ) -> None:
        """Record one published batch."""

    def marks(self, sync: bool = False) -> Marks:
        """How far each stream reaches, everything before handed to the system."""

    def close(self) -> str:
        """Make the closed form; returns the hash of its index."""

    def release(self) -> None:
        """Give up the files without closing the run."""


class NullLog:
    """The log of `--log digest`: counts batches and keeps nothing."""

    def __init__(self, batches: int = 0) -> None:
        self.batches = batches

    def append(
        self, seq: int, step: int, phase: str, round_: int, event: str, batch: "pa.RecordBatch"
    ) -> None:
        """Count the batch."""
        self.batches += 1

    def marks(self, sync: bool = False) -> Marks:
        """No streams, no marks."""
        return {}

    def close(self) -> str:
        """Nothing to close."""
        return ""

    def release(self) -> None:
        """Nothing to release."""


class EventLog:
    """The log of `--log full`. Use `create` or `resume`."""

    def __init__(self, folder: Path, streams: dict[str, Stream], batches: int) -> None:
        self.folder = folder
        self.batches = batches
        self._streams = streams
        self._waiting: dict[str, list[pa.Buffer]] = {name: [] for name in streams}
        self._waiting_bytes = dict.fromkeys(streams, 0)
        self._order: list[tuple[int, int, str, int, str, int]] = []
        self._queue: queue.Queue[tuple[str, list[pa.Buffer]] | None] = queue.Queue(_QUEUED_CHUNKS)
        self._failure: BaseException | None = None
        self._writer: threading.Thread | None = None

    @classmethod
    def create(cls, folder: Path, schemas: Mapping[str, "pa.Schema"]) -> Self:
        """Start a log in an empty or new folder.

        Args:
            folder: the run's `events` folder.
            schemas: Arrow schema by event name; every event that will ever be appended.

        Raises:
            RunFolderError: the folder holds files already or cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            found = sorted(file.name for file in folder.iterdir())
        except OSError as error:
            raise folder_error(folder, error) from error
        if found:
            raise RunFolderError(
                f"{folder}: holds {found[0]} already; expected an empty folder. "
                "Continue the run with `feedtwin resume`, or choose another --out."
            )
        return cls.resume(folder, schemas, {})

    @classmethod
    def resume(
        cls, folder: Path, schemas: Mapping[str, "pa.Schema"], marks: Mapping[str, Mark]
    ) -> Self:
        """Go on from a commit: truncate each stream to its mark, begin anew those without one.

        A log that was closed already (the run died between closing its log and its journal) stays closed:
        `close` returns its hash and `append` is refused.

        Args:
            folder: the run's `events` folder; made if missing.
            schemas: as for `create`.
            marks: of the commit to go on from; empty before the first.

        Raises:
            IntegrityError: a stream is shorter than its mark, or its bytes changed.
            RunFolderError: the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise folder_error(folder, error) from error
        if closed.is_closed(folder):
            return cls(folder, {}, marks[BATCHES]["rows"] if BATCHES in marks else 0)
        closed.discard_unfinished(folder)
        streams: dict[str, Stream] = {}
        for name, schema in {**schemas, BATCHES: batches_schema()}.items():
            path = folder / f"{name}{SUFFIX}"
            if name in marks:
                streams[name] = Stream.resume(path, schema, marks[name])
            else:
                streams[name] = Stream.create(path, schema)
        sync_folder(folder)
        return cls(folder, streams, streams[BATCHES].mark()["rows"])

    def append(
        self, seq: int, step: int, phase: str, round_: int, event: str, batch: "pa.RecordBatch"
    ) -> None:
        """Record one published batch; it is copied before this returns.

        Args:
            seq: publication number since the start of the run.
            step: step of the batch.
            phase: name of the phase that published it.
            round_: round of delivery within the step.
            event: event name, one of the schemas given at the start.
            batch: its rows, with exactly that schema; may be empty.

        Raises:
            SchemaError: the event is unknown or the batch has other columns.
            RunFolderError: the disk refused an earlier write, or the log is closed.
        """
        self._check(event, batch)
        self._order.append((seq, step, phase, round_, event, batch.num_rows))
        self.batches += 1
        if batch.num_rows == 0:
            return
        copy = batch.serialize()
        self._waiting[event].append(copy)
        self._waiting_bytes[event] += copy.size
        if self._waiting_bytes[event] >= _CHUNK_BYTES:
            self._hand_over(event)

    def marks(self, sync: bool = False) -> Marks:
        """Hand everything to the system and say how far each stream reaches.

        Args:
            sync: also have the disk acknowledge it. Without, a power cut (not a kill) may cost the tail,
                which a resume re-executes (see `newest_intact`).

        Raises:
            RunFolderError: the disk refused a write; do not commit the step.
        """
        if self._order:
            rows = batches_table(self._order)
            self._order = []
            self._waiting[BATCHES].append(rows.serialize())
        for name in self._streams:
            if self._waiting[name]:
                self._hand_over(name)
        self._queue.join()
        self._raise_failure()
        if sync:
            for stream in self._streams.values():
                stream.sync()
        return {name: stream.mark() for name, stream in self._streams.items()}

    def close(self) -> str:
        """Turn every stream into Parquet; a crash before the end leaves the streams as they are.

        Returns:
            XXH3-128 of the index, for the journal's closing record.

        Raises:
            IntegrityError: a stream changed on disk since it was written.
            RunFolderError: the disk refused a write.
        """
        if self._streams:
            marks = self.marks()
            self.release()
            for name, mark in marks.items():
                check_prefix(self.folder / f"{name}{SUFFIX}", mark)
            closed.convert(self.folder, marks)
            self._streams = {}
        return closed.tidy(self.folder)

    def release(self) -> None:
        """Stop the writer and close the files; what was not marked is lost."""
        if self._writer is not None:
            self._queue.put(None)
            self._writer.join()
            self._writer = None
        for stream in self._streams.values():
            stream.release()

    def _check(self, event: str, batch: "pa.RecordBatch") -> None:
        self._raise_failure()
        stream = self._streams.get(event)
        if stream is None and not self._streams:
            raise RunFolderError(
                f"{self.folder}: the log is closed, found a batch of {event}; expected none. "
                "Fork the run to take it further."
            )
        if stream is None:
            raise SchemaError(
                f"event log: {event} has no schema; expected one of {sorted(self._streams)}. "
                "Declare the event."
            )
        if not batch.schema.equals(stream.schema):
            raise SchemaError(
                f"event log: a batch of {event} has columns {_columns(batch.schema)}; expected "
                f"{_columns(stream.schema)}. Build it from the event's Arrow schema."
            )

    def _hand_over(self, name: str) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="event-log", daemon=True)
            self._writer.start()
        self._queue.put((name, self._waiting[name]))
        self._waiting[name] = []
        self._waiting_bytes[name] = 0

    def _write(self) -> None:
        while (task := self._queue.get()) is not None:
            name, copies = task
            try:
                if self._failure is None:
                    self._streams[name].write(copies)
            except BaseException as failure:
                # Raised again in the simulation's thread by `append` and `marks`.
                self._failure = failure
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def verify(
    folder: Path, commits: Mapping[int, Mapping[str, Mark]], index_hash: str | None = None
) -> None:
    """Check every committed byte of a log, open or closed.

    Args:
        folder: the run's `events` folder.
        commits: marks by step from the journal; used while the log is open.
        index_hash: what `EventLog.close` returned, if the journal has it; used once it is closed.

    Raises:
        IntegrityError: names the file and the record (step, or row group) that changed.
    """
    if closed.is_closed(folder):
        closed.verify(folder, index_hash)
    else:
        verify_streams(folder, commits)


def newest_intact(folder: Path, commits: Mapping[int, Mapping[str, Mark]]) -> int | None:
    """The newest step whose marks all streams reach, None if there is none.

    After the death of the process this is the last commit. After a power cut the streams (which are not
    synced at every step) may lag behind the journal: resume the log there and re-execute the rest.
    """
    if closed.is_closed(folder):
        return max(commits, default=None)
    sizes: dict[str, int] = {}
    for file in folder.glob(f"*{SUFFIX}"):
        sizes[file.name.removesuffix(SUFFIX)] = file.stat().st_size
    for step in sorted(commits, reverse=True):
        if all(sizes.get(name, -1) >= mark["bytes"] for name, mark in commits[step].items()):
            return step
    return None


def batches_schema() -> "pa.Schema":
    """Columns of the publication order."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("seq", pa.uint64()),
            pa.field("step", pa.uint32()),
            pa.field("phase", pa.string()),
            pa.field("round", pa.uint16()),
            pa.field("event", pa.string()),
            pa.field("rows", pa.uint32()),
        ]
    )


def batches_table(order: list[tuple[int, int, str, int, str, int]]) -> "pa.RecordBatch":
    """Rows (seq, step, phase, round, event, rows) as a batch of `batches_schema`."""
    import pyarrow as pa

    schema = batches_schema()
    columns = zip(*order, strict=True)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _columns(schema: "pa.Schema") -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
