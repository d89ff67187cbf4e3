"""Lorenz curves: who gets how much of everything, and where two arms differ."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from feedtwin.lab.figures.chart import Basis, Canvas, Chart
from feedtwin.lab.figures.telling import ABREAST, lines_of, look_of
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
_ACROSS = 4
_PANEL_PX = 168
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
    units = (
        "Share of all that the lowest part of the population holds; on the diagonal everybody has the same. Bands: "
        "95\u202f% over runs, point by point for arms and over the whole curve at once for differences."
    )
    arms = len({row[0] for row in rows}) - len(said)
    if max(arms, len(said)) <= ABREAST:
        return Chart(
            name, f"Lorenz curves: {chosen[0].label}", reading, units, basis, COLUMNS, rows,
            draw=lambda canvas: _draw(canvas, rows), wide=300, narrow=620 if said else 340,
        )  # fmt: skip
    return Chart(
        name, f"Lorenz curves: {chosen[0].label}", reading,
        f"{units} A panel each, first the arms, with the first one dashed in all of them, then the differences.",
        basis, COLUMNS, rows, draw=lambda canvas: _draw_panels(canvas, rows),
        wide=_PANEL_PX * _panel_rows(arms, len(said), _ACROSS) + 20,
        narrow=_PANEL_PX * _panel_rows(arms, len(said), _ACROSS // 2) + 20,
    )  # fmt: skip


def _panel_rows(arms: int, differences: int, across: int) -> int:
    """Rows of panels; arms and differences begin a row each."""
    return -(-arms // across) - (-differences // across)


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
        draw=lambda canvas: _draw(canvas, rows),
        wide=310,
        narrow=640,
    )


def _kept(count: int) -> Array:
    """Places of a curve that are drawn: even ones, and finer towards the top."""
    even = np.linspace(0, count - 1, _MOST_POINTS)
    top = count - 1 - np.geomspace(1, count - 1, _MOST_POINTS)
    return np.unique(np.concatenate([even, top]).round().astype(int))


def _draw(canvas: Canvas, rows: Sequence[Row]) -> None:
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


def _draw_panels(canvas: Canvas, rows: Sequence[Row]) -> None:
    look, across = canvas.palette, _ACROSS // 2 if canvas.narrow else _ACROSS
    kinds = [[row for row in rows if (row[1] == "difference") is apart] for apart in (False, True)]
    names = [list(dict.fromkeys(str(row[0]) for row in some)) for some in kinds]
    axes = canvas.axes(_panel_rows(len(names[0]), len(names[1]), across), across, sharex=True)
    first = _columns(kinds[0], names[0][0])
    ends = (abs(float(end)) for row in kinds[1] for end in row[4:7] if end is not None)
    reach = max(ends, default=0.0) or 1.0
    begin = 0
    for some, mine in zip(kinds, names, strict=True):
        for place, name in enumerate(mine):
            axis, is_arm = axes[begin + place], some is kinds[0]
            at, held, low, high = _columns(some, name)
            if is_arm:
                axis.plot((0, 1), (0, 1), color=look.rule, lw=0.9)
                if place:
                    axis.plot(
                        [0, *first[0], 1],
                        [0, *first[1], 1],
                        color=look.soft,
                        lw=1.2,
                        ls=(0, (4, 2)),
                    )
            else:
                axis.axhline(0, color=look.rule, lw=1)
            if low is not None and high is not None:
                axis.fill_between(at, low, high, color=look.one, alpha=0.22, lw=0)
            axis.plot([0, *at, 1], [0, *held, 1 if is_arm else 0], color=look.one, lw=1.8)
            axis.set_ylim((0, 1) if is_arm else (-1.05 * reach, 1.05 * reach))
            _quiet_panel(canvas, axis, name, place % across == 0)
        until = begin - (-len(mine) // across) * across
        for axis in axes[begin + len(mine) : until]:
            axis.set_visible(False)
        begin = until


def _quiet_panel(canvas: Canvas, axis: "Axes", name: str, is_first: bool) -> None:
    axis.set_xlim(0, 1)
    axis.set_xticks([0, 0.5, 1])
    axis.xaxis.set_major_formatter(_percent)
    axis.yaxis.set_major_formatter(_percent)
    axis.locator_params(axis="y", nbins=4)
    axis.tick_params(labelbottom=True, labelleft=is_first)
    axis.grid(color=canvas.palette.faint, lw=0.8)
    axis.set_title(
        "\n".join(lines_of(name, 150, canvas.small)), loc="left", fontsize=canvas.small, color=canvas.palette.ink, pad=6
    )  # fmt: skip


def _percent(value: float, _: object) -> str:
    return f"{value * 100:g}".replace("-", "\u2212") + "\u202f%"


def _draw_curves(canvas: Canvas, axis: "Axes", rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(str(row[0]) for row in rows))
    for place, name in enumerate(names):
        look = look_of(canvas.palette, place)
        at, held, low, high = _columns(rows, name)
        axis.plot([0, *at, 1], [0, *held, 1], color=look.colour, lw=2, ls=look.dash, label=name)
        if low is not None and high is not None:
            axis.fill_between(at, low, high, color=look.colour, alpha=0.22, lw=0)
    axis.legend(loc="upper left", labelcolor=canvas.palette.ink, borderaxespad=0.2)


def _draw_top(canvas: Canvas, axis: "Axes", rows: Sequence[Row]) -> None:
    """The same curves seen from the top, where a concentrated feed has its corner."""
    shares: list[float] = []
    for place, name in enumerate(dict.fromkeys(str(row[0]) for row in rows)):
        at, held, _, _ = _columns(rows, name)
        shares += at
        look = look_of(canvas.palette, place)
        top = [(1 - a, 1 - h) for a, h in zip(at, held, strict=True) if a < 1]
        axis.plot([a for a, _ in top], [h for _, h in top], color=look.colour, lw=2, ls=look.dash)
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
        look = look_of(canvas.palette, place + 1)
        at, held, low, high = _columns(rows, name)
        axis.plot([0, *at, 1], [0, *held, 0], color=look.colour, lw=2, ls=look.dash, label=name)
        if low is not None and high is not None:
            ends = [0, *low, 0], [0, *high, 0]
            axis.fill_between([0, *at, 1], *ends, color=look.colour, alpha=0.22, lw=0)
    axis.legend(loc="best", labelcolor=canvas.palette.ink)
    canvas.label(axis, "lowest share of the population", "difference in what they hold")


def _columns(
    rows: Sequence[Row], name: str
) -> tuple[list[float], list[float], list[float] | None, list[float] | None]:
    mine = [row for row in rows if row[0] == name]
    at, held, low, high = ([row[k] for row in mine] for k in (3, 4, 5, 6))
    known = all(one is not None for one in (*low, *high))
    return at, held, low if known else None, high if known else None  # type: ignore[return-value]
