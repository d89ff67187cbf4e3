from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from feedtwin import numerics

FUNCTIONS = (
    numerics.log32,
    numerics.exp32,
    numerics.logistic32,
    numerics.logit32,
    numerics.normal_quantile32,
    numerics.gumbel32,
)
floats = st.floats(width=32, allow_nan=False)


@pytest.fixture(scope="module")
def uniforms() -> numerics.F4:
    """Every value that `uniform32` can return, in ascending order."""
    return numerics.uniform32(np.arange(2**23, dtype=np.uint32) << np.uint32(9))


def worst(got: numerics.F4, exact: np.ndarray, scale: np.ndarray | float) -> float:
    return float(np.max(np.abs(got.astype(np.float64) - exact) / scale))


def or_one(exact: np.ndarray) -> np.ndarray:
    return np.maximum(1.0, np.abs(exact))


def test_every_uniform_lies_strictly_inside_the_unit_interval(uniforms: numerics.F4) -> None:
    assert uniforms[0] == np.float32(2.0**-24)
    assert uniforms[-1] == np.float32(1.0 - 2.0**-24)
    assert np.unique(uniforms).size == 2**23


def test_the_complement_and_double_of_a_uniform_are_exact(uniforms: numerics.F4) -> None:
    exact = uniforms.astype(np.float64)
    assert np.array_equal((np.float32(1) - uniforms).astype(np.float64), 1.0 - exact)
    assert np.array_equal((np.float32(1) - uniforms), uniforms[::-1])
    doubled = np.float32(2) * uniforms - np.float32(1)
    assert np.array_equal(doubled.astype(np.float64), 2.0 * exact - 1.0)


def test_the_nine_low_bits_do_not_reach_a_uniform() -> None:
    assert numerics.uniform32(np.uint32(0)) == numerics.uniform32(np.uint32(511))
    assert numerics.uniform32(np.uint32(511)) < numerics.uniform32(np.uint32(512))
    assert numerics.uniform32(0xFFFFFFFF) < 1


def test_log_is_accurate_on_uniforms_even_next_to_one(uniforms: numerics.F4) -> None:
    exact = np.log(uniforms.astype(np.float64))
    assert worst(numerics.log32(uniforms), exact, np.abs(exact)) <= 1e-7


def test_log_is_accurate_on_all_normal_floats() -> None:
    x = np.arange(0x00800000, 0x7F800000, 997, dtype=np.uint32).view(np.float32)
    exact = np.log(x.astype(np.float64))
    assert worst(numerics.log32(x), exact, or_one(exact)) <= 1e-7


def test_exp_and_logistic_are_accurate_between_their_clamps() -> None:
    x = np.linspace(-80, 80, 2_000_001).astype(np.float32)
    exact = x.astype(np.float64)
    assert worst(numerics.exp32(x), np.exp(exact), np.exp(exact)) <= 1e-7
    assert worst(numerics.logistic32(x), special.expit(exact), special.expit(exact)) <= 2e-7


def test_logit_normal_and_gumbel_are_accurate_on_every_uniform(uniforms: numerics.F4) -> None:
    u = uniforms.astype(np.float64)
    for function, exact, bound in (
        (numerics.logit32, special.logit(u), 2e-7),
        (numerics.normal_quantile32, special.ndtri(u), 4e-7),
        (numerics.gumbel32, -np.log(-np.log(u)), 2e-7),
    ):
        assert worst(function(uniforms), exact, or_one(exact)) <= bound, function


@pytest.mark.parametrize(
    "function",
    [numerics.log32, numerics.logit32, numerics.normal_quantile32, numerics.gumbel32],
)
def test_transforms_of_a_uniform_never_decrease_so_arms_stay_positively_coupled(
    function: Callable[[numerics.F4], numerics.F4], uniforms: numerics.F4
) -> None:
    values = function(uniforms)
    assert np.all(np.isfinite(values))
    assert np.all(np.diff(values) >= 0)


