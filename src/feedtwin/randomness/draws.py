"""Draws: every draw is a function of what it decides, never of when it is asked for.

One counter-based generator, Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers:
as easy as 1, 2, 3"), maps (root seed, replicate, block) and four entity words to four random words. A
`Stream` is one of those four words of one block, and one kind of decision. Two runs that differ in a
policy therefore share the draw of every decision that both of them take. There is no state to save, and
the order of calls does not matter.

Bit packing, injective on the ranges checked here:

- key word 0 = root seed, 0 .. 2**32 - 1;
- key word 1 = replicate * 2**12 + block, with replicate < 2**20 and 0 < block < 2**12;
- counter words 0 to 3 = the stream's entity words in the order of `Stream.key`, 0 where it names none.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from feedtwin import numerics
from feedtwin.errors import SettingsError
from feedtwin.randomness.streams import Stream

U4 = npt.NDArray[np.uint32]
Words = npt.NDArray[np.integer] | np.integer | int
FourWords = tuple[U4, U4, U4, U4]

SEED_LIMIT = 2**32
REPLICATE_LIMIT = 2**20
BLOCK_LIMIT = 2**12
WORD_LIMIT = 2**32

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_CHUNK = 8192  # numbers per pass: the working arrays then stay in cache


class NativePhilox(Protocol):
    """The part of `feedtwin.kernels.binding.Kernels` that bulk draws use."""

    @property
    def native(self) -> bool:
        """Whether native code is loaded."""
        ...

    def philox(
        self,
        words: tuple[U4, U4, U4, U4],
        key: tuple[int, int],
        rows: int,
        wanted: Sequence[int] = (0, 1, 2, 3),
    ) -> tuple[U4, ...]:
        """Return the wanted output words for `rows` counters (arrays of length `rows` or 1)."""
        ...

    def numerics(self, function: str, x: numerics.F4) -> numerics.F4:
        """Return a function of `feedtwin.numerics` of a contiguous float32 array."""
        ...


def _round_keys(k0: int, k1: int) -> list[tuple[np.uint64, np.uint64]]:
    return [
        (np.uint64((k0 + r * _WEYL[0]) & 0xFFFFFFFF), np.uint64((k1 + r * _WEYL[1]) & 0xFFFFFFFF))
        for r in range(_ROUNDS)
    ]


def _philox_chunk(
    counters: tuple[U4, U4, U4, U4], keys: list[tuple[np.uint64, np.uint64]]
) -> tuple[npt.NDArray[np.uint64], ...]:
    """Ten rounds on equal-length arrays. Words live in 64 bits, so that a product needs no cast."""
    c0, c1, c2, c3 = (c.astype(np.uint64) for c in counters)
    for k0, k1 in keys:
        c0 *= _MULTIPLIERS[0]
        c2 *= _MULTIPLIERS[1]
        c1 ^= c2 >> _SHIFT
        c1 ^= k0
        c3 ^= c0 >> _SHIFT
        c3 ^= k1
        c2 &= _LOW
        c0 &= _LOW
        c0, c1, c2, c3 = c1, c2, c3, c0
    return c0, c1, c2, c3


def philox4x32(c0: U4, c1: U4, c2: U4, c3: U4, k0: int, k1: int) -> FourWords:
    """Philox4x32-10: four counter words under a key of two words give four random words.

    Args:
        c0: First counter word, uint32, any shape; the four broadcast against each other.
        c1: Second counter word.
        c2: Third counter word.
        c3: Fourth counter word.
        k0: First key word, 0 .. 2**32 - 1.
        k1: Second key word, 0 .. 2**32 - 1.

    Returns:
        Four uint32 arrays of the broadcast shape.
    """
    counters = np.broadcast_arrays(c0, c1, c2, c3)
    shape = counters[0].shape
    flat = [c.reshape(-1) for c in counters]
    out = np.empty((4, flat[0].size), dtype=np.uint32)
    keys = _round_keys(k0, k1)
    for low in range(0, out.shape[1], _CHUNK):
        part = slice(low, low + _CHUNK)
        a, b, c, d = (f[part] for f in flat)
        for w, result in enumerate(_philox_chunk((a, b, c, d), keys)):
            out[w, part] = result
    w0, w1, w2, w3 = (out[w].reshape(shape) for w in range(4))
    return w0, w1, w2, w3


def _entity_words(value: Words, name: str) -> U4:
    """Return `value` as uint32, refusing anything that is not a whole number below 2**32."""
    if type(value) is int and 0 <= value < WORD_LIMIT:
        return np.array(value, np.uint32)
    array = np.asarray(value)
    if array.dtype == np.uint32:
        return array
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"randomness: entity word {name} has type {array.dtype}, expected whole numbers; key a "
            "draw by stable integer ids, never by a float, a flag or a string"
        )
    if array.size and (int(array.min()) < 0 or int(array.max()) >= WORD_LIMIT):
        raise ValueError(
            f"randomness: entity word {name} spans {array.min()} to {array.max()}, expected 0 to "
            f"{WORD_LIMIT - 1}; split a 64-bit id into two words"
        )
    return array.astype(np.uint32)


def _check_setting(name: str, value: int, limit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise SettingsError(
            f"{name}: found {value!r}, expected a whole number from 0 to {limit - 1}"
        )
    if not 0 <= value < limit:
        raise SettingsError(
            f"{name}: found {value}, expected 0 to {limit - 1} (it fills a fixed number of key bits); "
            "choose a value in that range"
        )
    return int(value)


class Draws:
    """All chance of one replicate of a run.

    Entity words broadcast against each other like NumPy operands. The result of a draw depends on
    nothing but seed, replicate, stream and words; native code, where given, changes only the speed.
    """

    def __init__(
        self, root_seed: int, replicate: int = 0, kernels: NativePhilox | None = None
    ) -> None:
        """Bind a seed and a replicate.

        Args:
            root_seed: 0 .. 2**32 - 1.
            replicate: 0 .. 2**20 - 1.
            kernels: Native kernels for large arrays (bit-identical), or None.

        Raises:
            SettingsError: `root_seed` or `replicate` is out of range.
        """
        self.root_seed = _check_setting("seed", root_seed, SEED_LIMIT)
        self.replicate = _check_setting("replicate", replicate, REPLICATE_LIMIT)
        self._kernels = kernels if kernels is not None and kernels.native else None

    def of_replicate(self, replicate: int) -> "Draws":
        """Return the chance of another replicate of the same run."""
        return Draws(self.root_seed, replicate, self._kernels)

    def key(self, block: int) -> tuple[int, int]:
        """Return the two key words of `block`, as the kernels take them."""
        if not 0 < block < BLOCK_LIMIT:
            raise ValueError(f"randomness: block {block} is outside 1 to {BLOCK_LIMIT - 1}")
        return self.root_seed, (self.replicate << 12) | block

    def words(self, block: int, a: Words, b: Words = 0, c: Words = 0, d: Words = 0) -> FourWords:
        """Return the four random words of `block` (0 to 3 in `Stream.word` order) per entity.

        Args:
            block: Block number of one or more streams.
            a: First entity word, whole numbers below 2**32, any shape.
            b: Second entity word.
            c: Third entity word.
            d: Fourth entity word.

        Returns:
            Four uint32 arrays of the broadcast shape (0-dimensional for scalars).

        Raises:
            TypeError: An entity word is not an integer.
            ValueError: An entity word is negative or needs more than 32 bits.
        """
        w0, w1, w2, w3 = self._words(block, (a, b, c, d), (0, 1, 2, 3))
        return w0, w1, w2, w3

    def _words(self, block: int, words: Sequence[Words], wanted: Sequence[int]) -> tuple[U4, ...]:
        """Return some of the four random words of a block."""
        k0, k1 = self.key(block)
        a, b, c, d = (
            _entity_words(w, str(n)) for n, w in enumerate((*words, 0, 0, 0)[:4], start=1)
        )
        if self._kernels is None:
            made = philox4x32(a, b, c, d, k0, k1)
            return tuple(made[w] for w in wanted)
        shape = _common_shape(a.shape, b.shape, c.shape, d.shape)
        rows = math.prod(shape)
        counters = (_flat(a, shape), _flat(b, shape), _flat(c, shape), _flat(d, shape))
        native = self._kernels.philox(counters, (k0, k1), rows, wanted)
        return tuple(w.reshape(shape) for w in native)

    def bits(self, stream: Stream, *words: Words) -> U4:
        """Return 32 random bits per entity.

        Args:
            stream: The decision that draws.
            *words: One entity word per name in ``stream.key``, in that order.

        Returns:
            uint32 array of the broadcast shape of `words`.

        Raises:
            TypeError: The number of words is not the stream's, or one is not an integer.
            ValueError: An entity word is out of range.
        """
        if len(words) != len(stream.key):
            raise TypeError(
                f"randomness: stream {stream.name} is keyed by ({', '.join(stream.key)}), found "
                f"{len(words)} words; pass one per name"
            )
        return self._words(stream.block, words, (stream.word,))[0]

    def uniform(self, stream: Stream, *words: Words) -> numerics.F4:
        """Return float32 uniforms strictly inside (0, 1); arguments as for `bits`."""
        return numerics.uniform32(self.bits(stream, *words))

    def normal(self, stream: Stream, *words: Words) -> numerics.F4:
        """Return float32 standard normals by the quantile of one uniform; arguments as for `bits`."""
        return self._of_uniforms("normal_quantile32", self.uniform(stream, *words))

    def gumbel(self, stream: Stream, *words: Words) -> numerics.F4:
        """Return float32 standard Gumbel numbers; arguments as for `bits`."""
        return self._of_uniforms("gumbel32", self.uniform(stream, *words))

    def _of_uniforms(self, function: str, u: numerics.F4) -> numerics.F4:
        if self._kernels is None:
            made: numerics.F4 = getattr(numerics, function)(u)
            return made
        return self._kernels.numerics(function, u.reshape(-1)).reshape(u.shape)


def _common_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that shapes broadcast to; mostly they are equal, or of scalars."""
    distinct = {shape for shape in shapes if shape}
    return distinct.pop() if len(distinct) == 1 else np.broadcast_shapes(*shapes)


def _flat(words: U4, shape: tuple[int, ...]) -> U4:
    """Return one number if `words` is a scalar, else `words` broadcast to `shape`, contiguous."""
    if words.size == 1:
        return words.reshape(1)
    if words.shape == shape and words.flags.c_contiguous:
        return words.reshape(-1)
    return np.ascontiguousarray(np.broadcast_to(words, shape)).reshape(-1)
