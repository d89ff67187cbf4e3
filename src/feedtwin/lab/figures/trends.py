"""The life of one trend, and the forecast that was made before its peak, drawn where it was made."""

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from feedtwin.lab.figures.chart import Basis, Canvas, Chart
from feedtwin.lab.figures.words import plural
from feedtwin.lab.foresight import Foresight, engagements_by_hour, foresight
from feedtwin.record.reader import Run
from feedtwin.schema.codes import GovernanceAction, TargetKind, TrendKind, TrendLifecycle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS: Final = ("hour", "engagements", "lifecycle", "forecast_confidence", "governance")
_MARGIN: Final = 10
_TARGETS: Final = {
    TrendKind.HASHTAG: TargetKind.HASHTAG,
    TrendKind.SOUND: TargetKind.SOUND,
    TrendKind.CATEGORY: TargetKind.CATEGORY,
}
Row = tuple[int, int, str, float | None, str]
Key = tuple[int, int]
Entry = dict[str, Any]


@dataclass(frozen=True)
class Trend:
    """The trend that is drawn.

    Attributes:
        kind: What it is about.
        key: Hashtag, sound or category.
        peak: Hour of its peak.
        alarm: Hour of the first forecast that was open at the peak; None where none was.
        confidence: Its confidence.
        found: What came of all forecasts of the run.
        horizon: Hours within which a forecast must come true.
    """

    kind: TrendKind
    key: int
    peak: int
    alarm: int | None
    confidence: float | None
    found: Foresight
    horizon: int

    @property
    def words(self) -> str:
        """Its name."""
        return f"{self.kind.name.lower()} {self.key}"


def trend_lifecycle(run: Run, basis: Basis, name: str = "trend") -> Chart | None:
    """Return the trend with the largest peak among those that a forecast saw coming; among all, if none was.

    None where the run keeps no events, tracks no trends, or saw no peak.
    """
    trend = _chosen(run)
    if trend is None:
        return None
    rows = _rows(run, trend)
    reading = (
        f"No forecast of {trend.words} was open when it peaked in hour {trend.peak}."
        if trend.alarm is None
        else f"The first forecast of {trend.words} came in hour {trend.alarm}, {plural(trend.peak - trend.alarm, 'hour')} "
        f"before its peak, with confidence {trend.confidence:.2f}."
    )
    judged = trend.found
    return Chart(
        name=name,
        title=f"Life of a trend: {trend.words}",
        reading=(
            f"{reading} One trend is an example: of {plural(judged.alarms, 'alarm')} in this run, {judged.hits} came true within "
            f"{plural(trend.horizon, 'hour')}, and {plural(judged.missed, 'peak')} had no open alarm."
        ),
        units="Engagements per hour with what carries it; the strip says what the platform took it for: emergence, peak, decline.",
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, rows, trend),
        wide=300,
        narrow=300,
    )


def _chosen(run: Run) -> Trend | None:
    needed = {"TREND_STATE_CHANGED", "TREND_FORECAST_ISSUED", "VIDEO_ENGAGED"}
    if not run.has_events or not needed <= set(run.event_names):
        return None
    peaks = run.sql(
        f"SELECT kind, key, step, volume FROM trend_state_changed WHERE to_lifecycle = {int(TrendLifecycle.PEAK)} "
        "ORDER BY volume DESC, step, kind, key"
    ).to_pylist()
    if not peaks:
        return None
    horizon = int(run.manifest["settings"]["parameters"]["forecast.horizon_steps"])
    issued = run.sql(
        "SELECT step, kind, key, confidence FROM trend_forecast_issued ORDER BY step, rank"
    ).to_pylist()
    by_key: dict[Key, list[Entry]] = defaultdict(list)
    for row in issued:
        by_key[row["kind"], row["key"]].append(row)
    seen = (
        (peak, _alarm(by_key[peak["kind"], peak["key"]], peaks, peak, horizon)) for peak in peaks
    )
    peak, alarm = next(((one, by) for one, by in seen if by is not None), (peaks[0], None))
    return Trend(
        TrendKind(peak["kind"]), peak["key"], peak["step"],
        None if alarm is None else int(alarm["step"]),
        None if alarm is None else alarm["confidence"],
        foresight(run.path, horizon), horizon,
    )  # fmt: skip


def _alarm(
    forecasts: list[Entry], peaks: list[Entry], peak: Entry, horizon: int
) -> Entry | None:  # fmt: skip
    """The first forecast since the key's last peak that was still open when it peaked."""
    before = [
        one["step"] for one in peaks
        if (one["kind"], one["key"]) == (peak["kind"], peak["key"]) and one["step"] < peak["step"]
    ]  # fmt: skip
    open_until, last = -1, max(before, default=-1)
    for one in forecasts:
        if not last < one["step"] < peak["step"] or one["step"] <= open_until:
            continue
        if peak["step"] - one["step"] <= horizon:
            return one
        open_until = one["step"] + horizon
    return None


