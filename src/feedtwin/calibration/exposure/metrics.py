"""The nine metrics of the study of random exposure: as a log shows them, and as the fitted encounter expects them.

    valid_view      watched to the end if the video lasts at most 7 s, else for more than 7 s
    long_view       watched to the end if the video lasts at most 18 s, else for at least 18 s
    finish          watched for at least the video's duration
    watch_s         seconds watched; may exceed the duration, because a video repeats
    like, comment, share, follow, not_interested    the signal was given in the impression

Definitions of the KuaiRand data card. An unknown duration counts as the median one.
"""

from typing import Final

import numpy as np

from feedtwin.calibration.material import Material
from feedtwin.calibration.model import LONG_S, SIGNALS, EncounterModel, Prospect
from feedtwin.datasets.adaptor import F8
from feedtwin.datasets.encounters import EncounterLog

VALID_S: Final = 7.0
"""A valid view lasts more than 7 s, or to the end of a shorter video (data card)."""
WATCHED: Final = ("valid_view", "long_view", "finish", "watch_s")
"""Metrics of the watch; the others are `SIGNALS`."""
METRICS: Final = (*WATCHED, *SIGNALS)
SECONDS: Final = "watch_s"
"""The one metric that is no share of impressions."""
_LEAST: Final = 1e-7
"""Probabilities and seconds below it count as it, so that their link is finite."""


def metrics_of(log: EncounterLog) -> tuple[str, ...]:
    """Those of `METRICS` that a log records."""
    return (*WATCHED, *(name for name in SIGNALS if name in log.recorded))


def observed(log: EncounterLog, material: Material) -> dict[str, F8]:
    """Outcomes of every impression, (n,) each: 0 or 1, or seconds."""
    watch, duration = log.rows.watch_s, material.duration_s
    found = {
        "valid_view": np.where(duration <= VALID_S, watch >= duration, watch > VALID_S),
        "long_view": watch >= np.minimum(duration, LONG_S),
        "finish": watch >= duration,
        SECONDS: watch,
    }
    found |= {name: getattr(log.rows, name) for name in metrics_of(log)[len(WATCHED) :]}
    return {name: values.astype(np.float64) for name, values in found.items()}


def expected(model: EncounterModel, log: EncounterLog) -> dict[str, F8]:
    """What the model expects of every impression, on the metric's link's scale, (n,) each.

    The link is the logit, and the logarithm for `watch_s`. Outcomes in the log are not looked at.
    """
    found = {name: np.empty(len(log.rows)) for name in metrics_of(log)}
    for at, prospect in model.prospects(log):
        for name, values in _means(prospect).items():
            if name in found:
                found[name][at] = to_link(name, values)
    return found


def to_link(name: str, values: F8) -> F8:
    """Rates or seconds on the metric's link's scale."""
    if name == SECONDS:
        return np.asarray(np.log(np.maximum(values, _LEAST)), dtype=np.float64)
    p = np.clip(values, _LEAST, 1.0 - _LEAST)
    return np.asarray(np.log(p / (1.0 - p)), dtype=np.float64)


def from_link(name: str, linear: F8) -> F8:
    """The inverse of `to_link`."""
    if name == SECONDS:
        return np.asarray(np.exp(np.minimum(linear, 20.0)), dtype=np.float64)
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(linear, -500.0, 500.0))), dtype=np.float64)


def _means(prospect: Prospect) -> dict[str, F8]:
    """Expected outcomes of a block of impressions."""
    duration, fates = prospect.duration_s, prospect.fates()
    found = {
        "valid_view": prospect.watched_at_least(np.minimum(duration, VALID_S)),
        "long_view": prospect.watched_at_least(np.minimum(duration, LONG_S)),
        "finish": fates[:, 3],
        SECONDS: prospect.mean(),
    }
    return found | {name: (fates * chance).sum(axis=1) for name, chance in prospect.signal.items()}
