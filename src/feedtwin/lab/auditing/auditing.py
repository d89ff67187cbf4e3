"""Audit a run or a study: every check, one finding each."""

from collections.abc import Callable, Iterator
from pathlib import Path

from feedtwin.errors import RunFolderError
from feedtwin.lab.auditing.conservation import check_conservation
from feedtwin.lab.auditing.files import check_files
from feedtwin.lab.auditing.finding import FAILED, SKIPPED, Audit, Finding
from feedtwin.lab.auditing.invariance import check_invariance
from feedtwin.lab.auditing.responses import check_rates, check_responses
from feedtwin.lab.auditing.studies import cells_of, check_study
from feedtwin.lab.run_data import read_run
from feedtwin.lab.study.tables import STUDY_FILE, read_result
from feedtwin.record.folder import read_manifest
from feedtwin.record.reader import Run
from feedtwin.world.manifest import CALIBRATION
from feedtwin.world.replay import segments_of

OnFinding = Callable[[Finding], None]


def audit(
    path: str | Path, *, on_finding: OnFinding = lambda finding: None, worlds: bool = True
) -> Audit:
    """Return what checks of a run's or a study's honesty find.

    Args:
        path: A run folder, or the folder of a finished study.
        on_finding: Called with each finding as it comes.
        worlds: Whether to execute small worlds too (dose response, marginal rates): some seconds.

    Raises:
        RunFolderError: There is neither a run nor a finished study.
    """
    folder = Path(path)
    is_study = (folder / STUDY_FILE).exists()
    if not is_study and not (folder / "journal").exists():
        raise RunFolderError(
            f"{folder}: neither a run folder (no journal) nor a finished study (no {STUDY_FILE}); expected one of them"
        )
    found = []
    for one in _of_study(folder, worlds) if is_study else _of_run(folder, worlds):
        found.append(one)
        on_finding(one)
    state = read_result(folder).provenance.calibration if is_study else _state_of(folder)
    return Audit(str(folder), "study" if is_study else "run", tuple(found), state)


def _state_of(folder: Path) -> str:
    """The state of calibration that a run's manifest gives."""
    return str(read_manifest(folder).get("calibration", CALIBRATION))


def _of_run(folder: Path, worlds: bool) -> Iterator[Finding]:
    run = Run.open(folder)
    files = list(check_files(run))
    yield from files
    if files[0].state == FAILED:
        yield Finding("all else", SKIPPED, "the files are not those that were written")
        return
    yield check_conservation(read_run(folder))
    yield from check_invariance(run)
    if worlds:
        yield from _of_worlds(run)


def _of_study(folder: Path, worlds: bool) -> Iterator[Finding]:
    result = read_result(folder)
    found = list(check_study(result))
    yield from found
    if found[0].state == FAILED:
        return
    run = Run.open(next(iter(cells_of(result).values())))
    yield from check_invariance(run)
    if worlds:
        yield from _of_worlds(run)


def _of_worlds(run: Run) -> Iterator[Finding]:
    settings = segments_of(run)[-1].settings
    yield check_rates(settings)
    yield from check_responses(settings)
