"""Adoption of campaign plans: how many creators follow one, and how much of what is uploaded does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats

from feedtwin.lab.figures.chart import Basis, Canvas, Chart
from feedtwin.lab.figures.telling import Look, look_of
from feedtwin.record.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS: Final = ("of", "measure", "hour", "estimate", "low", "high", "n")
PANELS: Final = {
    "adopters": "creators who have followed a plan",
    "planned": "uploads that follow a plan, so far",
}
_CONFIDENCE: Final = 0.95
_WIDE_COLUMNS: Final = 4
_NARROW_COLUMNS: Final = 2
_LEGEND_PX: Final = 18
Row = tuple[str, str, int, float, float | None, float | None, int]


@dataclass(frozen=True)
class Adoption:
    """Adoption in one run, by hour: creators with a plan so far, and uploads with and without one so far."""

    adopters: tuple[int, ...]
    planned: tuple[int, ...]
    uploads: tuple[int, ...]


def adoption_of(run: Run) -> Adoption | None:
    """Return the adoption of plans in a run; None where it keeps no events or issued none."""
    if not run.has_events or "CAMPAIGN_PLAN_ISSUED" not in run.event_names:
        return None
    firsts = run.sql('SELECT min(step) AS step FROM campaign_plan_issued GROUP BY "user"')
    if not firsts.num_rows:
        return None
    made = run.sql(
        "SELECT step, count(*) AS uploads, count(*) FILTER (WHERE plan > 0) AS planned FROM video_created GROUP BY 1"
    )
    begin, count = int(run.frames[0].payload["start_step"]), run.last_step + 1

    def so_far(steps: list[int], weights: list[int]) -> tuple[int, ...]:
        hourly = np.zeros(count, np.int64)
        np.add.at(hourly, np.asarray(steps, np.int64), np.asarray(weights, np.int64))
        return tuple(np.cumsum(hourly)[begin:].tolist())

    first = firsts.column("step").to_pylist()
    steps = made.column("step").to_pylist()
    return Adoption(
        so_far(first, [1] * len(first)),
        so_far(steps, made.column("planned").to_pylist()),
        so_far(steps, made.column("uploads").to_pylist()),
    )


def adoption(
    found: Mapping[str, Sequence[Adoption]], basis: Basis, name: str = "adoption"
) -> Chart | None:
    """Return adoption curves, one per arm, with a band where there are two runs or more.

    Args:
        found: Runs by arm; an arm without plans has none.
        basis: What its numbers rest on.
        name: Name of its files.
    """
    rows = [row for arm, runs in found.items() for row in _rows(arm, runs)]
    if not rows:
        return None
    arms = len({row[0] for row in rows})

    def legend(columns: int) -> int:
        return _LEGEND_PX * -(-arms // columns) if arms > 1 else 0

    most = max(len(runs) for runs in found.values())
    band = (
        "mean over runs with 95\u202f% intervals, hour by hour" if most > 1
        else "a single run, so no interval"
    )  # fmt: skip
    return Chart(
        name=name,
        title="Adoption of campaign plans",
        reading="",
        units=f"By hour of the run; {band}.",
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, rows),
        wide=290 + legend(_WIDE_COLUMNS),
        narrow=470 + legend(_NARROW_COLUMNS),
    )


def _rows(arm: str, runs: Sequence[Adoption]) -> list[Row]:
    rows: list[Row] = []
    for measure in PANELS:
        curves = [_curve(run, measure) for run in runs]
        for hour in range(min((len(one) for one in curves), default=0)):
            values = np.array([one[hour] for one in curves])
            values = values[np.isfinite(values)]
            if not len(values):
                continue
            half = None
            if len(values) > 1:
                edge = float(stats.t.ppf(0.5 + _CONFIDENCE / 2, len(values) - 1))
                half = edge * float(values.std(ddof=1)) / len(values) ** 0.5
            mean = float(values.mean())
            low, high = (None, None) if half is None else (mean - half, mean + half)
            rows.append((arm, measure, hour, mean, low, high, len(values)))
    return rows


def _curve(run: Adoption, measure: str) -> list[float]:
    if measure == "adopters":
        return [float(one) for one in run.adopters]
    return [
        planned / made if made else float("nan")
        for planned, made in zip(run.planned, run.uploads, strict=True)
    ]


def _draw(canvas: Canvas, rows: list[Row]) -> None:
    axes = canvas.axes(*((2, 1) if canvas.narrow else (1, 2)))
    arms = list(dict.fromkeys(row[0] for row in rows))
    for axis, (measure, label) in zip(axes, PANELS.items(), strict=True):
        scale = 100 if measure == "planned" else 1
        for place, arm in enumerate(arms):
            mine = [row for row in rows if row[0] == arm and row[1] == measure]
            _draw_curve(axis, mine, scale, look_of(canvas.palette, place))
        axis.set_ylim(0, 105 if measure == "planned" else None)
        axis.set_xlim(0, max(row[2] for row in rows))
        axis.grid(axis="y", color=canvas.palette.faint, lw=0.8)
        axis.locator_params(axis="y", nbins=5)
        canvas.name(axis, label + (", %" if measure == "planned" else ""))
        canvas.label(axis, x="hour of the run")
    if len(arms) > 1:  # beside the curves, not on them
        canvas.figure.legend(
            *axes[0].get_legend_handles_labels(), loc="outside lower left", labelcolor=canvas.palette.ink,
            ncols=_NARROW_COLUMNS if canvas.narrow else _WIDE_COLUMNS, fontsize=canvas.small, handlelength=2.4,
        )  # fmt: skip


def _draw_curve(axis: "Axes", rows: list[Row], scale: int, look: Look) -> None:
    hour = [row[2] for row in rows]
    low = [row[4] for row in rows if row[4] is not None]
    high = [row[5] for row in rows if row[5] is not None]
    label = rows[0][0] if rows else ""
    if len(low) == len(rows) == len(high):
        edges = [scale * one for one in low], [scale * one for one in high]
        axis.fill_between(hour, *edges, step="post", color=look.colour, alpha=0.18, lw=0)
    middle = [scale * row[3] for row in rows]
    axis.step(hour, middle, where="post", color=look.colour, ls=look.dash, lw=2, label=label)
