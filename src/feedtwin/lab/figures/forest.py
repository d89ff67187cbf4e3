"""Forest plot: every effect of a contrast on one scale, in percent of the base, with its number beside it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from feedtwin.lab.figures.chart import Basis, Canvas, Chart, Record, Value, records
from feedtwin.lab.figures.words import contrast, difference, fixed, listed, percent, plural
from feedtwin.lab.study.plan import WHOLE
from feedtwin.lab.study.result import Effect

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    "metric", "label", "cohort", "unit", "contrast", "estimate", "low", "high", "confidence",
    "n_effective", "p_adjusted", "correction", "verdict", "mean_base", "estimate_percent",
    "low_percent", "high_percent", "unpaired_low_percent", "unpaired_high_percent",
    "smallest_effect_percent", "calibration",
)  # fmt: skip
_ENDS = ("low_percent", "high_percent", "unpaired_low_percent", "unpaired_high_percent")
_STEPS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_FAR = 12.0
"""Where the widest row is this many times wider than the median one, the scale is bent."""


def forest(effects: Sequence[Effect], basis: Basis, name: str = "effects") -> Chart | None:
    """Return a contrast's effects; None where no metric has a level that percent can be taken of.

    Args:
        effects: Effects of one contrast, in the order in which they are shown.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    shown = [one for one in effects if one.relative is not None and one.low is not None]
    if not shown:
        return None
    horizon = max(one.last_step for one in effects)
    rows = [_row(one, horizon) for one in shown]
    moved = [one for one in shown if is_clear(one)]
    left = [one.label for one in effects if one not in shown]
    first = shown[0]
    reading = (
        f"{plural(len(moved), 'effect')} of {len(shown)} can be told from zero (filled)."
        if moved
        else f"None of {plural(len(shown), 'effect')} can be told from zero."
    )
    if left:
        reading += (
            f" Not drawn, for want of an interval or a base: {listed(left)}; the table has them."
        )
    found = records(COLUMNS, rows)
    bent = _threshold(found)
    units = (
        f"Difference in percent of the base's mean, with {percent(first.confidence)} intervals of paired runs (thick) and "
        "of the same runs unpaired (thin): the gap is what sharing chance buys. The base's mean is taken as known."
    )
    if any(one.smallest_effect for one in shown):
        units += " Shaded: smaller than the smallest effect declared to matter."
    if bent:
        units += f" The scale is linear up to {bent:g} % and logarithmic beyond."
    return Chart(
        name=name,
        title=f"Effects: {contrast(first.contrast)}",
        reading=reading,
        units=units,
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, found, bent),
        wide=70 + 34 * len(rows),
        narrow=64 + 50 * len(rows),
    )


def is_clear(one: Effect) -> bool:
    """Whether an effect can be told from zero after correction."""
    return one.p_adjusted is not None and one.p_adjusted < 1 - one.confidence


def title_of(one: Effect, horizon: int) -> str:
    """Return a metric's label with its cohort and its hours, where they are not the whole."""
    cohort = "" if one.cohort == WHOLE else f", {one.cohort}"
    hours = (
        ""
        if (one.first_step, one.last_step) == (0, horizon)
        else f", hours {one.first_step} to {one.last_step}"
    )
    return f"{one.label}{cohort}{hours}"


def numbers_of(unit: str, estimate: float | None, low: float | None, high: float | None) -> str:
    """Return an estimate with its interval, in the metric's unit; shares in percentage points."""
    middle, interval = difference(unit, estimate, low, high)
    named = {"share": "\u202fpp", "1": "", "count": ""}.get(unit, f"\u202f{unit}")
    return f"{middle}{named}  {interval}".rstrip()


