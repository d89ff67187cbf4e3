"""The reference table on disk: one line per simulated world, appended when it is done, found again after a kill."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from feedtwin.calibration.ecosystem.design import ROUND
from feedtwin.datasets.adaptor import F8
from feedtwin.errors import DataError


@dataclass(frozen=True)
class Reference:
    """Simulated worlds, (n, ...) each.

    Attributes:
        unit: (n, d) points of the unit cube.
        patterns: (n, P) what their worlds gave.
        wave: (n,) 1 or 2.
    """

    unit: F8
    patterns: F8
    wave: np.ndarray

    def __len__(self) -> int:
        """Number of worlds."""
        return len(self.unit)

    def take(self, rows: Any) -> "Reference":
        """Some of the worlds."""
        return Reference(self.unit[rows], self.patterns[rows], self.wave[rows])


class TableFile:
    """An append-only file of JSON lines; a torn last line is dropped, lines of another fit are passed over."""

    def __init__(self, path: Path, key: str, names: Sequence[str]) -> None:
        """Read what is there.

        Args:
            path: the file; made when the first world is kept.
            key: hash of all that determines a world's patterns besides its point.
            names: names of the patterns, in order.

        Raises:
            DataError: A line before the last is damaged.
        """
        self.path, self._key, self._names = path, key, list(names)
        self._kept: dict[str, list[float]] = {}
        if path.is_file():
            self._read()

    def _read(self) -> None:
        raw = self.path.read_bytes()
        whole, _, torn = raw.rpartition(b"\n")
        if torn:  # the process was killed while it wrote
            with self.path.open("r+b") as file:
                file.truncate(len(raw) - len(torn))
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                one = json.loads(line)
                if one["key"] == self._key:
                    self._kept[one["point"]] = [float(one["patterns"][n]) for n in self._names]
            except (ValueError, KeyError, TypeError):
                raise DataError(
                    f"{self.path}, line {number}: is no row of a reference table; expected a JSON object with key, point and "
                    "patterns. Remove the line, or the file, and its worlds are simulated again"
                ) from None

    @staticmethod
    def _name(point: F8) -> str:
        return ",".join(f"{value:.{ROUND}f}" for value in point)

    def get(self, point: F8) -> list[float] | None:
        """Patterns of a point, or None where its world was not simulated."""
        return self._kept.get(self._name(point))

    def put(self, point: F8, patterns: Sequence[float]) -> None:
        """Append a world's patterns, and see to it that they are on disk."""
        name = self._name(point)
        row = dict(zip(self._names, (float(value) for value in patterns), strict=True))
        line = json.dumps({"key": self._key, "point": name, "patterns": row}) + "\n"
        with self.path.open("a", encoding="utf-8") as out:
            out.write(line)
            out.flush()
            os.fsync(out.fileno())
        self._kept[name] = list(row.values())
