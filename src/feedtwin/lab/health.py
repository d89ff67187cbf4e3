"""Whether this machine can run feedtwin: what `feedtwin doctor` shows."""

import platform
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from feedtwin.errors import FeedtwinError
from feedtwin.lab.launch import RUNS
from feedtwin.lab.machine import memory_bytes, usable_cores

PACKAGES: Final = (
    "numpy", "pyarrow", "duckdb", "pydantic", "ruamel.yaml", "safetensors", "xxhash", "typer", "rich"
)  # fmt: skip
_MEMORY_LOW: Final = 2 * 1000**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        ok: Whether it is as it should be.
        needed: Whether feedtwin cannot run without it.
        found: What was found.
        advice: What to do about it, or "".
    """

    name: str
    ok: bool
    needed: bool
    found: str
    advice: str = ""


def examine(runs: Path = RUNS) -> list[Finding]:
    """Look at everything a run needs; writes and removes one small file.

    Args:
        runs: Folder in which run folders will be made.
    """
    return [
        _machine(),
        _memory(),
        _packages(),
        _kernels(),
        *_builds(),
        _arrow(),
        _duckdb(),
        _sample(),
        _runs(runs),
    ]


def _machine() -> Finding:
    cores = usable_cores()
    return Finding(
        "python", sys.version_info >= (3, 11), True,
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"{cores} usable core{'s' if cores > 1 else ''}",
        "" if sys.version_info >= (3, 11) else "feedtwin needs Python 3.11 or newer",
    )  # fmt: skip


def _memory() -> Finding:
    total = memory_bytes()
    if total is None:
        return Finding("memory", True, False, "unknown")
    enough = total >= _MEMORY_LOW
    advice = "" if enough else "keep --users below 100,000"
    return Finding("memory", enough, False, f"{total / 1000**3:.1f} GB", advice)


def _packages() -> Finding:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    advice = (
        f"missing: {', '.join(missing)}; run: python -m pip install feedtwin" if missing else ""
    )
    return Finding("packages", not missing, True, ", ".join(found), advice)


def _kernels() -> Finding:
    from feedtwin.kernels.binding import load

    try:
        kernels = load("auto", usable_cores())
    except FeedtwinError as error:
        return Finding("kernels", False, True, str(error), "unset FEEDTWIN_KERNEL")
    advice = "" if kernels.native else "works, slower; a C compiler (cc, gcc or clang) makes them"
    return Finding(
        "kernels", kernels.native, False, kernels.describe().removeprefix("kernels: "), advice
    )


def _builds() -> list[Finding]:
    """Which builds exist, and why one cannot be used."""
    from feedtwin.kernels.binding import load, supported_builds
    from feedtwin.kernels.build import BUILDS

    able = supported_builds()
    findings = []
    for name in BUILDS:
        try:
            load(name)
        except FeedtwinError as error:
            text = (
                str(error).removeprefix(f"kernel {name}: ") if name in able else "this CPU lacks it"
            )
            findings.append(Finding(f"  {name}", False, False, text.partition(";")[0]))
        else:
            findings.append(Finding(f"  {name}", True, False, "built, and this CPU runs it"))
    return findings


def _arrow() -> Finding:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.parquet"
        table = pa.table({"item": pa.array([2**63], pa.uint64())})
        pq.write_table(table, file, compression="zstd")
        same = pq.read_table(file).equals(table)
    return Finding("arrow", same, True, "writes and reads Parquet (zstd)" if same else "misreads")


def _duckdb() -> Finding:
    import duckdb

    with duckdb.connect() as connection:
        row = connection.execute("select sum(x) from range(10) t(x)").fetchall()
    right = row == [(45,)]
    return Finding("duckdb", right, True, "answers" if right else f"answers {row}, expected 45")


def _sample() -> Finding:
    from feedtwin.datasets import sample_path

    folder = sample_path()
    files = sorted(folder.glob("*.parquet"))
    if not files:
        return Finding(
            "sample", False, False, f"no data in {folder}",
            "the world kuairand-sample needs it; reinstall, or run the world synthetic",
        )  # fmt: skip
    size = sum(file.stat().st_size for file in files)
    return Finding(
        "sample", True, False,
        f"KuaiRand-Pure sample, {len(files)} files, {size / 1e6:.1f} MB, CC BY-SA 4.0 (the code is "
        "Apache-2.0)",
    )  # fmt: skip


def _runs(runs: Path) -> Finding:
    """Try to write where run folders go, or where that folder would be made."""
    place = runs if runs.exists() else runs.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=place) as folder:
            (Path(folder) / "t").write_bytes(b"x" * 4096)
    except OSError as error:
        return Finding(
            "run folders", False, True, f"{place.resolve()}: {error.strerror or error}",
            "change to a folder that can be written, or give --out",
        )  # fmt: skip
    import shutil

    free = shutil.disk_usage(place).free
    return Finding(
        "run folders",
        True,
        True,
        f"{(place / '').resolve()} can be written, {free / 1e9:.1f} GB free",
    )
