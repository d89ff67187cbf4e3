"""Exposure stages as a Sankey diagram: what became of every video that was uploaded."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from feedtwin.lab.figures.chart import Basis, Canvas, Chart
from feedtwin.lab.figures.words import plural
from feedtwin.record.reader import Run
from feedtwin.schema.codes import Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS: Final = ("from_place", "from_stage", "to_place", "to_stage", "videos")
WORDS: Final = {
    Stage.INITIAL_EXPOSURE: "test audience",
    Stage.EXPANDED_EXPOSURE: "expanded",
    Stage.VIRAL_STAGE: "viral",
    Stage.LIMITED_EXPOSURE: "limited",
}
_ORDER: Final = (
    Stage.VIRAL_STAGE, Stage.EXPANDED_EXPOSURE, Stage.INITIAL_EXPOSURE, Stage.LIMITED_EXPOSURE,
)  # fmt: skip
"""From top to bottom."""
_ENDS: Final = {
    Stage.VIRAL_STAGE: "viral", Stage.EXPANDED_EXPOSURE: "in expanded exposure",
    Stage.INITIAL_EXPOSURE: "still with their test audience", Stage.LIMITED_EXPOSURE: "limited",
}  # fmt: skip
_GAP: Final = 0.09
_WIDTH: Final = 0.05
Flow = tuple[int, str, int, str, int]


def exposure_stages(run: Run, basis: Basis, name: str = "stages") -> Chart | None:
    """Return the paths of the videos uploaded in a run through the stages; None without events or uploads."""
    if not run.has_events or not {"VIDEO_CREATED", "EXPOSURE_STAGE_CHANGED"} <= set(
        run.event_names
    ):
        return None
    paths = _paths(run)
    if not paths:
        return None
    flows = flows_of(paths)
    total = len(paths)
    ends = Counter(path[-1] for path in paths)
    said = ", ".join(f"{ends[stage]:,} {_ENDS[stage]}" for stage in _ORDER if ends[stage])
    return Chart(
        name=name,
        title="How far uploads get",
        reading=f"Of {plural(total, 'video')} uploaded in the run, at its end: {said}.",
        units="Width: number of videos. A column further right is a later stage of the same videos, not a later hour.",
        basis=basis,
        columns=COLUMNS,
        rows=flows,
        draw=lambda canvas: _draw(canvas, flows),
        wide=300,
        narrow=330,
    )


def _paths(run: Run) -> list[tuple[Stage, ...]]:
    rows = run.sql(
        "SELECT v.item, c.to_stage FROM video_created v LEFT JOIN exposure_stage_changed c ON c.item = v.item "
        "ORDER BY v.item, c.step"
    ).to_pylist()
    found: dict[int, list[Stage]] = {}
    for row in rows:
        path = found.setdefault(row["item"], [Stage.INITIAL_EXPOSURE])
        if row["to_stage"] is not None:
            path.append(Stage(row["to_stage"]))
    return [tuple(path) for path in found.values()]


def flows_of(paths: list[tuple[Stage, ...]]) -> list[Flow]:
    """Return (place, stage, next place, next stage, videos): what stays in its stage to the end has no flow."""
    counted = Counter(
        (place, one, place + 1, two)
        for path in paths
        for place, (one, two) in enumerate(pairwise(path))
    )
    ended = Counter((len(path) - 1, path[-1]) for path in paths)
    flows = [
        (a, one.name, b, two.name, count)
        for (a, one, b, two), count in sorted(counted.items(), key=lambda item: item[0])
    ]
    return flows + [(a, one.name, a, one.name, count) for (a, one), count in sorted(ended.items())]


@dataclass
class _Node:
    """A stage in a column: where its bar begins, how high it is, and how much of each side is used."""

    size: int
    top: float = 0.0
    left: float = 0.0
    right: float = 0.0


def _draw(canvas: Canvas, flows: list[Flow]) -> None:
    look, (axis,) = canvas.palette, canvas.axes()
    colours = {
        Stage.VIRAL_STAGE: look.two, Stage.EXPANDED_EXPOSURE: look.three,
        Stage.INITIAL_EXPOSURE: look.soft, Stage.LIMITED_EXPOSURE: look.four,
    }  # fmt: skip
    nodes = _nodes(flows)
    total = sum(flow[4] for flow in flows if flow[0] == flow[2])
    rank = {stage.name: place for place, stage in enumerate(_ORDER)}
    for place, name, after, to, count in sorted(
        flows, key=lambda f: (f[0], rank[f[1]], rank[f[3]])
    ):
        if place == after:
            continue
        begin, end = nodes[place, name], nodes[after, to]
        _ribbon(
            axis, place + _WIDTH, after, begin.top - begin.right, end.top - end.left, count / total,
            colours[Stage[to]],
        )  # fmt: skip
        begin.right += count / total
        end.left += count / total
    last = max(place for place, _ in nodes)
    for (place, name), node in nodes.items():
        height = node.size / total
        axis.bar(
            place, height, _WIDTH, node.top - height, align="edge", color=colours[Stage[name]], lw=0
        )
        text = (
            f"{WORDS[Stage[name]]}\n{node.size:,}"
            if canvas.narrow
            else f"{WORDS[Stage[name]]}  {node.size:,}"
        )
        on_left = place == last and last > 0 and canvas.narrow
        axis.text(
            place - 0.03 if on_left else place + _WIDTH + 0.03, node.top - height / 2, text, va="center",
            ha="right" if on_left else "left", color=look.ink, fontsize=canvas.small if canvas.narrow else canvas.text,
            zorder=5,
        )  # fmt: skip
    axis.set_xlim(-0.02, last + (0.1 if canvas.narrow and last else 0.6))
    low = min(node.top - node.size / total for node in nodes.values())
    axis.set_ylim(min(low, 0) - 0.03, max(node.top for node in nodes.values()) + 0.05)
    axis.set_axis_off()


def _nodes(flows: list[Flow]) -> dict[tuple[int, str], _Node]:
    """Bars by (column, stage), each column centred on the first."""
    sizes: Counter[tuple[int, str]] = Counter()
    for place, name, _, _, count in flows:
        sizes[place, name] += count
    total = sum(count for (place, _), count in sizes.items() if place == 0)
    nodes = {}
    for place in sorted({place for place, _ in sizes}):
        column = [stage.name for stage in _ORDER if (place, stage.name) in sizes]
        height = sum(sizes[place, name] for name in column) / total + _GAP * 2 * (len(column) - 1)
        top = 0.5 + height / 2
        for name in column:
            nodes[place, name] = _Node(sizes[place, name], top)
            top -= sizes[place, name] / total + _GAP * 2
    return nodes


def _ribbon(
    axis: "Axes", x0: float, x1: float, top0: float, top1: float, height: float, colour: str
) -> None:  # fmt: skip
    """A band of constant height between two bars, eased at both ends."""
    t = np.linspace(0, 1, 40)
    ease = t * t * (3 - 2 * t)
    x, upper = x0 + (x1 - x0) * t, top0 + (top1 - top0) * ease
    axis.fill_between(x, upper - height, upper, color=colour, alpha=0.3, lw=0)
