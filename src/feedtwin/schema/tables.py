"""Columns that each twin lets others read: type, shape, unit, meaning, and who may see them.

A column marked `policy_visible` may be read by policies; true taste, hook strength and quality may not.
The rows are declared once, by the twin that owns them, with `declare`; functions elsewhere refer to a
column by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from feedtwin.errors import SchemaError
from feedtwin.schema.events import TWINS
from feedtwin.schema.fields import DTYPES
from feedtwin.schema.nearest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: Lower-case name, unique in its table; the attribute by which it is read.
        dtype: One of `feedtwin.schema.fields.DTYPES` without `str`.
        shape: Shape of one row's value; `()` for a scalar, `(50,)` for a vector.
        unit: Unit of measurement, as in `Field`.
        meaning: One sentence.
        policy_visible: Whether a policy may read it.
        fill: Value of rows not written yet.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    unit: str
    meaning: str
    policy_visible: bool
    fill: float = 0

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES or self.dtype == "str":
            raise SchemaError(f"column {self.name}: dtype {self.dtype!r} is not a number type")

    @property
    def numpy_dtype(self) -> np.dtype:
        """Return the little-endian NumPy type."""
        return np.dtype(np.bool_) if self.dtype == "bool" else np.dtype(f"<{self.dtype}")

    @property
    def row_bytes(self) -> int:
        """Return the bytes that one row takes."""
        return int(self.numpy_dtype.itemsize * np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class TableSpec:
    """A table that one twin owns and the others may read.

    Attributes:
        name: Name of the table, such as `users`.
        owner: The twin whose handlers write it.
        key: What a row belongs to, such as `user` or `item`.
        columns: Its columns, in order.
    """

    name: str
    owner: str
    key: str
    columns: tuple[Column, ...]
    by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.owner not in TWINS:
            raise SchemaError(f"table {self.name}: no twin is called {self.owner!r}")
        by_name = {column.name: column for column in self.columns}
        if len(by_name) != len(self.columns):
            raise SchemaError(f"table {self.name}: a column is declared twice")
        object.__setattr__(self, "by_name", MappingProxyType(by_name))

    def column(self, name: str) -> Column:
        """Return the column called `name`; raise SchemaError, suggesting the nearest, if none is."""
        try:
            return self.by_name[name]
        except KeyError:
            raise SchemaError(
                f"table {self.name} has no column {name!r}{suggest(name, self.by_name)}"
            ) from None

    @property
    def row_bytes(self) -> int:
        """Return the bytes that one row takes over all columns."""
        return sum(column.row_bytes for column in self.columns)


TABLES: Final[dict[str, TableSpec]] = {}


def declare(spec: TableSpec) -> TableSpec:
    """Enter a table into `TABLES` and return it; raise SchemaError when the name is taken."""
    known = TABLES.get(spec.name)
    if known is not None and known != spec:
        raise SchemaError(f"table {spec.name} is declared twice, by {known.owner} and {spec.owner}")
    TABLES[spec.name] = spec
    return spec


def tables() -> Iterator[dict[str, object]]:
    """Yield one plain mapping per column of every declared table, twin by twin, for listings and JSON."""
    for spec in sorted(TABLES.values(), key=lambda spec: TWINS.index(spec.owner)):
        for column in spec.columns:
            yield {
                "table": spec.name,
                "owner": spec.owner,
                "key": spec.key,
                "column": column.name,
                "dtype": column.dtype,
                "shape": list(column.shape),
                "unit": column.unit,
                "meaning": column.meaning,
                "policy_visible": column.policy_visible,
            }
