"""Cells: one run per arm and replicate, in a folder keyed by what determines it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from feedtwin.lab.metrics import METRICS
from feedtwin.lab.study.plan import Cohort, Study, Wanted
from feedtwin.lab.study.settings_check import settings_of
from feedtwin.record.folder import CACHE
from feedtwin.schema.address import server_of
from feedtwin.schema.settings import Settings

FORMAT: Final = 1
CELLS: Final = "cells"
"""Folder of the cells, in a study's folder."""
_ADDRESS, _SERVER_NAME = "llm.base_url", "llm.server_name"
_PACKAGE: Final = Path(__file__).resolve().parents[2]
_NO_STATE: Final = ("lab", "cli", "testing", "studies")
"""Folders whose code cannot change a run: they read run folders."""
_MEASURES: Final = ("lab/metrics", "lab/run_data.py", "lab/language.py", "lab/study")


@cache
def simulation_hash() -> str:
    """Return the SHA-256 of the sources that determine a run."""
    return _hash_of(
        path for path in _sources() if path.relative_to(_PACKAGE).parts[0] not in _NO_STATE
    )


@cache
def measuring_hash() -> str:
    """Return the SHA-256 of the sources that measure one."""
    return _hash_of(
        path
        for path in _sources()
        if path.relative_to(_PACKAGE).as_posix().startswith(tuple(_MEASURES))
    )


def _sources() -> list[Path]:
    suffixes = (".py", ".c", ".h", ".yaml")
    return sorted(path for path in _PACKAGE.rglob("*") if path.suffix in suffixes)


def _hash_of(paths: Any) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@dataclass(frozen=True)
class Cell:
    """A run that a study needs.

    Attributes:
        arm: Name of the arm; "" for the shared past of a replicate.
        replicate: Replicate.
        settings: Settings from its first own step on.
        steps: Steps at its end.
        log: "digest", or "full" where a wanted metric reads events.
        past: Key of the run it branches from, or "".
        at: Step of the branch; 0 without one.
        key: Name of its folder: SHA-256 of all that determines it, shortened. Where answers are kept is not of it.
        tables_at: Steps after which it keeps its tables, beside the last one.
    """

    arm: str
    replicate: int
    settings: Settings
    steps: int
    log: str
    past: str
    at: int
    key: str
    tables_at: tuple[int, ...] = ()

    @property
    def answers_key(self) -> str:
        """Name of the folder of its language models' answers: the key of its settings, whatever code and horizon.

        Whether the answers are asked for or only looked up makes no difference, nor which of its addresses a server
        that has a name is reached at.
        """
        settings = self.settings.model_dump()
        told = settings["parameters"]
        for name in told:
            if name.startswith("llm.") and name.endswith(".source") and told[name] == "live":
                told[name] = "cached"
        told[_ADDRESS] = server_of(told[_ADDRESS], told[_SERVER_NAME])
        text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def log_level(study: Study) -> str:
    """Return the cheapest log level at which every wanted number exists."""
    metrics = any(METRICS[wanted.metric].needs_log for wanted in study.wanted)
    used = {wanted.cohort for wanted in study.wanted}
    viewers = any(one.of == "viewers" for name, one in study.cohorts.items() if name in used)
    return "full" if metrics or viewers else "digest"


def cell_of(study: Study, arm: str, replicate: int) -> Cell:
    """Return the cell of an arm ("" for the shared past) in a replicate."""
    chosen = study.arms[arm] if arm else None
    settings = settings_of(study, chosen, replicate)
    past, at, log, steps, kept = "", 0, log_level(study), study.steps, tables_at(study)
    if not arm:
        log, steps, kept = "digest", study.warmup, ()
    elif study.warmup:
        past, at = cell_of(study, "", replicate).key, study.warmup
    told = [FORMAT, simulation_hash(), settings.model_dump(), steps, log, past, at, kept]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    key = hashlib.sha256(text.encode()).hexdigest()[:24]
    return Cell(arm, replicate, settings, steps, log, past, at, key, kept)


@dataclass(frozen=True)
class Job:
    """A cell to be run and measured by a worker; everything it needs, and nothing live.

    Attributes:
        cell: The cell.
        store: The folder of cells.
        wanted: Numbers to measure, those of windows of time included; () for a shared past.
        cohorts: The cohorts that they are of.
        distributions: Names of the distributions to describe.
        threads: Threads of the kernels; no effect on results.
        others: Key by arm of the cells that a cohort reads from.
        offline: Whether no language model may be asked: the cell's answers are on disk, or it is refused.
    """

    cell: Cell
    store: Path
    wanted: tuple[Wanted, ...] = ()
    cohorts: tuple[Cohort, ...] = ()
    distributions: tuple[str, ...] = ()
    threads: int = 1
    others: tuple[tuple[str, str], ...] = ()
    offline: bool = False

    @property
    def folder(self) -> Path:
        """The cell's folder."""
        return self.store / self.cell.key

    @property
    def answers(self) -> Path:
        """The folder of the cell's answers: beside the cells, for it may serve a later one; no other cell's."""
        return self.store.parent / CACHE / self.cell.answers_key

    @property
    def request(self) -> str:
        """SHA-256 of what is measured and by what; a finished cell with another is measured anew."""
        asked = [
            measuring_hash(), [str(one) for one in self.wanted], [str(one) for one in self.cohorts],
            list(self.distributions), list(self.others),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def wanted_in_windows(study: Study) -> tuple[Wanted, ...]:
    """Return what the effects over time need of every cell; nothing of metrics that a part of a run does not have."""
    asked = {(one.metric, one.cohort): None for one in study.wanted}
    return tuple(
        Wanted(metric, cohort, first, last)
        for metric, cohort in asked
        if not METRICS[metric].why_no_part
        for first, last in study.windows
    )


def tables_at(study: Study) -> tuple[int, ...]:
    """Return the steps after which arms' cells keep their tables, so that metrics of tables exist in parts of them."""
    parts = (*study.wanted, *wanted_in_windows(study))
    ends = {
        study.warmup + end
        for one in parts
        if METRICS[one.metric].needs_tables
        for end in (one.first_step, one.last_step)
    }
    return tuple(sorted(end for end in ends if study.warmup < end < study.steps))


def unique(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells with different keys, each once, in order."""
    return list({cell.key: cell for cell in cells}.values())


def alike(study: Study) -> list[list[str]]:
    """Return groups of two or more arms with the same settings: the cells of such a group are run once."""
    groups: dict[str, list[str]] = {}
    for arm in study.arms:
        groups.setdefault(cell_of(study, arm, 0).key, []).append(arm)
    return [group for group in groups.values() if len(group) > 1]


def words_of_alike(group: Sequence[str]) -> str:
    """Say of a group of `alike` what becomes of it."""
    first, *others = group
    if len(others) == 1:
        return f"arm {others[0]} has the same settings as {first}: its cells are run once and counted once"
    return f"arms {', '.join(others)} have the same settings as {first}: their cells are run once and counted once"
