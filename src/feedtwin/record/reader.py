"""Reading a run folder, whether the run is going on, was killed, or is closed. Nothing is written.

What counts is what the journal committed: rows of a step that was cut short do not show.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from feedtwin.errors import FeedtwinError, IntegrityError, RunFolderError
from feedtwin.record import closed, log
from feedtwin.record.folder import read_manifest, require_run
from feedtwin.record.journal import Frame, commits, read_journal
from feedtwin.record.registry import TABLES, Registry
from feedtwin.record.streams import SUFFIX, Mark, Marks, open_prefix

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Batch = tuple[int, int, str, int, str, "pa.RecordBatch"]
"""(seq, step, phase, round, event, rows) of one published batch."""

_CATALOGUE_WORDS = (
    "show",
    "describe",
    "summarize",
    "pragma",
    "information_schema",
    "duckdb_",
    "pg_",
)


class QueryError(FeedtwinError):
    """A query on a run's tables failed."""


class Run:
    """A read-only view of a run folder, as of the moment it was opened."""

    def __init__(self, path: Path, frames: list[Frame]) -> None:
        self.path = path
        self.frames = frames

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a run folder; needs no lock.

        Raises:
            RunFolderError: there is no run.
            IntegrityError: the journal was altered (a torn tail is left out: the run may be going on), or has no whole record.
        """
        path = Path(path)
        require_run(path)
        frames = read_journal(path / "journal", strict=False)
        if not frames:
            raise IntegrityError(
                f"{path / 'journal'}: no whole record; expected the header that every run begins with. Restore the file, "
                "or run again"
            )
        return cls(path, frames)

    @functools.cached_property
    def manifest(self) -> dict[str, Any]:
        """Content of manifest.json."""
        return read_manifest(self.path)

    @functools.cached_property
    def commits(self) -> dict[int, str]:
        """Digest (hexadecimal) of each committed step, in order."""
        return {step: str(frame.payload["digest"]) for step, frame in commits(self.frames).items()}

    @property
    def last_step(self) -> int:
        """Last committed step, -1 if none."""
        return max(self.commits, default=-1)

    @property
    def closing(self) -> dict[str, Any] | None:
        """Payload of the closing record: final `digest` and `index`; None while the run is open."""
        last = self.frames[-1]
        return last.payload if last.kind == "closed" else None

    @property
    def unfinished(self) -> str:
        """A sentence about how far a run is that is not finished, or "" for a finished one."""
        if self.closing is not None:
            return ""
        head = self.frames[0].payload
        first, steps = int(head["start_step"]), int(head["steps"])
        done = f"steps {first} to {self.last_step} of" if self.commits else "no step yet of"
        return (
            f"{self.path} is not finished: {done} 0 to {steps - 1}. Is it running? If not, go on with "
            f"`feedtwin resume {self.path}`"
        )

    def marks(self) -> dict[int, Marks]:
        """How far the event streams reached at each commit."""
        return {step: frame.payload["streams"] for step, frame in commits(self.frames).items()}

    def inputs(self, step: int | None = None) -> list[dict[str, Any]]:
        """Recorded inputs {step, name, payload} in order; of one step if given."""
        found = [frame.payload for frame in self.frames if frame.kind == "input"]
        return [one for one in found if step is None or one["step"] == step]

    def verify(self) -> None:
        """Check every byte of the journal and of the event log.

        Raises:
            IntegrityError: names the file and the record that changed.
        """
        frames = read_journal(self.path / "journal", strict=True)
        if not self.has_events:
            return
        index = str(frames[-1].payload["index"]) if frames[-1].kind == "closed" else None
        if index is not None and not closed.is_closed(self._events):
            raise IntegrityError(
                f"{self._events}/{closed.INDEX}: missing; expected the closed event log that the journal "
                "vouches for (--log full). Restore the folder, or run again"
            )
        log.verify(self._events, self.marks(), index)

    @property
    def has_events(self) -> bool:
        """Whether the run keeps the events themselves; its journal's header says so (--log full)."""
        return bool(self.frames[0].payload.get("log") == "full")

    @property
    def event_names(self) -> list[str]:
        """Events that have a table, in alphabetical order; BATCHES is not among them."""
        suffix = ".parquet" if closed.is_closed(self._events) else SUFFIX
        names = (file.name for file in self._events.glob(f"*{suffix}"))
        return sorted({name.removesuffix(suffix) for name in names} - {log.BATCHES})

    def events(self, name: str) -> "pa.Table":
        """All committed rows of an event, in publication order.

        Args:
            name: event name in upper or lower case, or BATCHES.

        Raises:
            RunFolderError: the run keeps no such event.
        """
        import pyarrow as pa

        name = name.upper()
        reader = self._reader(name)
        return pa.Table.from_batches(reader, schema=reader.schema)

    def batches(self, from_step: int = 0) -> Iterator[Batch]:
        """Published batches in publication order, each as it was appended.

        Args:
            from_step: leave out the batches of earlier steps.
        """
        cursors: dict[str, _Cursor] = {}
        for order in self._reader(log.BATCHES):
            for row in order.to_pylist():
                event, rows = row["event"], row["rows"]
                if event not in cursors:
                    cursors[event] = _Cursor(self._reader(event))
                if row["step"] < from_step:
                    cursors[event].skip(rows)
                    continue
                batch = cursors[event].take(rows)
                yield row["seq"], row["step"], row["phase"], row["round"], event, batch

    def step_metrics(self) -> "pa.Table":
        """Integer accumulators: step, name, value; one row each per committed step."""
        return self.table("step_metrics")

    @property
    def table_names(self) -> list[str]:
        """Tables that are not events: closing tables, registry tables, `commits`."""
        names = {file.stem for file in (self.path / "tables").glob("*.parquet")} | {"commits"}
        if (self.path / "registry.sqlite").exists():
            names |= set(TABLES)
        return sorted(names)

    def table(self, name: str) -> "pa.Table":
        """One of `table_names`, or an event.

        Item ids in tables of the registry are signed (the same 64 bits).

        Raises:
            RunFolderError: the run has no such table.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        name = name.lower()
        file = self.path / "tables" / f"{name}.parquet"
        if file.exists():
            return pq.read_table(file, page_checksum_verification=True)
        if name == "commits":
            rows = [{"step": step, "digest": digest} for step, digest in self.commits.items()]
            return pa.Table.from_pylist(
                rows, pa.schema([("step", pa.uint32()), ("digest", pa.string())])
            )
        if name in TABLES and name in self.table_names:
            return self._registry_table(name)
        if name.upper() in self.event_names or name.upper() == log.BATCHES:
            return self.events(name)
        raise RunFolderError(
            f"{self.path}: no table {name!r}; expected one of {self._names()}. "
            "users and items are written when a run closes."
        )

    def sql(self, query: str) -> "pa.Table":
        """The answer of DuckDB to a query over every event (lower or upper case) and table.

        Events are the tables `impression_served`, `video_watched`, ..., the publication order is
        `batches`; the other tables are `table_names`. The network, other files and writing are shut off.

        Raises:
            QueryError: DuckDB refused the query; lists the tables.
        """
        import duckdb

        with duckdb.connect(
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",  # a name is a table, never a Python variable
            }
        ) as connection:
            self._register(connection, query.lower())
            try:
                statements = connection.extract_statements(query)
                if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
                    # COPY could write into the run folder, whose files the query may read.
                    raise QueryError(
                        f"{self.path}: found {len(statements)} statements or one that is no SELECT; "
                        f"expected one SELECT. Tables: {self._names()}."
                    )
                return connection.sql(query).to_arrow_table()
            except duckdb.Error as error:
                raise QueryError(
                    f"{self.path}: DuckDB refused the query: {error}. Tables: {self._names()}."
                ) from error

    @property
    def _events(self) -> Path:
        return self.path / "events"

    def _names(self) -> str:
        events = [name.lower() for name in self.event_names]
        return ", ".join(sorted({*events, *(["batches"] if events else []), *self.table_names}))

    def _register(self, connection: "duckdb.DuckDBPyConnection", query: str) -> None:
        """Make the tables that `query` names (all, if it asks for the catalogue) visible to it.

        Afterwards the connection can read the run's Parquet files and nothing else.
        """
        everything = any(word in query for word in (*_CATALOGUE_WORDS, "query_table"))
        names = {*(event.lower() for event in self.event_names), *self.table_names}
        if self.has_events:
            names.add(log.BATCHES.lower())
        files = {name: file for name in sorted(names) if (file := self._file(name)) is not None}
        paths = {name: str(file.resolve()) for name, file in files.items()}
        connection.execute("SET allowed_paths = $1", [list(paths.values())])
        connection.execute("SET enable_external_access = false")
        for name in sorted(names):
            if name in paths:
                source = paths[name].replace("'", "''")
                connection.execute(f"CREATE VIEW \"{name}\" AS FROM read_parquet('{source}')")
            elif everything or name in query:
                connection.register(name, self.table(name))
        connection.execute("SET lock_configuration = true")

    def _file(self, name: str) -> Path | None:
        """The Parquet file of a table, if that is where it lies."""
        candidates = [self.path / "tables" / f"{name}.parquet"]
        if closed.is_closed(self._events):
            candidates.append(self._events / f"{name.upper()}.parquet")
        return next((file for file in candidates if file.exists()), None)

    def _registry_table(self, name: str) -> "pa.Table":
        import pyarrow as pa

        registry = Registry.open(self.path / "registry.sqlite")
        try:
            columns, rows = registry.table(name)
        finally:
            registry.close()
        step = next((k for k, column in enumerate(columns) if column.endswith("step")), None)
        kept = [row for row in rows if step is None or row[step] <= self.last_step]
        values = list(zip(*kept, strict=True)) or [()] * len(columns)
        return pa.table(
            {
                column: pa.array(found, None if kept else pa.int64())
                for column, found in zip(columns, values, strict=True)
            }
        )

    def _reader(self, name: str) -> "pa.RecordBatchReader":
        """Record batches of an event's committed rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if closed.is_closed(self._events):
            path = self._events / f"{name}.parquet"
            self._require(path, name)
            file = pq.ParquetFile(path, page_checksum_verification=True)
            return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(1 << 16))
        path = self._events / f"{name}{SUFFIX}"
        self._require(path, name)
        found = self.marks().get(self.last_step, {}).get(name)
        mark: Mark = found or {"bytes": path.stat().st_size, "rows": 0, "hash": ""}
        reader = open_prefix(path, mark["bytes"])
        if found is None:
            return pa.RecordBatchReader.from_batches(reader.schema, [])
        return reader

    def _require(self, path: Path, name: str) -> None:
        if not path.exists():
            known = ", ".join(self.event_names) or "none: the run was made with --log digest"
            raise RunFolderError(
                f"{path}: no events {name!r} in this run; expected one of: {known}. "
                "Run again with --log full to keep events."
            )


class _Cursor:
    """Takes rows off a stream of record batches, whatever their borders."""

    def __init__(self, reader: "pa.RecordBatchReader") -> None:
        self._reader = reader
        self._batch: pa.RecordBatch | None = None
        self._position = 0

    def take(self, rows: int) -> "pa.RecordBatch":
        import pyarrow as pa

        pieces = list(self._pieces(rows))
        if not pieces:
            return pa.RecordBatch.from_pylist([], schema=self._reader.schema)
        return pieces[0] if len(pieces) == 1 else pa.concat_batches(pieces)

    def skip(self, rows: int) -> None:
        for _ in self._pieces(rows):
            pass

    def _pieces(self, rows: int) -> "Iterator[pa.RecordBatch]":
        while rows:
            if self._batch is None or self._position == self._batch.num_rows:
                self._batch = self._reader.read_next_batch()
                self._position = 0
            piece = self._batch.slice(self._position, rows)
            self._position += piece.num_rows
            rows -= piece.num_rows
            yield piece
