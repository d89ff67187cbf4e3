"""Forecasts of trends: asked of a predictor, calibrated on how earlier ones came out. Spec GOV-3.

A forecast says that a key will reach its peak within the horizon. Forecasts that are open are judged when the key
does, or when the time is over; how often those of one *state* (emerging or not, and how far from the gate) came
true shrinks the predictor's own confidence: (came true + prior x confidence) / (judged + prior).
"""

from dataclasses import dataclass

import numpy as np

from feedtwin.columns import Columns
from feedtwin.policies.interface import ForecastPolicy
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.twins.part import Part
from feedtwin.twins.platform.governance.answers import ask_forecast
from feedtwin.twins.platform.governance.table import FORECAST, FORESIGHT, FORETOLD, STATES
from feedtwin.twins.platform.governance.trends import EMERGENCE, PEAK, TrendTracker, key_codes
from feedtwin.twins.platform.governance.viewing import governance_view

_EDGES = np.array([0.5, 1.0, 2.0], np.float32)
"""Velocity over the emergence gate at which the state of a key changes."""
_MICRO = 1_000_000


@dataclass(frozen=True)
class Foresight:
    """When forecasts are made, and what counts as come true; see `parameters/forecast.yaml`."""

    every_steps: int
    size: int
    horizon_steps: int
    prior: float


class Forecasts(Part):
    """Keeps the latest forecast for its readers, and the score of earlier ones."""

    name = "forecasts"

    def __init__(self, settings: Foresight, policy: ForecastPolicy, trends: TrendTracker) -> None:
        self._latest = Columns(FORECAST, 0)
        self._record = Columns(FORESIGHT, 0)
        self._open = Columns(FORETOLD, 0)
        super().__init__(self._latest, self._record, self._open)
        self.settings = settings
        self.policy = policy
        self._trends = trends

    @property
    def table(self) -> Columns:
        """The latest forecast, the surest key first."""
        return self._latest

    # -- verbs -----------------------------------------------------------------------------------

    def due(self, step: int) -> list[Batch]:
        """Return the forecast of this step, if one is due."""
        s, trends = self.settings, self._trends
        is_due = s.every_steps and not step % s.every_steps
        if not is_due or not trends.active or not len(trends.table):
            return []
        view = governance_view(self.sight, step, trends=trends.table)
        answer = ask_forecast(self.policy, view, trends.rows)
        kind, key, confidence, source = (column[: s.size] for column in answer)
        confidence = self._calibrated(self._states(kind, key, step), confidence)
        order = np.lexsort((key, kind, -confidence))
        rows = len(order)
        columns: dict[str, np.ndarray] = {
            "forecast": np.full(rows, step, np.uint32),
            "rank": np.arange(rows, dtype=np.uint8),
            "kind": kind[order],
            "key": key[order],
            "confidence": confidence[order],
            "source": source[order],
        }
        return [EventBatch("TREND_FORECAST_ISSUED", step, columns)]

    def _states(self, kind: np.ndarray, key: np.ndarray, step: int) -> np.ndarray:
        """Return the state, 0 to 7, in which keys are: what forecasts of like keys are compared by."""
        t, rows = self._trends.table, self._trends.rows(kind, key)
        ratio = t.velocity[rows, 0] / np.maximum(self._trends.gate(step), np.float32(1e-6))
        return np.searchsorted(_EDGES, ratio, side="right") + 4 * (t.lifecycle[rows] == EMERGENCE)

    def _calibrated(self, state: np.ndarray, confidence: np.ndarray) -> np.ndarray:
        """Shrink confidences, f4 (N,), to how often forecasts in their states came true."""
        prior = np.float32(self.settings.prior)
        if not len(self._record):
            return confidence
        judged = self._record.judged[state].astype(np.float32)
        true = self._record.came_true[state].astype(np.float32)
        weight = np.maximum(judged + prior, np.float32(1e-6))
        known = judged + prior > 0
        return np.where(known, (true + prior * confidence) / weight, confidence).astype(np.float32)

    # -- handlers --------------------------------------------------------------------------------

    def on_content_state_updated(self, updated: EventBatch) -> None:
        """Judge forecasts whose time is over as wrong, and clear a list that is about to be renewed."""
        step, s, open_ = updated.step, self.settings, self._open
        if len(open_):
            late = (open_.kind > 0) & (step - open_.issued_step > s.horizon_steps)
            self._judge(np.nonzero(late)[0], step, came_true=False)
        if len(self._latest) and s.every_steps and not step % s.every_steps:
            self._latest.kind[:] = 0
            self._latest.key[:] = 0
            self._latest.confidence[:] = 0

    def on_trend_state_changed(self, changed: EventBatch) -> None:
        """Judge the open forecasts of keys that reached their peak as right."""
        peaked = changed.to_lifecycle == PEAK
        codes = key_codes(changed.kind[peaked], changed.key[peaked])
        if len(self._open) and len(codes):
            found = np.isin(key_codes(self._open.kind, self._open.key), codes)
            self._judge(np.nonzero(found)[0], changed.step, came_true=True)

    def on_trend_forecast_issued(self, issued: EventBatch) -> None:
        """Keep the list, and open the forecasts of keys that have none open."""
        latest, rows = self._latest, issued.rows
        latest.grow(max(rows - len(latest), 0))
        self._record.grow(STATES - len(self._record))
        latest.kind[:rows], latest.key[:rows] = issued.kind, issued.key
        latest.confidence[:rows], latest.issued_step[:rows] = issued.confidence, issued.step
        open_ = self._open
        known = np.isin(key_codes(issued.kind, issued.key), key_codes(open_.kind, open_.key))
        new = np.nonzero(~known)[0]
        free = np.nonzero(open_.kind == 0)[0]
        open_.grow(max(len(new) - len(free), 0))
        place = np.nonzero(open_.kind == 0)[0][: len(new)]
        open_.kind[place], open_.key[place] = issued.kind[new], issued.key[new]
        open_.confidence[place], open_.issued_step[place] = issued.confidence[new], issued.step
        open_.condition[place] = self._states(issued.kind[new], issued.key[new], issued.step)
        self.sight.telemetry.add("forecasts", rows)

    def _judge(self, rows: np.ndarray, step: int, *, came_true: bool) -> None:
        """Close open forecasts: count them by state, and their Brier score and lead in the totals."""
        open_, telemetry = self._open, self.sight.telemetry
        state = open_.condition[rows]
        np.add.at(self._record.judged, state, np.uint32(1))
        if came_true:
            np.add.at(self._record.came_true, state, np.uint32(1))
            lead = int((step - open_.issued_step[rows]).sum(dtype=np.int64))
            telemetry.add("forecast_lead_steps", lead)
        error = open_.confidence[rows].astype(np.float64) - float(came_true)
        micro = np.floor(error * error * _MICRO + 0.5).astype(np.int64)
        telemetry.add("forecast_brier_micro", int(micro.sum()))
        telemetry.add("forecasts_true" if came_true else "forecasts_false", len(rows))
        open_.kind[rows] = 0
        open_.key[rows] = 0
