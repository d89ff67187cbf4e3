"""A run hour by hour: how much is watched, and how it is met."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from feedtwin.lab.figures.chart import Basis, Canvas, Chart
from feedtwin.record.reader import Run

COLUMNS: Final = ("hour", "impressions", "active_users", "watch_s", "skip_share", "uploads")
_PANELS: Final = (
    ("impressions", "impressions", 1.0),
    ("active_users", "active people", 1.0),
    ("watch_s", "watch time, s per impression", 1.0),
    ("skip_share", "skipped, % of impressions", 100.0),
)
Row = tuple[int, int, int, float | None, float | None, int]


def hours_of(run: Run) -> list[Row]:
    """Return one row per committed hour; shares of nothing are None."""
    rows = run.step_metrics().to_pydict()
    found: Mapping[int, dict[str, int]] = defaultdict(dict)
    for step, name, value in zip(rows["step"], rows["name"], rows["value"], strict=True):
        found[step][name] = int(value)
    table = []
    for step, one in sorted(found.items()):
        shown = one.get("impressions", 0)
        watch = one.get("watch_ms", 0) / 1000 / shown if shown else None
        skips = one.get("skips", 0) / shown if shown else None
        table.append((step, shown, one.get("active_users", 0), watch, skips, one.get("uploads", 0)))
    return table


def hours(run: Run, basis: Basis, name: str = "hours") -> Chart | None:
    """Return a run hour by hour; None before its first step."""
    rows = hours_of(run)
    if not rows:
        return None
    window = run.manifest["settings"]["parameters"]["platform.active_window_steps"]
    return Chart(
        name=name,
        title="Hour by hour",
        reading="",
        units=f"Each point is one hour; active: in the app within {window:g} hours. A single run has no interval.",
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, rows),
        wide=340,
        narrow=560,
    )


def _draw(canvas: Canvas, rows: list[Row]) -> None:
    look = canvas.palette
    axes = canvas.axes(*((4, 1) if canvas.narrow else (2, 2)), sharex=True)
    step = [row[0] for row in rows]
    for axis, (column, label, scale) in zip(axes, _PANELS, strict=True):
        found = [row[COLUMNS.index(column)] for row in rows]
        values = [float("nan") if one is None else scale * one for one in found]
        axis.plot(step, values, color=look.one, lw=1.6)
        if scale == 1.0 and column in ("impressions", "active_users"):
            axis.fill_between(step, 0, values, color=look.one, alpha=0.15, lw=0)
        axis.set_ylim(bottom=0)
        axis.margins(x=0)
        axis.locator_params(axis="y", nbins=4)
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axis.grid(axis="y", color=look.faint, lw=0.8)
        every = 24 * max(1, -(-len(rows) // (24 * 8)))
        axis.set_xticks(range(0, step[-1] + 2, every if len(rows) > 24 else 6))
        canvas.name(axis, label)
    for axis in axes[-1:] if canvas.narrow else axes[-2:]:
        canvas.label(axis, x="hour of the run")
