"""One configuration through the public API: encounters per second, phases, bytes. Runs in a fresh process."""

import resource
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from feedtwin.kernels.binding import load
from feedtwin.schema.settings import resolve
from feedtwin.schema.tables import TableSpec
from feedtwin.twins.content.table import METADATA_COLUMNS
from feedtwin.twins.user.table import MEMORY_COLUMNS
from feedtwin.world.running import SNAPSHOT_EVERY, Progress, RunOptions, start_from
from feedtwin.world.segments import Segment, begin
from feedtwin.world.world import World


@dataclass(frozen=True)
class Case:
    """What to run: users (videos follow at one per two users), threads, log level, steps."""

    users: int
    threads: int
    log: str
    steps: int
    seed: int = 1
    kernel: str = "auto"


@dataclass(frozen=True)
class Mark:
    """The state of a run after a commit."""

    at_s: float
    encounters: int
    phase_s: dict[str, float]
    log_bytes: int


def measure(case: Case) -> dict[str, Any]:
    """Run `case` into a temporary folder; return what it took.

    Encounters per second leave out building the world and the first step, and include every commit and
    the daily snapshot. Closing (Parquet, tables) is apart.
    """
    kernels = load(case.kernel, case.threads)
    began = perf_counter()
    settings = resolve("synthetic", users=case.users, seed=case.seed)
    segments = [Segment(0, settings)]
    world = begin(segments, kernels)
    built = perf_counter()
    marks: list[Mark] = []
    with tempfile.TemporaryDirectory(prefix="feedtwin-bench-") as folder:
        path = Path(folder) / "run"

        def note(progress: Progress) -> None:
            last = progress.step in (1, case.steps)
            size = _bytes_in(path / "events") if last else 0
            marks.append(Mark(perf_counter(), progress.impressions, dict(world.seconds), size))

        options = RunOptions(case.steps, case.log)
        start_from(world, segments, path, options, kernels, on_progress=note)
        closed = perf_counter()
        closed_bytes = _bytes_in(path / "events")
    return {
        **asdict(case),
        "kernels": kernels.describe(),
        "videos": len(world.content.table),
        "build_s": built - began,
        "first_step_s": marks[0].at_s - built,
        "close_s": closed - marks[-1].at_s,
        **_speed(marks),
        **_bytes_per_encounter(marks, closed_bytes),
        "bytes": state_bytes(world),
        "peak_memory_mb": _peak_mb(),
        "rates": _rates(world),
        "digest": world.digest.hex()[:16],
    }


def _speed(marks: list[Mark]) -> dict[str, Any]:
    first, last = marks[0], marks[-1]
    encounters, seconds = last.encounters - first.encounters, last.at_s - first.at_s
    phases = {name: last.phase_s[name] - first.phase_s.get(name, 0.0) for name in last.phase_s}
    phases["commit"] = seconds - sum(phases.values())
    step_s = np.diff([mark.at_s for mark in marks])
    met = np.diff([mark.encounters for mark in marks])
    return {
        "encounters": encounters,
        "seconds": seconds,
        "encounters_per_s": encounters / seconds,
        "busiest_step_encounters_per_s": float((met / step_s)[int(np.argmax(met))]),
        "snapshots_within": sum(
            1 for step in range(2, len(marks) + 1) if step % SNAPSHOT_EVERY == 0
        ),
        "ns_per_encounter": {name: value / encounters * 1e9 for name, value in phases.items()},
    }


def _bytes_per_encounter(marks: list[Mark], closed: int) -> dict[str, float]:
    met = marks[-1].encounters
    return {
        "log_bytes_per_encounter": marks[-1].log_bytes / met,
        "closed_bytes_per_encounter": closed / met,
    }


def _bytes_in(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) if folder.exists() else 0


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def state_bytes(world: World) -> dict[str, float]:
    """Return bytes per user and per video by what they are for; what is rebuilt every step is left out."""
    users, videos = len(world.users.table), len(world.content.table)
    ties = world.users.ties
    tie_bytes = sum(value.nbytes for value in vars(ties).values() if isinstance(value, np.ndarray))
    user, item = world.users.table.spec, world.content.table.spec
    traces = _row_bytes(user, MEMORY_COLUMNS)
    metadata = _row_bytes(item, METADATA_COLUMNS)
    return {
        "user_columns": _row_bytes(user) - traces,
        "user_estimate": _row_bytes(world.platform.accounts.spec),
        "user_traces": traces,
        "user_seen_store": _row_bytes(world.platform.history.spec),
        "user_ties": tie_bytes / users,
        "video_columns": _row_bytes(item) - metadata,
        "video_exposure": _row_bytes(world.platform.catalogue.spec),
        "video_metadata": metadata,
        "ties": ties.offset[-1] / users,
        "videos": videos,
    }


def _row_bytes(spec: TableSpec, names: tuple[str, ...] | None = None) -> int:
    wanted = [c for c in spec.columns if names is None or c.name in names]
    return sum(np.dtype(c.numpy_dtype).itemsize * int(np.prod(c.shape)) for c in wanted)


def _rates(world: World) -> dict[str, float]:
    total = world.platform.telemetry.as_dict()
    met, sessions = max(total["impressions"], 1), max(total["sessions"], 1)
    return {
        "skips": total["skips"] / met,
        "likes": total["likes"] / met,
        "watch_s": total["watch_ms"] / met / 1000,
        "session_impressions": total["session_impressions"] / sessions,
        "reached_of_served": met / max(total["slots_served"], 1),
    }
