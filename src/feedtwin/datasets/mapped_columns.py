"""Columns of a mapped table as arrays in the project's units; every complaint names file, row, column and rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from feedtwin.datasets import checks
from feedtwin.datasets.adaptor import F8, I4, I8, Flags
from feedtwin.datasets.column_map import SPAN_UNITS, TABLES, TIME_UNITS, ColumnMap, Part
from feedtwin.datasets.encounters import as_floats, as_words, is_number
from feedtwin.datasets.parquet import Column, Source, read_columns, rows_of
from feedtwin.errors import DataError

GENERATED = b"feedtwin.generated"


@dataclass(frozen=True)
class Table:
    """One table of a log with its map, and notes on what was done to it."""

    source: Source
    part: Part
    name: str
    notes: tuple[str, ...] = ()

    def __contains__(self, field: object) -> bool:
        """Whether the map has the field and the file its column."""
        return field in self.part.columns and self.part.columns[str(field)].column in self.source

    @property
    def generated(self) -> bool:
        """Whether the file says that it is generated."""
        return GENERATED in self.source.metadata or self.source.path.name.startswith("generated")

    @property
    def features(self) -> tuple[str, ...]:
        """Columns that describe people or videos further."""
        return self.part.features

    def __len__(self) -> int:
        """Number of rows."""
        return int(self.source.table.num_rows)

    def unit(self, field: str) -> str:
        """The unit of a field's column."""
        return self.part.columns[field].unit if field in self.part.columns else ""

    def _column(self, field: str) -> tuple[str, Any]:
        name = self.part.columns[field].column
        return name, self.source.table[name]

    def ids(self, field: str) -> I8:
        """Ids as int64: whole numbers as they are, words by a fixed hash."""
        name, column = self._column(field)
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy())[0])
            raise self.source.fail(row, name, None, "an id is expected in every row")
        if pa.types.is_integer(column.type):
            found = np.asarray(column.to_numpy(), dtype=np.int64)
            if (found < 0).any():
                row = int(np.argmax(found < 0))
                raise self.source.fail(row, name, int(found[row]), "ids are at least 0")
            return found
        if is_number(column.type):
            raise self.source.fail(0, name, column[0].as_py(), "ids are whole numbers or words")
        words, inverse = np.unique(as_words(column).astype(str), return_inverse=True)
        keys = np.array(
            [xxhash.xxh3_64_intdigest(w.encode()) >> 1 for w in words.tolist()], np.int64
        )
        return keys[inverse.reshape(-1)]

    def as_written(self, field: str) -> Any:
        """A column as the file has it, a value per row."""
        return self._column(field)[1]

    def unique_ids(self, field: str) -> I8:
        """Ids, each expected once."""
        name, column = self._column(field)
        keys = self.ids(field)
        _, first = np.unique(keys, return_index=True)
        if len(first) != len(keys):
            row = int(np.flatnonzero(~np.isin(np.arange(len(keys)), first))[0])
            raise self.source.fail(row, name, column[row].as_py(), "each id is expected once")
        return keys

    def found(self, field: str, keys: I8, wanted: I8, other: "Table") -> I8:
        """Rows of another table's keys; every id must be there."""
        rows, known = rows_of(keys, wanted)
        if not known.all():
            name, column = self._column(field)
            row = int(np.argmax(~known))
            raise self.source.fail(
                row, name, column[row].as_py(),
                f"an id of {other.source.path.name} is expected; {len(np.unique(wanted[~known]))} ids of "
                f"{int((~known).sum())} rows are not there",
            )  # fmt: skip
        return rows

    def numbers(self, field: str, missing: float, high: float | None = None) -> F8:
        """A column of numbers, at least 0; `missing` where nothing is known."""
        if field not in self:
            return np.full(len(self), missing)
        name, column = self._column(field)
        if not is_number(column.type):
            raise self.source.fail(0, name, column[0].as_py(), "a number is expected")
        values = as_floats(column)
        self._refuse(name, values, np.isinf(values), "a finite number is expected")
        self._refuse(name, values, values < 0, "at least 0 is expected")
        if high is not None:
            self._refuse(name, values, values > high, f"at most {high:g} is expected")
        return np.where(np.isnan(values), missing, values)

    def codes(self, field: str) -> F8:
        """A column of whole numbers from 0 to 255; 0 where nothing is known."""
        values = self.numbers(field, 0.0, high=255.0)
        if field in self:
            rule = "a whole number from 0 to 255 is expected"
            self._refuse(self._column(field)[0], values, values != np.floor(values), rule)
        return values

    def flags(self, field: str) -> Flags:
        """A column of 0 and 1 (or true and false)."""
        if field not in self:
            return np.zeros(len(self), dtype=np.bool_)
        name, _ = self._column(field)
        values = self.numbers(field, np.nan)
        self._refuse(name, values, ~np.isin(values, (0.0, 1.0)), "0 or 1 is expected")
        return values == 1.0

    def spans(self, field: str, constants: Mapping[str, Any], missing: float = 0.0) -> F8:
        """A column of lengths of time, in seconds; refused when its unit cannot be what the map says."""
        if field not in self:
            return np.full(len(self), missing)
        name, _ = self._column(field)
        seconds = self.numbers(field, missing) * SPAN_UNITS[self.unit(field)]
        checks.refuse_units(self.source, name, np.nan_to_num(seconds), constants)
        return seconds

    def times(self, field: str) -> F8:
        """A column of points in time, as seconds since 1970."""
        name, column = self._column(field)
        unit = self.unit(field)
        if unit != "date":
            if not is_number(column.type):
                raise self.source.fail(
                    0, name, column[0].as_py(), f"a number in {unit} is expected"
                )
            values = as_floats(column) * TIME_UNITS[unit]
        else:
            values = self._dates(name, column)
        self._refuse(name, values, ~np.isfinite(values), "a time is expected in every row")
        late = values > 32_503_680_000.0
        self._refuse(
            name, values, late, "a time before the year 3000 is expected; is the unit right?"
        )
        return values

    def _dates(self, name: str, column: Any) -> F8:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            try:
                column = pc.cast(column, pa.timestamp("ms"))
            except pa.ArrowInvalid as problem:
                raise DataError(
                    f"{self.source.path}: column {name}: {problem}; dates as YYYY-MM-DD, with HH:MM:SS if there is a "
                    "time, are expected."
                ) from None
        if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
            raise self.source.fail(0, name, column[0].as_py(), "a date is expected")
        stamps = pc.cast(column, pa.timestamp("ms"))
        return as_floats(pc.cast(stamps, pa.int64())) / 1000.0

    def tags(
        self, field: str, allowed: Sequence[str], at: I8
    ) -> tuple[I4, tuple[str, ...], list[str]]:
        """Categories as a table of numbers, their names, and a note on rows without one."""
        if field not in self:
            return np.full((len(at), 1), -1, np.int32), (), ["the videos have no category."]
        name, column = self._column(field)
        texts = as_words(column)[at]
        split = [[t.strip() for t in text.split(",") if t.strip()] for text in texts.tolist()]
        names = sorted({t for tags in split for t in tags})
        unknown = [t for t in names if allowed and t not in allowed]
        if unknown:
            row = next(i for i, tags in enumerate(split) if unknown[0] in tags)
            count = sum(any(t in unknown for t in tags) for tags in split)
            raise self.source.fail(
                int(at[row]), name, unknown[0],
                f"one of the map's {len(allowed)} categories is expected; {len(unknown)} others are in {count} videos",
            )  # fmt: skip
        number = {t: i for i, t in enumerate(names)}
        table = np.full((len(split), max(map(len, split), default=0) or 1), -1, dtype=np.int32)
        for row, tags in enumerate(split):
            table[row, : len(tags)] = [number[t] for t in tags]
        none = sum(not tags for tags in split)
        notes = [f"flagged: {none} of {len(split)} videos have no category."] if none else []
        return table, tuple(names), notes

    def _refuse(self, name: str, values: F8, wrong: Flags, rule: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            raise self.source.fail(
                row, name, float(values[row]), f"{rule}; {int(wrong.sum())} rows break this"
            )


def read_part(path: Path, column_map: ColumnMap, name: str, optional: Sequence[str] = ()) -> Table:
    """Reads the columns that a map names of one file.

    Args:
        path: the file.
        column_map: the map.
        name: the table ("log", "users", "videos").
        optional: required fields that may be missing here; signals may be too, if there are any.

    Raises:
        DataError: The file or a column is missing.
    """
    if not path.is_file():
        raise DataError(
            f"{path}: the file is missing; {column_map.where} says that it holds the {name}."
        )
    part, fields = column_map.parts[name], TABLES[name]
    columns = {
        place.column: Column(
            place.column, "any", low=None, nullable=True, meaning=fields[field].meaning,
            optional=field in optional or (bool(optional) and fields[field].kind == "flag"),
        )
        for field, place in part.columns.items()
    }  # fmt: skip
    for feature in part.features:
        columns[feature] = Column(feature, "any", low=None, nullable=True, meaning="a feature")
    return Table(read_columns(path, list(columns.values())), part, name)
