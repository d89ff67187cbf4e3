"""Charts of a policy contrast's robustness: over structures, and its sensitivity to parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from feedtwin.lab.figures.chart import Basis, Canvas, Chart, Value
from feedtwin.lab.figures.words import contrast as named

_SIGNS = ("of", "n", "estimate", "low", "high", "sign", "flips")
UNITS = {
    "watch_s": "s per impression", "skip_share": "share of impressions", "like_share": "share of impressions",
    "watch_s_per_person_day": "s per person and day",
}  # fmt: skip
"""Units of what a contrast is taken in."""
_SIZES = ("input", "measure", "value", "low", "high")


def signs_chart(contrast: Mapping[str, Any], outcome: str, basis: Basis, name: str) -> Chart:
    """Return a contrast over the posterior and in every structure.

    Args:
        contrast: Of `lab.validating`: `posterior`, `variants`, `robustness`.
        outcome: What it is taken in.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    of = {"posterior": contrast["posterior"][outcome]}
    of |= {key: one[outcome] for key, one in contrast["variants"].items()}
    rows: list[tuple[Value, ...]] = [
        (key, *(one[column] for column in _SIGNS[1:])) for key, one in of.items()
    ]
    return Chart(
        name=name,
        title=f"{named(contrast['name'])}: {outcome.replace('_', ' ')}",
        reading=f"Its sign is {contrast['robustness'][outcome]} over the posterior and the structures.",
        units=f"Mean paired difference, {UNITS[outcome]}, with its 95 % interval; filled where the interval leaves out 0; n: pairs of worlds.",
        basis=basis,
        columns=_SIGNS,
        rows=rows,
        draw=lambda canvas: _draw(
            canvas, [(f"{row[0]} (n = {row[1]})", row[2], row[3], row[4], row[5] != "unclear") for row in rows],
            f"difference, {UNITS[outcome]}",
        ),
        wide=95 + 30 * len(rows),
        narrow=105 + 36 * len(rows),
    )  # fmt: skip


def sizes_chart(
    title: str, measures: Mapping[str, Mapping[str, Sequence[float]]], unit: str, basis: Basis, name: str
) -> Chart:  # fmt: skip
    """Return measures of sensitivity with their intervals.

    Args:
        title: What it shows.
        measures: By measure and input: value, low, high.
        unit: Of the measures.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    rows: list[tuple[Value, ...]] = [
        (key, measure, *(None if value != value else value for value in one))
        for measure, inputs in measures.items()
        for key, one in sorted(inputs.items(), key=lambda item: -item[1][0])
    ]
    many = len(measures) > 1
    return Chart(
        name=name,
        title=title,
        reading="",
        units=(
            f"Drawn: {', '.join(measures)}, in {unit}, with bootstrap intervals. What the idle input seems to do is what chance does; a parameter is "
            "told from chance where its interval lies above it."
        ),
        basis=basis,
        columns=_SIZES,
        rows=rows,
        draw=lambda canvas: _draw(
            canvas, [(f"{row[0]}, {row[1]}" if many else str(row[0]), *row[2:], True) for row in rows],
            unit,
        ),
        wide=95 + 30 * len(rows),
        narrow=105 + 36 * len(rows),
    )  # fmt: skip


def _draw(canvas: Canvas, rows: Sequence[tuple[Any, ...]], unit: str) -> None:
    look, (axis,) = canvas.palette, canvas.axes()
    axis.axvline(0, color=look.rule, lw=1, zorder=1)
    for place, (_, middle, low, high, clear) in enumerate(rows):
        colour = look.one if clear else look.soft
        if low is not None and high is not None:
            axis.plot((low, high), (place, place), color=colour, lw=3, solid_capstyle="butt")
        if middle is not None:
            face = colour if clear else look.paper
            axis.plot(middle, place, "o", ms=6, mec=colour, mfc=face, mew=1.5, zorder=3)
    labels = [row[0].replace(".", ".\n", 1) if canvas.narrow else row[0] for row in rows]
    axis.set_yticks(range(len(rows)), labels)
    axis.tick_params(axis="y", labelcolor=look.ink, labelsize=canvas.small)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.grid(axis="x", color=look.faint, lw=0.8)
    axis.locator_params(axis="x", nbins=5 if canvas.narrow else 8)
    axis.spines["left"].set_visible(False)
    canvas.label(axis, x=unit)
