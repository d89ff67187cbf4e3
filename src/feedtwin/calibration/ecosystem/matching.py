"""History matching: what part of the prior the observed patterns do not rule out."""

from dataclasses import dataclass

import numpy as np

from feedtwin.calibration.ecosystem.emulator import Emulator
from feedtwin.datasets.adaptor import F8, Flags
from feedtwin.errors import DataError


@dataclass(frozen=True)
class Target:
    """Observed patterns with what a good model may miss them by, (P,) each.

    Attributes:
        value: observed.
        error: standard error of the observation.
        tolerance: standard deviation of the model's stated discrepancy.
    """

    value: F8
    error: F8
    tolerance: F8

    def take(self, places: list[int]) -> "Target":
        """Some of the patterns."""
        return Target(self.value[places], self.error[places], self.tolerance[places])


@dataclass(frozen=True)
class Region:
    """The part of the prior that is not ruled out.

    Attributes:
        kept: (n,) which candidates are in it.
        share: of the candidates.
        rank: which implausibility from the highest was held to the cutoff; more than was asked for where nothing was left.
        worst: (P,) smallest implausibility of each pattern over the candidates in the region.
    """

    kept: Flags
    share: float
    rank: int
    worst: F8


def implausibility(emulator: Emulator, unit: F8, target: Target) -> F8:
    """Distance of each point's expected patterns from the observed ones, in standard deviations, (m, P).

    The variance is the emulator's, the observation's and the discrepancy's; the noise of a single world is none of them.
    """
    mean, variance = emulator.predict(unit)
    whole = variance + target.error**2 + target.tolerance**2
    result: F8 = np.abs(mean - target.value) / np.sqrt(np.maximum(whole, 1e-300))
    return result


def rule_out(scores: F8, cutoff: float, rank: int, least: float) -> Region:
    """Keeps points whose rank-th highest implausibility is within the cutoff.

    Where fewer than `least` of the points are left, one more pattern is let off, up to half of them.

    Raises:
        DataError: Even then next to nothing is left: worlds of this kind cannot give these patterns.
    """
    ordered = np.sort(scores, axis=1)[:, ::-1]
    patterns = scores.shape[1]
    for allowed in range(min(rank, patterns), max(patterns // 2, min(rank, patterns)) + 1):
        kept = ordered[:, allowed - 1] <= cutoff
        if kept.mean() >= least:
            return Region(kept, float(kept.mean()), allowed, scores[kept].min(axis=0))
    raise DataError(
        f"history matching: with {patterns // 2} of {patterns} patterns let off, fewer than {least:.2%} of the prior is within "
        f"{cutoff:g} standard deviations of the log; expected more. Worlds of this kind cannot give its patterns: fit other "
        f"data, or let more be missed: --set calibration.ecosystem.implausible=N, N above {cutoff:g}"
    )
