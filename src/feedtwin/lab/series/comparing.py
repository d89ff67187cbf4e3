"""Facts of a platform beside those of runs: intervals, whether they meet, and how far the distributions are apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from feedtwin.calibration.series.facts import Fact, summaries
from feedtwin.lab.run_data import Array
from feedtwin.lab.statistics.resampling import resample_rows, sign_flips

RESAMPLES: Final = 2000
SPLITS: Final = 200
"""Random halvings of the data behind the noise floor."""
CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class Pattern:
    """One fact, observed and in the twin.

    Attributes:
        about: What it is a fact of.
        name: Which fact.
        unit: Its unit.
        summary: "median" or "mean" over units.
        observed: The data's, with `low` and `high`: 95 % interval over clusters (hashtags, cascades), by bootstrap.
        units: Windows or trees of the data; `clusters` of them are resampled.
        twin: Mean over runs of the runs' summaries; None where no run has a unit.
        twin_low: Lower end of Student's interval over runs; None of fewer than two.
        twin_high: Upper end.
        runs: Runs with any unit, with `twin_units` in all.
        inside: Whether the twin's mean lies in the data's interval; None without one.
        ks: Kolmogorov and Smirnov's distance of the distributions of units, 0 to 1.
        ks_floor: What 95 % of random halvings of the data's clusters stay below: a distance of nothing.
        wasserstein: Mean distance that the twin's units would have to move, in `unit`.
        wasserstein_floor: The same floor.
        values: Units of the data and of all runs, for drawing.
    """

    about: str
    name: str
    unit: str
    summary: str
    observed: float
    low: float
    high: float
    units: int
    clusters: int
    twin: float | None
    twin_low: float | None
    twin_high: float | None
    runs: int
    twin_units: int
    inside: bool | None
    ks: float | None
    ks_floor: float | None
    wasserstein: float | None
    wasserstein_floor: float | None
    values: tuple[Array, Array]


def compare(about: str, real: Sequence[Fact], runs: Sequence[Sequence[Fact]]) -> list[Pattern]:
    """Return one pattern per fact of the data that any unit has.

    Args:
        about: What they are facts of.
        real: Facts of the data.
        runs: The same facts of each run, in the same order.
    """
    found = []
    for place, fact in enumerate(real):
        keep = np.isfinite(fact.values)
        if keep.any():
            values = [one[place].values[np.isfinite(one[place].values)] for one in runs]
            found.append(_pattern(about, fact, keep, [one for one in values if len(one)]))
    return found


def _pattern(about: str, fact: Fact, keep: Array, runs: list[Array]) -> Pattern:
    values = fact.values[keep]
    names, cluster = np.unique(fact.cluster[keep], return_inverse=True)
    cluster = cluster.reshape(-1)
    drawn = summaries(values, weights(len(names))[:, cluster], fact.summary)
    low, high = interval(drawn)
    every = np.concatenate(runs) if runs else np.zeros(0)
    once = [summaries(one, np.ones((1, len(one))), fact.summary)[0] for one in runs]
    twin, below, above = _over_runs(once)
    ks, wasserstein = _distances(values, every)
    ks_floor, wasserstein_floor = _floor(values, cluster, len(names))
    return Pattern(
        about, fact.name, fact.unit, fact.summary, float(drawn[0]), low, high, len(values),
        len(names), twin, below, above, len(runs), len(every),
        None if twin is None or len(names) < 2 else low <= twin <= high,
        ks, ks_floor, wasserstein, wasserstein_floor, (values, every),
    )  # fmt: skip


def weights(count: int) -> Array:
    """Return how often each cluster is drawn, float64 (RESAMPLES + 1, count); the first row is the data itself."""
    rows = resample_rows(count, resamples=RESAMPLES)
    drawn = np.stack([np.bincount(one, minlength=count) for one in rows]).astype(np.float64)
    return np.concatenate([np.ones((1, count)), drawn])


def interval(drawn: Array) -> tuple[float, float]:
    """Return the percentile interval of all values but the first, which is the estimate; NaN where none is defined."""
    known = drawn[1:][np.isfinite(drawn[1:])]
    if not len(known):
        return float("nan"), float("nan")
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return float(low), float(high)


def _over_runs(once: list[float]) -> tuple[float | None, float | None, float | None]:
    if not once:
        return None, None, None
    mean = float(np.mean(once))
    if len(once) < 2:
        return mean, None, None
    error = float(np.std(once, ddof=1)) / len(once) ** 0.5
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, len(once) - 1)) * error
    return mean, mean - half, mean + half


def _distances(a: Array, b: Array) -> tuple[float | None, float | None]:
    if not len(a) or not len(b):
        return None, None
    return float(stats.ks_2samp(a, b).statistic), float(stats.wasserstein_distance(a, b))


def _floor(values: Array, cluster: Array, clusters: int) -> tuple[float | None, float | None]:
    signs, _ = sign_flips(clusters, resamples=SPLITS)
    found = [
        _distances(values[half], values[~half]) for half in (one[cluster] > 0 for one in signs)
    ]
    ks, moved = [a for a, _ in found if a is not None], [b for _, b in found if b is not None]
    if not ks:
        return None, None
    return float(np.quantile(ks, CONFIDENCE)), float(np.quantile(moved, CONFIDENCE))
