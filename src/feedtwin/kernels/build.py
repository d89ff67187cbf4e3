"""Build the native kernels with whatever C compiler is there. Standard library only.

The package's build calls `build` at install; ``python -m feedtwin.kernels.build`` builds in place. Nothing
fails without a compiler: one line says so, and the NumPy reference gives the same results, slower.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCES = Path(__file__).resolve().parent

FLAGS = (
    "-O3", "-std=c11", "-fPIC", "-shared", "-fvisibility=hidden",
    # What defines the bits: no fused multiply-add. What only gives speed: nobody reads errno or traps.
    "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math",
)  # fmt: skip

BUILDS: dict[str, tuple[str, ...]] = {
    "baseline": (),
    "avx2": ("-mavx2",),
    "avx512": (
        "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512",
    ),
}  # fmt: skip
"""Name of each build and the instruction sets it may use beyond the platform's least."""

_X86_ONLY = ("avx2", "avx512")


def library_name(build_name: str) -> str:
    """Return the file name of a build: ``_cpu_<build>.so``."""
    return f"_cpu_{build_name}.so"


def source_digest() -> str:
    """Return a digest of C sources and flags, which a library carries so that a stale one is known."""
    digest = hashlib.sha256(repr((FLAGS, BUILDS)).encode())
    for path in sorted([*SOURCES.glob("*.h"), *SOURCES.glob("*.c")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def find_compiler() -> str | None:
    """Return the C compiler's command: ``$CC`` if set, else cc, gcc or clang, else None."""
    named = os.environ.get("CC", "").strip()
    if named:
        return named
    return next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)


def _targets() -> list[str]:
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    return [name for name in BUILDS if is_x86 or name not in _X86_ONLY]


def _compile(command: list[str], target: Path, quiet: bool) -> bool:
    """Compile to a temporary name, then rename, so that no process ever loads half a library."""
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        done = subprocess.run(
            [*command, "-o", str(partial)], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            partial.replace(target)
            return True
        reason = next(iter(done.stderr.strip().splitlines()), f"exit status {done.returncode}")
    except OSError as error:
        reason = str(error)
    finally:
        partial.unlink(missing_ok=True)
    _say(f"feedtwin kernels: {target.name} was not built ({reason})", quiet)
    return False


def _say(line: str, quiet: bool) -> None:
    if not quiet:
        sys.stderr.write(line + "\n")


def build(directory: Path | str, compiler: str | None = None, quiet: bool = False) -> list[Path]:
    """Compile every build this platform can use into `directory`.

    Args:
        directory: Where the libraries go; made if missing.
        compiler: Compiler command; the first found by `find_compiler` if None.
        quiet: Say nothing on standard error.

    Returns:
        The libraries that were built, least demanding first; empty if there is no compiler.
    """
    command = compiler or find_compiler()
    if command is None:
        _say(
            "feedtwin kernels: no C compiler (looked for $CC, cc, gcc, clang); the NumPy path will "
            "run: same results, slower",
            quiet,
        )
        return []
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    digest = source_digest()

    def compile_one(name: str) -> Path | None:
        target = folder / library_name(name)
        line = [
            *shlex.split(command), *FLAGS, *BUILDS[name], f'-DFT_SOURCE="{digest}"',
            str(SOURCES / "cpu.c"),
        ]  # fmt: skip
        return target if _compile(line, target, quiet) else None

    with ThreadPoolExecutor() as pool:  # the compiler runs in processes of its own
        built = [target for target in pool.map(compile_one, _targets()) if target is not None]
    return built


def main() -> int:
    """Build into the folder given as the first argument, or next to the sources."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCES
    for path in build(folder):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
