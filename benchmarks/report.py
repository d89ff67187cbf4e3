"""What every benchmark shares: who measured, on what, when; and where the results go."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HISTORY = ROOT / "benchmarks" / "results.jsonl"
CONCEPTS = ROOT / "docs" / "concepts"
CALIBRATION = "uncalibrated defaults"

Record = dict[str, Any]


def provenance(kernels: str) -> Record:
    """Return commit, day and machine of a measurement; `kernels` describes what computed."""
    return {"commit": commit(), "date": today(), "machine": machine(), "kernels": kernels}


def today() -> str:
    """Return the day in UTC, ISO 8601."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def commit() -> str:
    """Return the short commit, with "+" when the sources differ from it; "unknown" without git."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "src")
    return f"{head}+" if head and changed else head or "unknown"


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def machine() -> Record:
    """Return the machine in facts that a reader can compare with their own."""
    packages = {}
    for name in ("numpy", "pyarrow"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "absent"
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **packages,
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or "unknown"
    line = next((x for x in text.splitlines() if x.startswith("model name")), "")
    return line.partition(":")[2].strip() or platform.machine()


def _memory_gb() -> float:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError):
        return 0.0


def describe(record: Record) -> str:
    """Return one sentence: where, when and at which commit something was measured."""
    m = record["machine"]
    return (
        f"Measured at commit {record['commit']} on {record['date']}: {m['cpu']}, {m['cores']} cores, "
        f"{m['memory_gb']} GB, {m['system']}, Python {m['python']}, NumPy {m['numpy']}; "
        f"{record['kernels']}; load before the start {m['load_before']}."
    )


def with_sets(sets: Sequence[str]) -> str:
    """Return settings that differ from the world's own, for a sentence."""
    return f" ({', '.join(f'`{one}`' for one in sets)})" if sets else ""


def save(path: Path, record: Record) -> None:
    """Write a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", "utf-8")


def append(record: Record, path: Path = HISTORY) -> None:
    """Add a result to the history, one line of JSON each."""
    with path.open("a", encoding="utf-8") as history:
        history.write(json.dumps(record, sort_keys=True) + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> str:
    """Return a Markdown table whose columns line up in plain text; numbers are set to the right."""
    lines = [list(head), *[list(row) for row in rows]]
    width = [max(len(line[i]) for line in lines) for i in range(len(head))]

    def text(line: Sequence[str]) -> str:
        cells = [
            cell.rjust(w) if i >= numbers_from else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(line, width, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = ["-" * (w - 1) + ":" if i >= numbers_from else "-" * w for i, w in enumerate(width)]
    return "\n".join([text(lines[0]), text(rule), *[text(line) for line in lines[1:]]])


def splice(page: Path, name: str, fragment: str) -> None:
    """Replace what stands between `<!-- measured: name -->` and `<!-- end: name -->` in a page.

    Raises:
        ValueError: The page has no such pair of marks.
    """
    page.write_text(spliced(page.read_text("utf-8"), name, fragment), "utf-8")


def spliced(text: str, name: str, fragment: str) -> str:
    """Return a page's text with a new fragment between its marks."""
    begin, end = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
    head, mark, rest = text.partition(begin)
    _, closing, tail = rest.partition(end)
    if not mark or not closing:
        raise ValueError(f"found no {begin} ... {end}; expected both marks in the page")
    return f"{head}{begin}\n{fragment.strip()}\n{end}{tail}"
