"""Checked reading of Parquet and CSV columns: every complaint names file, row, column and rule."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from feedtwin.datasets.adaptor import I8, Flags
from feedtwin.errors import DataError

_ROW_NOTE = "(the first row is row 1)"


@dataclass(frozen=True, slots=True)
class Column:
    """What is expected of a column.

    Attributes:
        name: the column.
        kind: "integer", "number", "text", "integers" (a list of integers per row) or "any".
        low, high: bounds of a numeric column, both included; None = unbounded.
        nullable: whether a missing value is allowed.
        meaning: unit and meaning, shown when the column is missing.
        optional: whether the file may lack the column.
    """

    name: str
    kind: str
    low: float | None = 0
    high: float | None = None
    nullable: bool = False
    meaning: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A file read: its path, its table (columns asked for only) and its key-value metadata."""

    path: Path
    table: pa.Table
    metadata: Mapping[bytes, bytes]

    def __contains__(self, name: object) -> bool:
        """Whether the column was read; an optional one may not be there."""
        return name in self.table.column_names

    def fail(self, row: int, column: str, found: object, rule: str) -> DataError:
        """The error for one bad value; `row` counts from 0 here and from 1 in the message."""
        return DataError(
            f"{self.path}: row {row + 1} {_ROW_NOTE}, column {column}: found {found!r}; {rule}. "
            "Correct the row or remove it."
        )


def _kind_matches(kind: str, dtype: pa.DataType) -> bool:
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    if kind == "any":
        return True
    integer = pa.types.is_integer(dtype) or pa.types.is_boolean(dtype)
    if kind == "integer":
        return bool(integer)
    if kind == "number":
        return bool(integer or pa.types.is_floating(dtype))
    if kind == "text":
        return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype))
    listed = pa.types.is_list(dtype) or pa.types.is_large_list(dtype)
    return bool(listed and pa.types.is_integer(dtype.value_type))


def _first(mask: Any) -> int | None:
    found = np.flatnonzero(np.asarray(mask))
    return int(found[0]) if len(found) else None


def _check_numbers(source: Source, column: Column) -> None:
    values = source.table[column.name].to_numpy()
    if values.dtype.kind == "f":
        wrong = ~np.isfinite(values) & ~source.table[column.name].is_null().to_numpy()
        row = _first(wrong)
        if row is not None:
            raise source.fail(row, column.name, float(values[row]), "a finite number is expected")
    for bound, wrong, words in (
        (column.low, lambda b: values < b, "at least"),
        (column.high, lambda b: values > b, "at most"),
    ):
        row = None if bound is None else _first(wrong(bound))
        if row is not None:
            raise source.fail(row, column.name, values[row].item(), f"{words} {bound} is expected")


def _check(source: Source, column: Column) -> None:
    values = source.table[column.name]
    if not column.nullable and values.null_count:
        row = _first(values.is_null().to_numpy())
        assert row is not None
        raise source.fail(row, column.name, None, "a value is expected in every row")
    if column.kind in ("integer", "number"):
        _check_numbers(source, column)


_SECONDS_BELOW = 1000.0
"""A column of ms with fractions whose median lies below this is one of seconds: a median of a second is too short for either."""


def _refuse_floats(path: Path, column: Column, values: pa.ChunkedArray) -> None:
    """Refuses numbers with a point where whole ones are expected, if a value says why they are such."""
    numbers = values.to_numpy().astype(np.float64)
    source = Source(path, pa.table({column.name: values}), {})
    row = _first(~np.isfinite(numbers))
    if row is not None:
        raise source.fail(row, column.name, None, "a whole number is expected in every row")
    row = _first(numbers != np.floor(numbers))
    if row is None:
        return
    rule = f"a whole number is expected ({column.meaning})"
    if column.name.endswith("_ms") and float(np.median(numbers)) < _SECONDS_BELOW:
        raise DataError(
            f"{path}: column {column.name}: found {numbers[row]:g} in row {row + 1} {_ROW_NOTE}; {rule}. This looks like "
            "seconds where ms are expected: multiply the column by 1000 and round it."
        )
    raise source.fail(row, column.name, float(numbers[row]), rule)


def _columns_of(
    path: Path,
    dtypes: pa.Schema,
    columns: Sequence[Column],
    read: Callable[[str], pa.ChunkedArray],
) -> None:
    for column in columns:
        if column.name not in dtypes.names:
            if column.optional:
                continue
            raise DataError(
                f"{path}: column {column.name} ({column.kind}; {column.meaning}) is missing; found "
                f"{', '.join(dtypes.names)}. Expected {', '.join(c.name for c in columns)}."
            )
        dtype = dtypes.field(column.name).type
        if not _kind_matches(column.kind, dtype):
            if column.kind == "integer" and pa.types.is_floating(dtype):
                _refuse_floats(path, column, read(column.name))
            raise DataError(
                f"{path}: column {column.name} has type {dtype}; {column.kind} is expected "
                f"({column.meaning}). Write the column with that type."
            )


