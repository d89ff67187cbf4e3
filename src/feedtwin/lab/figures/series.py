"""Real series beside the twin: one distribution per pattern, and how often forecasts of each chance came true."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from feedtwin.lab.figures.chart import Basis, Canvas, Chart
from feedtwin.lab.figures.telling import look_of
from feedtwin.lab.run_data import Array

if TYPE_CHECKING:
    from feedtwin.lab.series.comparing import Pattern
    from feedtwin.lab.series.scoring import Score

ECDF_COLUMNS: Final = ("of", "value", "share_at_or_below")
CURVE_COLUMNS: Final = ("horizon_days", "forecaster", "chance", "came_true", "pairs")


def pattern_ecdf(one: "Pattern", basis: Basis, name: str) -> Chart:
    """Return the distribution of one fact in the data and, where it has any, in the twin.

    Args:
        one: The pattern.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    curves = {"data": one.values[0], "twin": one.values[1]}
    drawn = {
        of: (np.unique(values), _share(values)) for of, values in curves.items() if len(values)
    }
    rows = [(of, float(x), float(y)) for of, (at, up) in drawn.items() for x, y in zip(at, up, strict=True)]  # fmt: skip
    if one.ks is None or one.ks_floor is None:
        reading = "The twin has nothing to compare."
    else:
        verdict = "above" if one.ks > one.ks_floor else "within"
        reading = f"Largest gap {one.ks:.2f}, {verdict} what halves of the data differ by ({one.ks_floor:.2f})."
    return Chart(
        name=name,
        title=f"{one.about}: {one.name}",
        reading=reading,
        units=f"Share of units at or below each value, in {one.unit}; {one.units} of the data, {one.twin_units} of the twin.",
        basis=basis,
        columns=ECDF_COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw_ecdf(canvas, drawn, one.unit),
    )


def _share(values: Array) -> Array:
    _, count = np.unique(values, return_counts=True)
    return np.cumsum(count) / len(values)


def _draw_ecdf(canvas: Canvas, drawn: dict[str, tuple[Array, Array]], unit: str) -> None:
    look, (axis,) = canvas.palette, canvas.axes()
    for place, (of, (at, up)) in enumerate(drawn.items()):
        as_ = look_of(look, place)
        axis.step(at, up, where="post", color=as_.colour, ls=as_.dash, label=of, lw=1.8)
    every = np.concatenate([at for at, _ in drawn.values()])
    if every.min() > 0 and every.max() > 100 * every.min():
        axis.set_xscale("log")
    axis.set_ylim(0, 1)
    axis.grid(axis="y", color=look.faint, lw=0.8)
    canvas.label(axis, x=unit, y="share at or below")
    axis.legend(loc="lower right", labelcolor=look.ink)


def calibration_of_forecasts(found: "Sequence[Score]", basis: Basis, name: str) -> Chart | None:
    """Return the calibration curves of the recalibrated chances at one horizon; None without a score."""
    if not found:
        return None
    rows = [
        (one.horizon, one.forecaster, point.chance, point.came, point.pairs)
        for one in found
        for point in one.curve
    ]
    return Chart(
        name=name,
        title=f"Chance and what came of it, {found[0].horizon} days ahead",
        reading="On the diagonal a chance means what it says; a curve that stays short says little.",
        units="Tenths of the recalibrated chance; mean chance and share that took off.",
        basis=basis,
        columns=CURVE_COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw_curves(canvas, found),
    )


def _draw_curves(canvas: Canvas, found: "Sequence[Score]") -> None:
    look, (axis,) = canvas.palette, canvas.axes()
    top = max(max(point.chance, point.came) for one in found for point in one.curve)
    axis.plot((0, top), (0, top), color=look.rule, lw=0.8)
    for place, one in enumerate(found):
        x, y = [point.chance for point in one.curve], [point.came for point in one.curve]
        as_ = look_of(look, place)
        axis.plot(x, y, marker=as_.mark, ms=4, color=as_.colour, ls=as_.dash, label=one.forecaster)
    axis.grid(color=look.faint, lw=0.8)
    canvas.label(axis, x="chance", y="share that took off")
    axis.legend(loc="upper left", labelcolor=look.ink)
