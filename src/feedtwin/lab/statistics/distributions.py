"""Effects on whole distributions: quantiles, and Lorenz curves that lie above one another."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from feedtwin.lab.statistics.families import largest_t
from feedtwin.lab.statistics.paired import CONFIDENCE
from feedtwin.lab.statistics.resampling import Array, sign_flips

QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
LORENZ_AT: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Population shares at which Lorenz curves are compared; the tail is finer, where feeds concentrate."""
_NOTHING: Final = "not distinguishable"


def lorenz(values: Array, at: Array | tuple[float, ...] = LORENZ_AT) -> Array:
    """Return the share of the total that the lowest shares of a population hold.

    Args:
        values: (m,) amounts, at least 0; zeros count.
        at: Shares of the population, 0 to 1.

    Returns:
        float (len(at),), 0 to 1, linear between units; NaN where the total is 0.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    total = ordered.sum()
    if not len(ordered) or total <= 0:
        return np.full(len(at), np.nan)
    held = np.concatenate([[0.0], np.cumsum(ordered)]) / total
    return np.interp(at, np.linspace(0.0, 1.0, len(held)), held)


@dataclass(frozen=True)
class Bands:
    """Differences of curves with bands that hold for all points at once.

    Attributes:
        estimate: float (k,) mean differences.
        low: float (k,) lower edge.
        high: float (k,) upper edge.
        p: p of no difference anywhere.
        verdict: "above", "below", "crossing" or "not distinguishable".
    """

    estimate: Array
    low: Array
    high: Array
    p: float
    verdict: str


def simultaneous(
    treatment: Array, base: Array, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Bands:
    """Return paired differences of curves with simultaneous bands (max-t over the points).

    Args:
        treatment: float (n, k): one curve per replicate.
        base: float (n, k): the same replicates.
        confidence: Nominal coverage of all edges together.
        seed: Seed of the resampling, 32 bits.

    Edges come from the joint bootstrap over replicates, p from flipping the signs of whole curves, so the
    dependence between points is kept. "above" means: p is below 1 - confidence, no point's band lies below 0 and some lie
    above it.
    Source: Romano and Wolf 2005 (max-t).
    """
    d = np.asarray(treatment, np.float64) - np.asarray(base, np.float64)
    n, k = d.shape
    mean = d.mean(axis=0)
    error = d.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.zeros(k)
    moving = error > 0
    if n < 3 or not moving.any():
        nothing = bool((mean == 0).all())
        return Bands(mean, mean.copy(), mean.copy(), 1.0, _NOTHING if nothing else "-")
    edge = largest_t(d[:, moving], confidence, seed)
    low, high = mean - edge * error, mean + edge * error
    signs, exact = sign_flips(n, seed)
    flipped = np.abs(signs @ (d[:, moving] / n)) / error[moving]
    observed = np.max(np.abs(mean[moving]) / error[moving])
    as_far = int((flipped.max(axis=1) >= observed * (1 - 1e-12)).sum())
    p = as_far / len(signs) if exact else (as_far + 1) / (len(signs) + 1)
    said = _verdict(low, high) if p < 1 - confidence else _NOTHING
    return Bands(mean, low, high, p, said)


def _verdict(low: Array, high: Array) -> str:
    up, down = bool((low > 0).any()), bool((high < 0).any())
    if up and down:
        return "crossing"
    return "above" if up else ("below" if down else _NOTHING)


def lorenz_verdict(bands: Bands) -> str:
    """Return what a comparison of Lorenz curves says, in words: a higher curve is a more equal one."""
    return {
        "above": "treatment is more equal (its Lorenz curve lies above)",
        "below": "treatment is less equal (its Lorenz curve lies below)",
        "crossing": "the curves cross: neither is more equal",
    }.get(bands.verdict, _NOTHING)
