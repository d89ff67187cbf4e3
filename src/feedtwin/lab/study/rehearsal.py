"""What a study would take, without running it: cells, time, disk, and the most it could spend."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from feedtwin.kernels.binding import load
from feedtwin.lab.machine import usable_cores
from feedtwin.lab.study.budget import MICRO, asking
from feedtwin.lab.study.cells import CELLS, cell_of, log_level, unique
from feedtwin.lab.study.costing import StudyCost, cost_of
from feedtwin.lab.study.plan import Study
from feedtwin.lab.study.running import folder_of
from feedtwin.lab.study.settings_check import settings_of
from feedtwin.lab.study.working import is_run
from feedtwin.world.options import RunOptions
from feedtwin.world.running import start

PILOT_STEPS: Final = 8
"""Steps of the base world that are run, in a temporary folder, to see how fast they are."""


@dataclass(frozen=True)
class Rehearsal:
    """What running a study would take.

    Attributes:
        arms: Number of arms.
        replicates: Replicates, or their cap.
        cells: Runs of arms with different settings.
        pasts: Shared pasts.
        finished: Of both, those in the study's folder already.
        steps: Steps of one cell after its past.
        users: People and accounts of the base world.
        log: Log level of cells.
        seconds: About how long it would take on these workers; from a pilot of the base world, so arms with
            more mechanisms take longer, and so do language models: nobody is asked in it.
        bytes: About how much disk.
        spend_usd: The most that its cells to run could spend on language models.
        language: What those would ask and spend; its money is 0 where no arm may ask.
        workers: Workers that the time is for.
        estimands: Number of estimates.
    """

    arms: int
    replicates: int
    cells: int
    pasts: int
    finished: int
    steps: int
    users: int
    log: str
    seconds: float
    bytes: int
    spend_usd: float
    language: StudyCost
    workers: int
    estimands: int


def rehearse(
    study: Study, out: str | Path | None = None, *, workers: int | None = None
) -> Rehearsal:  # fmt: skip
    """Return what a study would take; nothing is written but a pilot in a temporary folder.

    Raises:
        FeedtwinError: The base world cannot be built.
    """
    count = workers or usable_cores()
    folder = folder_of(study, out)
    store = folder / CELLS
    replicates = range(study.replication.most)
    cells = unique([cell_of(study, arm, r) for r in replicates for arm in study.arms])
    pasts = unique([cell_of(study, "", r) for r in replicates] if study.warmup else [])
    missing = [cell for cell in cells if not is_run(store / cell.key)]
    needed = {cell.past for cell in missing}
    missing_pasts = [one for one in pasts if one.key in needed and not is_run(store / one.key)]
    keys = {cell.key for cell in (*missing, *missing_pasts)}
    to_run = {
        arm: [r for r in replicates if cell_of(study, arm, r).key in keys] for arm in asking(study)
    }
    language = cost_of(study, load("auto", usable_cores()), to_run, folder)
    setup_s, step_s, size, step_bytes, users = _pilot(study, max(1, usable_cores() // count))
    seconds = sum(setup_s + step_s * (one.steps - one.at) for one in (*missing, *missing_pasts))
    disk = sum(size + step_bytes * (one.steps - one.at) for one in (*missing, *missing_pasts))
    return Rehearsal(
        arms=len(study.arms),
        replicates=study.replication.most,
        cells=len(cells),
        pasts=len(pasts),
        finished=len(cells) + len(pasts) - len(missing) - len(missing_pasts),
        steps=study.horizon,
        users=users,
        log=log_level(study),
        seconds=seconds / count,
        bytes=round(disk),
        spend_usd=language.worst / MICRO,
        language=language,
        workers=count,
        estimands=len(study.estimands),
    )


def _pilot(study: Study, threads: int) -> tuple[float, float, float, float, int]:
    """Seconds to set up a cell, seconds per step, bytes of a cell, further bytes per step, users."""
    steps = min(PILOT_STEPS, study.steps)
    settings = settings_of(study, study.arms[study.base], 0)
    with tempfile.TemporaryDirectory(prefix="feedtwin-") as folder:
        path = Path(folder) / "pilot"
        began = perf_counter()
        options = RunOptions(
            steps, log_level(study), 10**9, offline=True
        )  # asks and spends nothing
        finished = start(settings, path, options, load("auto", threads))
        whole = perf_counter() - began
        files = [file for file in path.rglob("*") if file.is_file()]
        snapshots = sum(file.stat().st_size for file in files if file.parent.name == "snapshots")
        events = sum(file.stat().st_size for file in files if file.parent.name == "events")
        rest = sum(file.stat().st_size for file in files) - snapshots - events
        users = int(json.loads((path / "manifest.json").read_text("utf-8"))["users"])
    per_step = finished.wall_s / steps
    return whole - finished.wall_s, per_step, float(rest), events / steps, users
