"""Earnings of a run: how many creators earned nothing, and how the others spread."""

from itertools import pairwise
from math import ceil, floor, log10
from typing import Final

import numpy as np

from feedtwin.lab.figures.chart import Basis, Canvas, Chart
from feedtwin.lab.figures.words import percent, plural
from feedtwin.lab.metrics.shares import gini
from feedtwin.lab.run_data import Array

COLUMNS: Final = ("from_usd", "to_usd", "creators", "usd")
_PER_DECADE: Final = 3
MICRO: Final = 1_000_000


def earnings_of_run(microusd: Array, basis: Basis, name: str = "earnings") -> Chart | None:
    """Return how earnings spread over creators; None where nobody earned anything.

    Args:
        microusd: Whole micro-dollars of every creator with a public video, zeros included.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    if not microusd.any():
        return None
    rows = bins_of(microusd)
    nothing = int((microusd == 0).sum())
    top = np.sort(microusd)[::-1][: max(1, ceil(0.1 * len(microusd)))].sum() / microusd.sum()
    return Chart(
        name=name,
        title="What creators earn",
        reading=(
            f"{percent(round(nothing / len(microusd), 2))} of {plural(len(microusd), 'creator')} earned nothing; the top tenth earned "
            f"{percent(round(top, 2))} of {microusd.sum() / MICRO:,.2f} USD (Gini {gini(microusd):.3f})."
        ),
        units=(
            "Creators with a public video by what they earned in the whole run, in USD; the bins of those who earned grow "
            "by a constant factor. A single run has no interval."
        ),
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, rows),
        wide=300,
        narrow=300,
    )


def bins_of(microusd: Array) -> list[tuple[float, float, int, float]]:
    """Return (from, to, creators, USD) per bin: those with nothing first, then bins of equal ratio."""
    some = microusd[microusd > 0] / MICRO
    low = floor(log10(float(some.min())) * _PER_DECADE)
    high = floor(log10(float(some.max())) * _PER_DECADE) + 1
    edges = [10 ** (k / _PER_DECADE) for k in range(low, high + 1)]
    rows = [(0.0, 0.0, int((microusd == 0).sum()), 0.0)]
    for begin, end in pairwise(edges):
        inside = some[(some >= begin) & (some < end)]
        rows.append((begin, end, len(inside), float(inside.sum())))
    return rows


def _draw(canvas: Canvas, rows: list[tuple[float, float, int, float]]) -> None:
    look, (axis,) = canvas.palette, canvas.axes()
    axis.bar(-1.5, rows[0][2], width=0.9, color=look.soft, lw=0)
    axis.bar(range(len(rows) - 1), [row[2] for row in rows[1:]], width=0.9, color=look.one, lw=0)
    most = max(row[2] for row in rows)
    for at, row in zip((-1.5, *range(len(rows) - 1)), rows, strict=True):
        if row[2] and (len(rows) < 16 or row is rows[0]):
            axis.text(
                at, row[2] + most * 0.02, f"{row[2]:,}", ha="center", va="bottom",
                color=look.ink if row is rows[0] else look.soft, fontsize=canvas.small,
            )  # fmt: skip
    every = _PER_DECADE * max(1, round(len(rows) / (10 if canvas.narrow else 20)))
    first = next((k for k, row in enumerate(rows[1:]) if _is_decade(row[0])), 0)
    ticks = list(range(first, len(rows), every))
    edges = [row[0] for row in rows[1:]] + [rows[-1][1]]
    axis.set_xticks(
        [-1.5, *(k - 0.5 for k in ticks)], ["nothing", *(f"{edges[k]:g}" for k in ticks)]
    )
    axis.set_ylim(0, most * 1.12)
    axis.locator_params(axis="y", nbins=5)
    axis.grid(axis="y", color=look.faint, lw=0.8)
    axis.spines["left"].set_visible(False)
    canvas.label(axis, "earned, USD", "creators")


def _is_decade(value: float) -> bool:
    return abs(log10(value) - round(log10(value))) < 1e-9
