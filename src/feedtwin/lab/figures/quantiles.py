"""Quantiles of an amount by arm: earnings, views, gifts; from the poorest tenth to the top hundredth."""

from collections.abc import Sequence
from math import floor, log10
from typing import TYPE_CHECKING

from feedtwin.lab.figures.chart import Basis, Canvas, Chart, Record, records
from feedtwin.lab.figures.telling import ABREAST, look_of
from feedtwin.lab.figures.words import listed, verdict
from feedtwin.lab.study.result import CurvePoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("of", "distribution", "unit", "quantile", "estimate", "low", "high", "n", "calibration")
_ROW_PX = 17
_PANEL_PX = 62


def quantiles_of_arms(points: Sequence[CurvePoint], basis: Basis, name: str) -> Chart | None:
    """Return the quantiles of one distribution, arm by arm.

    Args:
        points: Points of one distribution; contrasts and kinds other than "quantile" are left out.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    chosen = [one for one in points if one.kind == "quantile" and not one.is_contrast]
    if not chosen:
        return None
    rows = [
        (one.of, one.distribution, one.unit, one.at, one.estimate, one.low, one.high, one.n, one.calibration)
        for one in chosen
    ]  # fmt: skip
    said = {
        one.of: one for one in points if one.kind == "quantile" and one.is_contrast and one.verdict
    }
    reading = " ".join(verdict(name, one.verdict, one.p) for name, one in said.items())
    arms = len({one.of for one in chosen})
    levels = sorted({one.at for one in chosen})
    found = records(COLUMNS, rows)
    title = f"Distribution: {chosen[0].label}"
    units = (
        f"At the n-th percentile n % of the population have at most this many {chosen[0].unit}; mean over runs with 95\u202f% "
        "intervals."
    )
    if arms <= ABREAST:
        return Chart(
            name, title, reading, units, basis, COLUMNS, rows, draw=lambda canvas: _draw(canvas, found),
            wide=80 + len(levels) * (22 + 12 * arms), narrow=90 + len(levels) * (24 + 12 * arms),
        )  # fmt: skip
    apart = [level for level in levels if _differs(found, level)] or levels[-1:]
    same = [_name(level) for level in levels if level not in apart]
    units += " A panel for each percentile, on a scale of its own."
    units += f" Not drawn, since it is the same in every arm: {listed(same)}." if same else ""
    height = _PANEL_PX + _ROW_PX * arms
    return Chart(
        name, title, reading, units, basis, COLUMNS, rows, draw=lambda canvas: _draw_panels(canvas, found, apart),
        wide=height * -(-len(apart) // 2), narrow=height * len(apart),
    )  # fmt: skip


def _differs(rows: Sequence[Record], level: float) -> bool:
    """Whether anything is to be seen at a quantile: two arms that differ, or an interval with a width."""
    mine = [row for row in rows if row["quantile"] == level]
    return len({row["estimate"] for row in mine}) > 1 or any(row["low"] != row["high"] for row in mine)  # fmt: skip


def _draw_panels(canvas: Canvas, rows: Sequence[Record], levels: Sequence[float]) -> None:
    """A panel per quantile, a row per arm with its name beside it."""
    look, columns = canvas.palette, 1 if canvas.narrow or len(levels) == 1 else 2
    axes = canvas.axes(-(-len(levels) // columns), columns)
    arms = list(dict.fromkeys(row["of"] for row in rows))
    for axis, level in zip(axes, levels, strict=False):
        for row in (row for row in rows if row["quantile"] == level):
            y = arms.index(row["of"])
            if row["low"] is not None:
                ends = max(row["low"], 0.0), row["high"]
                axis.plot(ends, (y, y), color=look.one, lw=3, alpha=0.45, solid_capstyle="butt")
            axis.plot(row["estimate"], y, "o", ms=5.5, color=look.one, clip_on=False, zorder=3)
        axis.set_yticks(range(len(arms)), arms)
        axis.tick_params(axis="y", labelcolor=look.ink, labelsize=canvas.small)
        axis.set_ylim(len(arms) - 0.4, -0.6)
        axis.locator_params(axis="x", nbins=5)
        axis.grid(axis="x", color=look.faint, lw=0.8)
        axis.spines["left"].set_visible(False)
        canvas.name(axis, f"{_name(level)}, {rows[0]['unit']}")
    for axis in axes[len(levels) :]:
        axis.set_visible(False)


def _draw(canvas: Canvas, rows: Sequence[Record]) -> None:
    look, (axis,) = canvas.palette, canvas.axes()
    arms = list(dict.fromkeys(row["of"] for row in rows))
    levels = sorted({row["quantile"] for row in rows})
    for place, arm in enumerate(arms):
        shift = 0.36 * (place - (len(arms) - 1) / 2) / max(len(arms) - 1, 1)
        drawn = look_of(look, place)
        mine = [row for row in rows if row["of"] == arm]
        at = [levels.index(row["quantile"]) - shift for row in mine]
        for y, row in zip(at, mine, strict=True):
            if row["low"] is not None:
                ends = max(row["low"], 0.0), row["high"]
                axis.plot(ends, (y, y), color=drawn.colour, lw=3, alpha=0.45, solid_capstyle="butt")
        middle = [row["estimate"] for row in mine]
        axis.plot(
            middle, at, drawn.mark, ms=6.5, color=drawn.colour, label=arm, clip_on=False, zorder=3
        )
    _scale(axis, [row["estimate"] for row in rows if row["estimate"] > 0])
    axis.grid(axis="x", color=look.faint, lw=0.8)
    axis.set_yticks(range(len(levels)), [_name(one) for one in levels])
    axis.tick_params(axis="y", labelcolor=look.ink, labelsize=canvas.text, pad=10)
    axis.set_ylim(-0.6, len(levels) - 0.4)
    axis.spines["left"].set_visible(False)
    canvas.label(axis, x=rows[0]["unit"])
    axis.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=2 if canvas.narrow else 4,
        labelcolor=look.ink, borderaxespad=0.2, handletextpad=0.3,
    )  # fmt: skip


def _scale(axis: "Axes", positive: Sequence[float]) -> None:
    """Logarithmic above the smallest decade where the values span more than one and a half; linear else."""
    floor_, top = min(positive, default=1.0), max(positive, default=1.0)
    if top > 30 * floor_:
        axis.set_xscale("symlog", linthresh=10 ** floor(log10(floor_)), linscale=0.6)
        axis.minorticks_off()
    axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")


def _name(quantile: float) -> str:
    return "median" if quantile == 0.5 else f"{100 * quantile:g}th percentile"
