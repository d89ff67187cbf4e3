"""What a worker does with a job: run the cell if it has not been run, measure it, keep what it gave."""

import json
import os
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from feedtwin.errors import LLMError, RunFolderError
from feedtwin.kernels.binding import Kernels, load
from feedtwin.lab.study.budget import live_tasks
from feedtwin.lab.study.cells import Job
from feedtwin.lab.study.estimating import CellReadings
from feedtwin.lab.study.going_on import go_on
from feedtwin.lab.study.measuring import measured, stored_path
from feedtwin.lab.study.plan import Wanted
from feedtwin.lab.study.tables import as_json
from feedtwin.lab.study.wholeness import why_not_whole
from feedtwin.record.durable import replace_bytes
from feedtwin.world.forking import branch
from feedtwin.world.options import Finished, RunOptions
from feedtwin.world.running import start

_NEVER = 10**9
"""Steps between snapshots of a cell: the one at its end is enough."""


def do(job: Job) -> CellReadings:
    """Run and measure a cell, or return what it gave before.

    Raises:
        FeedtwinError: The cell cannot be run, or a file of it was altered.
        KeyboardInterrupt: The run was interrupted; the cell is not kept.
    """
    found = stored(job)
    if found is not None:
        return found
    if not (job.folder / "run").exists():
        _run(job)
    reading = measured(job)
    keep(job, reading)
    return reading


def _run(job: Job) -> None:
    """Run a cell under a name of its own and put it in its place when it is whole.

    What was begun and left is begun anew, except where money was spent on it: that goes on, so that what a model
    was paid for counts against the cell's cap whatever happens. Offline, nothing is spent, and what was stays as it is.
    """
    cell = job.cell
    job.folder.mkdir(parents=True, exist_ok=True)
    is_paid = bool(live_tasks(cell.settings)) and not job.offline
    name = "offline" if job.offline else "attempt"
    leftovers = sorted(job.folder.glob(f"{name}-*"))
    if is_paid and leftovers:
        attempt = leftovers[0]
        go_on(attempt, job.answers, _kernels(job.threads))
    else:
        for leftover in leftovers:
            shutil.rmtree(leftover, ignore_errors=True)
        attempt = job.folder / f"{name}-{os.getpid()}"
        if _begin(job, attempt).interrupted:
            if not is_paid:
                shutil.rmtree(attempt, ignore_errors=True)
            raise KeyboardInterrupt
    if job.offline:
        _refuse_missing(job, attempt)
    if cell.arm:  # a past is branched from; an arm can be executed again from its journal
        for snapshot in (attempt / "snapshots").iterdir():
            snapshot.unlink()
    try:
        attempt.rename(job.folder / "run")
    except OSError:
        shutil.rmtree(attempt, ignore_errors=True)
        if not (job.folder / "run").exists():
            raise RunFolderError(
                f"{job.folder}: the finished run cannot be put in its place; expected a writable folder. Check the "
                "disk, and run the study again"
            ) from None


def _refuse_missing(job: Job, attempt: Path) -> None:
    """Refuse a cell that a stand-in had to answer for, where a model was wanted and nobody may be asked."""
    wanted = live_tasks(job.cell.settings)
    if not wanted:
        return
    from feedtwin.llm.admin import usage
    from feedtwin.llm.settings import SECTIONS
    from feedtwin.llm.trouble import NOT_CACHED

    missing = {
        SECTIONS[code]: one.reasons[NOT_CACHED]
        for code, one in usage(attempt).tasks.items()
        if SECTIONS[code] in wanted and NOT_CACHED in one.reasons
    }
    if missing:
        shutil.rmtree(attempt, ignore_errors=True)
        said = ", ".join(f"{number} of llm.{section}" for section, number in missing.items())
        raise LLMError(
            f"arm {job.cell.arm or '(shared past)'}, replicate {job.cell.replicate}: answers are not in {job.answers} "
            f"({said}); expected all of them with --offline. Import them with `feedtwin llm cache import FILE "
            f"{job.store.parent}`, or run the study without --offline"
        )


def _begin(job: Job, attempt: Path) -> Finished:
    """Run a cell from its beginning."""
    cell = job.cell
    options = RunOptions(
        cell.steps, cell.log, _NEVER, cache=job.answers, offline=job.offline,
        tables_at=cell.tables_at,
    )  # fmt: skip
    if cell.past:
        past = job.store / cell.past / "run"
        return branch(past, cell.at, attempt, cell.settings, options, _kernels(job.threads))
    return start(cell.settings, attempt, options, _kernels(job.threads))


@lru_cache(maxsize=2)
def _kernels(threads: int) -> Kernels:
    return load("auto", threads)


def stored(job: Job) -> CellReadings | None:
    """Return what a finished cell gave, if it was measured for the same request; None otherwise."""
    path = stored_path(job.folder)
    try:
        kept: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        if kept["request"] != job.request or not (job.folder / "run").exists():
            return None
        return CellReadings(
            arm=job.cell.arm,
            replicate=job.cell.replicate,
            key=job.cell.key,
            digest=kept["digest"],
            values={Wanted(*one["wanted"]): one["value"] for one in kept["values"]},
            why={Wanted(*one["wanted"]): one["why"] for one in kept["values"] if one["why"]},
            curves={(name, kind): tuple(points) for name, kind, points in kept["curves"]},
            notes=tuple(kept["notes"]),
            llm_spent_usd=kept["llm_spent_usd"],
            answers=kept["answers"],
        )
    except (OSError, ValueError, KeyError, TypeError):  # not as it was written: it is measured anew
        return None


def keep(job: Job, found: CellReadings) -> None:
    """Write what a cell gave; its presence is what makes the cell finished."""
    value = {
        "request": job.request,
        "digest": found.digest,
        "values": [
            {
                "wanted": [one.metric, one.cohort, one.first_step, one.last_step],
                "value": value,
                "why": found.why.get(one, ""),
            }
            for one, value in found.values.items()
        ],
        "curves": [[name, kind, list(points)] for (name, kind), points in found.curves.items()],
        "notes": list(found.notes),
        "llm_spent_usd": found.llm_spent_usd,
        "answers": found.answers,
    }
    replace_bytes(stored_path(job.folder), as_json(value))


def is_finished(job: Job) -> bool:
    """Whether a cell was run and measured for this request."""
    return stored(job) is not None


def is_run(folder: Path) -> bool:
    """Whether a cell was run, measured or not, and its run can be read whole."""
    return (folder / "run").exists() and not why_not_whole(folder)


def clear(folder: Path) -> None:
    """Remove what a cell left that is not whole, so that it is run again; answers of language models lie elsewhere."""
    stored_path(folder).unlink(missing_ok=True)
    shutil.rmtree(folder / "run", ignore_errors=True)
