"""Statistics of paired runs: what is gained by sharing chance, and how sure we are.

Outputs of R replicates under two arms are arrays (R,). Source: methods of common random numbers; the
variance ratio is the factor by which pairing saves replicates.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.random import default_rng  # noqa: TID251 - resampling of results, not simulation
from scipy.stats import t as student  # type: ignore[import-untyped]

LEVEL = 0.95
BOOTSTRAPS = 4000


@dataclass(frozen=True)
class Estimate:
    """A mean with its Student interval."""

    mean: float
    low: float
    high: float
    standard_error: float
    count: int

    def as_dict(self) -> dict[str, float]:
        """Return the fields by name."""
        return asdict(self)

    def text(self, digits: int = 3, unit: str = "") -> str:
        """Return `mean [low, high] unit`."""
        tail = f" {unit}" if unit else ""
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]{tail}"


def mean_interval(values: np.ndarray, level: float = LEVEL) -> Estimate:
    """Return mean and two-sided Student interval of independent values (R,), R >= 2."""
    count = len(values)
    if count < 2:
        raise ValueError(f"found {count} values; expected at least 2 for an interval")
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1) / np.sqrt(count))
    half = float(student.ppf(0.5 + level / 2.0, count - 1)) * error
    return Estimate(mean, mean - half, mean + half, error, count)


def paired_difference(a: np.ndarray, b: np.ndarray, level: float = LEVEL) -> Estimate:
    """Return the mean of b - a over pairs, with the paired Student interval."""
    return mean_interval(np.asarray(b) - np.asarray(a), level)


def unpaired_difference(a: np.ndarray, b: np.ndarray, level: float = LEVEL) -> Estimate:
    """Return the difference of the means of independent samples, with Welch's interval."""
    va, vb = np.var(a, ddof=1) / len(a), np.var(b, ddof=1) / len(b)
    error = float(np.sqrt(va + vb))
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1)) if error else 1.0
    mean = float(np.mean(b) - np.mean(a))
    half = float(student.ppf(0.5 + level / 2.0, freedom)) * error
    return Estimate(mean, mean - half, mean + half, error, min(len(a), len(b)))


def variance_ratio(a: np.ndarray, b: np.ndarray) -> float:
    """Return VR = (s_A^2 + s_B^2) / s_D^2 of paired outputs; infinite when all differences agree.

    It estimates the variance of the difference between independent runs over that between paired runs.
    1 means nothing gained, below 1 that pairing hurts.
    """
    spread = float(np.var(np.asarray(b) - np.asarray(a), ddof=1))
    total = float(np.var(a, ddof=1) + np.var(b, ddof=1))
    return total / spread if spread > 0 else float("inf")


def measured_ratio(
    independent: tuple[np.ndarray, np.ndarray], paired: tuple[np.ndarray, np.ndarray]
) -> float:
    """Return var(B' - A) of actually independent runs over var(B - A) of pairs."""
    apart = float(np.var(independent[1] - independent[0], ddof=1))
    together = float(np.var(paired[1] - paired[0], ddof=1))
    return apart / together if together > 0 else float("inf")


def bootstrap_interval(
    statistic: Callable[..., float],
    *samples: np.ndarray,
    level: float = LEVEL,
    draws: int = BOOTSTRAPS,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval of `statistic(*samples)` over resampled replicates.

    All samples share the replicate axis and are resampled together, so that pairs stay pairs.
    """
    rng = default_rng(seed)
    count = len(samples[0])
    picks = rng.integers(0, count, (draws, count))
    values = np.array([statistic(*(sample[pick] for sample in samples)) for pick in picks])
    values = values[np.isfinite(values)]
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)


def joint_errors_apart(first: Estimate, second: Estimate) -> float:
    """Return how many joint standard errors lie between two estimates of the same thing.

    The joint error ignores what the estimates share, so it is, if anything, too large for samples that
    are positively related.
    """
    joint = float(np.hypot(first.standard_error, second.standard_error))
    gap = abs(first.mean - second.mean)
    if joint == 0.0:
        return 0.0 if gap == 0.0 else float("inf")
    return gap / joint


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Return |A and B| / |A or B| of two sets of keys given as arrays; 1 when both are empty."""
    first, second = np.unique(first), np.unique(second)
    common = len(np.intersect1d(first, second, assume_unique=True))
    union = len(first) + len(second) - common
    return common / union if union else 1.0


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation; 0 when a sample is constant."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0


def gini(values: np.ndarray) -> float:
    """Return the Gini index of non-negative values: 0 all equal, towards 1 all in one; 0 if all are 0."""
    ordered = np.sort(np.asarray(values, np.float64))
    total = float(ordered.sum())
    if total == 0.0:
        return 0.0
    rank = np.arange(1, len(ordered) + 1)
    return float((2.0 * rank - len(ordered) - 1.0) @ ordered / (len(ordered) * total))
