"""What a study can see: power, the smallest effect it can detect, and how many replicates one needs."""

from math import inf, sqrt
from typing import Final

from scipy import optimize, stats

POWER: Final = 0.8
"""Conventional power at which a study's smallest detectable effect is stated (Cohen 1988)."""
REPLICATES_MAX: Final = 1_000_000


def power(effect: float, sd: float, n: int, alpha: float = 0.05, df: float | None = None) -> float:
    """Return the power of a two-sided paired t test.

    Args:
        effect: True mean difference.
        sd: Standard deviation of the differences, at least 0.
        n: Pairs, at least 2.
        alpha: Level of the test.
        df: Degrees of freedom of the standard error; None for n - 1.

    Source: the noncentral t distribution, both tails.
    """
    assert n >= 2 and sd >= 0 and 0 < alpha < 1
    if sd == 0:
        return 1.0 if effect else alpha
    shift = abs(effect) / sd * sqrt(n)
    known = n - 1.0 if df is None else df
    edge = float(stats.t.ppf(1 - alpha / 2, known))
    above = float(stats.nct.sf(edge, known, shift))
    below = float(stats.nct.cdf(-edge, known, shift))
    return min(1.0, above + (below if below == below else 0.0))


def detectable(
    sd: float, n: int, alpha: float = 0.05, wanted: float = POWER, df: float | None = None
) -> float:
    """Return the smallest true difference that n pairs detect with the wanted power; inf for one pair. `df` as in `power`."""
    if n < 2:
        return inf
    if sd == 0:
        return 0.0
    known = n - 1.0 if df is None else df
    edge = stats.t.ppf(1 - alpha / 2, known) + stats.t.ppf(wanted, known)
    high = 2.0 * float(edge) / sqrt(n)
    while power(high, 1.0, n, alpha, known) < wanted:
        high *= 2
    found = optimize.brentq(lambda effect: power(effect, 1.0, n, alpha, known) - wanted, 0.0, high)
    return float(found) * sd


def replicates_for(effect: float, sd: float, alpha: float = 0.05, wanted: float = POWER) -> int:
    """Return the pairs needed to detect a true difference with the wanted power.

    Raises:
        ValueError: The difference is 0: no number of pairs detects it.
    """
    if effect == 0:
        raise ValueError("a difference of 0 cannot be detected; expected another effect")
    if sd == 0:
        return 2
    low, high = 2, 2
    while power(effect, sd, high, alpha) < wanted:
        low, high = high, high * 2
        if high > REPLICATES_MAX:
            return REPLICATES_MAX
    while high - low > 1:
        middle = (low + high) // 2
        if power(effect, sd, middle, alpha) < wanted:
            low = middle
        else:
            high = middle
    return high
