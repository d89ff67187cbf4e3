"""Effects over time: window by window, one small panel per metric."""

from collections.abc import Sequence
from dataclasses import asdict

from feedtwin.lab.figures.chart import Basis, Canvas, Chart, Record, records
from feedtwin.lab.figures.telling import lines_of
from feedtwin.lab.figures.words import contrast, difference_unit, listed, percent, plural
from feedtwin.lab.study.plan import WHOLE
from feedtwin.lab.study.result import Effect

COLUMNS = (
    "metric", "label", "cohort", "unit", "contrast", "first_step", "last_step", "estimate", "low", "high",
    "confidence", "n_effective", "calibration",
)  # fmt: skip

PANEL_PX = 310
"""Width of a panel, which its title has to fit."""


def effects_over_time(
    effects: Sequence[Effect], basis: Basis, name: str = "over-time"
) -> Chart | None:
    """Return a contrast's effects window by window; None where nothing moved in any.

    Args:
        effects: Effects of one contrast, one per metric and window.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    given = [one for one in effects if one.estimate is not None]
    moved = {(one.metric, one.cohort) for one in given if one.estimate or one.low or one.high}
    known = [one for one in given if (one.metric, one.cohort) in moved]
    if not known:
        return None
    still = listed(list(dict.fromkeys(_title(asdict(one)) for one in given if one not in known)))
    rows = [
        (one.metric, one.label, one.cohort, one.unit, one.contrast, one.first_step, one.last_step, one.estimate,
         one.low, one.high, one.confidence, one.n_effective, one.calibration)
        for one in known
    ]  # fmt: skip
    count = len({(one.metric, one.cohort) for one in known})
    return Chart(
        name=name,
        title=f"Effects over time: {contrast(known[0].contrast)}",
        reading=f"Not drawn, since no window of any pair moved: {still}." if still else "",
        units=(
            f"Difference in each window of hours after the arms part, in the unit of the metric (shares in percentage "
            f"points), with {percent(known[0].confidence)} intervals of paired runs, not corrected for the number of windows."
            f"{_short(known)}"
        ),
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, records(COLUMNS, rows)),
        wide=60 + 165 * -(-count // 2),
        narrow=40 + 165 * count,
    )


def _title(row: Record) -> str:
    return str(row["label"]) if row["cohort"] == WHOLE else f"{row['label']}, {row['cohort']}"


def _short(effects: Sequence[Effect]) -> str:
    """Which window is shorter than the others, where one is."""
    windows = sorted({(one.first_step, one.last_step) for one in effects})
    first, last = windows[-1]
    whole = max(b - a for a, b in windows)
    if last - first == whole:
        return ""
    return f" The last window, hours {first} to {last}, has {plural(last - first, 'hour')} instead of {whole}."


def _draw(canvas: Canvas, rows: Sequence[Record]) -> None:
    look = canvas.palette
    names = list(dict.fromkeys((row["metric"], row["cohort"]) for row in rows))
    columns = 1 if canvas.narrow or len(names) == 1 else 2
    axes = canvas.axes(-(-len(names) // columns), columns, sharex=True)
    for axis, name in zip(axes, names, strict=False):
        axis.axhline(0, color=look.rule, lw=1)
        mine = [row for row in rows if (row["metric"], row["cohort"]) == name]
        unit = difference_unit(mine[0]["unit"])
        scale = 100 if mine[0]["unit"] == "share" else 1
        for row in mine:
            ends = row["first_step"], row["last_step"]
            if row["low"] is not None:
                axis.fill_between(
                    ends, scale * row["low"], scale * row["high"], color=look.one, alpha=0.22, lw=0
                )
            middle = scale * row["estimate"]
            axis.plot(ends, (middle, middle), color=look.one, lw=2.4, solid_capstyle="butt")
        title = f"{_title(mine[0])}{', ' if unit else ''}{unit}"
        canvas.name(axis, "\n".join(lines_of(title, PANEL_PX, canvas.text)))
        axis.margins(x=0)
        axis.locator_params(axis="y", nbins=4)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    for axis in axes[max(len(names) - columns, 0) : len(names)]:
        axis.tick_params(labelbottom=True)
        canvas.label(axis, x="hours after the arms part")
