"""Coming back, churning and posting on, compared with the definitions, one person at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtwin.lab.metrics import METRICS
from feedtwin.lab.metrics.metric import read
from feedtwin.lab.metrics.retention import kaplan_meier, lifetimes
from feedtwin.lab.run_data import RunData

DAYS = 40
PEOPLE = st.lists(st.integers(0, 2**DAYS - 1), min_size=1, max_size=12)


def a_run(bits, days=DAYS, **items):
    users = {
        "days_active": np.array(bits, np.uint64), "tier": np.zeros(len(bits), np.uint8),
        "user": np.arange(len(bits)),
    }  # fmt: skip
    return RunData({}, {"item": np.zeros(1), **items}, users, 0, 24 * days)


def value(name, data):
    return read(METRICS[name], data).value


def days_of(bits, days=DAYS):
    return [day for day in range(days) if bits >> day & 1]


def back_after(people, gap):
    known = [days for days in map(days_of, people) if days and days[0] + gap < DAYS]
    return sum(days[0] + gap in days for days in known) / len(known) if known else None


def life(days):
    """How long a person was followed, and whether they stayed away for seven days in a row."""
    for day in range(days[0], DAYS):
        if day >= days[0] + 7 and not set(range(day - 6, day + 1)) & set(days):
            return day - days[0], True
    return DAYS - 1 - days[0], False


def survival(lives, time):
    """Kaplan-Meier by hand."""
    if not lives or max(length for length, _ in lives) < time:
        return None
    alive = 1.0
    for moment in range(time + 1):
        at_risk = sum(length >= moment for length, _ in lives)
        gone = sum(length == moment and churned for length, churned in lives)
        alive *= 1 - gone / at_risk if gone else 1
    return alive


@given(PEOPLE)
def test_retention_is_the_share_that_is_back_on_that_day(people):
    data = a_run(people)
    for gap in (1, 7, 28):
        assert value(f"retention_d{gap}", data) == pytest.approx(back_after(people, gap))


@given(PEOPLE)
def test_survival_is_the_product_over_days_of_those_who_stay(people):
    data = a_run(people)
    lives = [life(days) for days in map(days_of, people) if days]
    for time in (14, 28):
        assert value(f"survival_d{time}", data) == pytest.approx(survival(lives, time))
    median = next((t for t in range(DAYS) if (survival(lives, t) or 1) <= 0.5), None)
    if not any(survival(lives, t) == 0 for t in range(DAYS)):
        assert value("days_to_churn", data) == median


def test_a_life_ends_on_the_seventh_day_away_and_is_censored_at_the_horizon():
    active = np.zeros((3, 12), bool)
    active[0, 2] = True  # alone on day 2: gone on day 9
    active[1, [0, 7]] = True  # away for six days, and for four at the end
    duration, churned = lifetimes(active)
    assert duration.tolist() == [7, 11] and churned.tolist() == [True, False]


def test_kaplan_meier_equals_a_worked_example():
    # Six patients, censored at 4 and 5: Kleinbaum and Klein's way of counting.
    times, alive = kaplan_meier(
        np.array([1, 2, 4, 4, 5, 6]), np.array([True, True, True, False, False, True])
    )
    assert times.tolist() == [1, 2, 4, 6]
    assert alive.tolist() == pytest.approx([5 / 6, 4 / 6, 4 / 6 * 3 / 4, 0])


def test_only_whole_days_count():
    assert value("retention_d1", a_run([0b11], days=1)) is None
    assert value("retention_d1", a_run([0b11], days=2)) == 1


def test_creators_go_on_posting_if_they_post_in_both_of_the_last_weeks():
    creator = np.array([0, 0, 1, 2, 3, 3])
    created = np.array([170, 340, 200, 400, 10, 400])  # weeks 1 and 2 are steps 168 to 335, to 503
    data = a_run([0] * 4, days=21, creator=creator, created_step=created)
    assert value("creator_retention", data) == 1 / 2  # of 0 and 1 only 0
    assert value("creator_entry", data) == 2 / 3  # 2 and 3 were not there the week before
    assert value("creator_retention_elite", data) == 1 / 2
    assert value("creator_retention_casual", data) is None
    short = a_run([0] * 4, days=13, creator=creator, created_step=created)
    assert value("creator_retention", short) is None
