import numpy as np
import pytest

from feedtwin.datasets.constants import fit_constants
from feedtwin.datasets.facts import entropy_bits, gini
from feedtwin.datasets.hashing import normals, uniforms
from feedtwin.datasets.shrink import (
    beta_binomial,
    beta_logits,
    crossed_effects,
    interaction,
    lift_shape,
    logistic,
    logit_variance,
    relative_rates,
    upload_prior,
)

IDS = np.arange(4000)
LIMITS = (-12.0, 3.0)


def beta_draws(a: int, b: int, label: str) -> np.ndarray:
    """Beta variates with whole parameters, as order statistics of uniforms."""
    table = [uniforms(IDS, f"{label}{i}") for i in range(a + b - 1)]
    return np.sort(np.stack(table), axis=0)[a - 1]


def binomial(p: np.ndarray, n: int, label: str) -> np.ndarray:
    return sum((uniforms(IDS, f"{label}/{i}") < p).astype(np.int64) for i in range(n))


def test_hashed_numbers_are_uniform_and_normal_and_differ_by_label() -> None:
    u, z = uniforms(np.arange(50_000), "a"), normals(np.arange(50_000), "a")
    assert u.min() > 0.0 and u.max() < 1.0
    assert np.histogram(u, bins=20, range=(0, 1))[0] == pytest.approx(2500, abs=250)
    assert z.mean() == pytest.approx(0.0, abs=0.02) and z.std() == pytest.approx(1.0, abs=0.02)
    assert abs(np.corrcoef(u, uniforms(np.arange(50_000), "b"))[0, 1]) < 0.02


def test_the_beta_distribution_of_rates_is_recovered() -> None:
    rate = beta_draws(1, 4, "recover")
    trials = np.full(len(IDS), 12)
    a, b = beta_binomial(binomial(rate, 12, "recover"), trials, fit_constants())
    assert a == pytest.approx(1.0, rel=0.15) and b == pytest.approx(4.0, rel=0.15)


def test_posterior_quantiles_are_those_of_the_beta_distribution() -> None:
    zero = np.zeros(3, np.int64)
    at = np.array([0.1, 0.5, 0.9])
    p = logistic(beta_logits(zero, zero, (2.0, 3.0), at, LIMITS))
    cdf = 6 * p**2 - 8 * p**3 + 3 * p**4
    assert cdf == pytest.approx(at, abs=1e-3)


def test_a_person_without_events_may_be_one_who_never_does_it() -> None:
    at = np.array([0.5])
    never = beta_logits(np.array([0]), np.array([40]), (0.05, 2.0), at, LIMITS)
    often = beta_logits(np.array([20]), np.array([40]), (0.05, 2.0), at, LIMITS)
    assert never[0] == LIMITS[0]
    assert logistic(often)[0] == pytest.approx(20.05 / 42.05, abs=0.02)


def few_rows(spread: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Skips of 15,000 people with six rows each, on 5,000 videos; most videos have few rows too."""
    rows = np.arange(90_000)
    person = (uniforms(rows, "person") ** 1.5 * 15_000).astype(np.int32)
    item = (uniforms(rows, "item") ** 2 * 5_000).astype(np.int32)
    truth = spread * normals(np.arange(15_000), "u")
    p = logistic(-0.65 + truth[person] + 0.4 * normals(np.arange(5_000), "v")[item])
    return (uniforms(rows, "y") < p).astype(float), person, item, truth


@pytest.mark.parametrize("spread", [0.4, 0.7, 1.0])
def test_the_spread_of_people_is_recovered_from_six_rows_each(spread: float) -> None:
    constants = fit_constants()
    y, person, item, truth = few_rows(spread)
    factors = [(person, 15_000), (item, 5_000)]
    linear = crossed_effects(y, factors, constants)
    variances = [logit_variance(v, float(y.mean()), constants) for v in linear.variances]
    assert np.sqrt(variances[0]) == pytest.approx(spread, rel=0.1)
    assert np.sqrt(variances[1]) == pytest.approx(0.4, rel=0.2)
    fit = crossed_effects(y, factors, constants, logit_variances=variances)
    assert fit.fitted.mean() == pytest.approx(y.mean(), abs=1e-3)
    slope = np.polyfit(fit.means[0], truth, 1)[0]
    assert slope == pytest.approx(1.0, abs=0.15)


def test_the_logit_variance_gives_back_the_variance_of_probabilities() -> None:
    p = logistic(-0.8 + 0.9 * normals(np.arange(200_000), "p"))
    variance = logit_variance(float(p.var()), float(p.mean()), fit_constants())
    assert variance == pytest.approx(0.81, rel=0.02)


def test_an_interaction_is_told_apart_from_the_person() -> None:
    rows = np.arange(40_000)
    person = (rows // 20).astype(np.int32)
    cell = person.astype(np.int64) * 3 + rows % 3
    own = 0.4 * normals(np.arange(2_000), "own")
    shared = 0.2 * normals(np.arange(6_000), "cell")
    residual = shared[cell] + normals(rows, "noise")
    cells, means, variance = interaction(residual, own[person], cell, person, 1.0, 1e-6)
    assert variance == pytest.approx(0.04, rel=0.25)
    assert np.polyfit(means, shared[cells], 1)[0] == pytest.approx(1.0, abs=0.25)
    _, _, none = interaction(normals(rows, "noise"), own[person], cell, person, 1.0, 1e-6)
    assert none < 0.01


def test_levels_without_rows_stay_at_the_prior() -> None:
    level = np.zeros(50, np.int32)
    y = np.tile([0.0, 1.0], 25)
    fit = crossed_effects(y, [(level, 3)], fit_constants())
    assert fit.means[0][1:] == pytest.approx(0.0)
    assert fit.sds[0][1:] == pytest.approx(np.sqrt(fit.variances[0]), rel=0.05)


def test_relative_rates_start_at_the_centre_and_follow_the_counts() -> None:
    rates = relative_rates(np.array([0.0, 0.0, 50.0]), np.array([0.0, 50.0, 10.0]), 2.0, 1.5)
    assert rates == pytest.approx([1.5, 3.0 / 52.0, 53.0 / 12.0])


def test_the_shape_of_lifts_tells_alike_people_from_different_ones() -> None:
    due = np.full(len(IDS), 6.0)
    alike = binomial(np.full(len(IDS), 0.2), 30, "alike")
    apart = binomial(beta_draws(1, 4, "apart"), 30, "apart")
    assert lift_shape(alike, due, (0.1, 100.0)) > 50.0
    assert lift_shape(apart, due, (0.1, 100.0)) == pytest.approx(1.1, abs=0.4)


def test_authors_who_were_not_seen_lower_the_upload_rate() -> None:
    rate = -np.log(uniforms(IDS, "rate")) * 0.2
    uploads = binomial(np.clip(rate / 10.0, 0, 1), 30, "uploads")
    seen = uploads[uploads > 0]
    shape, per_days = upload_prior(seen, 3.0, fit_constants())
    assert shape / per_days == pytest.approx(0.2, rel=0.3)
    assert seen.mean() / 3.0 > 0.4


def test_gini_and_entropy_of_known_counts() -> None:
    assert gini([3, 3, 3]) == pytest.approx(0.0)
    assert gini([0, 0, 0, 1]) == pytest.approx(0.75)
    assert gini([]) == 0.0
    assert entropy_bits([1, 1, 1, 1, 0]) == pytest.approx(2.0)
