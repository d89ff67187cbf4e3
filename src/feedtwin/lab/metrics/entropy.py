"""Entropy of counts in bits, as it is and corrected for how few there are: pure functions."""

from math import log

import numpy as np

from feedtwin.lab.run_data import Array


def entropy_bits(weights: Array) -> float | None:
    """Return -sum p log2 p of non-negative weights (n,), p = weight / sum; None if all are 0."""
    total = float(weights.sum())
    if not total:
        return None
    p = weights[weights > 0] / total
    return float(-(p * np.log2(p)).sum()) + 0.0  # + 0.0 turns -0.0 into 0.0


def miller_madow_bits(counts: Array) -> float | None:
    """Return the plug-in entropy of integer counts + (m - 1) / (2 N ln 2), m of them above 0 (Miller 1955)."""
    plain = entropy_bits(counts)
    if plain is None:
        return None
    return plain + (int(np.count_nonzero(counts)) - 1) / (2 * int(counts.sum()) * log(2))


def chao_shen_bits(counts: Array) -> float | None:
    """Return the coverage-adjusted entropy of integer counts (Chao and Shen 2003).

    The shares are scaled by the coverage C = 1 - f1 / N, f1 the number of counts of 1, and each is divided
    by the chance 1 - (1 - C p)^N to have been seen. Where all counts are 1 the coverage is taken as 1 / N.
    """
    total = int(counts.sum())
    if not total:
        return None
    seen = counts[counts > 0]
    singles = int(np.count_nonzero(seen == 1))
    coverage = 1 - singles / total if singles < total else 1 / total
    p = coverage * seen / total
    if len(seen) == 1 and coverage == 1:
        return 0.0
    found = -np.expm1(total * np.log1p(-p))
    return float(-(p * np.log2(p) / found).sum())


def jensen_shannon_bits(a: Array, b: Array) -> Array:
    """Return the Jensen-Shannon divergence, base 2, in [0, 1], between rows of counts.

    Args:
        a: Non-negative counts (n, k), each row with a positive sum.
        b: The same.

    Returns:
        0.5 KL(P || M) + 0.5 KL(Q || M) with M = (P + Q) / 2, (n,): the divergence, not its root.
    """
    p = a / a.sum(axis=1, keepdims=True)
    q = b / b.sum(axis=1, keepdims=True)
    middle = (p + q) / 2
    return (_terms(middle) - (_terms(p) + _terms(q)) / 2).clip(0.0, 1.0)


def _terms(p: Array) -> Array:
    """Entropy in bits of rows of shares."""
    return -(p * np.log2(np.where(p > 0, p, 1.0))).sum(axis=1)
