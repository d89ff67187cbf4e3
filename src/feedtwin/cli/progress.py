"""The progress bar: steps, steps per second, encounters per second, time left. On standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feedtwin.world.running import Progress


def is_shown(*quiet: bool) -> bool:
    """Return whether a bar makes sense: a terminal is there and nobody asked for silence."""
    return sys.stderr.isatty() and not any(quiet)


@contextmanager
def working(what: str, shown: bool) -> Iterator[None]:
    """Show a spinner while something without steps goes on."""
    if not shown:
        yield
        return
    from feedtwin.cli.terminal import console

    with console(stderr=True).status(what):
        yield


@contextmanager
def bar(
    what: str, shown: bool, *, rate: str = "encounters"
) -> "Iterator[Callable[[Progress], None]]":
    """Yield a callback that draws a bar, or one that does nothing.

    Args:
        what: A word before the bar.
        shown: Whether to draw.
        rate: What `Progress.impressions` counts.
    """
    if not shown:
        yield lambda progress: None
        return
    from time import perf_counter

    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    from feedtwin.cli.terminal import console

    bars = Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[speed]}"),
        console=console(stderr=True),
        transient=True,
        expand=True,
    )
    began = perf_counter()
    first: list[int] = []
    with bars:
        task = bars.add_task(what, total=None, visible=False, speed="")

        def update(progress: "Progress") -> None:
            if not first:
                first.append(progress.step - 1)
            seconds = max(perf_counter() - began, 1e-9)
            speed = rates(
                progress.step - first[0], progress.steps - progress.step, progress.impressions,
                seconds, rate,
            )  # fmt: skip
            bars.update(
                task, total=progress.steps, completed=progress.step, visible=True, speed=speed
            )

        yield update


def rates(done: int, left: int, count: int, seconds: float, what: str) -> str:
    """Return `4.1 steps/s  5,210 encounters/s  0:12 left`."""
    steps_per_s = done / seconds
    eta = round(left / steps_per_s) if steps_per_s else 0
    minutes, rest = divmod(eta, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{steps_per_s:.3g} steps/s  {count / seconds:,.0f} {what}/s  {clock} left"