CSV_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
"""Files read as text; everything else is read as Parquet."""


def _names(columns: Sequence[Column], found: Sequence[str]) -> list[str]:
    return [c.name for c in columns if c.name in found]


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith(CSV_SUFFIXES)


def _csv_parsing(path: Path) -> pacsv.ParseOptions:
    delimiter = "\t" if ".tsv" in path.name.lower() else ","
    return pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True)


def _not_parquet(path: Path, problem: Exception) -> DataError:
    return DataError(
        f"{path}: not readable as Parquet ({problem}). Copy the file again from its source."
    )


def _not_csv(path: Path, problem: Exception) -> DataError:
    return DataError(
        f"{path}: not readable as CSV in UTF-8 ({problem}). Mend the line that is named, or write the file again."
    )


def column_names(path: Path) -> list[str]:
    """Names of a Parquet or CSV file's columns, in its order; empty where there is no file.

    Raises:
        DataError: The file cannot be read.
    """
    if not path.is_file():
        return []
    if not _is_csv(path):
        try:
            return list(pq.read_schema(path).names)
        except (pa.ArrowException, OSError) as problem:
            raise _not_parquet(path, problem) from problem
    try:
        with pacsv.open_csv(path, parse_options=_csv_parsing(path)) as file:
            return list(file.schema.names)
    except (pa.ArrowException, OSError) as problem:
        raise _not_csv(path, problem) from problem


def _from_parquet(path: Path, columns: Sequence[Column]) -> Source:
    try:
        file = pq.ParquetFile(path)
        dtypes = file.schema_arrow
        _columns_of(path, dtypes, columns, lambda name: file.read(columns=[name])[name])
        table = file.read(columns=_names(columns, dtypes.names))
    except (pa.ArrowException, OSError) as problem:
        raise _not_parquet(path, problem) from problem
    return Source(path, table, dtypes.metadata or {})


def _from_csv(path: Path, columns: Sequence[Column]) -> Source:
    texts = {c.name: pa.string() for c in columns if c.kind == "text"}
    try:
        table = pacsv.read_csv(
            path,
            parse_options=_csv_parsing(path),
            convert_options=pacsv.ConvertOptions(column_types=texts, strings_can_be_null=True),
        )
    except (pa.ArrowException, OSError) as problem:
        raise _not_csv(path, problem) from problem
    _columns_of(path, table.schema, columns, lambda name: table[name])
    return Source(path, table.select(_names(columns, table.column_names)), {})


def read_columns(path: Path, columns: Sequence[Column]) -> Source:
    """Reads and checks the named columns of a Parquet or CSV file (`CSV_SUFFIXES`).

    Args:
        path: the file.
        columns: what is expected; other columns of the file are not read.

    Returns:
        The table with its path and metadata.

    Raises:
        DataError: The file cannot be read, lacks a column, or has a wrong type, a missing, non-finite or
            out-of-bounds value.
    """
    reader = _from_csv if _is_csv(path) else _from_parquet
    source = reader(path, columns)
    if not source.table.num_rows:
        raise DataError(f"{path}: the file has no rows; at least one is expected.")
    for column in columns:
        if column.name in source:
            _check(source, column)
    return source


def integers(source: Source, name: str) -> I8:
    """A column of integers without missing values, as int64."""
    return np.asarray(source.table[name].to_numpy(), dtype=np.int64)


def unique_key(source: Source, name: str) -> I8:
    """A key column, checked to be free of repeats.

    Raises:
        DataError: A key occurs twice.
    """
    keys = integers(source, name)
    _, first = np.unique(keys, return_index=True)
    if len(first) != len(keys):
        row = _first(~np.isin(np.arange(len(keys)), first))
        assert row is not None
        raise source.fail(row, name, int(keys[row]), "each key is expected once")
    return keys


def rows_of(keys: I8, wanted: I8) -> tuple[I8, Flags]:
    """Row number of each wanted key among the keys, and whether it is there at all."""
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    rows = order[place]
    return rows, keys[rows] == wanted


def flat_lists(source: Source, name: str) -> tuple[I8, I8]:
    """Entries of a list column and the row that each belongs to; a missing list is empty."""
    column = source.table[name].combine_chunks()
    entries = pc.list_flatten(column)
    if entries.null_count:
        parents = pc.list_parent_indices(column).to_numpy()
        row = int(parents[_first(entries.is_null())])
        raise source.fail(row, name, None, "a value is expected in every entry of the list")
    parents = pc.list_parent_indices(column)
    return np.asarray(parents.to_numpy(), np.int64), np.asarray(entries.to_numpy(), np.int64)


def hash_files(paths: Sequence[Path]) -> str:
    """SHA-256 over names, sizes and contents of files, in order of name; hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda p: p.name):
        content = path.read_bytes()
        digest.update(f"{path.name}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()
