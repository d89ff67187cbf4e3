"""Forest plot: every effect of a contrast on one scale, in percent of the base, with its number beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedtwin.lab.figures.chart import (
    NARROW_PX,
    SMALL,
    TEXT_PX,
    Basis,
    Canvas,
    Chart,
    Record,
    Value,
    records,
)
from feedtwin.lab.figures.telling import LETTER, lines_of
from feedtwin.lab.figures.words import contrast, difference, fixed, listed, percent, plural
from feedtwin.lab.study.plan import WHOLE
from feedtwin.lab.study.result import Effect

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    "metric", "label", "cohort", "unit", "contrast", "estimate", "low", "high", "confidence",
    "n_effective", "p_adjusted", "correction", "verdict", "mean_base", "estimate_percent",
    "low_percent", "high_percent", "unpaired_low_percent", "unpaired_high_percent",
    "smallest_effect_percent", "calibration", "joint_low", "joint_high",
)  # fmt: skip
_ENDS = ("low_percent", "high_percent", "unpaired_low_percent", "unpaired_high_percent")
_STEPS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_FAR = 12.0
"""Where the widest row is this many times wider than the median one, the scale is bent."""

_LINE_PX = 15.5
_BAR_PX = 20.0
_GAP_PX = 11.0
_LABEL_PX = 290.0
"""Widest label beside the bars of a page."""


@dataclass(frozen=True)
class Place:
    """Where a row is drawn, in px from the top: its first line, its bar, its end; its label in lines.

    Attributes:
        top: Upper edge of its first line of text.
        bar: Middle of its bar.
        end: Where the next row begins.
        label: Label, in lines that fit.
        beside: Whether the numbers fit beside the last line of the label, on a phone.
    """

    top: float
    bar: float
    end: float
    label: tuple[str, ...]
    beside: bool


def places_of(rows: Sequence[Record], *, narrow: bool) -> list[Place]:
    """Return where rows are drawn: on a page bars beside their labels, on a phone under them."""
    found: list[Place] = []
    for row in rows:
        top = found[-1].end if found else 0.0
        if not narrow:
            label = tuple(lines_of(row["label"], _LABEL_PX, TEXT_PX))
            height = max(34.0, _LINE_PX * len(label) + _GAP_PX)
            found.append(Place(top, top + height / 2, top + height, label, beside=True))
            continue
        across = NARROW_PX - 2 * _GAP_PX
        label = tuple(lines_of(row["label"], across, TEXT_PX))
        numbers = numbers_of(row["unit"], row["estimate"], row["low"], row["high"])
        beside = LETTER * TEXT_PX * (len(label[-1]) + 2 + SMALL * len(numbers)) < across
        bar = top + _LINE_PX * (len(label) + (not beside)) + _BAR_PX / 2
        found.append(Place(top, bar, bar + _BAR_PX / 2 + _GAP_PX, label, beside))
    return found


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
        wide=70 + round(places_of(found, narrow=False)[-1].end),
        narrow=60 + round(places_of(found, narrow=True)[-1].end),
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
        one.joint_low, one.joint_high,
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
    places = places_of(rows, narrow=canvas.narrow)
    for place, row in zip(places, rows, strict=True):
        _draw_row(canvas, axis, place, row)
    reach = max(abs(row[end]) for row in rows for end in _ENDS if row[end] is not None)
    if bent:
        axis.set_xscale("symlog", linthresh=bent, linscale=1.4)
        ticks = [t for t in (bent / 2, bent, 10 * bent, 100 * bent) if t <= reach * 1.1]
        axis.set_xticks([-t for t in reversed(ticks)] + [0, *ticks])
        axis.minorticks_off()
    axis.set_xlim(-1.12 * reach, 1.12 * reach)
    axis.xaxis.set_major_formatter(lambda value, _: fixed(value, 1, sign=True).removesuffix(".0"))
    axis.set_ylim(places[-1].end, 0)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    canvas.label(axis, x="% of the base's mean")


def _draw_row(canvas: Canvas, axis: "Axes", place: Place, row: Record) -> None:
    look, y = canvas.palette, place.bar
    clear = row["p_adjusted"] is not None and row["p_adjusted"] < 1 - row["confidence"]
    colour = look.one if clear else look.soft
    if row["smallest_effect_percent"]:
        half = row["smallest_effect_percent"]
        axis.barh(y, 2 * half, left=-half, height=_BAR_PX - 2, color=look.faint, lw=0, zorder=0)
    if row["unpaired_low_percent"] is not None:
        ends = row["unpaired_low_percent"], row["unpaired_high_percent"]
        axis.plot(ends, (y, y), color=colour, lw=0.9, alpha=0.55, zorder=2)
    axis.plot(
        (row["low_percent"], row["high_percent"]), (y, y),
        color=colour, lw=3.4, solid_capstyle="butt", zorder=3,
    )  # fmt: skip
    axis.plot(
        row["estimate_percent"], y, "o", ms=6.4, mew=1.6, zorder=4,
        mec=colour, mfc=colour if clear else look.paper,
    )  # fmt: skip
    numbers = numbers_of(row["unit"], row["estimate"], row["low"], row["high"])
    across = axis.get_yaxis_transform()
    shade = look.ink if clear else look.soft
    if not canvas.narrow:
        label = "\n".join(place.label)
        axis.text(-0.02, y, label, transform=across, va="center", ha="right", color=look.ink)
        axis.text(
            1.02, y, numbers, transform=across, va="center", color=shade, fontsize=canvas.small
        )
        return
    box = {"facecolor": look.paper, "edgecolor": "none", "pad": 1.0}
    for k, line in enumerate(place.label):
        y = place.top + _LINE_PX * k
        axis.text(0, y, line, transform=across, va="top", color=look.ink, bbox=box)
    at = place.top + _LINE_PX * (len(place.label) - place.beside)
    x, side = (1, "right") if place.beside else (0, "left")
    axis.text(
        x, at, numbers, transform=across, va="top", ha=side, color=shade, fontsize=canvas.small, bbox=box
    )  # fmt: skip
