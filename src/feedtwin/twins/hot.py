"""Run a hot function: the native kernel when it is there, else its NumPy reference. Same bits either way."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import numpy as np

from feedtwin.kernels.binding import Kernels

REFERENCE_ROWS = 512
"""Requests a reference handles at once: its temporary arrays then stay near the caches."""

Reference = Callable[[SimpleNamespace, int, int], None]
Scalar = float | int | np.float32


def run(
    kernels: Kernels,
    name: str,
    reference: Reference,
    arrays: Mapping[str, np.ndarray],
    scalars: Mapping[str, Scalar],
    rows: int,
    *,
    serial: bool = False,
) -> None:
    """Compute rows 0..rows of `name`, writing into the output arrays.

    Args:
        kernels: What is installed; `kernels.native` decides the path.
        name: Name of the native kernel.
        reference: The NumPy function that defines it.
        arrays: Inputs and outputs by name; outputs are written in place.
        scalars: float32 and integer parameters by name.
        rows: Requests to compute.
        serial: True when rows share outputs (item counters), so that threads may not split them.
    """
    if rows == 0:
        return
    if kernels.native:
        numbers = {k: v.item() if isinstance(v, np.floating) else v for k, v in scalars.items()}
        kernels.call(name, arrays, numbers, rows, serial=serial)
        return
    a = SimpleNamespace(**arrays, **scalars)
    for lo in range(0, rows, REFERENCE_ROWS):
        reference(a, lo, min(lo + REFERENCE_ROWS, rows))
