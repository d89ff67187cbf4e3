"""A language model as predictor: the telemetry of an hour in, hashtags that will grow out. Spec TREND_PREDICTION."""

import numpy as np

from feedtwin.policies.consulting import Consultant, consulted
from feedtwin.policies.forecast.heuristic import surest
from feedtwin.policies.forecast.settings import ForecastSettings
from feedtwin.policies.interface import Forecast, View, policy

HASHTAG = 1
"""Code of `TrendKind`."""
SERIES_MAX = 50


@policy("forecast", "llm", section="forecast")
class Consulting:
    """Asks a language model (llm.trend); its stand-in reads the same four velocities."""

    def __init__(self, settings: ForecastSettings) -> None:
        from feedtwin.llm.task import task  # a world without this policy loads nothing of it

        self.settings = settings
        self._task = task("TREND_PREDICTION")
        self._consultant: Consultant | None = None

    def consult(self, consultant: Consultant) -> None:
        """Take whom to ask."""
        self._consultant = consultant

    def forecast(self, view: View) -> Forecast:
        """Ask about the hashtags with most engagement in the last four hours."""
        from feedtwin.llm.task import Ask
        from feedtwin.llm.tasks.trend import Series, TrendRequest

        someone = consulted(self._consultant, "forecast", "trend")
        trends = view.trends
        assert trends is not None
        rows = np.nonzero((trends.kind == HASHTAG) & (trends.velocity.max(axis=1) > 0))[0]
        order = np.lexsort((trends.key[rows], -trends.velocity[rows].sum(axis=1)))
        rows = rows[order[:SERIES_MAX]]
        nothing = np.zeros(0, np.uint32)
        if not len(rows):
            return Forecast(nothing, nothing, nothing.astype(np.float32))
        names = someone.names
        code = {names.hashtags[int(key)]: int(key) for key in trends.key[rows]}
        velocity = np.rint(trends.velocity[rows]).astype(np.int64)[:, ::-1].tolist()
        series = tuple(
            Series(hashtag=name, velocity=tuple(own))
            for name, own in zip(code, velocity, strict=True)
        )
        ask = Ask(self._task, (view.step,), TrendRequest(series=series), is_privileged=True)
        (answer,) = someone.ask([ask])
        found = answer.response.forecasts
        key = np.asarray([code[one.hashtag] for one in found], np.uint32)
        confidence = np.asarray([one.confidence for one in found], np.float32)
        kind = np.full(len(key), HASHTAG, np.uint8)
        best = surest(kind, key, confidence, confidence, self.settings)
        return Forecast(best.kind, best.key, best.confidence, int(answer.source))
