"""Energy, boredom and satisfaction each do what the session rule says (USR-13)."""

import pytest

pytestmark = pytest.mark.slow

RANDOM = "policies.recommendation=random"
SHAPE = {"users": 300, "steps": 24, "replicates": 8}


def length(world):
    n = world.platform.telemetry.as_dict()
    return n["session_impressions"] / n["sessions"]


def bored(world):
    n = world.platform.telemetry.as_dict()
    return n["exits_boredom"] / n["sessions"]


def sessions(world):
    return world.platform.telemetry.as_dict()["sessions"]


def spread(world):
    users = world.users.table
    return float(users.satisfaction[users.session > 0].std())


@pytest.mark.parametrize(
    ("measure", "base", "treated", "sign"),
    [
        (length, [], ["user.stamina_s=2000"], 1),
        (length, ["user.fatigue_slope=0"], [], -1),
        (length, [], ["user.rest_tau_steps=12"], -1),
        (length, [], ["user.energy_exit=0.5"], -1),
        (bored, [], ["user.patience_low=3", "user.patience_high=8"], 1),
        (bored, [], ["user.relief=0"], 1),
        (spread, [], ["user.satisfaction_weight=0.3"], 1),
    ],
    ids=["stamina", "tiredness", "rest", "exit", "patience", "relief", "window"],
)
def test_a_number_of_the_session_moves_what_it_should(
    paired, kernels, measure, base, treated, sign
):
    found = paired.effect(measure, base, treated, kernels, **SHAPE)
    assert found.excludes_zero and found.mean * sign > 0, found


def test_satisfied_people_come_back_sooner(paired, kernels):
    """The same better feed brings sessions only where satisfaction acts on return."""
    shape = {**SHAPE, "steps": 48}
    depends, alone = "user.return_satisfaction=0.9", "user.return_satisfaction=0"
    assert paired.effect(sessions, [depends, RANDOM], [depends], kernels, **shape).low > 0
    without = paired.effect(
        sessions, [alone, RANDOM], [alone], kernels, **{**shape, "replicates": 3}
    )
    assert not without.differences.any()
