"""Budget burn-down: what language models cost a run, task by task, and who answered."""

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from feedtwin.lab.figures.chart import Basis, Canvas, Chart
from feedtwin.lab.figures.words import plural
from feedtwin.record.reader import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS: Final = (
    "hour", "charged_usd", "paid_usd", "left_usd", "live", "cached", "surrogate", "degraded"
)  # fmt: skip
MICRO: Final = 1_000_000
_ANSWERS: Final = ("live", "cached", "surrogate")
Row = tuple[int, float, float, float, int, int, int, int]


def budget_burn_down(run: Run, basis: Basis, name: str = "budget") -> Chart | None:
    """Return how a run's language-model budget went; None where no task was asked."""
    if "llm_ledger" not in run.table_names:
        return None
    ledger = run.table("llm_ledger").to_pylist()
    if not ledger:
        return None
    parameters = run.manifest["settings"]["parameters"]
    cap = int(parameters["llm.budget_microusd"])
    rows = _rows(ledger, cap, run.last_step)
    gates = sorted({
        float(parameters[f"llm.{row['task']}.live_until"]) for row in ledger
        if f"llm.{row['task']}.live_until" in parameters
    })  # fmt: skip
    last = rows[-1]
    answers = sum(row[4] + row[5] + row[6] for row in rows)
    stood_in = sum(row[6] for row in rows)
    degraded = sum(row[7] for row in rows)
    return Chart(
        name=name,
        title="Budget of language models",
        reading=(
            f"{last[1]:,.4f} of {cap / MICRO:,.2f} USD were charged, {last[2]:,.4f} USD were paid. Of "
            f"{plural(answers, 'answer')}, {stood_in:,} came from stand-ins by rule, {degraded:,} of them because money or "
            "the server ran out."
        ),
        units=(
            "Charged: live answers, and cached ones at the price on their record; paid: what left the account. "
            "Dashed: where a task stops asking a model. From the run's ledger, exact to the micro-dollar."
        ),
        basis=basis,
        columns=COLUMNS,
        rows=rows,
        draw=lambda canvas: _draw(canvas, rows, cap, gates),
        wide=300,
        narrow=500,
    )


def _rows(ledger: list[dict[str, int]], cap: int, last_step: int) -> list[Row]:
    by_step: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in ledger:
        for key in ("charged_microusd", "paid_microusd", *_ANSWERS, "degraded"):
            by_step[row["step"]][key] += row[key]
    charged = paid = 0
    rows = []
    for hour in range(last_step + 1):
        one = by_step[hour]
        charged, paid = charged + one["charged_microusd"], paid + one["paid_microusd"]
        rows.append((
            hour, charged / MICRO, paid / MICRO, (cap - charged) / MICRO,
            one["live"], one["cached"], one["surrogate"], one["degraded"],
        ))  # fmt: skip
    return rows


def _draw(canvas: Canvas, rows: list[Row], cap: int, gates: list[float]) -> None:
    left, answers = canvas.axes(*((2, 1) if canvas.narrow else (1, 2)))
    _draw_left(canvas, left, rows, cap / MICRO, gates)
    _draw_answers(canvas, answers, rows)
    for axis in (left, answers):
        axis.margins(x=0)
        axis.grid(axis="y", color=canvas.palette.faint, lw=0.8)
        axis.locator_params(axis="y", nbins=5)
        canvas.label(axis, x="hour of the run")


def _draw_left(
    canvas: Canvas, axis: "Axes", rows: list[Row], cap: float, gates: list[float]
) -> None:
    look, hour = canvas.palette, [row[0] for row in rows]
    axis.step(hour, [row[3] for row in rows], where="post", color=look.one, lw=2)
    axis.fill_between(
        hour, 0, [row[3] for row in rows], step="post", color=look.one, alpha=0.15, lw=0
    )
    for gate in (one for one in gates if one < 1):
        axis.axhline(cap * (1 - gate), color=look.two, lw=1, ls=(0, (4, 2)))
        axis.text(
            hour[0], cap * (1 - gate), f" {gate:.0%} spent", color=look.two, va="bottom", fontsize=canvas.small
        )  # fmt: skip
    axis.set_ylim(0, cap * 1.04)
    canvas.name(axis, "left to spend, USD")


def _draw_answers(canvas: Canvas, axis: "Axes", rows: list[Row]) -> None:
    look, hour = canvas.palette, [row[0] for row in rows]
    below = [0.0] * len(rows)
    for place, name, colour in zip(
        (4, 5, 6), _ANSWERS, (look.one, look.six, look.soft), strict=True
    ):
        values = [row[place] for row in rows]
        axis.bar(hour, values, bottom=below, width=0.95, color=colour, lw=0, label=name)
        below = [one + two for one, two in zip(below, values, strict=True)]
    axis.set_ylim(0, 1.25 * max(below) or 1)
    axis.legend(
        loc="upper right", ncols=3, labelcolor=look.ink, fontsize=canvas.small, columnspacing=1
    )
    canvas.name(axis, "answers per hour, by who gave them")
