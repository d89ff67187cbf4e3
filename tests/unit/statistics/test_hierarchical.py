"""Means over posterior draws: what the interval contains."""

import numpy as np
import pytest

from feedtwin.datasets.hashing import normals
from feedtwin.lab.statistics.hierarchical import over_draws


def made(
    between: float, within: float, draws: int, each: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    draw = np.repeat(np.arange(draws), each)
    effect = 1.0 + between * normals(np.arange(draws), "between", seed)
    return effect[draw] + within * normals(np.arange(draws * each), "within", seed), draw


@pytest.mark.parametrize(("between", "within"), [(0.0, 1.0), (1.0, 1.0), (1.0, 0.1)])
def test_the_interval_holds_the_effect_at_another_draw(between: float, within: float) -> None:
    """The true parameters are one more draw of the posterior; their effect is inside as often as was said."""
    inside = []
    for seed in range(400):
        values, draw = made(between, within, 8, 4, seed)
        found = over_draws(values, draw, 0.9)
        truth = 1.0 + between * float(normals([99], "between", seed)[0])
        inside.append(found.low <= truth <= found.high)
    assert 0.86 < np.mean(inside) < 0.98


def test_more_pairs_do_not_make_the_parameters_better_known() -> None:
    few, many = (over_draws(*made(1.0, 0.5, 10, each, 3), 0.95) for each in (2, 200))
    assert many.error > 0.8 * few.error
    assert abs(many.between - few.between) < 0.3


def test_noise_of_runs_is_not_taken_for_doubt_about_parameters() -> None:
    found = [over_draws(*made(0.0, 1.0, 10, 20, seed), 0.95).between for seed in range(40)]
    assert np.mean(found) < 0.15


def test_claims_of_no_harm_carry_the_doubt_too() -> None:
    values, draw = made(0.5, 0.1, 10, 4, 1)
    found = over_draws(values, draw, 0.95)
    assert found.tost(-10.0, 10.0) < 0.001
    assert found.tost(0.5, 1.5) > 0.05
    assert found.p == pytest.approx(over_draws(-values, draw, 0.95).p)


def test_one_draw_says_nothing_about_draws() -> None:
    assert over_draws(np.ones(5), np.ones(5), 0.95) is None
    assert over_draws(np.ones(5), np.zeros(0), 0.95) is None
