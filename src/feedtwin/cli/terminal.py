"""What all commands share: where text goes, how errors end, how numbers look."""

import functools
import json
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

from feedtwin.errors import FeedtwinError
from feedtwin.lab.numbers import fixed, significant

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
R = TypeVar("R")

BAD_INPUT = 2
NOT_EQUAL = 1
INTERRUPTED = 130
_PIPE_WIDTH = 200
"""Columns of a table that goes to a file or another program, where the terminal sets none."""


@functools.cache
def console(stderr: bool = False) -> "Console":
    """Return the console of standard output or error; it writes to whatever the stream is then."""
    import os

    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(stderr=stderr, highlight=False, markup=False, width=width)


def say(text: str = "", style: str | None = None) -> None:
    """Print a line to standard output, never cut or folded."""
    console().print(text, style=style, soft_wrap=True)


def tell(text: str) -> None:
    """Print a line to standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def answer(value: object) -> None:
    """Print the one JSON document of `--json`; numbers that JSON lacks become null."""
    text = json.dumps(_plain(value), indent=2, allow_nan=False, ensure_ascii=False)
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _plain(value: object) -> object:
    """Return a value in JSON's own types."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Iterable):
        return [_plain(one) for one in value]
    return str(value)  # dates, decimals, paths


def reports(function: Callable[P, R]) -> Callable[P, R]:
    """Turn errors raised on purpose into one message and exit status 2; bugs keep their traceback."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except FeedtwinError as error:
            tell(f"error: {error}")
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            tell("interrupted; nothing was written")
            raise typer.Exit(INTERRUPTED) from None

    return command


def shell(*words: str | Path) -> str:
    """Return a command line that can be pasted into a shell."""
    return shlex.join(["feedtwin", *(str(word) for word in words)])


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> None:
    """Print a table.

    Args:
        columns: Headings.
        rows: Cells.
        right: Headings of columns aligned to the right.
        keep: Headings of columns that are not folded.
    """
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        grid.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column in keep,
            overflow="fold",
        )
    for row in rows:
        grid.add_row(*(cell(value) for value in row))
    console().print(grid)


def cell(value: object) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return significant(value, 6, strip=True)
    if isinstance(value, list | tuple):
        return ", ".join(cell(one) for one in value)
    return str(value)


def quantity(value: float | None, unit: str) -> str:
    """Return a metric's value with its unit, at the precision that a reader can use."""
    if value is None:
        return "undefined"
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "share":
        return f"{_percent(value * 100)} %"
    number = fixed(value, 0) if abs(value) >= 1000 else significant(value)
    return number if unit == "1" else f"{number} {unit}"


def _percent(value: float) -> str:
    """Return 35.4, 2.05, 0.32, 0.098 or 0: what a reader can use of a percentage."""
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else significant(value, 2, strip=True)


def size(path: Path) -> str:
    """Return the bytes of a folder for people."""
    total: float = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    for unit in ("bytes", "kB", "MB"):
        if total < 1000:
            return f"{significant(total, strip=True)} {unit}"
        total /= 1000
    return f"{significant(total, strip=True)} GB"


def plural(count: int, one: str) -> str:
    """Return a count with its noun: 1 step, 2 steps."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def span(steps: int) -> str:
    """Return steps with what they are in days, where they are whole days."""
    days, rest = divmod(steps, 24)
    return (
        plural(steps, "step")
        if rest or not days
        else (f"{plural(steps, 'step')} ({plural(days, 'day')})")
    )


def usd(microusd: int) -> str:
    """Return micro-dollars for people, never rounded to nothing."""
    return f"${microusd / 1e6:,.6f}" if microusd < 10_000 else f"${microusd / 1e6:,.2f}"


def usd_alike(*microusd: int) -> list[str]:
    """Return sums of micro-dollars at one precision, the least that rounds none, so that they visibly add up."""
    digits = 6 if any(value % 10_000 for value in microusd) else 2
    return [f"${value / 1e6:,.{digits}f}" for value in microusd]
