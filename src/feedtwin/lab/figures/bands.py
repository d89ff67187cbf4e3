"""One pattern of a validation report: the twin's band, the log, other people of the log, and worlds that are wrong on purpose."""

from collections.abc import Mapping
from typing import Any

from feedtwin.calibration.report.bands import nulls_inside
from feedtwin.lab.figures.chart import Basis, Canvas, Chart, Value
from feedtwin.lab.figures.words import p_said

COLUMNS = ("what", "kind", "middle", "low", "high", "inside", "pattern", "level", "role", "unit")

UNITLESS = {"1": "no unit"}
"""What people read for a number without a unit."""


def band_chart(row: Mapping[str, Any], basis: Basis, name: str) -> Chart:
    """Return one pattern's chart.

    Args:
        row: Of `calibration.report.bands.pattern_row`.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    rows = _rows(row)
    twin = row["twin"]
    if twin["low"] is None:
        reading = "A world of the twin gave no number, so that nothing is predicted."
    else:
        where = "inside" if twin["inside"] else "OUTSIDE"
        reading = f"The log lies {where} the twin's band ({p_said(twin['p'])})."
    better = [] if twin["inside"] else nulls_inside(row)
    reading += f" It lies inside those of null worlds: {', '.join(better)}." if better else ""
    rejects = ", ".join(row["rejects"]) or "no null world"
    unit = UNITLESS.get(row["unit"], row["unit"])
    return Chart(
        name=name,
        title=f"{row['name'].replace('_', ' ')} ({row['level']} level, {row['role'].replace('_', ' ')})",
        reading=f"{reading} The pattern rejects {rejects}.",
        units=(
            f"Unit: {unit}. Line: the log. Bars: 95 % predictive intervals over worlds, stated tolerance "
            f"{row['tolerance']:g} included; thick: without it. Dots: single worlds. Last bar: the other people of the same log."
        ),
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, row),
        wide=110 + 34 * (2 + len(row["nulls"])),
        narrow=120 + 44 * (2 + len(row["nulls"])),
    )


def _rows(row: Mapping[str, Any]) -> list[tuple[Value, ...]]:
    about = (row["name"], row["level"], row["role"], row["unit"])
    found: list[tuple[Value, ...]] = [
        ("log", "observed", row["observed"], row["observed"] - row["error"], row["observed"] + row["error"], None, *about)
    ]  # fmt: skip
    for name, one in _bands(row):
        found.append((name, "band", one["middle"], one["low"], one["high"], one["inside"], *about))
        found += [
            (name, "world", value, None, None, None, *about) for value in one.get("values", ())
        ]
    return found


def _bands(row: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [("twin", row["twin"]), *row["nulls"].items(), ("other people", row["baseline"])]


def _draw(canvas: Canvas, row: Mapping[str, Any]) -> None:
    look, (axis,) = canvas.palette, canvas.axes()
    bands = _bands(row)
    axis.axvline(row["observed"], color=look.two, lw=1.8, zorder=3, label="log")
    for place, (name, one) in enumerate(bands):
        colour = look.one if name == "twin" else look.soft
        if one["low"] is None:
            continue
        axis.plot((one["low"], one["high"]), (place, place), color=colour, lw=1.4, zorder=2)
        if one.get("strict_low") is not None:
            ends = one["strict_low"], one["strict_high"]
            axis.plot(ends, (place, place), color=colour, lw=5, alpha=0.45, solid_capstyle="butt")
        values = one.get("values", (one["middle"],))
        axis.plot(values, [place] * len(values), "o", ms=3, color=colour, zorder=4)
    axis.set_yticks(range(len(bands)), [name for name, _ in bands])
    axis.tick_params(axis="y", labelcolor=look.ink, labelsize=canvas.small)
    axis.set_ylim(len(bands) - 0.4, -0.6)
    axis.locator_params(axis="x", nbins=5 if canvas.narrow else 9)
    axis.grid(axis="x", color=look.faint, lw=0.8)
    axis.spines["left"].set_visible(False)
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), labelcolor=look.ink, borderaxespad=0.2)
    canvas.label(axis, x=UNITLESS.get(row["unit"], row["unit"]))
