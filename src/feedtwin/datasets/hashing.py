"""A plain hash from ids to uniforms and normals, for fits and generated files.

This is not the world's chance: a value depends on an id and a label and never on the root seed, so the people read from
a log are the same people in every run.
"""

import numpy as np
import numpy.typing as npt
import xxhash

from feedtwin.datasets.adaptor import F8

_U8 = npt.NDArray[np.uint64]


def _mix(words: _U8) -> _U8:
    """SplitMix64's finaliser (Steele, Lea and Flood, 2014), element by element."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def uniforms(keys: npt.ArrayLike, label: str, seed: int = 0) -> F8:
    """Uniforms strictly inside (0, 1), one per key.

    Args:
        keys: (m,) non-negative integers.
        label: what the numbers are for; other labels give independent numbers.
        seed: a number that changes all of them.

    Returns:
        (m,) float64.
    """
    salt = np.uint64(xxhash.xxh3_64_intdigest(label.encode(), seed=seed))
    words = np.atleast_1d(np.asarray(keys)).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits = _mix(_mix(words ^ salt) + salt)
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normals(keys: npt.ArrayLike, label: str, seed: int = 0) -> F8:
    """Standard normals, one per key (Box and Muller, 1958).

    Args:
        keys: (m,) non-negative integers.
        label: what the numbers are for.
        seed: a number that changes all of them.

    Returns:
        (m,) float64.
    """
    radius = np.sqrt(-2.0 * np.log(uniforms(keys, f"{label}/radius", seed)))
    turn: F8 = np.cos(2.0 * np.pi * uniforms(keys, f"{label}/angle", seed))
    return radius * turn
