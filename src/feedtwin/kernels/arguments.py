"""Check everything that C will trust, and lay a kernel's arguments out as its structure wants them.

A call has up to 50 arguments and there are some hundred calls per simulated hour, so the checks that pass
are kept short and the messages are made only when one fails.
"""

import ctypes
from collections.abc import Mapping
from functools import cache
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from feedtwin.kernels.specs import KERNELS, POINTERS, Field, KernelSpec

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array | None]
Scalars = Mapping[str, int | float]
Span = tuple[int, int, bool, str]
"""First and last address, whether it is written, name."""

_DTYPES = {kind: np.dtype(name) for kind, name in POINTERS.items()}

_AXES = {axis for spec in KERNELS.values() for field in spec.fields for axis in field.shape}
_TABLES = frozenset(axis for axis in _AXES if axis.isupper() and axis != "R")
"""Axes of tables that ids point into: any length."""
_FIXED = {axis: int(axis) for axis in _AXES if axis.isdigit()}

_DATA_AT = 2 * ctypes.sizeof(ctypes.c_void_p)
"""Where an array object keeps its data pointer: after the two words that every Python object begins with."""


def _documented_address(array: Array) -> int:
    return array.ctypes.data


def _quick_address(array: Array) -> int:
    """Return what `_documented_address` does, in a sixth of the time."""
    return ctypes.c_void_p.from_address(id(array) + _DATA_AT).value or 0


_probe = np.zeros(3, np.uint8)
address = (
    _quick_address
    if _quick_address(_probe) == _documented_address(_probe)
    and _quick_address(_probe[1:]) == _documented_address(_probe[1:])
    else _documented_address
)


def checked_values(
    spec: KernelSpec, arrays: Arrays, scalars: Scalars, rows: int
) -> list[int | float | None]:
    """Return the values of a kernel's structure without `part`: addresses, numbers, dimensions.

    Raises:
        TypeError: A field is missing or unknown, or an array has another dtype.
        ValueError: An array is not contiguous, not writeable, of the wrong shape, or overlaps an output;
            or a number is beyond the kernel's limits.
    """
    known, needed = _names(spec)
    given = arrays.keys() | scalars.keys()
    if not needed <= given <= known:
        raise TypeError(
            f"kernel {spec.name}: unknown fields {sorted(given - known)}, missing fields "
            f"{sorted(needed - given)}"
        )
    sizes: dict[str, int] = {}
    addresses: dict[str, int] = {}
    spans: list[Span] = []
    for field in _pointers(spec):
        array = arrays.get(field.name)
        if array is None and field.optional:
            continue
        if array is None or not _is_right(field, array, rows, sizes):
            _refuse(spec, field, array, rows, sizes)
        at = address(array)
        addresses[field.name] = at
        spans.append((at, at + array.nbytes, field.written, field.name))
    _check_overlap(spec, spans)
    for name, least, most in spec.limits:
        number = sizes[name] if name in sizes else scalars[name]
        if not least <= number <= most:
            raise ValueError(f"kernel {spec.name}: {name} is {number}, expected {least} to {most}")
    return [_value(field, addresses, scalars, sizes) for field in spec.fields]


@cache
def _names(spec: KernelSpec) -> tuple[frozenset[str], frozenset[str]]:
    """Names that a call may give, and names that it must give."""
    known = [field for field in spec.fields if field.kind != "dim"]
    needed = [field for field in known if not field.optional]
    return frozenset(f.name for f in known), frozenset(f.name for f in needed)


@cache
def _pointers(spec: KernelSpec) -> tuple[Field, ...]:
    return tuple(field for field in spec.fields if field.kind in POINTERS)


def _value(
    field: Field, addresses: Mapping[str, int], scalars: Scalars, sizes: Mapping[str, int]
) -> int | float | None:
    kind = field.kind
    if kind in POINTERS:
        return addresses.get(field.name)
    if kind == "dim":
        return sizes[field.name]
    return int(scalars[field.name]) if kind == "i8" else float(scalars[field.name])


def _is_right(field: Field, array: Array, rows: int, sizes: dict[str, int]) -> bool:
    flags = array.flags
    if (
        array.dtype != _DTYPES[field.kind]
        or not flags.c_contiguous
        or (field.written and not flags.writeable)
    ):
        return False
    shape = array.shape
    if field.shape and len(field.shape) != len(shape):
        return False
    for name, size in zip(field.shape, shape, strict=False):
        if name == "R":
            if size < rows:
                return False
        elif name in _FIXED:
            if size != _FIXED[name]:
                return False
        # The first array with a named dimension binds it.
        elif name not in _TABLES and sizes.setdefault(name, size) != size:
            return False
    return True


def _refuse(
    spec: KernelSpec, field: Field, array: Array | None, rows: int, sizes: Mapping[str, int]
) -> NoReturn:
    """Raise the error that says what is wrong with an array."""
    where = f"kernel {spec.name}, field {field.name}"
    dtype = POINTERS[field.kind]
    if array is None:
        raise TypeError(f"{where}: found None, expected an array of {dtype}")
    if array.dtype != dtype:
        raise TypeError(f"{where}: found dtype {array.dtype}, expected {dtype}")
    if not array.flags.c_contiguous:
        raise ValueError(f"{where}: not C-contiguous; pass np.ascontiguousarray(...)")
    if field.written and not array.flags.writeable:
        raise ValueError(f"{where}: read-only, but the kernel writes it")
    wanted = [
        f"at least {rows}" if n == "R" else n if n.isdigit() else f"{n} = {sizes.get(n, 'any')}"
        for n in field.shape
    ]
    raise ValueError(f"{where}: found shape {array.shape}, expected ({', '.join(wanted)})")


def _check_overlap(spec: KernelSpec, spans: list[Span]) -> None:
    """Refuse an output that shares memory with another argument: C may assume that none does."""
    end, last, end_written, last_written = 0, "", 0, ""
    for low, high, written, name in sorted(spans):
        if low == high:
            continue
        if low < end_written or (written and low < end):
            other = last_written if low < end_written else last
            raise ValueError(f"kernel {spec.name}: {other} and {name} share memory")
        if high > end:
            end, last = high, name
        if written and high > end_written:
            end_written, last_written = high, name