def test_exp_never_decreases_on_neighbouring_floats() -> None:
    for centre in np.linspace(-80, 80, 641).astype(np.float32):
        bits = np.abs(centre).view(np.int32) + np.arange(-500, 500, dtype=np.int32)
        x = np.sort(np.copysign(np.maximum(bits, 0).view(np.float32), centre))
        assert np.all(np.diff(numerics.exp32(x)) >= 0), centre


def test_logit_and_normal_are_antisymmetric_to_the_bit(uniforms: numerics.F4) -> None:
    for function in (numerics.logit32, numerics.normal_quantile32):
        values = function(uniforms)
        assert np.array_equal(values, -values[::-1])


def test_range_of_normal_and_gumbel_is_the_documented_one(uniforms: numerics.F4) -> None:
    normal, gumbel = numerics.normal_quantile32(uniforms), numerics.gumbel32(uniforms)
    assert 5.29 < normal[-1] < 5.30
    assert -2.812 < gumbel[0] < -2.811
    assert 16.635 < gumbel[-1] < 16.636


def test_edges_have_defined_results_instead_of_infinities() -> None:
    least = numerics.log32(np.float32(2.0**-126))
    odd = np.array([0.0, -0.0, -3.0, 1e-45, np.nan, -np.inf], np.float32)
    assert np.all(numerics.log32(odd) == least)
    assert numerics.log32(np.float32(np.inf)) == np.float32(128 * np.log(2))
    assert numerics.log32(1.0) == 0
    assert numerics.exp32(0.0) == 1
    assert numerics.exp32(1e30) == numerics.exp32(80.0) < np.inf
    assert numerics.exp32(-np.inf) == numerics.exp32(-80.0) > 0
    assert numerics.exp32(np.float32(np.nan)) == numerics.exp32(-80.0)
    assert numerics.logistic32(100.0) == 1


@given(floats, floats)
def test_logistic_keeps_the_order_of_its_arguments(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert numerics.logistic32(low) <= numerics.logistic32(high)


@given(st.floats(-15, 15, width=32), st.integers(0, 2**32 - 1))
def test_deciding_by_logit_or_by_logistic_is_the_same_decision(x: float, bits: int) -> None:
    u = numerics.uniform32(bits)
    p = numerics.logistic32(x)
    if abs(float(u) - float(p)) > 4e-7:  # nearer than rounding, either answer is right
        assert (numerics.logit32(u) < np.float32(x)) == (u < p)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_results_stay_float32_in_every_shape(function: Callable[..., numerics.F4]) -> None:
    for x in (0.25, np.float32(0.25), np.full((), 0.25, np.float32)):
        result = function(x)
        assert type(result) is np.float32
        assert result == function(np.full((2, 3), 0.25, np.float32))[1, 2]
    assert function(np.full((2, 3), 0.25, np.float32)).shape == (2, 3)
    assert function(np.empty(0, np.float32)).shape == (0,)
    strided = np.linspace(0.1, 0.9, 20, dtype=np.float32)[::-2]
    assert np.array_equal(function(strided), function(strided.copy()))
    assert function(strided).dtype == np.float32


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_promoted_argument_is_refused(function: Callable[..., numerics.F4]) -> None:
    for x in (np.array([0.5]), np.float64(0.5), np.array([1])):
        with pytest.raises(TypeError, match="expected float32"):
            function(x)


def test_the_argument_is_left_as_it_was() -> None:
    x = np.array([0.1, 0.5, np.nan], np.float32)
    before = x.tobytes()
    for function in FUNCTIONS:
        function(x)
    assert x.tobytes() == before


def test_uniform32_refuses_bits_of_another_type() -> None:
    with pytest.raises(TypeError, match="uint32"):
        numerics.uniform32(np.array([1], np.int64))  # type: ignore[arg-type]
