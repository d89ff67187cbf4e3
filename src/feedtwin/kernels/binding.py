"""Load the best native build this machine can run, and call its kernels over rows in parallel.

How a kernel is added, in this order:

1. its pure per-row functions go to `encounter.h` (scalars; shared with other devices), `lanes.h` (16
   lanes on a CPU) or a header of its own, mirroring a readable NumPy reference operation by operation;
2. ``struct ft_<name>_args`` and ``int64_t ft_<name>(const struct ft_<name>_args *a, int64_t low, int64_t
   high)`` go to a header that `cpu.c` includes: every field 8 bytes (pointer, int64_t, double), the
   first field ``int64_t part``; one ``FT_ENTRY(<name>)`` line goes to ``ft_abi``;
3. a `specs.KernelSpec` with the same fields in the same order (without `part`) goes to `specs.KERNELS`;
   dimensions are taken from the arrays' shapes, so callers pass nothing twice;
4. callers write ``if kernels.native: kernels.call("<name>", arrays, scalars, rows)``, else the reference;
5. ``tests/reference`` compares the two bit for bit on generated input, for every build of this machine. It
   also compares the fields of each C structure with its specification.

Rules that keep results independent of threads: a kernel writes row r of its outputs for rows of its own
range only; what is summed over rows is an integer, in a buffer chosen by `part` (0 .. `Kernels.parts` - 1) and
merged afterwards, or the call is ``serial``; pass ``grain=4096`` where a range must hold whole blocks of
users. The interpreter lock is released during a call. A kernel returns a count (the parts' counts are
added), or a negative number if its arguments contradict each other, before it has written anything.
"""

import ctypes
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feedtwin.errors import SettingsError
from feedtwin.kernels.arguments import address, checked_values
from feedtwin.kernels.build import BUILDS, SOURCES, library_name, source_digest
from feedtwin.kernels.specs import KERNELS, NUMERICS, KernelSpec

U4 = npt.NDArray[np.uint32]
F4 = npt.NDArray[np.float32]

VARIABLE = "FEEDTWIN_KERNEL"
"""Environment variable that chooses the build where the caller left it at "auto"."""
CHOICES = ("auto", "numpy", *BUILDS)

_NEEDS: dict[str, frozenset[str]] = {
    "baseline": frozenset(),
    "avx2": frozenset({"avx2"}),
    "avx512": frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"}),
}


