"""Typed fields: what a column of an event, an action payload or a table holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from feedtwin.errors import SchemaError

if TYPE_CHECKING:
    from enum import IntEnum

    import pyarrow as pa

DTYPES: Final = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8", "str", "bool")

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Field:
    """One named, typed value of a row.

    Attributes:
        name: Lower-case name, unique inside its owner.
        dtype: One of `DTYPES`; integers and floats are little-endian.
        unit: Unit of measurement, `id` for identifiers, `code` for enumerations, `1` for pure numbers.
        meaning: One sentence for a reader who does not know the code.
        codes: For `code` fields with a closed set of values, the enumeration; otherwise None.
        digested_as: For fields that say who answered and not what: the value that digests take for all; else None.
    """

    name: str
    dtype: str
    unit: str
    meaning: str
    codes: type[IntEnum] | None = None
    digested_as: int | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SchemaError(
                f"field name {self.name!r}: expected lower-case letters, digits and underscores"
            )
        if self.dtype not in DTYPES:
            raise SchemaError(
                f"field {self.name}: dtype {self.dtype!r} is not one of {', '.join(DTYPES)}"
            )

    @property
    def numpy_dtype(self) -> np.dtype:
        """Return the NumPy type: `bool_` for bool, object for str, little-endian numbers else."""
        if self.dtype == "str":
            return np.dtype(object)
        if self.dtype == "bool":
            return np.dtype(np.bool_)
        return np.dtype(f"<{self.dtype}")

    def arrow(self) -> pa.Field:
        """Return the Arrow field, not nullable, with unit and meaning as metadata."""
        import pyarrow as pa  # imported late: `--help` must not pay for Arrow

        types = {
            "u1": pa.uint8, "u2": pa.uint16, "u4": pa.uint32, "u8": pa.uint64,
            "i1": pa.int8, "i2": pa.int16, "i4": pa.int32, "i8": pa.int64,
            "f4": pa.float32, "f8": pa.float64, "str": pa.string, "bool": pa.bool_,
        }  # fmt: skip
        metadata = {"unit": self.unit, "meaning": self.meaning}
        return pa.field(self.name, types[self.dtype](), nullable=False, metadata=metadata)

    def as_row(self) -> dict[str, object]:
        """Return a plain mapping for listings and JSON."""
        row: dict[str, object] = {
            "name": self.name,
            "dtype": self.dtype,
            "unit": self.unit,
            "meaning": self.meaning,
        }
        if self.codes is not None:
            row["codes"] = {str(int(code)): code.name.lower() for code in self.codes}
        return row


def check_unique(owner: str, fields: tuple[Field, ...]) -> None:
    """Raise SchemaError when two fields of one owner share a name."""
    seen: set[str] = set()
    for field in fields:
        if field.name in seen:
            raise SchemaError(f"{owner}: field {field.name!r} is declared twice")
        seen.add(field.name)
