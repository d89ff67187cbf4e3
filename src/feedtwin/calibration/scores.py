"""Scores of predictions with intervals: paired bootstrap over users, the same resamples for every method."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feedtwin.datasets.adaptor import F8, I8, Flags
from feedtwin.datasets.hashing import uniforms

BETTER = {"mae": "low", "smape": "low", "auc": "high", "log_loss": "low"}
"""Which way a score is better."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Resamples:
    """How often each user is drawn in each resample.

    Attributes:
        weight: (R, U) counts; the first row is the data itself, once each.
        user: (n,) row of each impression's user.
        tail: probability on each side of an interval.
    """

    weight: F8
    user: I8
    tail: float

    @staticmethod
    def of(users: I8, resamples: int, confidence: float) -> "Resamples":
        """Resamples of the distinct users among `users`, (n,) keys."""
        distinct, row = np.unique(users, return_inverse=True)
        count = len(distinct)
        at = (uniforms(np.arange(resamples * count), "bootstrap of users") * count).astype(np.int64)
        weight = np.stack(
            [np.bincount(one, minlength=count) for one in at.reshape(resamples, count)]
        )
        counts: F8 = np.concatenate([np.ones((1, count)), weight.astype(np.float64)])
        return Resamples(counts, row.reshape(-1), (1.0 - confidence) / 2.0)

    def means(self, terms: F8) -> F8:
        """Mean of per-row terms in every resample, (R,)."""
        count = self.weight.shape[1]
        total = np.bincount(self.user, terms, count)
        rows = np.bincount(self.user, minlength=count)
        result: F8 = (self.weight @ total) / np.maximum(self.weight @ rows, 1e-12)
        return result

    def aucs(self, outcome: Flags, score: F8) -> F8:
        """Area under the ROC curve in every resample, (R,); ties count half."""
        _, place = np.unique(score, return_inverse=True)
        place = place.reshape(-1)
        count = int(place.max()) + 1
        found = np.empty(len(self.weight))
        for r, weight in enumerate(self.weight):
            w = weight[self.user]
            yes = np.bincount(place, w * outcome, count)
            no = np.bincount(place, w * ~outcome, count)
            before = np.cumsum(no) - 0.5 * no
            found[r] = (yes * before).sum() / max(yes.sum() * no.sum(), 1e-12)
        return found

    def estimate(self, values: F8) -> Estimate:
        """The first value with a percentile interval of the others."""
        low, high = np.quantile(values[1:], [self.tail, 1.0 - self.tail])
        return Estimate(float(values[0]), float(low), float(high))


def point_scores(
    draws: Resamples, truth: F8, predictions: Mapping[str, F8]
) -> dict[str, dict[str, F8]]:
    """MAE (s) and SMAPE (%) of every method in every resample; 0/0 counts 0."""
    found: dict[str, dict[str, F8]] = {"mae": {}, "smape": {}}
    for name, guess in predictions.items():
        error, size = np.abs(truth - guess), np.abs(truth) + np.abs(guess)
        found["mae"][name] = draws.means(error)
        found["smape"][name] = draws.means(
            200.0 * np.divide(error, size, out=np.zeros_like(error), where=size > 0)
        )
    return found


def rate_scores(
    draws: Resamples, truth: Flags, predictions: Mapping[str, F8]
) -> dict[str, dict[str, F8]]:
    """AUC and log loss of every method in every resample."""
    found: dict[str, dict[str, F8]] = {"auc": {}, "log_loss": {}}
    for name, guess in predictions.items():
        p = np.clip(guess, 1e-6, 1.0 - 1e-6)
        found["auc"][name] = draws.aucs(truth, guess)
        found["log_loss"][name] = draws.means(-np.where(truth, np.log(p), np.log1p(-p)))
    return found


def calibration_curve(
    draws: Resamples, truth: Flags, guess: F8, parts: int = 10
) -> list[dict[str, float]]:
    """Predicted and observed rate by decile of the prediction, with the standard error over users."""
    order = np.argsort(guess, kind="stable")
    found = []
    for number, rows in enumerate(np.array_split(order, parts), start=1):
        inside = np.zeros(len(guess), dtype=np.bool_)
        inside[rows] = True
        gap = _gap(draws, truth, guess, inside)
        found.append({
            "decile": number, "n": len(rows), "predicted": float(guess[rows].mean()),
            "observed": float(truth[rows].mean()), "se": float(gap[1:].std()),
        })  # fmt: skip
    return found


def _gap(draws: Resamples, truth: Flags, guess: F8, inside: Flags) -> F8:
    count = draws.weight.shape[1]
    gap = np.bincount(draws.user[inside], (truth - guess)[inside], count)
    rows = np.bincount(draws.user[inside], minlength=count)
    result: F8 = (draws.weight @ gap) / np.maximum(draws.weight @ rows, 1e-12)
    return result


def distance(one: F8, two: F8) -> float:
    """Kolmogorov-Smirnov distance of two samples."""
    both = np.sort(np.concatenate([one, two]))
    a = np.searchsorted(np.sort(one), both, side="right") / len(one)
    b = np.searchsorted(np.sort(two), both, side="right") / len(two)
    return float(np.abs(a - b).max())
