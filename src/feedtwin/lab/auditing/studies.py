"""Audit of a study: its cells, its pairing, its metrics, and whether the table is the one that the cells give."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from feedtwin.lab.auditing.conservation import check_conservation
from feedtwin.lab.auditing.finding import FAILED, PASSED, SKIPPED, Finding, judged
from feedtwin.lab.auditing.ledger import check_ledger
from feedtwin.lab.auditing.rates import Audited
from feedtwin.lab.metrics import METRICS
from feedtwin.lab.metrics.metric import read
from feedtwin.lab.run_data import RunData, read_run
from feedtwin.lab.study.cells import CELLS, measuring_hash, simulation_hash
from feedtwin.lab.study.plan import WHOLE
from feedtwin.lab.study.result import StudyResult
from feedtwin.lab.study.since import since
from feedtwin.lab.study.wholeness import why_unreadable
from feedtwin.record.reader import Run
from feedtwin.world.replay import segments_of, start_step_of

BOOKS: Final = 8
"""Cells whose books are compared; of all cells the hashes are."""


def check_study(result: StudyResult) -> Iterator[Finding]:
    """Yield findings about a study as a whole."""
    cells = cells_of(result)
    hashes = _hashes(result, cells)
    yield hashes
    if hashes.state == FAILED:
        yield Finding("all else", SKIPPED, "the files are not those that were written")
        return
    pasts = _pasts(result)
    yield _versions(result)
    yield _books(cells, pasts)
    yield from _ledgers(cells)
    yield _pairing(result)
    yield _measured_again(result, pasts)
    yield from _liveness(result)
    yield from _warned(result)


def cells_of(result: StudyResult) -> dict[str, Path]:
    """Return the run folder of every cell by its key."""
    return {one.cell: result.path / "cells" / one.cell / "run" for one in result.readings}


def audited_of(result: StudyResult) -> list[Audited]:
    """Return the distinct runs of a study with their settings, counted from where the arms part."""
    pasts, found = _pasts(result), {}
    for path in cells_of(result).values():
        run = Run.open(path)
        past, data = _past_of(run, pasts), read_run(path)
        settings = segments_of(run)[-1].settings
        whole = data if past is None else since(data, past)
        found[run.commits[run.last_step]] = Audited(settings, whole)
    return list(found.values())


def _hashes(result: StudyResult, cells: dict[str, Path]) -> Finding:
    problems = [why for path in cells.values() if (why := why_unreadable(path))]
    problems = problems or _pasts_lost(result, cells)
    if problems:
        problems[-1] += ". `feedtwin study` runs cells that cannot be read whole again"
    return judged("hashes", problems, f"all {len(cells)} cells are as they were written")


def _pasts_lost(result: StudyResult, cells: dict[str, Path]) -> list[str]:
    """Shared pasts that cannot be read whole, where some cell branches from none of those that can."""
    known = _pasts(result)
    runs = [Run.open(path) for path in cells.values()]
    wanted = {str(run.frames[0].payload["start_digest"]) for run in runs if start_step_of(run)}
    if wanted <= set(known):
        return []
    broken = [why for path in _others(result) if (why := why_unreadable(path))]
    return broken or [f"{result.path / CELLS}: a shared past that cells branch from is gone"]


def _versions(result: StudyResult) -> Finding:
    about = result.provenance
    if about.code_hash == simulation_hash() and about.metrics_hash == measuring_hash():
        return Finding(
            "code version", PASSED, f"made by the code that audits it ({about.code_hash[:12]})"
        )
    which = "simulated" if about.code_hash != simulation_hash() else "measured"
    return Finding(
        "code version", FAILED,
        f"{which} by other code than this: the table is not this version's. Run the study again (feedtwin study)",
    )  # fmt: skip


def _books(cells: dict[str, Path], pasts: dict[str, Path]) -> Finding:
    problems = []
    looked = list(cells.values())[:BOOKS]
    for path in looked:
        found = check_conservation(read_run(path), _past_of(Run.open(path), pasts))
        problems += [f"{path.parent.name}: {found.words}"] if found.state != PASSED else []
    return judged("conservation", problems, f"totals and tables agree in {len(looked)} cells")


def _ledgers(cells: dict[str, Path]) -> Iterator[Finding]:
    """One finding about the bills of all cells that asked language models."""
    found = {key: one for key, path in cells.items() for one in check_ledger(Run.open(path))}
    if found:
        problems = [f"{key}: {one.words}" for key, one in found.items() if one.state != PASSED]
        fine = f"journals and registries of {len(found)} cells that language models answered agree"
        yield judged("ledger", problems, fine)


def _pasts(result: StudyResult) -> dict[str, Path]:
    """Run folders of shared pasts by their final digest."""
    found = {}
    for path in _others(result):
        if not why_unreadable(path):
            run = Run.open(path)
            found[run.commits[run.last_step]] = path
    return found


def _others(result: StudyResult) -> list[Path]:
    """Run folders beside the cells of arms: those of shared pasts, and of what the study once was."""
    own = set(cells_of(result))
    folders = sorted((result.path / CELLS).iterdir())
    return [one / "run" for one in folders if one.name not in own and (one / "run").exists()]


def _past_of(run: Run, pasts: dict[str, Path]) -> RunData | None:
    """What was counted before a cell branched; None for a run from step 0, or one whose past is gone."""
    if not start_step_of(run):
        return None
    path = pasts.get(str(run.frames[0].payload["start_digest"]))
    return None if path is None else read_run(path)


def _pairing(result: StudyResult) -> Finding:
    """Arms of one replicate must have the seed, the replicate and the past in common."""
    problems = []
    shared: dict[int, tuple[object, ...]] = {}
    for reading in {(one.arm, one.replicate): one for one in result.readings}.values():
        run = Run.open(result.path / "cells" / reading.cell / "run")
        first = segments_of(run)[0].settings
        header = run.frames[0].payload
        at = start_step_of(run)
        same = (first.seed, first.replicate, at, header["start_digest"] if at else "")
        if shared.setdefault(reading.replicate, same) != same:
            problems.append(
                f"replicate {reading.replicate}, arm {reading.arm}: another seed or past than its pair"
            )
    return judged(
        "pairing", problems,
        f"in each of {len(shared)} replicates all arms share seed, chance and past",
    )  # fmt: skip


def _measured_again(result: StudyResult, pasts: dict[str, Path]) -> Finding:
    """The first cell's numbers, read again from its folder."""
    first = result.readings[0]
    path = result.path / "cells" / first.cell / "run"
    run, data, problems, count = Run.open(path), read_run(path), [], 0
    past = _past_of(run, pasts)
    if start_step_of(run) and past is None:
        return Finding(
            "table", FAILED, f"{path}: its shared past is gone, so its numbers cannot be read again"
        )
    data = data if past is None else since(data, past)
    for one in result.readings:
        whole = one.first_step == 0 and one.last_step == result.provenance.horizon
        if one.cell == first.cell and one.cohort == WHOLE and whole:
            value = read(METRICS[one.metric], data).value
            count += 1
            if value != one.value:
                problems.append(f"{one.metric}: {one.value} in the table, {value} in its run")
    return judged(
        "table", problems, f"{count} numbers of the first cell, read again, are the table's"
    )


def _liveness(result: StudyResult) -> Iterator[Finding]:
    dead = {one.what for one in result.warnings if one.kind == "dead metric"}
    live = sorted({one.metric for one in result.effects} - dead)
    if live:
        yield Finding("metric liveness", PASSED, f"moved in some pair of runs: {', '.join(live)}")
    for one in result.warnings:
        if one.kind == "dead metric":
            yield Finding("metric liveness", FAILED, one.message)


def _warned(result: StudyResult) -> Iterator[Finding]:
    for one in result.warnings:
        if one.kind in ("duplicate cells", "inert factor", "inert arm", "inert budget"):
            yield Finding(one.kind, FAILED, one.message)
