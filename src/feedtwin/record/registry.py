"""The registry: a SQLite file that holds what the outside may ask of a run while it goes on.

One transaction per committed step. It can be rebuilt by re-execution, so it is synced lazily; on resume,
rows of steps that the journal did not commit are removed, and `last_step` says from where rows are missing.
Ids are unsigned 64-bit and SQLite's integers are signed: they are stored by bit pattern (`to_signed`).
"""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from feedtwin.errors import RunFolderError
from feedtwin.record.durable import canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_TABLES = """
CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS steps (
    step INTEGER PRIMARY KEY, digest TEXT NOT NULL, rounds INTEGER NOT NULL,
    batches INTEGER NOT NULL, impressions INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS step_metrics (
    step INTEGER NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (step, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exposure_stages (
    item INTEGER NOT NULL, since_step INTEGER NOT NULL, stage INTEGER NOT NULL,
    PRIMARY KEY (item, since_step)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS exposure_stages_by_step ON exposure_stages (since_step);
CREATE VIEW IF NOT EXISTS exposure_stages_now AS
    SELECT item, stage, max(since_step) AS since_step FROM exposure_stages GROUP BY item;
CREATE TABLE IF NOT EXISTS trends (
    kind INTEGER NOT NULL, key INTEGER NOT NULL, since_step INTEGER NOT NULL, lifecycle INTEGER NOT NULL,
    velocity REAL NOT NULL, PRIMARY KEY (kind, key, since_step)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS policies (
    since_step INTEGER NOT NULL, lever TEXT NOT NULL, name TEXT NOT NULL, settings_json TEXT NOT NULL,
    PRIMARY KEY (since_step, lever)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS llm_ledger (
    step INTEGER NOT NULL, task TEXT NOT NULL, live INTEGER NOT NULL, cached INTEGER NOT NULL,
    surrogate INTEGER NOT NULL, degraded INTEGER NOT NULL, charged_microusd INTEGER NOT NULL,
    paid_microusd INTEGER NOT NULL, PRIMARY KEY (step, task)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY, step INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    detail_json TEXT NOT NULL);
"""

_STEP_COLUMNS = {
    "steps": "step",
    "step_metrics": "step",
    "exposure_stages": "since_step",
    "trends": "since_step",
    "policies": "since_step",
    "llm_ledger": "step",
    "audit": "step",
}

TABLES = ("run", *_STEP_COLUMNS, "exposure_stages_now")
"""Names of the registry's tables and views."""


def to_signed(items: "NDArray[np.uint64]") -> "NDArray[np.int64]":
    """Item ids as SQLite stores them: the same 64 bits, read as signed."""
    return np.ascontiguousarray(items, dtype=np.uint64).view(np.int64)


def to_unsigned(items: "NDArray[np.int64]") -> "NDArray[np.uint64]":
    """Item ids as the rest of the code knows them."""
    return np.ascontiguousarray(items, dtype=np.int64).view(np.uint64)


