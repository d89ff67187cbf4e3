"""A chart: what it shows, in words and numbers, and how it is drawn on a page, a phone and paper."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from feedtwin.lab.figures.palette import LIGHT, PAGE, Palette, for_page
from feedtwin.lab.study.tables import as_csv
from feedtwin.record.durable import replace_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Value = str | int | float | bool | None
Record = dict[str, Any]
WIDE_PX: Final = 760
NARROW_PX: Final = 358
"""Widths that drawings are made for: a page's text column, and that of a phone of 390 px."""
TEXT_PX: Final = 12.5
SMALL: Final = 0.9
"""Size of text that is looked up, of that of ordinary text."""
_STYLE: Final[dict[Any, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.labelpad": 6,
    "axes.axisbelow": True,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.major.width": 0.8,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "lines.solid_capstyle": "round",
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "figure.constrained_layout.h_pad": 0.04,
    "figure.constrained_layout.w_pad": 0.04,
    "figure.constrained_layout.hspace": 0.06,
    "figure.constrained_layout.wspace": 0.06,
}


@dataclass(frozen=True)
class Basis:
    """What every caption says of its numbers.

    Attributes:
        n: How many what the numbers rest on: "8 pairs of runs", "1 run".
        seeds: Root seed and replicates.
        calibration: State of calibration of the worlds.
    """

    n: str
    seeds: str
    calibration: str

    def __str__(self) -> str:
        return f"n = {self.n}; {self.seeds}; {self.calibration}."


@dataclass(frozen=True)
class Canvas:
    """Where a chart is drawn.

    Attributes:
        figure: The figure.
        palette: Colours by role.
        narrow: Whether it is drawn for a phone.
        text: Size of ordinary text.
    """

    figure: "Figure"
    palette: Palette
    narrow: bool
    text: float

    @property
    def small(self) -> float:
        """Size of text that is looked up."""
        return self.text * SMALL

    def axes(self, rows: int = 1, columns: int = 1, **more: Any) -> "list[Axes]":
        """Return axes with quiet spines, row by row."""
        grid = self.figure.subplots(rows, columns, squeeze=False, **more)
        found: list[Axes] = list(grid.ravel())
        for axis in found:
            self.quiet(axis)
        return found

    def quiet(self, axis: "Axes") -> None:
        """Give axes the look that all charts share."""
        axis.set_facecolor("none")
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axis.spines[side].set_color(self.palette.rule)
        axis.tick_params(
            colors=self.palette.rule, labelcolor=self.palette.soft, labelsize=self.small
        )

    def name(self, axis: "Axes", text: str) -> None:
        """Write what a panel shows above it, at the left."""
        axis.set_title(text, loc="left", fontsize=self.text, color=self.palette.ink, pad=8)

    def label(self, axis: "Axes", x: str = "", y: str = "") -> None:
        """Write units at the axes."""
        axis.set_xlabel(x, fontsize=self.small, color=self.palette.soft)
        axis.set_ylabel(y, fontsize=self.small, color=self.palette.soft)


@dataclass(frozen=True)
class Chart:
    """A figure and the numbers in it.

    Attributes:
        name: Name of its files.
        title: What it shows.
        reading: What to see in it, in a plain sentence or two.
        units: How it is drawn: units, intervals, scales.
        basis: n, seeds and state of calibration.
        columns: Columns of its CSV.
        rows: Exactly what is drawn.
        draw: Draws it.
        wide: Height in px on a page.
        narrow: Height in px on a phone.
    """

    name: str
    title: str
    reading: str
    units: str
    basis: Basis
    columns: tuple[str, ...]
    rows: Sequence[tuple[Value, ...]]
    draw: Callable[[Canvas], None] = field(repr=False)
    wide: int = 320
    narrow: int = 320

    @property
    def caption(self) -> str:
        """Reading, units, n, seeds and state of calibration."""
        return " ".join(part for part in (self.reading, self.units, str(self.basis)) if part)

    def csv(self) -> bytes:
        """Return exactly what is drawn, as CSV."""
        return as_csv(self.columns, records(self.columns, self.rows))

    def svg_for_page(self, *, narrow: bool) -> str:
        """Return an SVG element whose colours and font are the page's."""
        found = self._drawn("svg", PAGE, narrow=narrow, salt=f"{self.name}{narrow}").decode()
        found = found[found.index("<svg") :]
        found = re.sub(r"<metadata>.*?</metadata>", "", found, flags=re.S)
        found = re.sub(r'<g id="[^"]*"', "<g", found)
        found = re.sub(r"font-family: [^;\"]*", "font-family: var(--font)", found)
        size = re.search(r'viewBox="([^"]*)"', found)
        assert size is not None
        opening = f'<svg viewBox="{size.group(1)}" role="img" aria-label="{_plain(self.title)}" '
        opening += f'class="{"narrow" if narrow else "wide"}">'
        return for_page(opening + found[found.index(">") + 1 :])

    def svg(self) -> str:
        """Return a standalone SVG on white paper."""
        return self._drawn("svg", LIGHT, salt=self.name).decode()

    def save(self, folder: str | Path) -> list[Path]:
        """Write the figure for print (PDF, SVG), its numbers (CSV) and its caption (TXT) into a folder."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        contents = {
            ".pdf": self._drawn("pdf", LIGHT, salt=self.name),
            ".svg": self.svg().encode(),
            ".csv": self.csv(),
            ".txt": f"{self.title}. {self.caption}\n".encode(),
        }
        for suffix, content in contents.items():
            replace_bytes(place / f"{self.name}{suffix}", content)
        return [place / f"{self.name}{suffix}" for suffix in contents]

    def _repr_svg_(self) -> str:
        """Show the figure in a notebook."""
        return self.svg()

    def _drawn(self, kind: str, palette: Palette, *, narrow: bool = False, salt: str) -> bytes:
        from matplotlib import rc_context
        from matplotlib.backends.backend_pdf import FigureCanvasPdf
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        is_page = palette is PAGE
        width, height = (NARROW_PX, self.narrow) if narrow else (WIDE_PX, self.wide)
        with rc_context({**_STYLE, "font.size": TEXT_PX, "svg.hashsalt": salt}):
            figure = Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")
            figure.set_facecolor("none" if is_page else palette.paper)
            canvas = (FigureCanvasSVG if kind == "svg" else FigureCanvasPdf)(figure)
            self.draw(Canvas(figure, palette, narrow, TEXT_PX))
            if not is_page:  # a figure that leaves its page takes what it rests on with it
                figure.supxlabel(
                    f"{self.basis.n} \u00b7 {self.basis.calibration.partition(':')[0]}",
                    x=0.995, ha="right", fontsize=TEXT_PX * 0.72, color=palette.soft,
                )  # fmt: skip
            out = BytesIO()
            dates = {"Date": None} if kind == "svg" else {"CreationDate": None}
            canvas.print_figure(out, format=kind, metadata=dates, facecolor=figure.get_facecolor())
        return out.getvalue()


def records(columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> list[Record]:
    """Return rows by the names of their columns."""
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
