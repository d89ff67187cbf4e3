"""TREND_PREDICTION: which hashtags will grow, from four hourly velocities each.

Two predictors need no model. `naive_forecast` is the paper's baseline: rule-based signals of the telemetry,
hottest first. `early_forecast` looks for growth that chance does not explain and for room to grow, and is
the stand-in of the live model. A forecast is a report: what is done about it is decided elsewhere.
Source: paper 4.2.1 and F.1.3; the estimators are ours.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from feedtwin.llm.json_schema import Schema, restrict
from feedtwin.llm.task import TASKS, Request, Response, Task, refuse_unknown
from feedtwin.llm.text import Clean, Hashtag
from feedtwin.schema.codes import LlmTask

FORECASTS_MAX: Final = 10
_STEADY: Final = 4.0
"""Posts that a hashtag is given on both sides, so that 0 -> 2 is no explosion."""
_SIGNIFICANT: Final = 1.5
"""Standard deviations from which growth is taken for growth."""
_CROWDED: Final = 0.5
"""Share of the hottest velocity from which a hashtag counts as arrived."""


def clamped(value: object) -> object:
    """Return a finite number within [0, 1], in steps of 0.001; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value - value != 0:
        return value
    return round(min(max(float(value), 0.0), 1.0) * 1000) / 1000


Confidence = Annotated[float, Field(ge=0.0, le=1.0), BeforeValidator(clamped)]


class Series(Request):
    """Posts per hour of a hashtag, three hours ago to now."""

    hashtag: Hashtag
    velocity: Annotated[
        tuple[Annotated[int, Field(ge=0, le=10**9)], ...], Field(min_length=4, max_length=4)
    ]


class TrendRequest(Request):
    """The telemetry of an hour."""

    series: Annotated[tuple[Series, ...], Field(min_length=1, max_length=50)]


class Forecast(Response):
    """A hashtag that is expected to grow."""

    hashtag: Hashtag
    confidence: Confidence
    rationale: Annotated[str, Field(min_length=1, max_length=120), Clean]


class Forecasts(Response):
    """The expected trends, surest first."""

    forecasts: Annotated[tuple[Forecast, ...], Field(max_length=FORECASTS_MAX)]


@TASKS.register("TREND_PREDICTION")
class TrendTask(Task[TrendRequest, Forecasts]):
    """Forecast which hashtags will trend."""

    name = "TREND_PREDICTION"
    code = LlmTask.TREND_PREDICTION
    version = 1
    request = TrendRequest
    response = Forecasts
    key = ("step",)
    instruction = (
        "You analyse the telemetry of a short-video platform. The data holds posts per hour of hashtags, three "
        "hours ago to now. Identify emerging trends that are in the early adopter phase. Ignore stable or "
        "declining trends. Give a confidence from 0 to 1 and a short rationale for each."
    )

    def decisions(self, response: Forecasts) -> dict[str, Any]:
        """The hashtags that are more likely than not to trend."""
        return {one.hashtag: True for one in response.forecasts if one.confidence >= 0.5}

    def example(self) -> TrendRequest:
        """Twenty hashtags, one of which takes off."""
        quiet = [Series(hashtag=f"dance_{k}", velocity=(4, 5, 3, 4)) for k in range(19)]
        return TrendRequest(series=(*quiet, Series(hashtag="pets_3", velocity=(1, 3, 9, 21))))

    def narrow(self, schema: Schema, request: TrendRequest) -> Schema:
        """Limit hashtags to those of the telemetry."""
        names = tuple(dict.fromkeys(one.hashtag for one in request.series))
        return restrict(schema, "forecasts.[].hashtag", names)

    def normalise(self, request: TrendRequest, response: Forecasts) -> Forecasts:
        """Sort by confidence and keep each hashtag once; hashtags of no telemetry are refused."""
        offered = {one.hashtag for one in request.series}
        best: dict[str, Forecast] = {}
        for one in sorted(response.forecasts, key=lambda f: (-f.confidence, f.hashtag)):
            refuse_unknown(one.hashtag, tuple(offered), "a hashtag")
            best.setdefault(one.hashtag, one)
        return Forecasts(forecasts=tuple(best.values()))

    def surrogate(self, request: TrendRequest, words: Sequence[int]) -> Forecasts:
        """Forecast by rule; nothing is drawn."""
        del words
        return early_forecast(request)


def naive_forecast(request: TrendRequest) -> Forecasts:
    """Return the hottest hashtags that did not fall in the last hour, sure in proportion to velocity."""
    top = max(max(one.velocity[-1] for one in request.series), 1)
    rising = [one for one in request.series if one.velocity[-1] >= one.velocity[-2] > 0]
    found = [
        Forecast(
            hashtag=one.hashtag,
            confidence=one.velocity[-1] / top,
            rationale=f"{one.velocity[-1]} posts per hour and not falling",
        )
        for one in rising
    ]
    return _best(found)


def early_forecast(request: TrendRequest) -> Forecasts:
    """Return hashtags that grow beyond chance and have not arrived yet.

    Posts of the last two hours are compared with those of the two before: `z` is their difference in
    standard deviations of counts, the growth is their ratio, shrunk toward 1, and the confidence grows with
    both, less what the hashtag has already of the hottest one's velocity, less if the last hour slowed down.
    """
    top = max(max(one.velocity) for one in request.series)
    found = []
    for one in request.series:
        early, late = sum(one.velocity[:2]), sum(one.velocity[2:])
        z = (late - early) / sqrt(late + early + 1)
        growth = (late + _STEADY) / (early + _STEADY)
        arrived = one.velocity[-1] / max(top, 1)
        slowed = one.velocity[-1] < one.velocity[-2]
        if z < _SIGNIFICANT or slowed:
            continue
        score = (z - _SIGNIFICANT / 2) * (growth - 1.0)
        room = 1.0 if arrived < _CROWDED else 1.5 - arrived
        found.append(
            Forecast(
                hashtag=one.hashtag,
                confidence=room * score / (score + 1.0),
                rationale=f"{early} to {late} posts in two hours, {round(100 * arrived)} % of the top",
            )
        )
    return _best(found)


def _best(found: list[Forecast]) -> Forecasts:
    found.sort(key=lambda one: (-one.confidence, one.hashtag))
    return Forecasts(forecasts=tuple(found[:FORECASTS_MAX]))
