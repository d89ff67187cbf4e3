"""A picture of a video's life: views by the hour, velocity, stages, and the trends of what it carries."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from feedtwin.errors import SettingsError
from feedtwin.lab.life import Life

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS: Final = (".svg", ".png", ".pdf")
_STAGE_COLOURS: Final = {
    "INITIAL_EXPOSURE": "#dfe7f1",
    "EXPANDED_EXPOSURE": "#f4f4f0",
    "VIRAL_STAGE": "#fbe3cf",
    "LIMITED_EXPOSURE": "#e6e1e8",
}
_STAGE_WORDS: Final = {
    "INITIAL_EXPOSURE": "test audience",
    "EXPANDED_EXPOSURE": "expanded",
    "VIRAL_STAGE": "viral",
    "LIMITED_EXPOSURE": "limited",
}
_TREND_COLOURS: Final = {"EMERGENCE": "#9ecae1", "PEAK": "#08519c", "DECLINE": "#c6b8d6"}
_ROOM_FOR_WORDS: Final = 0.09
_VIEWS, _VELOCITY, _INK = "#4c78a8", "#c44e52", "#333333"


def plot_life(life: Life, file: Path) -> None:
    """Draw a video's life into a file.

    Args:
        life: What the log says.
        file: Where to; the ending names the format: .svg, .png or .pdf.

    Raises:
        SettingsError: The format is none of these.
    """
    if file.suffix.lower() not in FORMATS:
        raise SettingsError(f"--plot {file}: expected a name that ends in {', '.join(FORMATS)}")
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    keys = trend_keys(life)
    heights = [3.0, 2.0, *([0.35 * len(keys) + 0.3] if keys else [])]
    figure = Figure(figsize=(9, sum(heights) + 1.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes: list[Axes] = list(
        figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    )
    _draw_views(axes[0], life)
    _draw_velocity(axes[1], life)
    if keys:
        _draw_trends(axes[2], life, keys)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0)
    axes[-1].set_xlabel("step of the run (hours)")
    axes[-1].set_xlim(life.first_step, life.last_step + 1)
    figure.suptitle(_title(life), x=0.01, ha="left", fontsize=11)
    metadata: dict[str, Any] = {"Date": None} if file.suffix.lower() == ".svg" else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": "feedtwin"}):  # the same life gives the same bytes
        figure.savefig(file, dpi=150, metadata=metadata)


def stage_spans(life: Life) -> list[tuple[str, int, int]]:
    """Return (stage, first step, end) of every stage that the video was in, in order."""
    if life.stages:
        at_first = str(life.stages[0]["from"])
    else:
        at_first = "INITIAL_EXPOSURE" if "step" in life.created else "EXPANDED_EXPOSURE"
    names = [at_first, *(str(row["to"]) for row in life.stages)]
    steps = [life.first_step, *(int(row["step"]) for row in life.stages), life.last_step + 1]
    return [
        (name, low, high)
        for name, low, high in zip(names, steps[:-1], steps[1:], strict=True)
        if high > low
    ]


def trend_keys(life: Life) -> list[tuple[str, int]]:
    """Return the (kind, key) of everything it carries that trended, in the order of the log."""
    return list(dict.fromkeys((str(row["kind"]), int(row["key"])) for row in life.trends))


def _title(life: Life) -> str:
    views = int(life.hourly["views"].sum())
    shares = int(life.hourly["shares"].sum())
    what = f"Video {life.item >> 32}:{life.item & 0xFFFFFFFF}"
    return f"{what}: {views:,} views, {shares:,} shares in {len(life.velocity):,} hours"


def _shade(axis: "Axes", life: Life, *, named: bool) -> None:
    for stage, low, high in stage_spans(life):
        axis.axvspan(low, high, color=_STAGE_COLOURS[stage], lw=0, zorder=0)
        wide = (high - low) / (life.last_step + 1 - life.first_step)
        if named and wide > 0.05:
            axis.annotate(
                _STAGE_WORDS[stage], ((low + high) / 2, 1.01), xycoords=("data", "axes fraction"),
                ha="center", va="bottom", fontsize=8, color=_INK,
            )  # fmt: skip


def _draw_views(axis: "Axes", life: Life) -> None:
    _shade(axis, life, named=True)
    step = np.arange(life.first_step, life.last_step + 1)
    axis.bar(step, life.hourly["views"], width=1.0, align="edge", color=_VIEWS, lw=0, zorder=2)
    axis.set_ylabel("views per hour", color=_VIEWS)
    axis.set_ylim(bottom=0)
    axis.tick_params(axis="y", colors=_VIEWS)
    total = axis.twinx()
    total.plot(step + 1, np.cumsum(life.hourly["views"]), color=_INK, lw=1.2, zorder=3)
    total.set_ylim(bottom=0)
    total.set_ylabel("views so far")
    total.spines["top"].set_visible(False)


def _draw_velocity(axis: "Axes", life: Life) -> None:
    _shade(axis, life, named=False)
    step = np.arange(life.first_step, life.last_step + 1)
    axis.plot(step + 1, life.velocity, color=_VELOCITY, lw=1.5, zorder=3)
    axis.set_ylabel("velocity (events/h)", color=_VELOCITY)
    axis.tick_params(axis="y", colors=_VELOCITY)
    axis.set_ylim(0, 1.15 * max(float(life.velocity.max()), 0.1))
    for k, viral in enumerate(life.viral):
        axis.axvline(viral, color=_INK, lw=1, ls="--", zorder=2)
        if not k:  # before it takes off there is room on the left
            room = (viral - life.first_step) / (life.last_step + 1 - life.first_step)
            left = room > _ROOM_FOR_WORDS
            axis.annotate(
                "goes viral", (viral, 0.97), xycoords=("data", "axes fraction"), fontsize=8,
                ha="right" if left else "left", va="top", color=_INK,
                xytext=(-4 if left else 4, 0), textcoords="offset points",
            )  # fmt: skip


def _draw_trends(axis: "Axes", life: Life, keys: list[tuple[str, int]]) -> None:
    end = life.last_step + 1
    for place, (kind, key) in enumerate(keys):
        rows = [r for r in life.trends if (r["kind"], r["key"]) == (kind, key)]
        for row, after in zip(rows, [*rows[1:], {"step": end}], strict=True):
            colour = _TREND_COLOURS.get(str(row["to"]))
            low, high = max(int(row["step"]), life.first_step), int(after["step"])
            if colour and high > low:
                axis.barh(place, high - low, left=low, height=0.6, color=colour, lw=0)
    axis.set_yticks(range(len(keys)), [f"{kind.lower()} {key}" for kind, key in keys], fontsize=8)
    axis.set_ylim(len(keys) - 0.5, -0.5)
    handles = [
        axis.barh(0, 0, color=colour, label=name.lower()) for name, colour in _TREND_COLOURS.items()
    ]
    axis.legend(
        handles=handles, ncols=3, fontsize=8, frameon=False, loc="lower right",
        bbox_to_anchor=(1, 1), borderaxespad=0,
    )  # fmt: skip
