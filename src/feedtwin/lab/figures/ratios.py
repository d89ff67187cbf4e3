"""Ratios of random exposure over the recommender: one row per metric, on a logarithmic scale around 1."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from feedtwin.lab.figures.chart import Basis, Canvas, Chart

COLUMNS: Final = (
    "metric", "estimate", "low", "high", "parameter_low", "parameter_high", "matching_low", "matching_high",
)  # fmt: skip
_TICKS: Final = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
_TICKS_NARROW: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)


def ratios_chart(found: Sequence[Mapping[str, Any]], basis: Basis, name: str) -> Chart:
    """Return the ratios of all people.

    Args:
        found: One row per metric: `metric`, `estimate`, and the ends of its three intervals, by name.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    rows = [tuple(one[column] for column in COLUMNS) for one in found]
    clear = [str(row[0]).replace("_", " ") for row in rows if not row[2] <= 1 <= row[3]]
    return Chart(
        name=name,
        title="Random exposure over the recommender",
        reading=f"{len(clear)} of {len(rows)} ratios can be told from 1 (filled){': ' if clear else ''}{', '.join(clear)}.",
        units=(
            "Ratio of rates, each person counting once, on a logarithmic scale; at 1 nothing changes. Thin: the interval; "
            "thick: what people resampled alone would give."
        ),
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, rows),
        wide=60 + 32 * len(rows),
        narrow=60 + 32 * len(rows),
    )


def _draw(canvas: Canvas, rows: Sequence[tuple[Any, ...]]) -> None:
    look, (axis,) = canvas.palette, canvas.axes()
    axis.axvline(1, color=look.rule, lw=1, zorder=1)
    for place, (_, middle, low, high, inner_low, inner_high, *_) in enumerate(rows):
        clear = not low <= 1 <= high
        colour = look.one if clear else look.soft
        axis.plot((low, high), (place, place), color=colour, lw=1.4, zorder=2)
        axis.plot(
            (inner_low, inner_high), (place, place), color=colour, lw=5, alpha=0.45, solid_capstyle="butt"
        )  # fmt: skip
        face = colour if clear else look.paper
        axis.plot(middle, place, "o", ms=6.4, mew=1.6, mec=colour, mfc=face, zorder=3)
    axis.set_xscale("log")
    axis.minorticks_off()
    least, most = min(row[2] for row in rows) / 1.1, max(row[3] for row in rows) * 1.1
    ticks = [one for one in (_TICKS_NARROW if canvas.narrow else _TICKS) if least <= one <= most]
    axis.set_xticks(ticks, [f"{one:g}" for one in ticks])
    axis.set_xlim(least, most)
    axis.set_yticks(range(len(rows)), [str(row[0]).replace("_", " ") for row in rows])
    axis.tick_params(axis="y", labelcolor=look.ink, labelsize=canvas.text)
    axis.set_ylim(len(rows) - 0.5, -0.6)
    axis.grid(axis="x", color=look.faint, lw=0.8)
    axis.spines["left"].set_visible(False)
    canvas.label(axis, x="times the rate under the recommender")
