"""Lorenz curves: who gets how much of everything, and where two arms differ."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from feedtwin.lab.figures.chart import Basis, Canvas, Chart
from feedtwin.lab.figures.words import contrast, verdict
from feedtwin.lab.metrics.shares import gini
from feedtwin.lab.metrics.shares import lorenz as points_of
from feedtwin.lab.run_data import Array
from feedtwin.lab.study.result import CurvePoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    "of", "kind", "distribution", "population_share", "held_share", "low", "high", "n", "verdict", "p",
)  # fmt: skip
_MOST_POINTS = 160
_DASHES = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
Row = tuple[str | int | float | None, ...]


def lorenz_of_arms(points: Sequence[CurvePoint], basis: Basis, name: str) -> Chart | None:
    """Return the Lorenz curves of a study's arms with bands, and the differences of its contrasts.

    Args:
        points: Points of one distribution; kinds other than "lorenz" are left out.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    chosen = [one for one in points if one.kind == "lorenz"]
    if not chosen:
        return None
    rows: list[Row] = [
        (contrast(one.of), "difference" if one.is_contrast else "arm", one.distribution, one.at, one.estimate,
         one.low, one.high, one.n, one.verdict, one.p)
        for one in chosen
    ]  # fmt: skip
    said = {one.of: one for one in chosen if one.is_contrast}
    reading = " ".join(verdict(name, one.verdict, one.p) for name, one in said.items())
    return Chart(
        name=name,
        title=f"Lorenz curves: {chosen[0].label}",
        reading=reading,
        units=(
            "Share of all that the lowest part of the population holds; on the diagonal everybody has the same. Bands: "
            "95\u202f% over runs, point by point for arms and over the whole curve at once for differences."
        ),
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, rows, chosen[0].label),
        wide=300,
        narrow=620 if said else 340,
    )


def lorenz_of_run(amounts: Mapping[str, Array], basis: Basis, name: str = "lorenz") -> Chart | None:
    """Return the Lorenz curves of one run, one per population.

    Args:
        amounts: Whole numbers of all who are eligible, zeros included, by what they are.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    rows: list[Row] = []
    for label, values in amounts.items():
        points = points_of(values)
        if points is None:
            continue
        share, held = points
        kept = _kept(len(share))
        said = f"Gini {gini(values):.3f}"
        rows += [
            (label, "run", label, float(share[k]), float(held[k]), None, None, len(values), said, None)
            for k in kept
        ]  # fmt: skip
    if not rows:
        return None
    ginis = {str(row[0]): str(row[8]) for row in rows}
    return Chart(
        name=name,
        title="Who gets the views",
        reading=f"{'; '.join(f'{label}: {said}' for label, said in ginis.items())}.",
        units=(
            "First: share of all views that the lowest part holds; on the diagonal all have the same. Second: what the top "
            "part holds, on a logarithmic scale. A single run has no band."
        ),
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, rows, "population"),
        wide=310,
        narrow=640,
    )


def _kept(count: int) -> Array:
    """Places of a curve that are drawn: even ones, and finer towards the top."""
    even = np.linspace(0, count - 1, _MOST_POINTS)
    top = count - 1 - np.geomspace(1, count - 1, _MOST_POINTS)
    return np.unique(np.concatenate([even, top]).round().astype(int))


def _draw(canvas: Canvas, rows: Sequence[Row], label: str) -> None:
    kinds = {str(row[1]) for row in rows}
    two = kinds != {"arm"}
    shape = (2, 1) if canvas.narrow else (1, 2)
    axes = canvas.axes(*(shape if two else (1, 1)))
    for axis in axes:
        axis.set_xlim(0, 1)
        axis.set_box_aspect(0.86)
        axis.xaxis.set_major_formatter(_percent)
        axis.yaxis.set_major_formatter(_percent)
        axis.grid(color=canvas.palette.faint, lw=0.8)
    _draw_curves(canvas, axes[0], [row for row in rows if row[1] != "difference"])
    canvas.label(axes[0], "lowest share of the population", "share of all they hold")
    axes[0].plot((0, 1), (0, 1), color=canvas.palette.rule, lw=0.9)
    axes[0].set_ylim(0, 1)
    if "difference" in kinds:
        _draw_differences(canvas, axes[1], [row for row in rows if row[1] == "difference"])
    elif "run" in kinds:
        _draw_top(canvas, axes[1], rows)


def _percent(value: float, _: object) -> str:
    return f"{value * 100:g}".replace("-", "\u2212") + "\u202f%"


def _draw_curves(canvas: Canvas, axis: "Axes", rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(str(row[0]) for row in rows))
    for place, name in enumerate(names):
        colour = canvas.palette.series[place % 6]
        at, held, low, high = _columns(rows, name)
        axis.plot([0, *at, 1], [0, *held, 1], color=colour, lw=2, ls=_DASHES[place % 4], label=name)
        if low is not None and high is not None:
            axis.fill_between(at, low, high, color=colour, alpha=0.22, lw=0)
    axis.legend(loc="upper left", labelcolor=canvas.palette.ink, borderaxespad=0.2)


def _draw_top(canvas: Canvas, axis: "Axes", rows: Sequence[Row]) -> None:
    """The same curves seen from the top, where a concentrated feed has its corner."""
    shares: list[float] = []
    for place, name in enumerate(dict.fromkeys(str(row[0]) for row in rows)):
        at, held, _, _ = _columns(rows, name)
        shares += at
        top = [(1 - a, 1 - h) for a, h in zip(at, held, strict=True) if a < 1]
        axis.plot(
            [a for a, _ in top], [h for _, h in top],
            color=canvas.palette.series[place % 6], lw=2, ls=_DASHES[place % 4],
        )  # fmt: skip
    axis.set_xscale("log")
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(_percent)
    axis.set_xlim(1, min(1 - share for share in shares if share < 1))
    axis.set_ylim(0, 1)
    canvas.label(axis, "top share of the population", "share of all they hold")


def _draw_differences(canvas: Canvas, axis: "Axes", rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(str(row[0]) for row in rows))
    axis.axhline(0, color=canvas.palette.rule, lw=1)
    for place, name in enumerate(names):
        colour = canvas.palette.series[(place + 1) % 6]
        at, held, low, high = _columns(rows, name)
        axis.plot(
            [0, *at, 1], [0, *held, 0], color=colour, lw=2, ls=_DASHES[(place + 1) % 4], label=name
        )
        if low is not None and high is not None:
            axis.fill_between(
                [0, *at, 1], [0, *low, 0], [0, *high, 0], color=colour, alpha=0.22, lw=0
            )
    axis.legend(loc="best", labelcolor=canvas.palette.ink)
    canvas.label(axis, "lowest share of the population", "difference in what they hold")


def _columns(
    rows: Sequence[Row], name: str
) -> tuple[list[float], list[float], list[float] | None, list[float] | None]:
    mine = [row for row in rows if row[0] == name]
    at, held, low, high = ([row[k] for row in mine] for k in (3, 4, 5, 6))
    known = all(one is not None for one in (*low, *high))
    return at, held, low if known else None, high if known else None  # type: ignore[return-value]
