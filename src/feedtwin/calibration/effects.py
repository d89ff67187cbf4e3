"""Effects of persons, videos and authors beyond what their features say: empirical Bayes on the link's scale.

outcome ~ link(offset + base + one normal effect per level of each factor). The variances are estimated with the effects
(EM); what a level's few rows leave uncertain shrinks its effect towards 0, which stands for "as the features say".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import F8, I4

Constants = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Effects:
    """Fitted effects.

    Attributes:
        base: added everywhere.
        means: per factor, (levels,) posterior means; 0 for levels without rows.
        sds: per factor, (levels,) posterior standard deviations; the prior's for levels without rows.
        variances: per factor, variance of the effects.
        noise: residual variance; 1 with the logit link.
    """

    base: float
    means: tuple[F8, ...]
    sds: tuple[F8, ...]
    variances: tuple[float, ...]
    noise: float

    def of(self, levels: Sequence[I4]) -> F8:
        """Sum of base and effects of rows with the given levels."""
        total = np.full(len(levels[0]), self.base)
        for mean, level in zip(self.means, levels, strict=True):
            total += mean[level]
        return total


def logistic(x: F8) -> F8:
    """1 / (1 + exp(-x)), without overflow."""
    result: F8 = 1.0 / (1.0 + np.exp(-np.clip(x, -500.0, 500.0)))
    return result


def fit_effects(
    outcome: F8, offset: F8, factors: Sequence[tuple[I4, int]], binary: bool, c: Constants
) -> Effects:
    """Fits crossed effects by sweeps of Newton steps.

    Args:
        outcome: (n,) 0/1 when `binary`.
        offset: (n,) what is known before, on the link's scale.
        factors: for each factor, (n,) level numbers and the number of levels.
        binary: logit link, else identity.
        c: constants `effects.*`.

    Returns:
        The effects.
    """
    low, largest = c["effects.variance_low"], c["effects.largest_step"]
    noise = 1.0 if binary else max(float(np.var(outcome - offset)), low)
    variances = [c["effects.start_variance"] * noise] * len(factors)
    means = [np.zeros(levels) for _, levels in factors]
    posterior = [np.full(levels, v) for (_, levels), v in zip(factors, variances, strict=True)]
    seen = [np.bincount(level, minlength=levels) > 0 for level, levels in factors]
    base, linear = 0.0, offset.astype(np.float64).copy()
    for _ in range(int(c["effects.sweeps"])):
        expected, weight = _link(linear, binary)
        step = float((outcome - expected).sum() / max(weight.sum(), 1e-12))
        base, linear = base + step, linear + step
        for which, (level, levels) in enumerate(factors):
            expected, weight = _link(linear, binary)
            pull = np.bincount(level, outcome - expected, levels) / noise
            precision = np.bincount(level, weight, levels) / noise + 1.0 / variances[which]
            change = np.clip(
                (pull - means[which] / variances[which]) / precision, -largest, largest
            )
            means[which] += change
            linear += change[level]
            posterior[which] = 1.0 / precision
            squares = means[which] ** 2 + posterior[which]
            variances[which] = max(float(squares[seen[which]].mean()), low)
        if not binary:
            noise = max(float(np.mean((outcome - linear) ** 2)), low)
    sds = tuple(
        np.sqrt(np.where(s, p, v)) for s, p, v in zip(seen, posterior, variances, strict=True)
    )
    return Effects(base, tuple(means), sds, tuple(variances), noise)


def _link(linear: F8, binary: bool) -> tuple[F8, F8]:
    if not binary:
        return linear, np.ones(len(linear))
    p = logistic(linear)
    return p, p * (1.0 - p)


def logistic_fit(outcome: F8, design: F8, ridge: float = 1e-3, steps: int = 50) -> F8:
    """Coefficients of a small logistic regression by Newton steps; (k,) for a design (n, k)."""
    beta = np.zeros(design.shape[1])
    for _ in range(steps):
        p = logistic(design @ beta)
        gradient = design.T @ (outcome - p) - ridge * beta
        curvature = (design * (p * (1.0 - p))[:, None]).T @ design + ridge * np.eye(len(beta))
        change = np.clip(np.linalg.solve(curvature, gradient), -2.0, 2.0)
        beta += change
        if float(np.abs(change).max()) < 1e-8:
            break
    return beta
