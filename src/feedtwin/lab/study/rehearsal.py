"""What a study would take, without running it: cells, time, disk, and the most it could spend."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from time import perf_counter
from typing import Final

from feedtwin.kernels.binding import load
from feedtwin.lab.machine import usable_cores
from feedtwin.lab.study.budget import MICRO, asking
from feedtwin.lab.study.cells import CELLS, Cell, cell_of, log_level, unique
from feedtwin.lab.study.costing import StudyCost, cost_of
from feedtwin.lab.study.plan import Study
from feedtwin.lab.study.running import folder_of
from feedtwin.lab.study.settings_check import settings_of
from feedtwin.lab.study.wholeness import why_not_whole
from feedtwin.lab.study.working import is_run
from feedtwin.record.reader import Run
from feedtwin.world.options import RunOptions
from feedtwin.world.running import start

PILOT_STEPS: Final = 24
"""Steps of the base world that are run, in a temporary folder, to see how fast they are: a day, for nights are quiet."""
STEP_BYTES: Final = 2_600
"""What journal and registry of a run grow by with each step, whatever the number of people (measured: 2.5 to 3.0 kB)."""
ESTIMAND_BYTES: Final = 40_000
"""What report and tables of a study grow by with each estimand (measured: 40 to 48 kB)."""


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
        bytes: About how much disk it will take: its cells, shared pasts with their snapshots, tables and report.
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
    needed |= {past.key for past in pasts if why_not_whole(store / past.key)}
    missing_pasts = [one for one in pasts if one.key in needed and not is_run(store / one.key)]
    keys = {cell.key for cell in (*missing, *missing_pasts)}
    to_run = {
        arm: [r for r in replicates if cell_of(study, arm, r).key in keys] for arm in asking(study)
    }
    language = cost_of(study, load("auto", usable_cores()), to_run, folder)
    pilot = _pilot(study, max(1, usable_cores() // count))
    to_do = (*missing, *missing_pasts)
    seconds = sum(pilot.setup_s + pilot.step_s * (one.steps - one.at) for one in to_do)
    results = ESTIMAND_BYTES * len(study.estimands) if to_do else 0
    return Rehearsal(
        arms=len(study.arms),
        replicates=study.replication.most,
        cells=len(cells),
        pasts=len(pasts),
        finished=len(cells) + len(pasts) - len(missing) - len(missing_pasts),
        steps=study.horizon,
        users=pilot.users,
        log=log_level(study),
        seconds=seconds / count,
        bytes=round(sum(pilot.bytes_of(one) for one in to_do)) + results,
        spend_usd=language.worst / MICRO,
        language=language,
        workers=count,
        estimands=len(study.estimands),
    )


@dataclass(frozen=True)
class _Pilot:
    """What a few steps of the base world took.

    Attributes:
        setup_s: Seconds to set up a cell.
        step_s: Seconds per step.
        fixed: Bytes of a cell that do not grow, its table of items apart.
        events: Bytes of its event log per step.
        steps: Steps that were run.
        users_table: Bytes of its table of users.
        items_table: Bytes of its table of items.
        upload_share: Items that were added per step, as a share of those there at the end.
        snapshots: Bytes of the state by steps done.
        users: People and accounts.
    """

    setup_s: float
    step_s: float
    fixed: int
    events: float
    steps: int
    users_table: int
    items_table: int
    upload_share: float
    snapshots: Mapping[int, int]
    users: int

    def bytes_of(self, cell: Cell) -> float:
        """About how much disk a cell takes: a past keeps its last state, an arm its log and its tables."""
        steps = cell.steps - cell.at
        size = self.fixed + STEP_BYTES * steps + self._items(cell.steps)
        if not cell.arm:
            return size + self._snapshot(cell.steps)
        kept = sum(self.users_table + self._items(at) for at in cell.tables_at)
        return size + kept + self.events * steps

    def _items(self, steps: int) -> float:
        """Bytes of the table of items after some steps; uploads make it longer."""
        return self.items_table * (1 + self.upload_share * (steps - self.steps))

    def _snapshot(self, steps: int) -> float:
        """Bytes of the state after some steps; what it remembers grows about with the square root of time."""
        (first, early), (last, late) = min(self.snapshots.items()), max(self.snapshots.items())
        if first == last or steps <= last:
            return late
        return late + (late - early) * (sqrt(steps) - sqrt(last)) / (sqrt(last) - sqrt(first))


def _pilot(study: Study, threads: int) -> _Pilot:
    """Run a few steps of the base world in a temporary folder."""
    steps = min(PILOT_STEPS, study.steps)
    settings = settings_of(study, study.arms[study.base], 0)
    with tempfile.TemporaryDirectory(prefix="feedtwin-") as folder:
        path = Path(folder) / "pilot"
        began = perf_counter()
        options = RunOptions(
            steps, log_level(study), max(1, steps // 2), offline=True
        )  # asks and spends nothing
        finished = start(settings, path, options, load("auto", threads))
        whole = perf_counter() - began
        sizes = {
            file.relative_to(path): file.stat().st_size
            for file in path.rglob("*")
            if file.is_file()
        }
        below: Counter[str] = Counter()
        for file, size in sizes.items():
            below[file.parts[0]] += size
        about = json.loads((path / "manifest.json").read_text("utf-8"))
        items = Run.open(path).table("items").num_rows
        items_table = sizes[Path("tables", "items.parquet")]
        grown = sum(sizes.values()) - below["snapshots"] - below["events"] - items_table
        return _Pilot(
            setup_s=whole - finished.wall_s,
            step_s=finished.wall_s / steps,
            fixed=grown - STEP_BYTES * steps,
            events=below["events"] / steps,
            steps=steps,
            users_table=sizes[Path("tables", "users.parquet")],
            items_table=items_table,
            upload_share=(items - int(about["videos_at_start"])) / steps / max(items, 1),
            snapshots={
                int(file.stem) + 1: size
                for file, size in sizes.items()
                if file.parts[0] == "snapshots"
            },
            users=int(about["users"]),
        )
