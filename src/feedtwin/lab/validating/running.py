"""Groups of worlds, simulated once: finished rows are kept on disk and found again after a kill."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from feedtwin.calibration.ecosystem.design import point_seed
from feedtwin.calibration.ecosystem.patterns import MEASURES
from feedtwin.calibration.ecosystem.plan import Free
from feedtwin.calibration.ecosystem.table import TableFile
from feedtwin.calibration.report.plan import Overlay, Sizes, Worlds
from feedtwin.calibration.report.screening import IDLE, morris_points, sobol_points
from feedtwin.datasets.adaptor import F8
from feedtwin.lab.fitting.simulating import Setting
from feedtwin.lab.study.executors import Executor
from feedtwin.lab.study.posterior import DRAW
from feedtwin.lab.validating.simulating import Job, do_pair, do_patterns

FORMAT: Final = 1
"""Raised when a row comes to mean something else."""
OnRun = Callable[[str, int, int, int], None]
"""Told a group, its rows that are done, how many it has, and how many were kept from before."""
Row = Mapping[str, float]
Do = Callable[[Job], tuple[int, dict[str, float]]]


@dataclass(frozen=True)
class Bench:
    """Where worlds are simulated and what they have in common.

    Attributes:
        file: rows of all groups.
        key: hash of what determines a row besides group and point: code, log, preset.
        setting: of worlds that are compared with the log.
        pairs: of worlds that are compared with each other.
        arms: base and treatment of the contrast.
        outcomes: numbers that a contrast is taken in.
        draws: how many draws the preset holds; 0 where its ecosystem is not fitted.
        seed: root seed.
        executor: where worlds are simulated.
        on_run: told of every finished row.
    """

    file: Path
    key: str
    setting: Setting
    pairs: Setting
    arms: tuple[Overlay, Overlay]
    outcomes: tuple[str, ...]
    draws: int
    seed: int
    executor: Executor
    on_run: OnRun = lambda *_: None

    def patterns(self, world: Overlay, count: int) -> list[Row]:
        """Patterns of worlds of a structure, one per posterior draw."""
        points = np.arange(count, dtype=np.float64)[:, None]
        arms = [(world.over({DRAW: self._draw(k)}),) for k in range(count)]
        return self._rows(world.name, tuple(MEASURES), points, arms, do_patterns, self.setting)

    def contrast(self, structure: Overlay, count: int) -> list[Row]:
        """The contrast in a structure, one pair per posterior draw."""
        points = np.arange(count, dtype=np.float64)[:, None]
        values = [{DRAW: self._draw(k)} for k in range(count)]
        return self._pairs(f"contrast, {structure.name}", structure, points, values)

    def over(self, name: str, free: Sequence[Free], unit: F8) -> list[Row]:
        """The contrast at points of the ranges; an input beyond the parameters changes chance alone.

        Args:
            name: of the group.
            free: d' parameters with their ranges.
            unit: (n, d) points, d >= d'.
        """
        columns = [one.values(unit[:, k]) for k, one in enumerate(free)]
        values = [
            {one.path: float(columns[k][row]) for k, one in enumerate(free)}
            for row in range(len(unit))
        ]
        ranged = json.dumps([[one.path, one.low, one.high] for one in free])
        return self._pairs(name, Overlay(f"{name} {ranged}", ""), unit, values)

    def _draw(self, k: int) -> int:
        return 1 + k % self.draws if self.draws else 1 + k

    def _pairs(
        self, name: str, structure: Overlay, points: F8, values: Sequence[Mapping[str, Any]]
    ) -> list[Row]:
        arms = [tuple(structure.then(arm).over(one) for arm in self.arms) for one in values]
        names = (*self.outcomes, *(f"base_{one}" for one in self.outcomes))
        return self._rows(name, names, points, arms, do_pair, self.pairs, structure.name)

    def _rows(
        self,
        name: str,
        names: tuple[str, ...],
        points: F8,
        arms: Sequence[tuple[Mapping[str, Any], ...]],
        do: Do,
        setting: Setting,
        of: str = "",
    ) -> list[Row]:
        """Rows of a group, in the order of its points; what is not on disk is simulated.

        The seed of a point is its own within the group of its structure, so that worlds of one draw in two structures differ in
        the structure only.
        """
        told = json.dumps(
            [self.key, self.seed, setting.people, setting.days, arms[0], name, of],
            sort_keys=True, default=str,
        )  # fmt: skip
        file = TableFile(self.file, hashlib.sha256(told.encode()).hexdigest(), names)
        rows: dict[int, Row] = {}
        jobs: list[Job] = []
        for k, point in enumerate(points):
            kept = file.get(point)
            if kept is None:
                jobs.append(Job(k, point_seed(point, self.seed), setting, arms[k]))
            else:
                rows[k] = dict(zip(names, kept, strict=True))
        reused = len(rows)
        self.on_run(name, reused, len(points), reused)
        for place, row in self.executor.run(do, jobs):
            file.put(points[place], [row[one] for one in names])
            rows[place] = row
            self.on_run(name, len(rows), len(points), reused)
        return [rows[k] for k in range(len(points))]


def with_key(bench: Bench, *parts: Any) -> Bench:
    """The bench with the hash of all that its rows depend on besides group and point."""
    text = json.dumps([FORMAT, *parts], sort_keys=True, default=str)
    return replace(bench, key=hashlib.sha256(text.encode()).hexdigest())


def column(rows: Sequence[Row], name: str) -> F8:
    """One number of every row, (n,)."""
    return np.array([row[name] for row in rows], np.float64)


def input_names(free: Sequence[Free]) -> list[str]:
    """Names of the inputs of a screening: the parameters, and the idle one."""
    return [*(one.path for one in free), IDLE]


def morris_rows(bench: Bench, free: Sequence[Free], sizes: Sizes) -> tuple[F8, list[Row]]:
    """Trajectories, (r, d + 1, d), and the contrast at their points, in that order."""
    points = morris_points(sizes.trajectories, len(free) + 1, bench.seed)
    return points, bench.over("screening", free, points.reshape(-1, points.shape[2]))


def sobol_rows(bench: Bench, free: Sequence[Free], sizes: Sizes) -> list[Row]:
    """The contrast at the points of the Sobol indices, in their order."""
    points = sobol_points(sizes.sobol_points, len(free) + 1, bench.seed)
    return bench.over("indices", free, points.reshape(-1, points.shape[2]))


def runs_of(worlds: Worlds, sizes: Sizes, free: Sequence[Free]) -> int:
    """Worlds of a whole report."""
    return sizes.runs(len(free) + 1, len(worlds.nulls), len(worlds.changed))
