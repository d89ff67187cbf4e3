"""Light empirical Bayes in NumPy: crossed effects, beta-binomial rates, gamma-Poisson relative rates.

Every function is a plain function of its arguments. Results are rounded by the caller, so that last-bit differences
between NumPy builds do not reach a world.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feedtwin.datasets.adaptor import F8, I4, I8
from feedtwin.datasets.constants import Constants

_Table = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Effects:
    """Fitted crossed effects.

    Attributes:
        base: intercept, on the link's scale.
        means: per factor, (levels,) posterior means.
        sds: per factor, (levels,) posterior standard deviations.
        variances: per factor, variance of the effects over levels.
        noise: residual variance; 1 with the logit link.
        fitted: (n,) expectation of each row.
    """

    base: float
    means: tuple[F8, ...]
    sds: tuple[F8, ...]
    variances: tuple[float, ...]
    noise: float
    fitted: F8


def logistic(x: F8) -> F8:
    """1 / (1 + exp(-x)), without overflow."""
    y: F8 = 1.0 / (1.0 + np.exp(-np.clip(x, -500.0, 500.0)))
    return y


def logit(p: float) -> float:
    """ln(p / (1 - p))."""
    return float(np.log(p) - np.log1p(-p))


def crossed_effects(
    outcome: F8,
    factors: Sequence[tuple[I4, int]],
    constants: Constants,
    *,
    logit_variances: Sequence[float] | None = None,
) -> Effects:
    """Fits outcome ~ base + one normal effect per level of each factor.

    Gauss-Seidel sweeps of penalised Newton steps. A continuous outcome is the usual mixed model with the identity link,
    its variances estimated by EM. A binary outcome takes the logit link and needs its variances given, because estimating
    them on that scale falls short by a third when levels have four rows (`logit_variance` has no such bias).

    Args:
        outcome: (n,) continuous, or 0/1 when `logit_variances` are given.
        factors: for each factor, (n,) level numbers and the number of levels. Levels without rows get mean 0.
        constants: the fit's constants.
        logit_variances: per factor, variance of the effects on the logit scale; None = identity link.

    Returns:
        The effects.
    """
    low, high = constants["effects.variance_low"], constants["effects.variance_high"]
    largest = constants["effects.largest_step"]
    binary = logit_variances is not None
    mean = float(outcome.mean())
    base = logit(min(max(mean, 1e-6), 1.0 - 1e-6)) if binary else mean
    noise = 1.0 if binary else max(float(outcome.var()), low)
    start = [constants["effects.start_variance"] * noise] * len(factors)
    variances = [float(v) for v in logit_variances or start]
    linear = np.full(len(outcome), base)
    means = [np.zeros(levels) for _, levels in factors]
    sds = [np.zeros(levels) for _, levels in factors]
    for _ in range(int(constants["effects.sweeps"])):
        for which, (level, levels) in enumerate(factors):
            expected, weight = _link(linear, binary)
            pull = np.bincount(level, outcome - expected, levels) / noise
            information = np.bincount(level, weight, levels) / noise
            precision = information + 1.0 / variances[which]
            step = np.clip((pull - means[which] / variances[which]) / precision, -largest, largest)
            means[which], sds[which] = means[which] + step, 1.0 / np.sqrt(precision)
            linear = linear + step[level]
            if not binary:
                seen = information > 0
                spread = float(np.mean(means[which][seen] ** 2 + 1.0 / precision[seen]))
                variances[which] = min(max(spread, low), high)
        expected, weight = _link(linear, binary)
        shift = float(np.sum(outcome - expected) / max(float(np.sum(weight)), 1e-12))
        base, linear = base + shift, linear + shift
        noise = 1.0 if binary else max(float(np.mean((outcome - linear) ** 2)), low)
    fitted, _ = _link(linear, binary)
    return Effects(base, tuple(means), tuple(sds), tuple(variances), noise, fitted)


def _link(linear: F8, binary: bool) -> tuple[F8, F8]:
    """Expectation and its derivative."""
    if not binary:
        return linear, np.ones(len(linear))
    p = logistic(linear)
    return p, p * (1.0 - p)


def logit_variance(probability_variance: float, mean: float, constants: Constants) -> float:
    """Variance of normal effects on the logit scale that gives a variance of probabilities.

    Args:
        probability_variance: variance over levels of the probability, as an identity-link fit estimates it.
        mean: mean probability, inside (0, 1).
        constants: the fit's constants (`effects.variance_low`, `effects.variance_high`).

    Returns:
        The variance, within the two limits.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    weights = weights / weights.sum()
    low, high = constants["effects.variance_low"], constants["effects.variance_high"]
    sds = np.linspace(float(np.sqrt(low)), float(np.sqrt(high)), 201)
    base = np.full(len(sds), logit(mean))
    p = logistic(base[:, None] + np.outer(sds, nodes))
    for _ in range(30):
        base = base + (mean - p @ weights) / ((p * (1.0 - p)) @ weights)
        p = logistic(base[:, None] + np.outer(sds, nodes))
    reached = (p * p) @ weights - (p @ weights) ** 2
    return float(np.interp(probability_variance, reached, sds)) ** 2


