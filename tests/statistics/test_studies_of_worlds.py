"""Studies of real (tiny) worlds, over and over: no false alarms, and intervals that hold what was planted.

A pool of paired replicates is run once: a policy, the same policy again under another label, and a policy with a
planted effect. The pool is then the law that replicates come from: each of 2000 studies draws ten of it independently (with
replacement, so that no study sees a share of the truth), and the truth of the planted effect is the mean over the pool.
"""

import numpy as np
import pytest
from scipy import stats

from feedtwin.kernels.binding import load
from feedtwin.lab.statistics import coupling, difference, unpaired
from feedtwin.lab.statistics.coupling import joint_distance
from feedtwin.schema.settings import resolve
from feedtwin.world.segments import Segment, advance, begin

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

POOL, STUDIES, PAIRS = 150, 2000, 10
METRICS = ("watch", "skip", "likes")
ARMS = {
    "base": [],
    "again": [],
    "planted": ["interaction.skip_target=0.53"],
}


def measured(sets, replicate, kernels):
    settings = resolve("synthetic", users=120, seed=31, replicate=replicate, sets=sets)
    segments = [Segment(0, settings)]
    totals = advance(begin(segments, kernels), segments, kernels, 12).platform.telemetry.as_dict()
    met = totals["impressions"]
    return totals["watch_ms"] / met / 1000, totals["skips"] / met, totals["likes"] / met


@pytest.fixture(scope="module")
def pool():
    """float (POOL, metrics) by arm."""
    kernels = load("auto", 2)
    return {
        arm: np.array([measured(sets, r, kernels) for r in range(POOL)])
        for arm, sets in ARMS.items()
    }


@pytest.fixture
def studies(chance):
    """Rows of the pool in each study, int (STUDIES, 2 PAIRS): the second half for arms that share nothing."""
    return (chance(77)(stats.uniform(), STUDIES, 2 * PAIRS) * POOL).astype(int)


def test_identical_policies_differ_by_exactly_nothing_in_every_paired_study(pool, studies):
    for rows in studies:
        for k in range(len(METRICS)):
            found = difference(pool["again"][rows[:PAIRS], k], pool["base"][rows[:PAIRS], k])
            assert (found.estimate, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("k", range(len(METRICS)), ids=METRICS)
def test_identical_policies_without_pairing_look_different_in_five_percent(pool, studies, k):
    wrong = sum(
        unpaired(pool["again"][rows[:PAIRS], k], pool["base"][rows[PAIRS:], k])[3] < 0.05
        for rows in studies
    )
    assert abs(wrong / STUDIES - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / STUDIES), wrong


@pytest.mark.parametrize("k", range(len(METRICS)), ids=METRICS)
def test_intervals_hold_a_planted_effect(pool, studies, k):
    truth = float((pool["planted"][:, k] - pool["base"][:, k]).mean())
    held = 0
    for rows in studies:
        found = difference(pool["planted"][rows[:PAIRS], k], pool["base"][rows[:PAIRS], k])
        held += found.low <= truth <= found.high
    assert 0.93 <= held / STUDIES <= 0.97, held


@pytest.mark.parametrize("k", range(len(METRICS)), ids=METRICS)
def test_paired_and_unpaired_studies_estimate_the_same(pool, k):
    half = POOL // 2
    planted, base = pool["planted"][:, k], pool["base"][:, k]
    paired = difference(planted[:half], base[:half])
    estimate = planted[half:].mean() - base[:half].mean()
    error = np.sqrt(stats.sem(planted[half:]) ** 2 + stats.sem(base[:half]) ** 2)
    assert joint_distance(paired.standard_error, error, paired.estimate - estimate) <= 3


def test_pairing_saves_replicates(pool):
    found = coupling(pool["planted"][:, 0], pool["base"][:, 0])
    assert found.low > 1
