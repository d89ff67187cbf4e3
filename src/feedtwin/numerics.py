"""Float32 functions with one defined result on every backend.

Each function is a fixed sequence of IEEE-754 single-precision operations (add, subtract, multiply,
divide, square root, compare-and-select and integer work on the bit pattern), each of which has exactly
one correct result. ``kernels/encounter.h`` holds the same sequences, so NumPy and every native build
agree bit for bit. Neither a math library nor a fused multiply-add takes part: those differ by machine.

Arguments are float32 arrays, float32 scalars, or Python numbers (rounded to float32 first). A float64
array is refused: its presence means that something upstream was promoted. Results are float32, of the
argument's shape, and a scalar for a scalar. Greatest errors against float64, over every uniform that
`uniform32` can return and dense grids elsewhere, are stated below and tested.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

F4 = npt.NDArray[np.float32]
"""An array of float32 (a NumPy scalar where the argument was one)."""

Number = F4 | np.float32 | float | int

_TINY = np.float32(2.0**-126)
_SQRT_HALF_BITS = np.int32(0x3F3504F3)
_MANTISSA = np.int32(0x007FFFFF)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_TWO = np.float32(2.0)
_FOUR = np.float32(4.0)

# Cephes logf: log(1 + f) for sqrt(1/2) <= 1 + f < sqrt(2), and ln 2 split so that e * LN2_HIGH is exact.
_LOG = tuple(
    np.float32(c)
    for c in (
        7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    )
)  # fmt: skip
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)

# Cephes expf: exp(r) = 1 + r + r * r * P(r) for |r| <= ln(2) / 2.
_EXP = tuple(
    np.float32(c)
    for c in (
        1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
        5.0000001201e-1,
    )
)  # fmt: skip
_EXP_LIMIT = np.float32(80.0)
_LOG2_E = np.float32(1.44269504)
# Adding 1.5 * 2**23 leaves no fraction bits: the sum's low bits are the nearest integer, ties to even.
_ROUND = np.float32(12582912.0)
_ROUND_BITS = np.int32(0x4B400000)

# Giles (2012), "Approximating the erfinv function", single precision: centre (w < 5) and tails.
_ERFINV_CENTRE = tuple(
    np.float32(c)
    for c in (
        2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
        -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
    )
)  # fmt: skip
_ERFINV_TAIL = tuple(
    np.float32(c)
    for c in (
        -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
        -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
    )
)  # fmt: skip
_FIVE = np.float32(5.0)
_CENTRE_SHIFT = np.float32(2.5)
_TAIL_SHIFT = np.float32(3.0)
_SQRT_TWO = np.float32(1.41421356)

_UNIFORM_SHIFT = np.uint32(9)
_UNIFORM_UNIT = np.float32(2.0**-23)


def _float32(x: Number) -> F4:
    """Return `x` as a float32 array of at least one dimension; refuse a promoted array."""
    if isinstance(x, np.ndarray | np.generic) and x.dtype != np.float32:
        raise TypeError(
            f"numerics: argument has dtype {x.dtype}, expected float32; find where it was promoted, "
            "or convert it explicitly with .astype(np.float32)"
        )
    return np.atleast_1d(np.asarray(x, dtype=np.float32))


def _like(result: F4, x: Any) -> F4:
    """Return `result` in the shape of argument `x`: a scalar for a scalar."""
    shaped: F4 = result.reshape(np.shape(x))[()]
    return shaped


def _horner(coefficients: tuple[np.float32, ...], x: F4) -> F4:
    """Evaluate a polynomial, highest power first, rounding after each multiply and each add."""
    total: F4 = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        total *= x
        total += c
    return total


def _log(x: F4) -> F4:
    x = np.where(x >= _TINY, x, _TINY)
    shifted = x.view(np.int32) - _SQRT_HALF_BITS
    e = (shifted >> np.int32(23)).astype(np.float32)
    f = ((shifted & _MANTISSA) + _SQRT_HALF_BITS).view(np.float32) - _ONE
    z = f * f
    y = _horner(_LOG, f) * f * z
    y += e * _LN2_LOW
    y -= _HALF * z
    result: F4 = (f + y) + e * _LN2_HIGH
    return result


def _exp(x: F4) -> F4:
    x = np.where(x >= -_EXP_LIMIT, x, -_EXP_LIMIT)
    x = np.where(x <= _EXP_LIMIT, x, _EXP_LIMIT)
    rounded = x * _LOG2_E + _ROUND
    n = rounded - _ROUND
    r = x - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    y: F4 = (_horner(_EXP, r) * r * r + r) + _ONE
    exponent = (rounded.view(np.int32) - _ROUND_BITS + np.int32(127)) << np.int32(23)
    y *= exponent.view(np.float32)
    return y


def _logistic(x: F4) -> F4:
    return _ONE / (_ONE + _exp(-x))


def _logit(u: F4) -> F4:
    return _log(u) - _log(_ONE - u)


def _normal_quantile(u: F4) -> F4:
    x = _TWO * u - _ONE
    w = -_log((_FOUR * u) * (_ONE - u))
    # The tail's argument is clamped so that the lanes that will not be selected stay finite.
    centre = _horner(_ERFINV_CENTRE, w - _CENTRE_SHIFT)
    tail = _horner(_ERFINV_TAIL, np.sqrt(np.where(w >= _FIVE, w, _FIVE)) - _TAIL_SHIFT)
    p = np.where(w < _FIVE, centre, tail)
    result: F4 = (p * x) * _SQRT_TWO
    return result


def _gumbel(u: F4) -> F4:
    return -_log(-_log(u))


def _apply(function: Callable[[F4], F4], x: Number) -> F4:
    return _like(function(_float32(x)), x)


def log32(x: Number) -> F4:
    """Natural logarithm.

    Zero, negative, subnormal and not-a-number arguments count as the smallest normal number 2**-126;
    infinity gives 128 * ln 2. Error: at most 1e-7 * max(1, abs(log x)), and relative error at
    most 1e-7 on the values of `uniform32`, along which it never decreases.
    Source: Cephes ``logf`` (S. Moshier).
    """
    return _apply(_log, x)


def exp32(x: Number) -> F4:
    """Exponential of `x` clamped to [-80, 80] (not-a-number counts as -80).

    Relative error at most 1e-7. Source: Cephes ``expf`` (S. Moshier).
    """
    return _apply(_exp, x)


def logistic32(x: Number) -> F4:
    """``1 / (1 + exp(-x))``, in (0, 1]: exactly 1 from about 17 upwards, about 1.8e-35 at the least.

    Relative error at most 2e-7 for x in [-80, 80]. To decide with a uniform `u`, prefer
    ``logit32(u) < x``: it needs no exponential of `x` and couples arms in the same way.
    """
    return _apply(_logistic, x)


def logit32(u: Number) -> F4:
    """``log(u) - log(1 - u)`` for u in (0, 1).

    Error at most 2e-7 * max(1, abs(logit u)). Never decreases along the values of `uniform32`, and
    ``logit32(1 - u) == -logit32(u)`` exactly on them, since both differences are exact there.
    """
    return _apply(_logit, u)


def normal_quantile32(u: Number) -> F4:
    """Quantile of the standard normal distribution for u in (0, 1).

    Within 5.30 of zero on the values of `uniform32`; antisymmetric about 1/2 exactly, never
    decreasing. Error at most 4e-7 * max(1, abs(z)). One logarithm, one square root, no branch.
    Source: M. Giles (2012), "Approximating the erfinv function", single-precision polynomials.
    """
    return _apply(_normal_quantile, u)


def gumbel32(u: Number) -> F4:
    """Standard Gumbel variate ``-log(-log(u))`` for u in (0, 1): -2.812 to 16.636 on `uniform32`.

    Error at most 2e-7 * max(1, abs(g)). Never decreases along the values of `uniform32`.
    """
    return _apply(_gumbel, u)


def uniform32(bits: npt.NDArray[np.uint32] | np.uint32 | int) -> F4:
    """Map 32 random bits to a float32 strictly inside (0, 1): ``((bits >> 9) + 0.5) * 2**-23``.

    The 2**23 values are the midpoints of equal cells, so ``1 - u`` is one of them too, and both it and
    ``2 * u - 1`` are exact. One bit more would round the largest value to 1, whose logit is infinite.
    """
    if isinstance(bits, np.ndarray | np.generic) and bits.dtype != np.uint32:
        raise TypeError(f"numerics: uniform32 needs uint32 bits, found {bits.dtype}")
    words = np.atleast_1d(np.asarray(bits, dtype=np.uint32)) >> _UNIFORM_SHIFT
    return _like((words.astype(np.float32) + _HALF) * _UNIFORM_UNIT, bits)
