"""A report as one HTML page: styles, figures and CSV files are in it, so that it asks for nothing."""

from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any, Final

from feedtwin import __version__
from feedtwin.lab.figures import Chart
from feedtwin.lab.figures.palette import DARK, LIGHT, variables
from feedtwin.lab.numbers import significant
from feedtwin.lab.reporting.document import Report
from feedtwin.lab.reporting.text import shown, spans

_HERE: Final = Path(__file__).parent
_MOST_ROWS: Final = 40


def html_of(report: Report) -> str:
    """Return the page of a report; the same report gives the same page."""
    return str(
        _template().render(
            report=report, version=__version__, style=(_HERE / "style.css").read_text("utf-8"),
            light=variables(LIGHT), dark=variables(DARK), numbers=_numbers, data=_data, spans=spans,
        )
    )  # fmt: skip


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["shown"] = shown
    return environment.get_template("page.html.j2")


def _data(content: bytes) -> str:
    """A CSV as an address that holds it."""
    return f"data:text/csv;charset=utf-8;base64,{b64encode(content).decode()}"


def _numbers(chart: Chart) -> dict[str, Any]:
    """The first rows of a figure's numbers, as text."""
    rows = [[_cell(value) for value in row] for row in chart.rows[:_MOST_ROWS]]
    return {"rows": rows, "total": len(chart.rows), "cut": len(chart.rows) > _MOST_ROWS}


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return significant(value, 5, strip=True).replace("-", "\u2212")
    return str(value)
