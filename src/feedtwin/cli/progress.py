"""The progress bar: steps, steps per second, encounters per second, time left. On standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from feedtwin.lab.numbers import significant

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from feedtwin.world.running import Progress


def is_shown(*quiet: bool) -> bool:
    """Return whether a bar makes sense: a terminal is there and nobody asked for silence."""
    return sys.stderr.isatty() and not any(quiet)


def is_told(*quiet: bool) -> bool:
    """Return whether lines of progress are wanted; unlike a bar they make sense in a file, too."""
    return not any(quiet)


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
    what: str,
    shown: bool,
    *,
    before: Callable[[], None] = lambda: None,
    rate: str = "encounters",
) -> "Iterator[Callable[[Progress], None]]":
    """Yield a callback for `on_progress`; it draws a bar, or only calls `before`.

    Args:
        what: A word before the bar.
        shown: Whether to draw; a spinner turns until the first step is done.
        before: Called once, at the first step: what an error before it must not print.
        rate: What `Progress.impressions` counts.
    """
    with ExitStack() as stack:
        drawing = _Drawing(stack, what, rate) if shown else None
        called: list[bool] = []

        def update(progress: "Progress") -> None:
            if drawing is not None:
                drawing.pause(progress)
            if not called:
                called.append(True)
                before()
            if drawing is not None:
                drawing.draw(progress)

        yield update


class _Drawing:
    """A spinner that becomes a bar."""

    def __init__(self, stack: ExitStack, what: str, rate: str) -> None:
        from feedtwin.cli.terminal import console

        self._stack, self._what, self._rate = stack, what, rate
        self._console = console(stderr=True)
        self._status = stack.enter_context(self._console.status(what))
        self._bars: Bar | None = None
        self._began = perf_counter()
        self._first = 0
        self._task: Any = None

    def pause(self, progress: "Progress") -> None:
        """Stop the spinner at the first step."""
        if self._bars is None:
            self._status.stop()
            self._first = progress.step - 1

    def draw(self, progress: "Progress") -> None:
        """Show where the run is."""
        if self._bars is None:
            self._bars = self._stack.enter_context(self._make())
            self._task = self._bars.add_task(self._what, total=progress.steps, speed="")
        speed = rates(
            progress.step - self._first,
            progress.steps - progress.step,
            progress.impressions,
            max(progress.seconds or perf_counter() - self._began, 1e-9),
            self._rate,
        )
        self._bars.update(self._task, completed=progress.step, speed=speed)

    def _make(self) -> "Bar":
        from rich.progress import BarColumn, Progress, TextColumn

        return Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[speed]}"),
            console=self._console,
            transient=True,
            expand=True,
        )


def rates(done: int, left: int, count: int, seconds: float, what: str) -> str:
    """Return `4.1 steps/s  5,210 encounters/s  0:12 left`."""
    steps_per_s = done / seconds
    eta = round(left / steps_per_s) if steps_per_s else 0
    minutes, rest = divmod(eta, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{significant(steps_per_s, strip=True)} steps/s  {count / seconds:,.0f} {what}/s  {clock} left"
