"""What survives: the sign of a contrast over draws of the posterior and over structures of the model."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy import stats

UP: Final = "+"
DOWN: Final = "-"
UNCLEAR: Final = "unclear"
ROBUST: Final = "robust"
CONTRADICTED: Final = "contradicted"
"""Clear signs disagree: the conclusion hangs on the structure."""
UNTOLD: Final = "not clear everywhere"
"""No clear sign contradicts another, and some interval holds 0: more pairs may tell."""


def contrast_of(differences: Sequence[float], confidence: float) -> dict[str, Any]:
    """Mean difference of pairs with Student's interval; its sign is unclear where the interval holds 0.

    Args:
        differences: one per pair, two or more.
        confidence: nominal coverage.

    Returns:
        `n`, `estimate`, `low`, `high`, `sign`, and `flips`: the share of pairs whose sign is not that of the estimate.
    """
    d = np.array(differences, np.float64)
    mean, count = float(d.mean()), len(d)
    half = float(stats.t.ppf(0.5 + confidence / 2.0, count - 1) * d.std(ddof=1) / np.sqrt(count))
    low, high = mean - half, mean + half
    sign = UP if low > 0 else DOWN if high < 0 else UNCLEAR
    return {
        "n": count, "estimate": mean, "low": low, "high": high, "sign": sign,
        "flips": float(np.mean(np.sign(d) != np.sign(mean))),
    }  # fmt: skip


def robustness(posterior: Mapping[str, Any], variants: Mapping[str, Mapping[str, Any]]) -> str:
    """ROBUST only where the sign is clear over the posterior and the same, clear, in every variant; else what stands in the way."""
    signs = {posterior["sign"], *(one["sign"] for one in variants.values())}
    if {UP, DOWN} <= signs:
        return CONTRADICTED
    return UNTOLD if UNCLEAR in signs else ROBUST