def _rows(run: Run, trend: Trend) -> list[Row]:
    hourly = engagements_by_hour(run, {(int(trend.kind), trend.key)})[int(trend.kind), trend.key]
    changes = run.sql(
        f"SELECT step, to_lifecycle FROM trend_state_changed WHERE kind = {int(trend.kind)} AND key = {trend.key} "
        "ORDER BY step"
    ).to_pylist()
    issued = run.sql(
        f"SELECT step, max(confidence) AS confidence FROM trend_forecast_issued WHERE kind = {int(trend.kind)} "
        f"AND key = {trend.key} GROUP BY 1"
    ).to_pylist()
    sure = {row["step"]: float(row["confidence"]) for row in issued}
    done = _governance(run, trend)
    life = {row["step"]: TrendLifecycle(row["to_lifecycle"]).name.lower() for row in changes}
    state, rows = "none", []
    for hour, count in enumerate(hourly.tolist()):
        state = life.get(hour, state)
        rows.append((hour, int(count), state, sure.get(hour), done.get(hour, "")))
    steps = [row["step"] for row in changes]
    around = [trend.peak if trend.alarm is None else trend.alarm, trend.peak]
    after = [step for step in steps if step > trend.peak]
    low = max(min(around) - _MARGIN, 0)
    high = min((after[0] if after else trend.peak) + 2 * _MARGIN, len(rows))
    return rows[low:high]


def _governance(run: Run, trend: Trend) -> dict[int, str]:
    found = run.sql(
        f"SELECT step, action FROM governance_action_applied WHERE target_kind = {int(_TARGETS[trend.kind])} "
        f"AND target = {trend.key} ORDER BY step"
    ).to_pylist()
    return {row["step"]: GovernanceAction(row["action"]).name.lower() for row in found}


def _draw(canvas: Canvas, rows: list[Row], trend: Trend) -> None:
    look = canvas.palette
    axis, strip = canvas.axes(2, 1, sharex=True, height_ratios=(8, 1))
    hour = [row[0] for row in rows]
    axis.bar(hour, [row[1] for row in rows], width=0.86, color=look.one, alpha=0.85, lw=0)
    top = 1.32 * max(row[1] for row in rows) or 1.0
    axis.set_ylim(0, top)
    axis.axvline(trend.peak, color=look.ink, lw=1.2)
    near = trend.alarm is not None and trend.peak - trend.alarm < 0.3 * len(rows)
    axis.text(
        trend.peak + 0.4, top, "peak", color=look.ink, va="top", fontsize=canvas.small
    )  # fmt: skip
    if trend.alarm is not None and trend.confidence is not None:
        axis.axvline(trend.alarm, color=look.two, lw=1.6, ls=(0, (4, 2)))
        axis.text(
            trend.alarm - 0.4, top, f"forecast\n({trend.confidence:.2f})", color=look.two, va="top",
            ha="right", fontsize=canvas.small,
        )  # fmt: skip
        if trend.peak > trend.alarm and not (near and canvas.narrow):
            axis.annotate(
                "", (trend.peak, 0.83 * top), (trend.alarm, 0.83 * top),
                arrowprops={"arrowstyle": "->", "color": look.two, "lw": 1.2},
            )  # fmt: skip
            axis.text(
                (trend.peak + trend.alarm) / 2, 0.85 * top, f"{trend.peak - trend.alarm} h",
                ha="center", va="bottom", color=look.two, fontsize=canvas.small,
            )  # fmt: skip
    acted = [row for row in rows if row[4]]
    if acted:
        axis.plot(
            [row[0] for row in acted], [0.05 * top] * len(acted), "^", ms=9, mfc=look.four, mec=look.paper,
            label=f"governance: {', '.join(dict.fromkeys(row[4] for row in acted))}", clip_on=False, zorder=5,
        )  # fmt: skip
        axis.legend(loc="upper right", labelcolor=look.ink, fontsize=canvas.small)
    axis.locator_params(axis="y", nbins=4)
    axis.grid(axis="y", color=look.faint, lw=0.8)
    canvas.label(axis, y="engagements per hour")
    _draw_strip(canvas, strip, rows)


def _draw_strip(canvas: Canvas, strip: "Axes", rows: list[Row]) -> None:
    look = canvas.palette
    colours = {"emergence": look.six, "peak": look.one, "decline": look.four, "none": look.faint}
    spans: list[tuple[str, int, int]] = []
    for hour, _, state, _, _ in rows:
        if spans and spans[-1][0] == state:
            spans[-1] = state, spans[-1][1], hour + 1
        else:
            spans.append((state, hour, hour + 1))
    for state, begin, end in spans:
        strip.barh(
            0, end - begin, left=begin - 0.5, height=0.9, color=colours[state], alpha=0.55, lw=0
        )
        room = (end - begin) / len(rows) * (310 if canvas.narrow else 690)
        if state != "none" and room > len(state) * canvas.small * 0.66:
            strip.text(
                (begin + end - 1) / 2, 0, state, ha="center", va="center", fontsize=canvas.small, color=look.ink
            )  # fmt: skip
    strip.set_yticks([])
    strip.set_xlim(rows[0][0] - 0.5, rows[-1][0] + 0.5)
    strip.spines[["left", "bottom"]].set_visible(False)
    canvas.label(strip, x="hour of the run")