def cpu_flags() -> frozenset[str]:
    """Return the instruction-set flags of ``/proc/cpuinfo``; empty where there is no such file."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    line = next((x for x in text.splitlines() if x.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())


def supported_builds() -> list[str]:
    """Return the names of the builds this CPU can run, fastest first."""
    flags = cpu_flags()
    return [name for name in reversed(list(BUILDS)) if _NEEDS[name] <= flags]


def _structure(spec: KernelSpec) -> type[ctypes.Structure]:
    """Make the ctypes mirror of ``struct ft_<name>_args``."""
    plain: dict[str, type[Any]] = {"i8": ctypes.c_int64, "f8": ctypes.c_double}
    fields: list[tuple[str, type[Any]]] = [("part", ctypes.c_int64)]
    fields += [(f.name, plain.get(f.c_kind, ctypes.c_void_p)) for f in spec.fields]
    return type(f"ft_{spec.name}_args", (ctypes.Structure,), {"_fields_": fields})


_STRUCTURES = {name: _structure(spec) for name, spec in KERNELS.items()}


def _open(path: Path) -> tuple[ctypes.CDLL | None, str]:
    """Return the library at `path`, or None and why it cannot be used."""
    if not path.is_file():
        return None, "not built"
    try:
        library = ctypes.CDLL(str(path))
        library.ft_abi.restype = ctypes.c_int64
        library.ft_abi.argtypes = [ctypes.c_char_p]
        library.ft_source.restype = ctypes.c_char_p
        built_from = library.ft_source()
    except (OSError, AttributeError) as error:
        return None, f"cannot be loaded ({error})"
    if built_from != source_digest().encode():
        return None, "stale: built from other sources or flags"
    for name, structure in _STRUCTURES.items():
        size = library.ft_abi(name.encode())
        if size != ctypes.sizeof(structure):
            return (
                None,
                f"kernel {name}: {size} bytes of arguments, {ctypes.sizeof(structure)} here",
            )
        function = getattr(library, f"ft_{name}")
        function.restype = ctypes.c_int64
        function.argtypes = [ctypes.POINTER(structure), ctypes.c_int64, ctypes.c_int64]
    return library, ""


class Kernels:
    """The kernels of one build, or none of them (`native` is False: callers take the NumPy path)."""

    def __init__(
        self, name: str, library: ctypes.CDLL | None, threads: int = 1, note: str = ""
    ) -> None:
        """Bind a loaded library.

        Args:
            name: "numpy" or a key of `build.BUILDS`.
            library: The library, checked by `load`; None for NumPy.
            threads: Row ranges that run at the same time, at least 1.
            note: One clause that says why a better build is not in use, or "".
        """
        if threads < 1:
            raise SettingsError(f"threads: found {threads}, expected at least 1; pass --threads 1")
        self.name = name
        self.threads = threads
        self.note = note
        self._library = library
        self._pool: ThreadPoolExecutor | None = None

    @property
    def native(self) -> bool:
        """Whether native code is loaded."""
        return self._library is not None

    @property
    def parts(self) -> int:
        """Number of row ranges a call may use, hence of private buffers a summing kernel needs."""
        return self.threads

    def describe(self) -> str:
        """Return one line that says what runs, and why nothing faster does."""
        what = f"native C, {self.name} build" if self.native else "NumPy reference"
        plural = "s" if self.threads > 1 else ""
        line = f"kernels: {what}, {self.threads} thread{plural}"
        return f"{line} ({self.note})" if self.note else line

    def call(
        self,
        name: str,
        arrays: Mapping[str, npt.NDArray[Any] | None],
        scalars: Mapping[str, int | float],
        rows: int,
        grain: int = 1,
        *,
        serial: bool = False,
    ) -> int:
        """Run kernel `name` on rows 0 to `rows` and return the sum of its return values.

        Ids in the arrays (users, content rows, ring positions) are trusted.

        Args:
            name: A key of `specs.KERNELS`.
            arrays: One array per pointer field: exact dtype, C-contiguous, writeable where written.
            scalars: One number per scalar field; dimensions come from the arrays' shapes.
            rows: Number of rows, split statically into up to `threads` contiguous ranges.
            grain: Ranges begin at multiples of this many rows.
            serial: Rows share outputs: use one range.

        Raises:
            RuntimeError: No native build is loaded (check `native` first).
            TypeError: A field is missing or unknown, or an array has another dtype.
            ValueError: An array is not contiguous, not writeable, of the wrong shape, or overlaps an
                output; a number is beyond the kernel's limits; or the arguments contradict each other.
        """
        if self._library is None:
            raise RuntimeError(f"kernel {name}: no native build is loaded; check Kernels.native")
        values = checked_values(KERNELS[name], arrays, scalars, rows)
        return self._split(name, values, rows, max(grain, 1), serial=serial)

    def _split(
        self,
        name: str,
        values: Sequence[int | float | None],
        rows: int,
        grain: int = 1,
        *,
        serial: bool = False,
    ) -> int:
        """Run a kernel on ranges of rows; `values` are its structure's, checked, without `part`."""
        structure = _STRUCTURES[name]
        function = getattr(self._library, f"ft_{name}")
        ranges = [(0, rows)]
        if not serial and rows >= KERNELS[name].inline_below:
            ranges = self._ranges(rows, grain)
        if len(ranges) == 1:
            count = int(function(ctypes.byref(structure(0, *values)), 0, rows))
            return _accepted(name, [count])
        arguments = [structure(part, *values) for part in range(len(ranges))]
        futures = [
            self._executor().submit(function, ctypes.byref(a), low, high)
            for a, (low, high) in zip(arguments[1:], ranges[1:], strict=True)
        ]
        counts = [int(function(ctypes.byref(arguments[0]), *ranges[0]))]
        counts += [int(f.result()) for f in futures]
        return _accepted(name, counts)

    def philox(
        self,
        words: tuple[U4, U4, U4, U4],
        key: tuple[int, int],
        rows: int,
        wanted: Sequence[int] = (0, 1, 2, 3),
    ) -> tuple[U4, ...]:
        """Return the `wanted` Philox output words of `rows` counters.

        Args:
            words: Four contiguous uint32 arrays, each of length `rows`, or 1 to repeat.
            key: The two key words.
            rows: Number of counters.
            wanted: Which of the four output words to return, in this order.
        """
        for i, word in enumerate(words):
            if word.dtype != np.uint32 or word.size not in (1, rows) or not word.flags.c_contiguous:
                raise ValueError(
                    f"kernel philox: word {i} has {word.size} entries of {word.dtype}, expected 1 or "
                    f"{rows} contiguous ones of uint32"
                )
        out = tuple(np.empty(rows, np.uint32) for _ in wanted)
        places: list[int | None] = [None] * 4
        for word_number, array in zip(wanted, out, strict=True):
            places[word_number] = address(array)
        strides = (int(word.size != 1) for word in words)
        self._split("philox", [*map(address, words), *strides, *key, *places], rows)
        return out

    def numerics(self, function: str, x: F4) -> F4:
        """Return one of `specs.NUMERICS` of a contiguous float32 array: the bits of `feedtwin.numerics`."""
        y = np.empty(x.size, np.float32)
        self.call("numerics", {"x": x, "y": y}, {"function": NUMERICS.index(function)}, x.size)
        return y

    def uniform(self, bits: U4) -> F4:
        """Return `numerics.uniform32` of a contiguous uint32 array."""
        u = np.empty(bits.size, np.float32)
        self.call("uniform", {"bits": bits, "u": u}, {}, bits.size)
        return u

    def close(self) -> None:
        """Stop the threads; a later call starts new ones."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _executor(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="feedtwin-kernel")
        return self._pool

    def _ranges(self, rows: int, grain: int) -> list[tuple[int, int]]:
        """Split [0, rows) into contiguous, non-empty ranges that depend on nothing but the arguments."""
        grains = -(-rows // grain)
        parts = max(1, min(self.threads, grains))
        edges = [min(grains * p // parts * grain, rows) for p in range(parts + 1)]
        return [(edges[p], edges[p + 1]) for p in range(parts)]


def _accepted(name: str, counts: Sequence[int]) -> int:
    """Return the sum of what the ranges of a call returned.

    Raises:
        ValueError: A kernel refused its arguments.
    """
    if min(counts) < 0:
        raise ValueError(f"kernel {name}: arguments contradict each other (quotas and candidates?)")
    return sum(counts)


def _parse(choice: str) -> str:
    """Resolve "auto" through the environment and check the name."""
    where = "kernel"
    if choice == "auto":
        choice, where = os.environ.get(VARIABLE, "").strip().lower() or "auto", VARIABLE
    if choice not in CHOICES:
        raise SettingsError(f"{where}: found {choice!r}, expected one of {', '.join(CHOICES)}")
    return choice


def load(choice: str = "auto", threads: int = 1, directory: Path | str | None = None) -> Kernels:
    """Load native kernels, or fall back to the NumPy reference; results are equal either way.

    Args:
        choice: "auto" (the fastest this CPU runs, unless the variable FEEDTWIN_KERNEL says otherwise),
            "numpy", "baseline", "avx2" or "avx512".
        threads: Row ranges that run at the same time.
        directory: Where the libraries are; the package's own folder if None.

    Raises:
        SettingsError: `choice` is unknown, or names a build that is missing, stale or beyond this CPU.
    """
    choice = _parse(choice)
    if choice == "numpy":
        return Kernels("numpy", None, threads, "chosen")
    folder = SOURCES if directory is None else Path(directory)
    able = supported_builds()
    if choice != "auto" and choice not in able:
        raise SettingsError(
            f"kernel {choice}: this CPU lacks {', '.join(sorted(_NEEDS[choice] - cpu_flags()))}; choose "
            f"one of auto, numpy, {', '.join(able)}"
        )
    problems: dict[str, str] = {}
    for name in able if choice == "auto" else [choice]:
        library, problem = _open(folder / library_name(name))
        if library is not None:
            note = "; ".join(f"{n} {p}" for n, p in problems.items())
            return Kernels(name, library, threads, note)
        problems[name] = problem
    if choice != "auto":
        raise SettingsError(
            f"kernel {choice}: {folder / library_name(choice)} {problems[choice]}; run "
            "python -m feedtwin.kernels.build, or choose numpy"
        )
    reason = (
        next(iter(set(problems.values()))) if len(set(problems.values())) == 1 else str(problems)
    )
    return Kernels(
        "numpy",
        None,
        threads,
        f"native builds {reason}; python -m feedtwin.kernels.build makes them",
    )
