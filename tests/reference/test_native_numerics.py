"""Native numerics and Philox equal the NumPy reference bit for bit, in every build of this machine."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedtwin import numerics
from feedtwin.kernels.binding import Kernels
from feedtwin.kernels.specs import NUMERICS
from feedtwin.randomness import STREAMS, Draws, Stream, philox4x32

session_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
UNIFORM_ONLY = ("logit32", "normal_quantile32", "gumbel32")


def edge_floats() -> np.ndarray:
    """Zeros, subnormals, powers of two and their neighbours, clamps, infinities, not-a-number."""
    powers = np.exp2(np.arange(-149, 128, dtype=np.float64)).astype(np.float32)
    special = np.array([0.0, 80.0, 88.8, 0.70710677, 1.4142135, np.inf, np.nan], np.float32)
    positive = np.concatenate([powers, special])
    near = np.concatenate([positive, np.nextafter(positive, np.float32(0))])
    near = np.concatenate([near, np.nextafter(positive, np.float32(np.inf))])
    return np.concatenate([near, -near])


def any_floats(seed: int, n: int) -> np.ndarray:
    """Floats of every exponent: uniform bit patterns from the project's own generator."""
    return Draws(seed).bits(Stream.USER_TIE, np.arange(n, dtype=np.uint32), 0).view(np.float32)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.array_equal(a.view(np.uint32), b.view(np.uint32)))


@pytest.mark.parametrize("name", NUMERICS)
def test_functions_agree_on_every_uniform(name: str, kernels: Kernels) -> None:
    bits = np.arange(2**23, dtype=np.uint32) << np.uint32(9)
    u = kernels.uniform(bits)
    assert same_bits(u, numerics.uniform32(bits))
    assert same_bits(kernels.numerics(name, u), getattr(numerics, name)(u))


@pytest.mark.parametrize("name", [n for n in NUMERICS if n not in UNIFORM_ONLY])
def test_functions_of_any_float_agree_on_edges_and_on_random_bit_patterns(
    name: str, kernels: Kernels
) -> None:
    for x in (edge_floats(), any_floats(11, 300_000)):
        assert same_bits(kernels.numerics(name, x), getattr(numerics, name)(x))


def test_uniforms_agree_whatever_the_low_bits(kernels: Kernels) -> None:
    bits = any_floats(12, 100_003).view(np.uint32)
    edges = np.array([0, 511, 512, 2**31 - 1, 2**31, 2**32 - 1], np.uint32)
    for words in (bits, edges):
        assert same_bits(kernels.uniform(words), numerics.uniform32(words))


words = st.integers(0, 2**32 - 1)


@session_fixture
@given(st.lists(st.tuples(words, words, words, words), min_size=1, max_size=40), words, words)
def test_philox_agrees_on_generated_counters_and_keys(
    kernels: Kernels, counters: list[tuple[int, int, int, int]], k0: int, k1: int
) -> None:
    columns = np.array(counters, dtype=np.uint32).T.copy()
    c0, c1, c2, c3 = columns
    native = kernels.philox((c0, c1, c2, c3), (k0, k1), len(counters))
    for got, expected in zip(native, philox4x32(c0, c1, c2, c3, k0, k1), strict=True):
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("rows", [64, 65, 79, 80, 4096, 65_535, 65_537, 200_003])
def test_draws_with_native_code_equal_draws_without(rows: int, kernels: Kernels) -> None:
    users = np.arange(rows, dtype=np.uint32) * np.uint32(2654435761)
    plain, fast = Draws(2**32 - 1, 2**20 - 1), Draws(2**32 - 1, 2**20 - 1, kernels)
    for stream in STREAMS:
        ids = (users, users[::-1], 3, 2**32 - 1)[: len(stream.key)]
        assert np.array_equal(fast.bits(stream, *ids), plain.bits(stream, *ids)), stream


def test_native_draws_broadcast_like_the_reference(kernels: Kernels) -> None:
    users, creators = np.arange(50, dtype=np.uint32)[:, None], np.arange(30, dtype=np.uint32)
    plain, fast = Draws(1, 2), Draws(1, 2, kernels)
    expected = plain.gumbel(Stream.RANKING, users, creators, 2, 1)
    got = fast.gumbel(Stream.RANKING, users, creators, 2, 1)
    assert got.shape == (50, 30)
    assert same_bits(got, expected)