class Registry:
    """An open registry; one writer (`world`) and any number of readers in other processes."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        with self._guard():
            row = connection.execute("SELECT max(step) FROM steps").fetchone()
        self._last_step = -1 if row[0] is None else int(row[0])

    @classmethod
    def create(cls, path: Path, info: Mapping[str, str] | None = None) -> Self:
        """Make a registry, or complete one that a crash left half-made.

        Args:
            path: the file.
            info: rows of the `run` table (seed, world, versions, ...).

        Raises:
            RunFolderError: the file cannot be written or is no registry.
        """
        with _guard(path):
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA busy_timeout = 5000")
            connection.executescript(f"BEGIN; {_TABLES} COMMIT;")
        registry = cls(path, connection)
        if info:
            with registry._transaction():
                connection.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", info.items())
        return registry

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for reading, also while a run writes.

        Raises:
            RunFolderError: there is no registry.
        """
        if not path.exists():
            raise RunFolderError(
                f"{path}: not found; expected the registry of a run. Check the run folder's path."
            )
        with _guard(path):
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA busy_timeout = 5000")
        return cls(path, connection)

    @classmethod
    def resume(cls, path: Path, last_step: int, info: Mapping[str, str] | None = None) -> Self:
        """Open for writing after a crash: remove rows of steps after the last committed one.

        A registry that is missing or unreadable is begun anew. Afterwards `registry.last_step` may be
        less than `last_step`: re-execute from a snapshot at or before it and commit the steps again
        (commits of steps it has are ignored).

        Args:
            path: the file.
            last_step: last step committed in the journal; -1 if none.
            info: rows of the `run` table, for a registry that is begun anew.
        """
        try:
            registry = cls.create(path, info)
        except RunFolderError as error:
            if not _is_damaged(error):
                raise
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            registry = cls.create(path, info)
        with registry._transaction():
            for table, column in _STEP_COLUMNS.items():
                registry._connection.execute(
                    f"DELETE FROM {table} WHERE {column} > ?",
                    (last_step,),
                )
        registry._last_step = min(registry._last_step, last_step)
        return registry

    @property
    def last_step(self) -> int:
        """Last step it has, -1 if none."""
        return self._last_step

    def commit(
        self,
        step: int,
        digest: str,
        metrics: Mapping[str, int],
        *,
        rounds: int = 0,
        batches: int = 0,
        impressions: int = 0,
        stages: "tuple[NDArray[np.uint64], NDArray[np.uint8]] | None" = None,
        policies: Iterable[tuple[str, str, Mapping[str, Any]]] = (),
        trends: Iterable[tuple[int, int, int, float]] = (),
        audit: Iterable[tuple[str, str, Mapping[str, Any]]] = (),
        llm_ledger: Iterable[tuple[str, int, int, int, int, int, int]] = (),
    ) -> None:
        """Write a step in one transaction; a step it has already is left as it is.

        Call it before `Journal.commit`: a crash in between leaves a row too many, which `resume` removes.

        Args:
            step: the step that ended.
            digest: its digest, hexadecimal.
            metrics: integer accumulators by name.
            rounds: rounds of delivery the step took.
            batches: batches published since the start of the run.
            impressions: impressions of the step.
            stages: items (u8) whose exposure stage changed, and their new stages (u1).
            policies: (lever, name, settings) put in force from this step on.
            trends: (kind, key, lifecycle, velocity) of keys that entered another part of their life.
            audit: (actor, action, detail) to keep.
            llm_ledger: (task, live, cached, surrogate, degraded, charged, paid) of tasks that were asked;
                answers and micro-dollars.

        Raises:
            RunFolderError: the disk refused; nothing of the step was written.
        """
        if step <= self._last_step:
            return
        run = self._connection
        with self._transaction():
            row = (step, digest, rounds, batches, impressions)
            run.execute("INSERT INTO steps VALUES (?, ?, ?, ?, ?)", row)
            values = [(step, name, int(value)) for name, value in metrics.items()]
            run.executemany("INSERT INTO step_metrics VALUES (?, ?, ?)", values)
            if stages is not None:
                items, found = to_signed(stages[0]).tolist(), stages[1].tolist()
                rows = [(item, step, stage) for item, stage in zip(items, found, strict=True)]
                run.executemany("INSERT OR REPLACE INTO exposure_stages VALUES (?, ?, ?)", rows)
            self._write_policies(step, policies)
            states = [(kind, key, step, life, velocity) for kind, key, life, velocity in trends]
            run.executemany("INSERT OR REPLACE INTO trends VALUES (?, ?, ?, ?, ?)", states)
            self._write_audit(step, audit)
            spent = [(step, *row) for row in llm_ledger]
            run.executemany("INSERT INTO llm_ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)", spent)
        self._last_step = step

    def set_policies(self, step: int, rows: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
        """Note (lever, name, settings) in force from a step on, in a transaction of its own."""
        with self._transaction():
            self._write_policies(step, rows)

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with self._guard():
            return self._connection.execute(sql, parameters).fetchall()

    def table(self, name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of one of `TABLES`, in the order of its key."""
        assert name in TABLES, name
        with self._guard():
            cursor = self._connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2")
            return [column[0] for column in cursor.description], cursor.fetchall()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _write_policies(
        self, step: int, rows: Iterable[tuple[str, str, Mapping[str, Any]]]
    ) -> None:
        values = [(step, lever, name, _json(settings)) for lever, name, settings in rows]
        self._connection.executemany("INSERT OR REPLACE INTO policies VALUES (?, ?, ?, ?)", values)

    def _write_audit(self, step: int, rows: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
        sql = "INSERT INTO audit (step, actor, action, detail_json) VALUES (?, ?, ?, ?)"
        values = [(step, actor, action, _json(detail)) for actor, action, detail in rows]
        self._connection.executemany(sql, values)

    @contextmanager
    def _transaction(self) -> "Iterator[None]":
        with self._guard():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _guard(self) -> "Iterator[None]":
        with _guard(self.path):
            yield


@contextmanager
def _guard(path: Path) -> "Iterator[None]":
    try:
        yield
    except sqlite3.Error as error:
        raise RunFolderError(
            f"{path}: the registry refused: {error}; expected a writable SQLite file. Nothing committed "
            "is lost: mend the cause (disk space, permissions), then continue with `feedtwin resume`."
        ) from error


def _is_damaged(error: RunFolderError) -> bool:
    """Whether SQLite found the file unusable, rather than the system refusing it."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.DatabaseError) and getattr(cause, "sqlite_errorcode", 0) in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def _json(value: Mapping[str, Any]) -> str:
    return canonical_json(dict(value)).decode("ascii")
