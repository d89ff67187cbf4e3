"""Writing the report of a run or of a study."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feedtwin.errors import RunFolderError
from feedtwin.lab.reporting.page import html_of
from feedtwin.lab.reporting.run_report import report_of_run
from feedtwin.lab.reporting.study_report import report_of_study
from feedtwin.lab.study.tables import STUDY_FILE
from feedtwin.record.durable import replace_bytes
from feedtwin.record.folder import refuse_unwritable, refuse_unwritable_file

REPORT_FILE: Final = "report.html"


@dataclass(frozen=True)
class Written:
    """What was written: the page, and the files of its figures where they were asked for."""

    page: Path
    figures: tuple[Path, ...]


def write_report(
    path: str | Path, out: str | Path | None = None, *, figures: str | Path | None = None
) -> Written:
    """Write the report of a run or of a finished study as one HTML file.

    Args:
        path: A run folder, or a study's.
        out: The file; report.html in the folder by default. It is replaced.
        figures: Folder for every figure as PDF, SVG, CSV and caption.

    Raises:
        RunFolderError: There is neither a run nor a finished study, or the file cannot be written.
        IntegrityError: A file of it was altered.
    """
    folder = Path(path)
    page = folder / REPORT_FILE if out is None else Path(out)
    refuse_unwritable_file(page)
    if figures is not None:
        refuse_unwritable(Path(figures))
    if (folder / STUDY_FILE).exists():
        report = report_of_study(folder)
    elif (folder / "journal").exists():
        report = report_of_run(folder)
    else:
        raise RunFolderError(
            f"{folder}: neither a run folder (no journal) nor a finished study (no {STUDY_FILE}); expected one of them"
        )
    files: list[Path] = []
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(page, html_of(report).encode())
        for chart in report.charts if figures is not None else []:
            files += chart.save(Path(str(figures)))
    except OSError as error:
        raise RunFolderError(
            f"{page}: cannot be written: {error.strerror}; expected a place for the report. Give another with --out"
        ) from None
    return Written(page, tuple(files))
