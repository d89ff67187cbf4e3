import numpy as np
import pytest

from feedtwin.datasets import WatchLog, fit_constants, series_names
from feedtwin.datasets.describing import Fact, describe, sessions_of
from feedtwin.datasets.series import CASCADES, SERIES
from feedtwin.datasets.series_facts import depths, series_facts


@pytest.fixture(scope="module")
def facts(sample_log: WatchLog) -> dict[tuple[str, str], Fact]:
    return {(f.group, f.name): f for f in describe(sample_log, fit_constants())}


def test_every_fact_has_its_number_of_rows_and_lies_in_its_interval(facts) -> None:
    for fact in facts.values():
        assert fact.n > 0, fact
        assert np.isnan(fact.low) or fact.low <= fact.value <= fact.high, fact


def test_the_sample_has_the_facts_that_its_documents_state(facts) -> None:
    assert facts["attention", "skipped before 3 s"].value == pytest.approx(0.3445, abs=0.0005)
    assert facts["attention", "watch time"].value == pytest.approx(23.33, abs=0.01)
    assert facts["engagement", "like"].value == pytest.approx(0.0189, abs=0.0001)
    assert facts["view concentration", "Gini of videos, all impressions"].value == pytest.approx(
        0.664, abs=0.001
    )


def test_the_hazard_of_the_first_seconds_multiplies_to_the_skip_rate(facts) -> None:
    stays = 1.0
    for (group, _), fact in facts.items():
        if group == "skip hazard":
            stays *= 1.0 - fact.value
    assert 1.0 - stays == pytest.approx(facts["attention", "skipped before 3 s"].value, abs=1e-9)


def test_concentration_is_lower_at_a_smaller_volume(facts) -> None:
    whole = facts["view concentration", "Gini of videos, all impressions"]
    matched = facts["view concentration", "Gini of videos, 10,000 impressions"]
    assert matched.value < whole.value and matched.n == 10_000


def test_a_session_ends_with_a_long_pause_and_with_its_user() -> None:
    user = np.array([1, 1, 1, 2, 1])
    time_s = np.array([0.0, 100.0, 5000.0, 50.0, 5100.0])
    who, length = sessions_of(user, time_s, np.full(5, 10.0), 1800.0)
    assert who.tolist() == [1, 1, 2] and length.tolist() == [2, 2, 1]


@pytest.mark.parametrize("name", series_names())
def test_series_have_facts_with_numbers(tmp_path, name: str) -> None:
    one = SERIES[name]
    facts = series_facts(one.read(one.write_tiny(tmp_path)))
    assert len(facts) >= 5 and all(np.isfinite(f.value) and f.n > 0 for f in facts)


def test_depths_follow_parents_to_the_root(tmp_path) -> None:
    table = CASCADES.read(CASCADES.write_tiny(tmp_path))
    depth, breadth = depths(table)
    of = {
        (int(c), int(i)): int(d) for c, i, d in zip(table.cascade, table.index, depth, strict=True)
    }
    for c, i, p in zip(
        table.cascade.tolist(), table.index.tolist(), table.parent.tolist(), strict=True
    ):
        assert of[c, i] == (1 if p < 0 else of[c, p] + 1)
    assert breadth.max() >= 1


def test_shares_have_intervals_within_0_and_1_that_never_collapse() -> None:
    from scipy.stats import binomtest

    from feedtwin.datasets.describing import wilson

    for events, n in ((0, 40), (1, 40), (20, 40), (40, 40)):
        share = events / n
        low, high = wilson(share, float(np.sqrt(share * (1 - share) / n)), n)
        exact = binomtest(events, n).proportion_ci(method="wilson")
        assert np.allclose((low, high), (exact.low, exact.high), atol=1e-6)
        assert 0 <= low < high <= 1
