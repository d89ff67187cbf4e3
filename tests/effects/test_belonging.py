"""Loyalty brings people back, its lack sends them away for good, and sign-ups bring new ones."""

import numpy as np
import pytest

from feedtwin.schema.codes import SocialActivityKind
from feedtwin.twins.user.belonging import MEMBER

pytestmark = pytest.mark.slow

SHAPE = {"users": 300, "steps": 72, "replicates": 8}
DULL = "interaction.skip_target=0.8"
"""Videos that people skip far more often: sessions satisfy less."""
QUICK = ("user.loyalty_weight=0.3", "user.loyalty_slope=10")
LEAVING = (*QUICK, "user.leave_rate=0.02")
AWAY = (*QUICK, "user.away_rate=0.2")


def day_1(world):
    """Of those who came on day 0, the share who came on day 1: D1 from the users table alone."""
    days = world.users.table.days_active
    first = (days & 1) > 0
    return float(((days[first] >> np.uint32(1)) & 1).mean())


def departures(world):
    return world.platform.telemetry.as_dict()["departures"]


def sessions(world):
    return world.platform.telemetry.as_dict()["sessions"]


def loyalty(world):
    users = world.users.table
    return float(users.loyalty[users.session > 0].mean())


def test_days_away_lower_the_next_day_return(paired, kernels):
    found = paired.effect(day_1, [], ["user.away_rate=0.3"], kernels, **SHAPE)
    assert found.high < 0, found


def test_dull_videos_cost_loyalty_and_the_next_day(paired, kernels):
    assert paired.effect(loyalty, AWAY, [*AWAY, DULL], kernels, **SHAPE).high < 0
    assert paired.effect(day_1, AWAY, [*AWAY, DULL], kernels, **SHAPE).high < 0


def test_dull_videos_make_more_people_leave_for_good(paired, kernels):
    found = paired.effect(departures, LEAVING, [*LEAVING, DULL], kernels, **SHAPE)
    assert found.low > 0, found


class Goodbyes:
    """Keeps how much less loyal those who leave are than those who stay, on the day that they leave.

    Loyalty drifts with the days, and of who left it stands still: at the end of a run they do not compare.
    """

    def __init__(self, world):
        self.world, self.gaps = world, []

    def __call__(self, published):
        batch, users = published.batch, self.world.users.table
        if batch.event != "SOCIAL_ACTIVITY":
            return
        leaving = batch.user[batch.kind == SocialActivityKind.LEFT_PLATFORM]
        came = (users.session > 0) & (users.member == MEMBER)
        gone = np.zeros(len(users), bool)
        gone[leaving] = True
        if (gone & came).any():
            loyal = users.loyalty
            self.gaps.append(float(loyal[gone & came].mean() - loyal[came & ~gone].mean()))


def say_goodbye(world):
    world.recorder = Goodbyes(world)


def test_those_who_leave_are_less_loyal_than_those_who_stay(paired, kernels):
    shape = {"users": 400, "steps": 73, "prepare": say_goodbye}  # the third day closes in step 72
    worlds = [paired.run(LEAVING, replicate, kernels, **shape) for replicate in range(8)]
    assert all(len(world.recorder.gaps) == 3 for world in worlds)
    found = paired.interval([np.mean(world.recorder.gaps) for world in worlds])
    assert found.high < 0, found


def test_sign_ups_add_sessions(paired, kernels):
    base = ["population.prospects=100"]
    found = paired.effect(
        sessions, [*base, "user.signup_rate=0"], [*base, "user.signup_rate=0.5"], kernels, **SHAPE
    )
    assert found.low > 0, found


def test_loyalty_without_rates_changes_nothing(paired, kernels):
    assert paired.same_digest([], ["user.loyalty_slope=20"], kernels, users=100)
