"""Approximate Bayesian computation with a local-linear adjustment (Beaumont, Zhang and Balding, 2002).

Patterns are first reduced to one number per parameter, its regression on them (Fearnhead and Prangle, 2012): distances
then count what says something of the parameters. Parameters are adjusted on the logit of their place in the prior, so
that no draw leaves it. The regression is not asked beyond its table: where the log lies outside what any world gave, it
counts as at the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import F8
from feedtwin.datasets.hashing import uniforms

_EDGE = 1e-4
"""Places closer than this to an end of the prior count as this far from it: a logit must be finite."""


@dataclass(frozen=True)
class Posterior:
    """Weighted points of the unit cube.

    Attributes:
        unit: (k, d) adjusted points.
        weight: (k,) adding to 1.
    """

    unit: F8
    weight: F8

    @property
    def mean(self) -> F8:
        """Weighted mean, (d,)."""
        result: F8 = self.weight @ self.unit
        return result

    @property
    def covariance(self) -> F8:
        """Weighted covariance, (d, d)."""
        gap = self.unit - self.mean
        result: F8 = (gap * self.weight[:, None]).T @ gap
        return result

    def quantile(self, level: float) -> F8:
        """Weighted quantile of every parameter, (d,)."""
        found = []
        for column in self.unit.T:
            order = np.argsort(column, kind="stable")
            place = np.cumsum(self.weight[order]) - 0.5 * self.weight[order]
            found.append(float(np.interp(level, place, column[order])))
        return np.array(found)

    def below(self, unit: F8) -> F8:
        """Weight below a point, parameter by parameter, (d,)."""
        return np.array(
            [float(self.weight[c < u].sum()) for c, u in zip(self.unit.T, unit, strict=True)]
        )

    def draws(self, count: int, seed: int) -> F8:
        """Equally weighted draws, (count, d): systematic resampling, in an order of its own."""
        start = uniforms([0], "ecosystem/draws", seed)[0]
        places = (np.arange(count) + start) / count
        chosen = np.searchsorted(np.cumsum(self.weight), places).clip(max=len(self.weight) - 1)
        mixed = np.argsort(uniforms(np.arange(count), "ecosystem/order of draws", seed))
        result: F8 = self.unit[chosen[mixed]]
        return result

    def wider(self, factor: float) -> "Posterior":
        """The same with every logit's distance from its mean multiplied."""
        if factor == 1.0:
            return self
        logit = _logit(self.unit)
        centre = self.weight @ logit
        return Posterior(_place(centre + factor * (logit - centre)), self.weight)


def infer(unit: F8, patterns: F8, observed: F8, constants: Mapping[str, Any]) -> Posterior:
    """The posterior given observed patterns.

    Args:
        unit: (n, d) points, uniform over the prior.
        patterns: (n, v, P) what one world gave at each, in v versions of the discrepancy.
        observed: (P,) observed patterns.
        constants: `accepted`, `ridge`.

    Returns:
        Adjusted and weighted points.
    """
    versions = patterns.shape[1]
    unit, patterns = np.repeat(unit, versions, axis=0), patterns.reshape(-1, patterns.shape[2])
    scale = np.maximum(patterns.std(axis=0), 1e-12)
    centre = patterns.mean(axis=0)
    known, seen = (patterns - centre) / scale, (observed - centre) / scale
    logit = _logit(unit)
    slope = _ridge(known, logit, np.ones(len(known)), float(constants["ridge"]))
    summary, target = known @ slope[1:], seen @ slope[1:]
    target = np.clip(target, summary.min(axis=0), summary.max(axis=0))
    spread = np.maximum(summary.std(axis=0), 1e-12)
    distance = np.sqrt((((summary - target) / spread) ** 2).sum(axis=1))
    count = max(
        int(np.ceil(constants["accepted"] * len(unit))),
        min(len(unit), versions * (2 * unit.shape[1] + 2)),
    )
    near = np.argsort(distance, kind="stable")[:count]
    width = max(float(distance[near[-1]]) * (1.0 + 1e-9), 1e-12)
    weight = np.maximum(1.0 - (distance[near] / width) ** 2, 1e-12)  # Epanechnikov
    gap = (summary[near] - target) / spread
    local = _ridge(gap, logit[near], weight, float(constants["ridge"]))
    weight = weight / weight.sum()
    rest = logit[near] - local[0] - gap @ local[1:]
    # residuals of a fitted regression are too small: degrees of freedom, as in any regression; versions of a world are one row
    free = 1.0 / float((weight**2).sum()) / versions - patterns.shape[1] - 1.0
    grown = np.sqrt(1.0 + (patterns.shape[1] + 1.0) / max(free, 1.0))
    return Posterior(_place(local[0] + grown * rest), weight)


def _ridge(x: F8, y: F8, weight: F8, penalty: float) -> F8:
    """Weighted ridge regression with a free intercept, (1 + P, d)."""
    whole = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    square = (whole * weight[:, None]).T @ whole
    square[1:, 1:] += penalty * weight.sum() * np.eye(x.shape[1])
    result: F8 = np.linalg.solve(square, (whole * weight[:, None]).T @ y)
    return result


def _logit(unit: F8) -> F8:
    inside = np.clip(unit, _EDGE, 1.0 - _EDGE)
    result: F8 = np.log(inside / (1.0 - inside))
    return result


def _place(logit: F8) -> F8:
    result: F8 = 1.0 / (1.0 + np.exp(-logit))
    return result
