"""Quantiles of an amount by arm: earnings, views, gifts; from the poorest tenth to the top hundredth."""

from collections.abc import Sequence
from math import floor, log10
from typing import TYPE_CHECKING

from feedtwin.lab.figures.chart import Basis, Canvas, Chart, Record, records
from feedtwin.lab.figures.words import verdict
from feedtwin.lab.study.result import CurvePoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("of", "distribution", "unit", "quantile", "estimate", "low", "high", "n", "calibration")
_MARKS = "osD^vP"


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
    count = len({one.at for one in chosen})
    arms = len({one.of for one in chosen})
    return Chart(
        name=name,
        title=f"Distribution: {chosen[0].label}",
        reading=reading,
        units=(
            f"At the n-th percentile n % of the population have at most this many {chosen[0].unit}; mean over runs with 95\u202f% "
            "intervals."
        ),
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, records(COLUMNS, rows)),
        wide=80 + count * (22 + 12 * arms),
        narrow=90 + count * (24 + 12 * arms),
    )


def _draw(canvas: Canvas, rows: Sequence[Record]) -> None:
    look, (axis,) = canvas.palette, canvas.axes()
    arms = list(dict.fromkeys(row["of"] for row in rows))
    levels = sorted({row["quantile"] for row in rows})
    for place, arm in enumerate(arms):
        shift = 0.36 * (place - (len(arms) - 1) / 2) / max(len(arms) - 1, 1)
        colour = look.series[place % 6]
        mine = [row for row in rows if row["of"] == arm]
        at = [levels.index(row["quantile"]) - shift for row in mine]
        for y, row in zip(at, mine, strict=True):
            if row["low"] is not None:
                ends = max(row["low"], 0.0), row["high"]
                axis.plot(ends, (y, y), color=colour, lw=3, alpha=0.45, solid_capstyle="butt")
        middle = [row["estimate"] for row in mine]
        axis.plot(
            middle, at, _MARKS[place % 6], ms=6.5, color=colour, label=arm, clip_on=False, zorder=3
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
