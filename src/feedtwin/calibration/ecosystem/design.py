"""Points of the unit cube at which worlds are simulated: a scrambled Sobol sequence (SciPy)."""

import hashlib

import numpy as np
from scipy.stats import qmc

from feedtwin.datasets.adaptor import F8

ROUND = 9
"""Decimals of a point: what is written to disk and read again is the same point."""
_SEED_BITS = 31


def sobol(count: int, dimensions: int, seed: int) -> F8:
    """The first points of a scrambled Sobol sequence, (count, dimensions) in [0, 1]."""
    sampler = qmc.Sobol(dimensions, scramble=True, rng=seed)
    whole = sampler.random(1 << max(count - 1, 1).bit_length())  # balanced only as a power of two
    points: F8 = np.round(whole[:count], ROUND)
    return points


def point_seed(point: F8, seed: int) -> int:
    """The root seed of the world at a point: points do not share their chance, so an emulator sees independent noise."""
    text = f"{seed}:" + ",".join(f"{value:.{ROUND}f}" for value in point)
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) >> (32 - _SEED_BITS)
