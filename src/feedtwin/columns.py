"""Struct-of-arrays state: typed columns that grow, and read-only views for everybody but the owner.

A twin keeps its state in `Columns`. Arrays handed out are read-only; they can be written only inside
`with columns.writing():`, which the bus opens around a handler and nobody else opens. A write anywhere
else raises NumPy's `ValueError: ... read-only`, which `boundary` turns into a BoundaryError.

The price of the border is one flag per array. What it cannot stop: a slice taken from a writable array
inside a handler and kept beyond it. The guard is against mistakes, not against malice.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from feedtwin.errors import BoundaryError, SchemaError
from feedtwin.schema.nearest import suggest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from feedtwin.schema.tables import Column, TableSpec

_CAPACITY_MIN: Final = 64


class Columns:
    """The rows of one table as named arrays of shape (rows, *column.shape).

    Reading an attribute gives the column: read-only outside `writing`, writable inside. Arrays got
    before `grow` or before the end of `writing` do not stay writable.
    """

    __slots__ = (
        "__weakref__",
        "_depth",
        "_frozen",
        "_readers",
        "_rows",
        "_stores",
        "_writers",
        "spec",
    )

    spec: TableSpec
    _rows: int
    _depth: int
    _stores: dict[str, NDArray[Any]]
    _readers: dict[str, NDArray[Any]]
    _writers: dict[str, NDArray[Any]]
    _frozen: FrozenColumns

    def __init__(self, spec: TableSpec, rows: int) -> None:
        """Create a table with `rows` rows of fill values.

        Args:
            spec: Name, owner and columns.
            rows: Number of rows to begin with.

        Raises:
            SchemaError: A column's name would hide a method.
        """
        for column in spec.columns:
            if hasattr(type(self), column.name) or hasattr(FrozenColumns, column.name):
                raise SchemaError(f"table {spec.name}: {column.name!r} is taken, rename the column")
        put = object.__setattr__
        put(self, "spec", spec)
        put(self, "_rows", rows)
        put(self, "_depth", 0)
        put(self, "_stores", {column.name: _store(column, rows) for column in spec.columns})
        put(self, "_readers", {})
        put(self, "_writers", {})
        put(self, "_frozen", FrozenColumns(self))
        self._renew()

    def __len__(self) -> int:
        return self._rows

    def __getattr__(self, name: str) -> NDArray[Any]:
        # Called only for names that are no method: the columns.
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._stores:
            known = suggest(name, self._stores)
            raise AttributeError(f"table {self.spec.name} has no column {name!r}{known}")
        if not self._depth:
            return self._readers[name]
        if name not in self._writers:
            store = self._stores[name]
            store.flags.writeable = True
            self._writers[name] = store[: self._rows]
        return self._writers[name]

    def __setattr__(self, name: str, value: object) -> None:
        raise BoundaryError(
            f"table {self.spec.name}: {name} cannot be replaced; write into the array, "
            f"`columns.{name}[...] = values`, inside a handler of the {self.spec.owner} twin"
        )

    @property
    def frozen(self) -> FrozenColumns:
        """Return the read-only face of this table; it follows growth and copies nothing."""
        return self._frozen

    @property
    def nbytes(self) -> int:
        """Return the bytes held, room for growth included."""
        return sum(store.nbytes for store in self._stores.values())

    @property
    def is_writing(self) -> bool:
        """Return whether a handler of the owner is running."""
        return self._depth > 0

    @contextmanager
    def writing(self) -> Iterator[Columns]:
        """Let the columns be written inside the block; for the bus, around a handler."""
        object.__setattr__(self, "_depth", self._depth + 1)
        try:
            yield self
        finally:
            object.__setattr__(self, "_depth", self._depth - 1)
            if not self._depth:
                self._close_writers()

    def grow(self, count: int) -> slice:
        """Append rows of fill values and return where they are.

        Room doubles when it is used up, so a row costs constant time on average.

        Raises:
            BoundaryError: No handler of the owner is running.
        """
        if not self._depth:
            raise BoundaryError(
                f"table {self.spec.name}: rows can be added only inside a handler of the "
                f"{self.spec.owner} twin"
            )
        start, end = self._rows, self._rows + count
        self._close_writers()
        for column in self.spec.columns:
            store = self._stores[column.name]
            if end > len(store):
                grown = _store(column, max(end, 2 * len(store), _CAPACITY_MIN))
                grown.flags.writeable = True
                grown[:start] = store[:start]
                self._stores[column.name] = grown
        object.__setattr__(self, "_rows", end)
        self._renew()
        return slice(start, end)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return every column by name, read-only and not copied; what a snapshot saves."""
        return dict(self._readers)

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Replace all rows by those of a snapshot.

        Raises:
            SchemaError: A column is missing, unknown, or has another type, shape or length.
        """
        _check_state(self.spec, state)
        self._close_writers()
        rows = 0
        for name, array in state.items():
            rows = len(array)
            self._stores[name] = np.array(array, order="C", copy=True)
        object.__setattr__(self, "_rows", rows)
        self._renew()

    def _renew(self) -> None:
        """Make the read-only arrays anew, after the stores or the number of rows changed."""
        for name, store in self._stores.items():
            reader = store[: self._rows]
            reader.flags.writeable = False
            self._readers[name] = reader
            store.flags.writeable = False

    def _close_writers(self) -> None:
        """Take back the permission to write from every array handed out."""
        for name, writer in self._writers.items():
            writer.flags.writeable = False
            self._stores[name].flags.writeable = False
        self._writers.clear()


class FrozenColumns:
    """The read-only face of a table: attributes are columns, read-only whoever is writing."""

    __slots__ = ("_columns",)

    _columns: Columns

    def __init__(self, columns: Columns) -> None:
        object.__setattr__(self, "_columns", columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        reader = self._columns._readers.get(name)
        if reader is None:
            spec = self._columns.spec
            known = suggest(name, self._columns._readers)
            raise AttributeError(f"table {spec.name} has no column {name!r}{known}")
        return reader

    def __setattr__(self, name: str, value: object) -> None:
        spec = self._columns.spec
        raise BoundaryError(
            f"table {spec.name} is read-only here: {name} belongs to the {spec.owner} twin, which "
            "changes it in its handlers; publish an event instead"
        )

    @property
    def spec(self) -> TableSpec:
        """Return name, owner and columns of the table."""
        return self._columns.spec


class PolicyView:
    """What a policy may see of a table: its policy-visible columns, read-only."""

    __slots__ = ("_frozen", "_shown")

    _frozen: FrozenColumns
    _shown: frozenset[str]

    def __init__(self, columns: Columns | FrozenColumns) -> None:
        frozen = columns.frozen if isinstance(columns, Columns) else columns
        shown = frozenset(c.name for c in frozen.spec.columns if c.policy_visible)
        object.__setattr__(self, "_frozen", frozen)
        object.__setattr__(self, "_shown", shown)

    def __len__(self) -> int:
        return len(self._frozen)

    def __dir__(self) -> list[str]:
        return sorted(self._shown)

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._shown:
            return getattr(self._frozen, name)
        spec = self._frozen.spec
        if name in spec.by_name:
            raise BoundaryError(
                f"a policy may not read {spec.name}.{name}: the platform does not know it; "
                f"visible columns are {', '.join(sorted(self._shown)) or 'none'}"
            )
        hint = suggest(name, self._shown)
        raise AttributeError(f"table {spec.name} has no column {name!r}{hint}")

    def __setattr__(self, name: str, value: object) -> None:
        raise BoundaryError(f"a policy may not write {self._frozen.spec.name}.{name}")


def policy_view(columns: Columns | FrozenColumns) -> PolicyView:
    """Return what a policy may see of a table."""
    return PolicyView(columns)


@contextmanager
def boundary(where: str) -> Iterator[None]:
    """Turn a write to a read-only array inside the block into a BoundaryError that says where.

    Args:
        where: Who runs inside, such as `user.on_video_watched` or `policy popularity`.
    """
    try:
        yield
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise BoundaryError(
            f"{where}: wrote to a column that it does not own; a twin changes only its own columns, "
            "only in its handlers, and a policy changes none"
        ) from error


def _store(column: Column, rows: int) -> NDArray[Any]:
    shape = (rows, *column.shape)
    if column.fill == 0:
        return np.zeros(shape, column.numpy_dtype)  # pages are touched only when used
    return np.full(shape, column.fill, column.numpy_dtype)


def _check_state(spec: TableSpec, state: Mapping[str, NDArray[Any]]) -> None:
    missing = sorted(set(spec.by_name) - set(state))
    unknown = sorted(set(state) - set(spec.by_name))
    if missing or unknown:
        raise SchemaError(
            f"table {spec.name}: saved columns do not fit; missing {missing}, unknown {unknown}"
        )
    lengths = {len(array) for array in state.values()}
    if len(lengths) > 1:
        raise SchemaError(f"table {spec.name}: saved columns have lengths {sorted(lengths)}")
    for name, array in state.items():
        column = spec.by_name[name]
        if array.dtype != column.numpy_dtype or array.shape[1:] != column.shape:
            raise SchemaError(
                f"table {spec.name}: saved column {name} is {array.dtype} {array.shape[1:]}, "
                f"expected {column.numpy_dtype} {column.shape}"
            )
