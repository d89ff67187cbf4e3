"""Keyed resampling of replicates: the same study gives the same bootstrap, on any machine."""

from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from feedtwin.randomness import philox4x32

Array = npt.NDArray[Any]

RESAMPLES: Final = 10_000
"""Bootstrap resamples (Davison and Hinkley 1997: at least some thousand for tail quantiles)."""
_KEY: Final = 0x6C61622E
"""Second key word of the draws here, "lab." in ASCII: no stream of the simulation has it."""


@lru_cache(maxsize=16)
def resample_rows(count: int, seed: int = 0, resamples: int = RESAMPLES) -> Array:
    """Return replicate rows drawn with replacement.

    Args:
        count: Replicates, at least 1.
        seed: 32 bits; one seed for all estimates of a study keeps them jointly distributed.
        resamples: Number of resamples B.

    Returns:
        int64 (B, count), entries 0 to count - 1; read-only.
    """
    assert count >= 1 and resamples >= 1
    rows, columns = np.arange(resamples), np.arange(count)
    first = np.repeat(rows, count).astype(np.uint32)
    second = np.tile(columns, resamples).astype(np.uint32)
    nothing = np.zeros(len(first), np.uint32)
    words = philox4x32(first, second, nothing, nothing, seed & 0xFFFFFFFF, _KEY)[0]
    drawn = (words.astype(np.uint64) * np.uint64(count)) >> np.uint64(32)
    out = drawn.astype(np.int64).reshape(resamples, count)
    out.setflags(write=False)
    return out


@lru_cache(maxsize=16)
def sign_flips(count: int, seed: int = 0, resamples: int = RESAMPLES) -> tuple[Array, bool]:
    """Return sign vectors for a randomisation test of paired differences.

    Args:
        count: Pairs, at least 1.
        seed: 32 bits, where not all vectors are listed.
        resamples: Vectors to draw where listing all 2^count would take more.

    Returns:
        float64 (B, count) of -1 and 1, read-only; and whether they are all there are (the test is exact).
    """
    assert count >= 1
    if 2**count <= resamples:
        codes = np.arange(2**count)[:, None] >> np.arange(count)
        signs, exact = 1.0 - 2.0 * (codes & 1), True
    else:
        first = np.repeat(np.arange(resamples), count).astype(np.uint32)
        second = np.tile(np.arange(count), resamples).astype(np.uint32)
        one = np.ones(len(first), np.uint32)
        words = philox4x32(first, second, one, one, seed & 0xFFFFFFFF, _KEY)[0]
        signs, exact = 1.0 - 2.0 * (words >> 31).reshape(resamples, count), False
    signs.setflags(write=False)
    return signs, exact
