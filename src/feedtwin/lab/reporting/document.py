"""What a report consists of, before it is a page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from feedtwin.lab.figures import Chart
from feedtwin.lab.study.tables import as_csv

RIGHT: Final = "right"
"""Mark of a column of numbers."""
MORE: Final = "more"
"""Mark of a column that a phone leaves out; the CSV has it."""


SHORT: Final = "short"
"""Mark of a column whose words stay on one line: states, names, yes and no."""


@dataclass(frozen=True)
class Column:
    """A column of a table: heading, and marks (RIGHT, MORE, SHORT)."""

    heading: str
    marks: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its numbers as CSV.

    Attributes:
        name: Name of its CSV.
        title: What it shows.
        caption: Units, n, seeds and state of calibration.
        columns: Columns, as people read them.
        rows: Cells, as text; what follows a line break is secondary.
        csv: All its numbers, unrounded.
        kind: Words: "metrics" where tables that follow each other shall have the same columns, "grouped" where rows with
            the same first cell belong together, "prose" where cells are sentences, "stacked" where what is secondary stands
            below, "broad" where it may be wider than the text around it.
        empty: What is said where there are no rows.
    """

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    csv: bytes
    kind: str = ""
    empty: str = "Nothing to list."


@dataclass(frozen=True)
class Tile:
    """A number that stands out.

    Attributes:
        label: What it is.
        value: The number.
        unit: Its unit.
        notes: What it rests on, line by line: contrast, interval, n.
    """

    label: str
    value: str
    unit: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Note:
    """Something a reader must know: what kind of thing, and what."""

    kind: str
    text: str


@dataclass(frozen=True)
class Section:
    """A part of a report, with its figures and tables in the order in which they are read."""

    title: str
    lead: str = ""
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()

    @property
    def anchor(self) -> str:
        """Name of the place on the page."""
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True)
class AuditPart:
    """What an audit found: in a sentence, and check by check as (state, check, words)."""

    said: str
    findings: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        kind: "run" or "study".
        title: Its name.
        calibration: State of calibration, the first thing that is read.
        asked: What was asked, in plain sentences.
        found: What came out, likewise.
        caution: What that cannot show, in a sentence or two.
        tiles: Numbers that stand out.
        sections: Figures and tables.
        warnings: What a reader must know.
        limits: What this cannot show, point by point.
        absent: Figures that are not there, and why.
        audit: What an audit found; None where none was kept.
        provenance: Where the numbers come from, by name.
        basis: n, seeds and state of calibration of the numbers in what came out and in the tiles.
    """

    kind: str
    title: str
    calibration: str
    asked: Sequence[str]
    found: Sequence[str]
    caution: str
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    warnings: Sequence[Note]
    limits: Sequence[str]
    absent: Sequence[Note]
    audit: AuditPart | None
    provenance: Sequence[tuple[str, str]] = field(default_factory=tuple)
    basis: str = ""

    @property
    def charts(self) -> list[Chart]:
        """Every figure, in order."""
        return [chart for section in self.sections for chart in section.charts]


def plain_table(
    name: str, title: str, caption: str, columns: Sequence[Column], rows: Sequence[Sequence[str]],
    kind: str = "", empty: str = "Nothing to list.",
) -> Table:  # fmt: skip
    """Return a table whose CSV is what it shows."""
    headings = [column.heading for column in columns]
    content = as_csv(headings, [dict(zip(headings, row, strict=True)) for row in rows])
    return Table(name, title, caption, columns, rows, content, kind, empty)