def interaction(
    residual: F8, person_effect: F8, cell: I8, person: I4, noise: float, low: float
) -> tuple[I8, F8, float]:
    """Effects of the cells of two factors beyond either, in the linear model.

    The cells' variance is what rows of one cell share beyond what rows of one person in different cells share.

    Args:
        residual: (n,) outcome less the fitted value, person's effect included in the fit.
        person_effect: (n,) the person's fitted effect.
        cell: (n,) cell numbers; a cell belongs to one person.
        person: (n,) person numbers.
        noise: residual variance.
        low: smallest variance returned.

    Returns:
        The distinct cells, their posterior mean effects, and the variance.
    """
    cells, place = np.unique(cell, return_inverse=True)
    place = place.reshape(-1)
    whole = residual + person_effect
    count, total = np.bincount(place), np.bincount(place, whole)
    people, all_of = np.bincount(person), np.bincount(person, whole)
    inner = float(np.sum(total**2) - np.sum(whole**2))
    inner_pairs = float(np.sum(count * (count - 1.0)))
    outer = float(np.sum(all_of**2) - np.sum(total**2))
    outer_pairs = float(np.sum(people * 1.0 * people) - np.sum(count * 1.0 * count))
    variance = max(inner / max(inner_pairs, 1.0) - outer / max(outer_pairs, 1.0), low)
    means: F8 = np.bincount(place, residual) / (count + noise / variance)
    return cells, means, variance


def _grid_maximum(value: _Table, x: tuple[float, float], y: tuple[float, float]) -> F8:
    """Maximum of a smooth function of two arguments on a grid that closes in four times."""
    edges = np.array([x, y])
    spans = edges.copy()
    best = spans.mean(axis=1)
    for _ in range(4):
        axes = [np.linspace(low, high, 13) for low, high in spans]
        table = np.array([[value(float(a), float(b)) for b in axes[1]] for a in axes[0]])
        i, j = np.unravel_index(int(np.argmax(table)), table.shape)
        best = np.array([axes[0][i], axes[1][j]])
        cell = (spans[:, 1] - spans[:, 0]) / 12.0
        spans = np.clip(np.stack([best - cell, best + cell], axis=1), edges[:, :1], edges[:, 1:])
    return np.asarray(best)


def _rising(start: float, top: int) -> F8:
    """Logarithm of start (start+1) ... (start+m-1) for m = 0..top."""
    return np.concatenate([[0.0], np.cumsum(np.log(start + np.arange(top)))])


