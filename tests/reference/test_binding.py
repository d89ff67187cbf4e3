"""What the binding refuses, how it splits rows, and that C structures match their specifications."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from feedtwin.errors import SettingsError
from feedtwin.kernels import binding
from feedtwin.kernels.binding import Kernels, load, supported_builds
from feedtwin.kernels.build import SOURCES, build, library_name
from feedtwin.kernels.specs import KERNELS, KernelSpec
from feedtwin.randomness import Stream

C_TYPES = {
    "uint8_t": "u1*", "uint16_t": "u2*", "uint32_t": "u4*", "uint64_t": "u8*",
    "int8_t": "i1*", "int16_t": "i2*", "int32_t": "i4*", "int64_t": "i8*",
    "float": "f4*", "double": "f8*",
}  # fmt: skip


def c_sources() -> str:
    text = "\n".join(p.read_text() for p in sorted([*SOURCES.glob("*.h"), *SOURCES.glob("*.c")]))
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def c_fields(spec: KernelSpec) -> list[tuple[str, str, bool]]:
    """Fields of ``struct ft_<name>_args`` as (name, kind, is it written), read from the C text."""
    match = re.search(rf"struct ft_{spec.name}_args \{{(.*?)\}};", c_sources(), flags=re.S)
    assert match, spec.name
    found = []
    for declaration in filter(None, (d.strip() for d in match[1].split(";"))):
        constant, kind, names = re.fullmatch(r"(const )?(\w+) (.*)", declaration, re.S).groups()  # type: ignore[union-attr]
        for name in (n.strip() for n in names.split(",")):
            if name.startswith("*"):
                found.append((name[1:], C_TYPES[kind], constant is None))
            else:
                assert kind in ("int64_t", "double"), declaration
                found.append((name, "i8" if kind == "int64_t" else "f8", False))
    return found


@pytest.mark.parametrize("spec", KERNELS.values(), ids=lambda s: s.name)
def test_the_c_structure_has_the_fields_of_its_specification(spec: KernelSpec) -> None:
    declared = [("part", "i8", False), *((f.name, f.c_kind, f.written) for f in spec.fields)]
    assert c_fields(spec) == declared


def test_the_header_numbers_blocks_as_the_stream_table_does() -> None:
    blocks = re.findall(r"FT_BLOCK_(\w+) = (\d+)", c_sources())
    numbered = {name: int(number) for name, number in blocks}
    assert len(numbered) > 15  # the blocks that kernels draw from; others are drawn in NumPy only
    assert numbered.items() <= {s.name: s.block for s in Stream if s.word == 0}.items()


def test_no_source_calls_a_math_library() -> None:
    called = re.findall(r"\b(\w+)\s*\(", c_sources())
    forbidden = {
        "expf",
        "logf",
        "powf",
        "fmaf",
        "exp",
        "log",
        "pow",
        "fma",
        "sinf",
        "cosf",
        "tanhf",
    }
    assert "sqrtf" in called
    assert not forbidden & set(called)


def test_without_libraries_numpy_runs_and_one_line_says_so(tmp_path: Path) -> None:
    kernels = load("auto", directory=tmp_path)
    assert not kernels.native
    assert kernels.name == "numpy"
    assert "NumPy reference" in kernels.describe()
    assert "not built" in kernels.describe()
    assert "\n" not in kernels.describe()
    with pytest.raises(RuntimeError, match="no native build"):
        kernels.call("uniform", {}, {}, 1)


def test_without_a_compiler_one_line_says_so_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build(tmp_path) == []
    assert capsys.readouterr().err.count("\n") == 1


def test_a_compiler_that_fails_leaves_no_file_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(tmp_path, compiler="false") == []
    assert build(tmp_path, compiler="no-such-compiler-here") == []
    assert list(tmp_path.iterdir()) == []
    assert "was not built" in capsys.readouterr().err


def test_the_build_needs_nothing_but_the_standard_library() -> None:
    code = f"import runpy; runpy.run_path({str(SOURCES / 'build.py')!r})"
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_stale_library_is_refused(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "source_digest", lambda: "of other sources")
    kernels = load("auto", directory=libraries)
    assert not kernels.native
    assert "stale" in kernels.describe()
    with pytest.raises(SettingsError, match="stale"):
        load("baseline", directory=libraries)


def test_a_library_with_other_structures_is_refused(
    libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorter = binding._structure(KernelSpec("uniform", KERNELS["uniform"].fields[:1], 0))
    monkeypatch.setitem(binding._STRUCTURES, "uniform", shorter)
    kernels = load("auto", directory=libraries)
    assert not kernels.native
    assert "uniform" in kernels.describe()


def test_a_damaged_library_is_refused(tmp_path: Path) -> None:
    for name in supported_builds():
        (tmp_path / library_name(name)).write_bytes(b"not a library")
    assert "cannot be loaded" in load("auto", directory=tmp_path).describe()


def test_auto_takes_the_most_capable_build_and_falls_back_to_the_next(
    libraries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(binding.VARIABLE, raising=False)
    assert load("auto", directory=libraries).name == supported_builds()[0]
    (tmp_path / library_name("baseline")).write_bytes(
        (libraries / library_name("baseline")).read_bytes()
    )
    assert load("auto", directory=tmp_path).name == "baseline"


def test_the_environment_chooses_only_where_the_caller_does_not(
    libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(binding.VARIABLE, "numpy")
    assert load("auto", directory=libraries).name == "numpy"
    assert load("baseline", directory=libraries).name == "baseline"
    monkeypatch.setenv(binding.VARIABLE, "fastest")
    with pytest.raises(SettingsError, match=r"FEEDTWIN_KERNEL.*'fastest'.*avx2"):
        load("auto", directory=libraries)


def test_a_build_beyond_this_cpu_is_refused_by_name(
    libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binding, "cpu_flags", lambda: frozenset({"sse2"}))
    assert load("auto", directory=libraries).name == "baseline"
    with pytest.raises(SettingsError, match="this CPU lacks avx2"):
        load("avx2", directory=libraries)


def test_threads_below_one_are_refused() -> None:
    with pytest.raises(SettingsError, match="threads"):
        load("numpy", threads=0)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize(
    ("rows", "grain"), [(0, 1), (1, 1), (10, 4), (4097, 4096), (100_000, 4096)]
)
def test_ranges_cover_all_rows_once_and_begin_at_whole_grains(
    rows: int, grain: int, threads: int
) -> None:
    ranges = Kernels("numpy", None, threads)._ranges(rows, grain)
    assert len(ranges) <= threads
    assert ranges[0][0] == 0
    assert ranges[-1][1] == rows
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ranges))
    assert all(low % grain == 0 for low, _ in ranges)
    assert all(low < high for low, high in ranges) or rows == 0


def test_results_are_equal_for_any_number_of_threads(libraries: Path) -> None:
    bits = np.arange(300_001, dtype=np.uint32) * np.uint32(2654435761)
    alone = load("baseline", 1, libraries).uniform(bits)
    for threads in (2, 3, 7):
        kernels = load("baseline", threads, libraries)
        assert np.array_equal(kernels.uniform(bits), alone)
        kernels.close()


def test_whatever_c_would_trust_is_checked_first(kernels: Kernels) -> None:
    bits, u = np.zeros(8, np.uint32), np.zeros(8, np.float32)
    frozen = u.copy()
    frozen.flags.writeable = False
    both = np.zeros(8, np.uint32)
    for arrays, error, message in (
        ({"bits": bits}, TypeError, "missing fields"),
        ({"bits": bits, "u": u, "v": u}, TypeError, "unknown fields"),
        ({"bits": None, "u": u}, TypeError, "found None"),
        ({"bits": bits.astype(np.int64), "u": u}, TypeError, "found dtype int64"),
        ({"bits": np.zeros(16, np.uint32)[::2], "u": u}, ValueError, "not C-contiguous"),
        ({"bits": bits, "u": frozen}, ValueError, "read-only"),
        ({"bits": bits, "u": u[:7]}, ValueError, r"shape \(7,\), expected \(at least 8\)"),
        ({"bits": both, "u": both.view(np.float32)}, ValueError, "share memory"),
    ):
        with pytest.raises(error, match=message):
            kernels.call("uniform", arrays, {}, 8)
