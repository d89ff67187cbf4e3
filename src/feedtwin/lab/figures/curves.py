"""Calibration curves: what was predicted, what was observed, and how far apart the two may lie."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from feedtwin.lab.figures.chart import Basis, Canvas, Chart, Value
from feedtwin.lab.numbers import significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS: Final = (
    "where", "outcome", "decile", "n", "predicted", "observed", "low", "high", "allowed_low", "allowed_high", "passes",
)  # fmt: skip
_Z: Final = 1.959964
"""Half the width of a 95 % interval, in standard deviations."""
Point = Mapping[str, Any]


def calibration_chart(points: Sequence[Point], basis: Basis, name: str) -> Chart:
    """Return the curves, a panel per outcome and held-out part.

    Args:
        points: Of `calibration.judging`: `where`, `outcome`, `decile`, `n`, `predicted`, `observed`, `se`, `allowed`, `passes`; rates in 0
            to 1.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    rows: list[tuple[Value, ...]] = [
        (
            one["where"], one["outcome"], one["decile"], one["n"], one["predicted"], one["observed"],
            one["observed"] - _Z * one["se"], one["observed"] + _Z * one["se"],
            one["predicted"] - one["allowed"], one["predicted"] + one["allowed"], one["passes"],
        )
        for one in points
    ]  # fmt: skip
    panels = list(dict.fromkeys((one["outcome"], one["where"]) for one in points))
    return Chart(
        name=name,
        title="Predicted and observed rates, by decile of the prediction",
        reading=_reading(points),
        units=(
            "Across: mean predicted probability of a tenth of the impressions; up: the share in which it happened, with its 95\u202f% interval over "
            "people. Line: equality. Area: what was allowed before the fit, two points and two standard errors to either side; a ring lies "
            "outside it. Each panel has a scale of its own."
        ),
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, points, panels),
        wide=310 * -(-len(panels) // 2),
        narrow=300 * len(panels),
    )


def _reading(points: Sequence[Point]) -> str:
    outside = sum(not one["passes"] for one in points)
    said = f"{outside} of {len(points)} deciles lie outside what was allowed." if outside else f"All {len(points)} deciles lie within what was allowed."  # fmt: skip
    worst = {
        outcome: 100.0 * max(abs(one["gap"]) for one in points if one["outcome"] == outcome)
        for outcome in dict.fromkeys(one["outcome"] for one in points)
    }
    gaps = ", ".join(f"{outcome} {significant(gap, 2)}" for outcome, gap in worst.items())
    loose = Counter(one["outcome"] for one in points if one["allowed"] > one["predicted"])
    told = ", ".join(f"{outcome} in {count} deciles" for outcome, count in loose.items())
    weak = (
        f" Where more was allowed than was predicted ({told}), passing says little."
        if loose
        else ""
    )
    return f"{said} Largest gap in points: {gaps}.{weak}"


def _draw(canvas: Canvas, points: Sequence[Point], panels: Sequence[tuple[str, str]]) -> None:
    columns = 1 if canvas.narrow else min(2, len(panels))
    axes = canvas.axes(-(-len(panels) // columns), columns)
    for axis, (outcome, where) in zip(axes, panels, strict=False):
        mine = [one for one in points if (one["outcome"], one["where"]) == (outcome, where)]
        _panel(canvas, axis, mine)
        canvas.name(axis, f"{outcome}, {where}")
        canvas.label(axis, x="predicted, %", y="observed, %")
    for axis in axes[len(panels) :]:
        axis.set_visible(False)


def _percent(rate: float) -> float:
    """A rate in percent; what is drawn ends where rates do."""
    return 100.0 * min(max(rate, 0.0), 1.0)


def _panel(canvas: Canvas, axis: "Axes", points: Sequence[Point]) -> None:
    look = canvas.palette
    across = [100.0 * one["predicted"] for one in points]
    least, most = (
        [_percent(one["predicted"] + sign * one["allowed"]) for one in points] for sign in (-1, 1)
    )
    axis.fill_between(across, least, most, color=look.faint, lw=0, zorder=1)
    axis.plot(across, across, color=look.rule, lw=1, zorder=2)
    for x, one in zip(across, points, strict=True):
        ends = [_percent(one["observed"] + sign * _Z * one["se"]) for sign in (-1, 1)]
        axis.plot((x, x), ends, color=look.one, lw=2, alpha=0.5, solid_capstyle="butt", zorder=3)
        face = look.one if one["passes"] else look.paper
        axis.plot(x, 100.0 * one["observed"], "o", ms=5, mec=look.one, mfc=face, mew=1.5, zorder=4)
    axis.grid(color=look.faint, lw=0.8)
    axis.locator_params(nbins=5)