def _distinct(*columns: I8) -> tuple[I8, I8, I8]:
    """Distinct rows of integer columns, the row's number among them, and their frequency."""
    rows, inverse, frequency = np.unique(
        np.stack(columns, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    return rows, inverse.reshape(-1), frequency


def beta_binomial(events: I8, trials: I8, constants: Constants) -> tuple[float, float]:
    """Maximum-likelihood beta distribution of rates over people.

    Args:
        events: (m,) events per person.
        trials: (m,) trials per person, at least `events`.
        constants: the fit's constants.

    Returns:
        The beta distribution's two parameters. With no event at all, the rate is half an event over all trials.
    """
    total = max(int(trials.sum()), 1)
    pooled = min(max(float(events.sum()), 0.5) / total, 1.0 - 0.5 / total)
    rows, _, frequency = _distinct(events, trials)
    k, n = rows[:, 0], rows[:, 1]
    top = int(n.max(initial=0))

    def likelihood(log_precision: float, log_odds: float) -> float:
        precision, mean = float(np.exp(log_precision)), 1.0 / (1.0 + float(np.exp(-log_odds)))
        a, b = _rising(precision * mean, top), _rising(precision * (1.0 - mean), top)
        return float(np.sum(frequency * (a[k] + b[n - k] - _rising(precision, top)[n])))

    low, high = constants["people.precision_low"], constants["people.precision_high"]
    log_precision, log_odds = _grid_maximum(
        likelihood,
        (float(np.log(low)), float(np.log(high))),
        (logit(pooled) - 1.0, logit(pooled) + 1.0),
    )
    precision, mean = float(np.exp(log_precision)), 1.0 / (1.0 + float(np.exp(-log_odds)))
    return precision * mean, precision * (1.0 - mean)


def beta_logits(
    events: I8, trials: I8, prior: tuple[float, float], at: F8 | None, limits: tuple[float, float]
) -> F8:
    """Logit of each person's rate: a quantile of the posterior beta distribution, or its mean.

    The density of a logit t under Beta(a, b) is proportional to p^a (1-p)^b with p = logistic(t): smooth for every a, so
    a plain grid integrates it; what lies below the grid has the mass of its exponential tail.

    Args:
        events: (m,) events per person.
        trials: (m,) trials per person.
        prior: the beta distribution's parameters.
        at: (m,) quantiles in (0, 1), one per person; None = posterior mean.
        limits: lowest and highest logit.

    Returns:
        (m,) logits.
    """
    a, b = prior[0] + events, prior[1] + (trials - events)
    if at is None:
        return np.asarray(np.clip(np.log(a) - np.log(b), *limits))
    rows, which, _ = _distinct(events, trials)
    t = np.linspace(limits[0], limits[1], 1024)
    log_p, log_q = -np.logaddexp(0.0, -t), -np.logaddexp(0.0, t)
    logits = np.empty(len(events))
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(len(rows) + 1))
    for row, (k, n) in enumerate(rows):
        alpha, beta = prior[0] + k, prior[1] + n - k
        height = alpha * log_p + beta * log_q
        density = np.exp(height - height.max())
        mass = np.cumsum((density[1:] + density[:-1]) * 0.5 * (t[1] - t[0]))
        cumulative = density[0] / alpha + np.concatenate([[0.0], mass])
        members = order[starts[row] : starts[row + 1]]
        logits[members] = np.interp(at[members] * cumulative[-1], cumulative, t)
    return logits


def relative_rates(
    events: npt.NDArray[Any],
    expected: npt.NDArray[Any],
    shape: float,
    centre: F8 | float = 1.0,
) -> F8:
    """Posterior mean of observed over expected under a gamma prior.

    Args:
        events: (m,) observed counts.
        expected: (m,) expected counts.
        shape: weight of the prior in expected events.
        centre: the prior's mean, one or (m,).

    Returns:
        (m,) relative rates; `centre` where nothing was expected.
    """
    rates: F8 = (shape * centre + events) / (shape + expected)
    return rates


def lift_shape(events: I8, expected: F8, limits: tuple[float, float]) -> float:
    """Maximum-likelihood shape of a mean-1 gamma distribution of lifts, for Poisson counts around expected x lift.

    Args:
        events: (m,) counts.
        expected: (m,) positive expectations.
        limits: smallest and largest shape.

    Returns:
        The shape; large = people are alike.
    """
    top = int(events.max(initial=0))

    def likelihood(log_shape: float) -> float:
        shape = float(np.exp(log_shape))
        spread = np.log(shape + expected)
        return float(
            np.sum(_rising(shape, top)[events] + shape * (log_shape - spread) - events * spread)
        )

    low, high = (float(np.log(limit)) for limit in limits)
    for _ in range(4):
        grid = np.linspace(low, high, 9)
        best = int(np.argmax([likelihood(float(x)) for x in grid]))
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 8)])
    return float(np.exp((low + high) / 2.0))


def upload_prior(uploads: I8, days: float, constants: Constants) -> tuple[float, float]:
    """Zero-truncated negative binomial fit of uploads per author in a window.

    Args:
        uploads: (A,) uploads per author in the window, at least 1 each.
        days: the window's length.
        constants: the fit's constants.

    Returns:
        Shape and rate (in days) of the gamma distribution of an author's uploads per day, unseen authors included.
    """
    counts, frequency = np.unique(uploads, return_counts=True)
    top = int(counts.max(initial=1))

    def likelihood(log_shape: float, log_mean: float) -> float:
        shape = float(np.exp(log_shape))
        odds = days * float(np.exp(log_mean)) / shape
        nothing = -shape * float(np.log1p(odds))
        share = float(np.log(odds) - np.log1p(odds))
        terms = _rising(shape, top)[counts] + nothing + counts * share
        return float(np.sum(frequency * (terms - np.log(-np.expm1(nothing)))))

    limits = [
        (
            float(np.log(constants[f"accounts.{name}_low"])),
            float(np.log(constants[f"accounts.{name}_high"])),
        )
        for name in ("upload_shape", "upload_rate")
    ]
    log_shape, log_mean = _grid_maximum(likelihood, limits[0], limits[1])
    shape = float(np.exp(log_shape))
    return shape, shape / float(np.exp(log_mean))
