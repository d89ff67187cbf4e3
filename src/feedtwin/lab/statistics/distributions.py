"""Effects on whole distributions: quantiles, and Lorenz curves that lie above one another."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from feedtwin.lab.statistics.families import JOINT_FROM, Joint
from feedtwin.lab.statistics.paired import CONFIDENCE, NOTHING, NOTHING_BY_FLIPS
from feedtwin.lab.statistics.resampling import Array

QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
LORENZ_AT: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Population shares at which Lorenz curves are compared; the tail is finer, where feeds concentrate."""
UNTESTED: Final = "too few pairs to compare curves"


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
        p: p of no difference anywhere, by the law that the bands come from; None where pairs are too few for a law.
        verdict: "above", "below", "crossing", `NOTHING`, `NOTHING_BY_FLIPS` or `UNTESTED`.
    """

    estimate: Array
    low: Array
    high: Array
    p: float | None
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

    Bands and p are the joint intervals and the smallest adjusted p of the points (`families`), so they say the same:
    "above" means that p is below 1 - confidence, no point's band lies below 0 and some lie above it.
    Source: Romano and Wolf 2005 (max-t).
    """
    d = np.asarray(treatment, np.float64) - np.asarray(base, np.float64)
    mean = d.mean(axis=0)
    if not d.any():
        return Bands(mean, mean.copy(), mean.copy(), 1.0, NOTHING)
    if len(d) < JOINT_FROM:
        nowhere = np.full(d.shape[1], np.nan)
        return Bands(mean, nowhere, nowhere.copy(), None, UNTESTED)
    joint = Joint(d, confidence=confidence, seed=seed)
    (low, high), p = joint.intervals(), float(joint.p().min())
    said = _verdict(low, high)
    if said != NOTHING and p >= round(1 - confidence, 12):
        said = NOTHING_BY_FLIPS
    return Bands(mean, low, high, p, said)


def _verdict(low: Array, high: Array) -> str:
    up, down = bool((low > 0).any()), bool((high < 0).any())
    if up and down:
        return "crossing"
    return "above" if up else ("below" if down else NOTHING)


def lorenz_verdict(bands: Bands) -> str:
    """Return what a comparison of Lorenz curves says, in words: a higher curve is a more equal one."""
    return {
        "above": "treatment is more equal (its Lorenz curve lies above)",
        "below": "treatment is less equal (its Lorenz curve lies below)",
        "crossing": "the curves cross: neither is more equal",
    }.get(bands.verdict, bands.verdict)
