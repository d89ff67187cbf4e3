"""Do 95 % intervals hold the truth in 95 % of studies? Simulated differences of known mean.

Acceptance: 93 to 97 % of at least 500 studies. With fewer than ten pairs that holds for differences that are
near normal, which is why studies of so few warn.
"""

import numpy as np
import pytest
from scipy import stats

from feedtwin.lab.statistics import difference, unpaired

STUDIES = 1000
LAWS = {
    "normal": stats.norm(),
    "heavy tails": stats.t(5),
    "mildly skewed": stats.gamma(8.0),
    "uniform": stats.uniform(),
}
CASES = [("normal", 5), *((law, pairs) for law in LAWS for pairs in (10, 20))]


@pytest.mark.parametrize(("law", "pairs"), CASES)
def test_intervals_cover_a_planted_effect(law, pairs, chance):
    planted = 0.2
    studies = chance(pairs)(LAWS[law], STUDIES, pairs) - LAWS[law].mean() + planted
    held = 0
    for treatment in studies:
        found = difference(treatment, np.zeros(pairs))
        held += found.low <= planted <= found.high
    assert 0.93 <= held / STUDIES <= 0.97


def test_skewed_differences_are_covered_better_than_by_students_interval(chance):
    law = stats.lognorm(1.0)
    held = students = 0
    for d in chance(9)(law, STUDIES, 40) - law.mean():
        found = difference(d, np.zeros(40))
        held += found.low <= 0 <= found.high
        students += abs(d.mean()) <= stats.t.ppf(0.975, 39) * stats.sem(d)
    assert held > students and held / STUDIES >= 0.92


def test_unpaired_comparisons_of_equal_arms_are_wrong_in_five_percent_of_studies(chance):
    draw, studies = chance(10), 2000
    a, b = draw(stats.norm(), studies, 10), draw(stats.norm(), studies, 10)
    wrong = sum(unpaired(one, two)[3] < 0.05 for one, two in zip(a, b, strict=True))
    assert abs(wrong / studies - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / studies)
