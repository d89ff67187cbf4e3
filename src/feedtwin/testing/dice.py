"""Arrays of generated numbers for tests and benchmarks, from the project's own generator."""

import numpy as np

from feedtwin.numerics import normal_quantile32, uniform32
from feedtwin.randomness import philox4x32

_BLOCK = 0xFFF
"""No stream of a run has this block."""

Shape = int | tuple[int, ...]


class Dice:
    """A sequence of arrays that depends on nothing but the seed and the order of calls."""

    def __init__(self, seed: int) -> None:
        """Start the sequence number `seed`, 0 .. 2**32 - 1."""
        self._seed = seed
        self._calls = 0

    def bits(self, shape: Shape) -> np.ndarray:
        """Uint32 bits."""
        self._calls += 1
        index = np.arange(int(np.prod(shape)), dtype=np.uint32)
        zero = np.zeros(1, np.uint32)
        words = philox4x32(index, np.full_like(index, self._calls), zero, zero, self._seed, _BLOCK)
        return words[0].reshape(shape)

    def uniform(self, low: float, high: float, shape: Shape) -> np.ndarray:
        """Float32 in (low, high)."""
        u = uniform32(self.bits(shape))
        return np.float32(low) + np.float32(high - low) * u

    def normal(self, shape: Shape) -> np.ndarray:
        """Standard normal float32."""
        return normal_quantile32(uniform32(self.bits(shape)))

    def integers(self, low: int, high: int, shape: Shape, dtype: type = np.int64) -> np.ndarray:
        """Integers in [low, high)."""
        span = np.uint64(max(high - low, 1))
        scaled = (self.bits(shape).astype(np.uint64) * span) >> np.uint64(32)
        return (scaled.astype(np.int64) + low).astype(dtype)

    def one(self, low: int, high: int) -> int:
        """One integer in [low, high)."""
        return int(self.integers(low, high, 1)[0])

    def real(self, low: float, high: float) -> np.float32:
        """One float32 in (low, high)."""
        return np.float32(self.uniform(low, high, 1)[0])

    def pick(self, choices: tuple[float, ...] | tuple[int, ...]) -> float | int:
        """One of some values."""
        return choices[self.one(0, len(choices))]

    def subset(self, size: int, count: int) -> np.ndarray:
        """`count` distinct numbers below `size`, uint32, ascending."""
        return np.sort(np.argsort(self.bits(size), kind="stable")[:count]).astype(np.uint32)