def _row(one: Effect, horizon: int) -> tuple[Value, ...]:
    def percent(value: float | None) -> float | None:
        return None if value is None or not one.mean_base else 100 * value / abs(one.mean_base)

    return (
        one.metric, title_of(one, horizon), one.cohort, one.unit, one.contrast, one.estimate, one.low, one.high,
        one.confidence, one.n_effective, one.p_adjusted, one.correction, one.verdict, one.mean_base,
        percent(one.estimate), percent(one.low), percent(one.high), percent(one.unpaired_low),
        percent(one.unpaired_high), percent(one.smallest_effect), one.calibration,
    )  # fmt: skip


def _threshold(rows: Sequence[Record]) -> float:
    """Percent up to which the scale is linear; 0 where it is linear throughout."""
    reach = sorted(max(abs(row["low_percent"]), abs(row["high_percent"])) for row in rows)
    median = reach[len(reach) // 2]
    if not median or reach[-1] < _FAR * median:
        return 0.0
    return next((step for step in _STEPS if step >= median), _STEPS[-1])


def _draw(canvas: Canvas, rows: Sequence[Record], bent: float) -> None:
    look, (axis,) = canvas.palette, canvas.axes()
    axis.axvline(0, color=look.rule, lw=1, zorder=1)
    for place, row in enumerate(rows):
        _draw_row(canvas, axis, place, row)
    reach = max(abs(row[end]) for row in rows for end in _ENDS if row[end] is not None)
    if bent:
        axis.set_xscale("symlog", linthresh=bent, linscale=1.4)
        ticks = [t for t in (bent / 2, bent, 10 * bent, 100 * bent) if t <= reach * 1.1]
        axis.set_xticks([-t for t in reversed(ticks)] + [0, *ticks])
        axis.minorticks_off()
    axis.set_xlim(-1.12 * reach, 1.12 * reach)
    axis.xaxis.set_major_formatter(lambda value, _: fixed(value, 1, sign=True).removesuffix(".0"))
    axis.set_ylim(len(rows) - 0.5, -0.95 if canvas.narrow else -0.6)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    canvas.label(axis, x="% of the base's mean")


def _draw_row(canvas: Canvas, axis: "Axes", place: int, row: Record) -> None:
    look = canvas.palette
    clear = row["p_adjusted"] is not None and row["p_adjusted"] < 1 - row["confidence"]
    colour = look.one if clear else look.soft
    if row["smallest_effect_percent"]:
        half = row["smallest_effect_percent"]
        axis.barh(place, 2 * half, left=-half, height=0.56, color=look.faint, lw=0, zorder=0)
    if row["unpaired_low_percent"] is not None:
        ends = row["unpaired_low_percent"], row["unpaired_high_percent"]
        axis.plot(ends, (place, place), color=colour, lw=0.9, alpha=0.55, zorder=2)
    axis.plot(
        (row["low_percent"], row["high_percent"]), (place, place),
        color=colour, lw=3.4, solid_capstyle="butt", zorder=3,
    )  # fmt: skip
    axis.plot(
        row["estimate_percent"], place, "o", ms=6.4, mew=1.6, zorder=4,
        mec=colour, mfc=colour if clear else look.paper,
    )  # fmt: skip
    numbers = numbers_of(row["unit"], row["estimate"], row["low"], row["high"])
    across = axis.get_yaxis_transform()
    if canvas.narrow:
        box = {"facecolor": look.paper, "edgecolor": "none", "pad": 1.5}
        axis.text(
            0, place - 0.34, row["label"], transform=across, va="bottom", color=look.ink, bbox=box
        )
        axis.text(
            1, place - 0.34, numbers, transform=across, va="bottom", ha="right",
            color=look.soft, fontsize=canvas.small, bbox=box,
        )  # fmt: skip
    else:
        axis.text(
            -0.02, place, row["label"], transform=across, va="center", ha="right", color=look.ink
        )
        axis.text(
            1.02, place, numbers, transform=across, va="center",
            color=look.ink if clear else look.soft, fontsize=canvas.small,
        )  # fmt: skip
