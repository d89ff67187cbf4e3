"""How good the forecasts of a run were, from its log. Nothing here looks ahead of a forecast but to judge it.

A forecast of a key is an *alarm* when it is the first since the key's last peak; it comes true if the key
reaches its peak within the horizon. Alarms whose horizon is not over at the end of the run are left out.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feedtwin.lab.metrics.forecasts import Brier, brier, kendall_tau_b
from feedtwin.lab.run_data import Array
from feedtwin.record.reader import Run
from feedtwin.schema.codes import TrendKind, TrendLifecycle

_COLUMN = {TrendKind.SOUND: "sound", TrendKind.CATEGORY: "category"}
_HASHTAGS = ("hashtag_1", "hashtag_2", "hashtag_3")

Key = tuple[int, int]


@dataclass(frozen=True)
class Foresight:
    """What came of a run's forecasts.

    Attributes:
        alarms: First alarms whose horizon is over.
        hits: Of them, those whose key reached its peak in time.
        precision: hits / alarms; None without alarms.
        lead_h: Mean hours from the alarm to the peak over hits.
        false_alarms_per_day: Alarms that came to nothing, per simulated day.
        missed: Peaks without an open alarm.
        brier: Score of the confidence of alarms and its parts.
        tau_b: Mean over forecasts of Kendall's tau-b between confidence and realised growth; None where no
            forecast lists two keys of different growth.
    """

    alarms: int
    hits: int
    precision: float | None
    lead_h: float | None
    false_alarms_per_day: float
    missed: int
    brier: Brier | None
    tau_b: float | None


def foresight(path: str | Path, horizon_steps: int) -> Foresight:
    """Return what came of the forecasts of a run with its full log.

    Args:
        path: The run folder.
        horizon_steps: Hours within which a forecast must come true; `forecast.horizon_steps` of the run.

    Raises:
        RunFolderError: There is no run at `path`, or it keeps no log.
    """
    run = Run.open(path)
    issued, changed = run.events("TREND_FORECAST_ISSUED"), run.events("TREND_STATE_CHANGED")
    forecasts = {name: issued.column(name).to_numpy() for name in issued.column_names}
    states = {name: changed.column(name).to_numpy() for name in changed.column_names}
    peaked = states["to_lifecycle"] == TrendLifecycle.PEAK
    peaks: dict[Key, list[int]] = defaultdict(list)
    for kind, key, step in zip(
        states["kind"][peaked].tolist(), states["key"][peaked].tolist(),
        states["step"][peaked].tolist(), strict=True,
    ):  # fmt: skip
        peaks[kind, key].append(step)
    judged = judge(forecasts, peaks, horizon_steps, run.last_step)
    confidence, leads = judged
    hits = leads >= 0
    total = sum(len(steps) for steps in peaks.values())
    return Foresight(
        alarms=len(leads),
        hits=int(hits.sum()),
        precision=float(hits.mean()) if len(leads) else None,
        lead_h=float(leads[hits].mean()) if hits.any() else None,
        false_alarms_per_day=float((~hits).sum()) / ((run.last_step + 1) / 24),
        missed=total - int(hits.sum()),
        brier=brier(confidence, hits),
        tau_b=_tau_b(run, forecasts, horizon_steps),
    )


def judge(
    forecasts: dict[str, Array], peaks: dict[Key, list[int]], horizon_steps: int, last_step: int
) -> tuple[Array, Array]:
    """Return the confidence (N,) of every alarm that can be judged, and its lead in hours; -1 for a false one.

    Args:
        forecasts: Columns step, kind, key and confidence of all forecasts, in the order of steps.
        peaks: Steps of each key's peaks, ascending.
        horizon_steps: Hours within which an alarm must come true.
        last_step: Last step of the run.
    """
    open_until: dict[Key, int] = {}
    confidence: list[float] = []
    leads: list[int] = []
    columns = (forecasts[name].tolist() for name in ("step", "kind", "key", "confidence"))
    for step, kind, key, sure in zip(*columns, strict=True):
        if open_until.get((kind, key), -1) >= step:
            continue  # the first alarm is still open
        reached = [peak for peak in peaks.get((kind, key), []) if peak > step]
        in_time = bool(reached) and reached[0] - step <= horizon_steps
        open_until[kind, key] = reached[0] - 1 if in_time else step + horizon_steps
        if in_time or step + horizon_steps < last_step:
            confidence.append(sure)
            leads.append(reached[0] - step if in_time else -1)
    return np.asarray(confidence, np.float64), np.asarray(leads, np.int64)


def _tau_b(run: Run, forecasts: dict[str, Array], horizon_steps: int) -> float | None:
    """Mean tau-b over forecasts that can be judged."""
    pairs = zip(forecasts["kind"].tolist(), forecasts["key"].tolist(), strict=True)
    counts = engagements_by_hour(run, set(pairs))
    found = []
    for step in np.unique(forecasts["step"]).tolist():
        if step + horizon_steps > run.last_step:
            break
        at = forecasts["step"] == step
        keys = zip(forecasts["kind"][at].tolist(), forecasts["key"][at].tolist(), strict=True)
        growth = np.array([growth_at(counts[key], step, horizon_steps) for key in keys])
        tau = kendall_tau_b(forecasts["confidence"][at].astype(np.float64), growth)
        if tau is not None:
            found.append(tau)
    return float(np.mean(found)) if found else None


def growth_at(hourly: Array, step: int, horizon_steps: int) -> int:
    """Return the engagements in the horizon from `step` on, less those in as many hours before it."""
    before = hourly[max(step - horizon_steps, 0) : step]
    return int(hourly[step : step + horizon_steps].sum()) - int(before.sum())


def engagements_by_hour(run: Run, keys: set[Key]) -> dict[Key, Array]:
    """Return the engagements with each key by hour, int64 (steps,)."""
    engaged, items = run.events("VIDEO_ENGAGED"), run.table("items")
    item, step = engaged.column("item").to_numpy(), engaged.column("step").to_numpy()
    known = items.column("item").to_numpy()
    order = np.argsort(known)
    row = order[np.searchsorted(known, item, sorter=order)]
    columns = {name: items.column(name).to_numpy()[row] for name in (*_HASHTAGS, *_COLUMN.values())}
    hourly = {}
    for kind, key in keys:
        if kind == TrendKind.HASHTAG:
            carries = np.any([columns[name] == key for name in _HASHTAGS], axis=0)
        else:
            carries = columns[_COLUMN[TrendKind(kind)]] == key
        hourly[kind, key] = np.bincount(step[carries], minlength=run.last_step + 1)
    return hourly
