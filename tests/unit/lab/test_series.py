from dataclasses import replace

import numpy as np
import pytest

from feedtwin.calibration.series.facts import Fact
from feedtwin.calibration.series.rolling import BASE, Rolled, Said
from feedtwin.lab.series.comparing import compare
from feedtwin.lab.series.scoring import scores

HORIZON = 7


def fact(values: np.ndarray, clusters: int, summary: str = "mean") -> Fact:
    return Fact("size", "events", summary, values, np.arange(len(values)) % clusters)


@pytest.mark.parametrize("summary", ["mean", "median"])
def test_like_distributions_lie_within_the_floor_and_shifted_ones_above(summary: str) -> None:
    values = np.linspace(0.0, 1.0, 200)
    (same,) = compare("x", [fact(values, 40, summary)], [[fact(values[::2], 9)]] * 3)
    (moved,) = compare("x", [fact(values, 40, summary)], [[fact(values + 0.5, 9)]] * 3)
    assert same.inside and same.ks < same.ks_floor and same.wasserstein < same.wasserstein_floor
    assert not moved.inside and moved.ks > moved.ks_floor
    assert moved.wasserstein == pytest.approx(0.5)
    assert same.low < same.observed < same.high and same.clusters == 40


def test_windows_of_one_hashtag_are_resampled_together() -> None:
    values = np.repeat(np.arange(10.0), 20)
    apart = Fact("size", "1", "mean", values, np.arange(200))
    together = Fact("size", "1", "mean", values, np.repeat(np.arange(10), 20))
    narrow, wide = compare("x", [apart, together], [])
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_the_same_data_give_the_same_intervals() -> None:
    values = np.square(np.arange(50.0))
    first, again = (compare("x", [fact(values, 10)], []) for _ in range(2))
    assert (first[0].low, first[0].high, first[0].ks_floor) == (again[0].low, again[0].high, again[0].ks_floor)  # fmt: skip


def test_runs_without_a_unit_are_said_to_have_none() -> None:
    (found,) = compare("x", [fact(np.arange(20.0), 20)], [[fact(np.zeros(0), 1)]])
    assert found.twin is None and found.inside is None and found.ks is None and found.runs == 0


def rolled(quality: float, days: int = 30, tags: int = 20) -> Rolled:
    """A forecaster that knows the future in a share `quality` of the pairs, beside one that knows nothing."""
    day = np.repeat(np.arange(days) * HORIZON, tags)
    name = np.tile(np.arange(tags), days)
    came = (day // HORIZON + name) % 5 == 0
    knows = (np.arange(len(day)) * 7919) % 100 < 100 * quality
    chance = np.where(knows, np.where(came, 0.9, 0.1), 0.2)
    lot = (np.arange(len(day)) * 104729 % 1009).astype(np.float64)
    every, base = np.ones(len(day), np.bool_), np.full(len(day), 0.2)
    said = {
        BASE: Said(lot, base, base, every), "own base rate": Said(lot, base, base, every),
        "wise": Said(-chance - lot * 1e-9, chance, chance, every),
    }  # fmt: skip
    onsets = {k: [int(d) + 3 for d in day[(name == k) & came]] for k in range(tags)}
    return Rolled(HORIZON, day, name, name, came, said, onsets, 0, 0)


def test_a_forecaster_who_knows_is_better_and_one_who_does_not_is_not() -> None:
    base, _, wise = scores(rolled(1.0), ())
    assert (
        wise.precision[5].value == 0.8 and wise.precision[1].value == 1.0
    )  # four of twenty take off
    assert wise.hits.value > 0.75 and wise.lead.value == 3 and wise.missed < 10
    assert wise.skill.low > 0.9 and wise.against[BASE].high < 0 < wise.precision_against[BASE].low
    assert base.skill.value == 0 and wise.brier.value == pytest.approx(0.01)
    assert wise.parts.score == pytest.approx(
        wise.parts.reliability - wise.parts.resolution + wise.parts.uncertainty
    )
    _, _, blind = scores(rolled(0.0), ())
    assert blind.skill.value == pytest.approx(0) and abs(blind.precision[5].value - 0.2) < 0.1


def test_scores_are_the_same_again() -> None:
    assert scores(rolled(0.5), ())[2].skill == scores(rolled(0.5), ())[2].skill


def test_lists_are_compared_at_the_same_lengths() -> None:
    whole = rolled(1.0)
    wise = whole.said["wise"]
    choosy = replace(wise, is_listed=wise.chance > 0.5)  # four a week, none of them wrong
    said = {**whole.said, "choosy": choosy}
    *_, generous, few = scores(replace(whole, said=said), ("wise",))
    assert (generous.precision[5].value, few.precision[5].value) == (0.8, 1.0)
    assert (
        few.precision_against["wise"].value == 0
    )  # on four places the other is never wrong either
