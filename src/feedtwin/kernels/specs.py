"""Arguments of every native kernel, field by field, as `cpu.c` declares them."""

from dataclasses import dataclass
from typing import NamedTuple

POINTERS = {
    "u1*": "uint8", "u2*": "uint16", "u4*": "uint32", "u8*": "uint64",
    "i1*": "int8", "i2*": "int16", "i4*": "int32", "i8*": "int64",
    "f4*": "float32", "f8*": "float64",
}  # fmt: skip
"""Kinds of array fields and the NumPy dtype each one demands."""

SCALARS = ("i8", "f8")
"""Kinds of scalar fields: a 64-bit integer, a double (float32 values pass through it unchanged)."""


class Field(NamedTuple):
    """One 8-byte field of a kernel's argument structure."""

    name: str
    kind: str
    """A key of `POINTERS` or a member of `SCALARS`."""
    written: bool = False
    """The kernel writes this array: it must be writeable and overlap no other argument."""
    per_row: int = 0
    """Least number of elements per row; 0 for a table whose length does not follow the rows."""
    optional: bool = False
    """None is allowed and reaches C as a null pointer."""


@dataclass(frozen=True)
class KernelSpec:
    """One exported function ``ft_<name>`` and its structure ``ft_<name>_args``."""

    name: str
    fields: tuple[Field, ...]
    """In the order of the C structure, without its first field `part`, which the binding fills in."""
    inline_below: int = 1024
    """Fewer rows than this run on the calling thread alone."""


NUMERICS = ("log32", "exp32", "logistic32", "logit32", "normal_quantile32", "gumbel32")
"""Functions of the ``numerics`` kernel, in the order of their codes."""

_PHILOX = KernelSpec(
    "philox",
    (
        Field("c0", "u4*"),
        Field("c1", "u4*"),
        Field("c2", "u4*"),
        Field("c3", "u4*"),
        Field("s0", "i8"),
        Field("s1", "i8"),
        Field("s2", "i8"),
        Field("s3", "i8"),
        Field("k0", "i8"),
        Field("k1", "i8"),
        Field("w0", "u4*", written=True, per_row=1),
        Field("w1", "u4*", written=True, per_row=1),
        Field("w2", "u4*", written=True, per_row=1),
        Field("w3", "u4*", written=True, per_row=1),
    ),
    inline_below=65536,
)

_NUMERICS = KernelSpec(
    "numerics",
    (
        Field("function", "i8"),
        Field("x", "f4*", per_row=1),
        Field("y", "f4*", written=True, per_row=1),
    ),
    inline_below=65536,
)

_UNIFORM = KernelSpec(
    "uniform",
    (Field("bits", "u4*", per_row=1), Field("u", "f4*", written=True, per_row=1)),
    inline_below=65536,
)

KERNELS: dict[str, KernelSpec] = {spec.name: spec for spec in (_PHILOX, _NUMERICS, _UNIFORM)}
"""Every kernel by name. A library that lacks one, or disagrees on its size, is not loaded."""
