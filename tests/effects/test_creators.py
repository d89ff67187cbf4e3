"""Supply is endogenous: creators who are seen post more, who are not post less or stop."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow

CREATORS = (
    "population.tier_shares=[0.02,0.05,0.13,0.8]",
    "creators.expectation=200",
    "creators.drive_rate=0.3",
)
ON = (*CREATORS, "user.creator_feedback=on")
OFF = (*CREATORS, "user.creator_feedback=off")
SEARCHING = (
    *ON, "content.expertise_weight=0.5", "creators.window_steps=200", "creators.quit_below=0",
)  # fmt: skip
"""Creators who post outside their field half of the time, remember all of it and never stop."""
SEEN = "user.sessions_per_day=9"
GAMER, ANIMAL_FRIEND, PETS = 3, 7, 6
"""Places of two persona templates and of a category."""
SHAPE = {"users": 250, "steps": 96, "replicates": 8}


def later_uploads(world):
    return float((world.content.table.created_step >= 24).sum())


def stopped(world):
    return float((world.users._careers.table.drive == 0).sum())


def turns(world):
    return world.platform.telemetry.as_dict()["creator_turns"]


def only(template):
    """A population of one persona template, as text for --set."""
    return f"personas.shares={[float(name == template) for name in range(13)]}"


def spread_fields(world):
    """Give every field to as many creators; people's taste stays as their template has it."""
    users, creators = world.users, world.users._careers.table.user
    with users._columns.writing():
        users._columns.expertise[creators] = np.arange(len(creators)) % 12


def pets(world):
    users, creators = world.users.table, world.users._careers.table.user
    return float((users.expertise[creators] == PETS).mean())


def test_more_views_bring_more_uploads(paired, kernels):
    found = paired.effect(later_uploads, ON, [*ON, SEEN], kernels, **SHAPE)
    assert found.low > 0, found


def test_without_feedback_views_bring_no_upload(paired, kernels):
    found = paired.effect(later_uploads, OFF, [*OFF, SEEN], kernels, **{**SHAPE, "replicates": 3})
    assert not found.differences.any()


def test_fewer_views_than_expected_make_creators_post_less_and_stop(paired, kernels):
    more = [one if "expectation" not in one else "creators.expectation=20000" for one in ON]
    assert paired.effect(later_uploads, ON, more, kernels, **SHAPE).high < 0
    assert paired.effect(stopped, ON, more, kernels, **SHAPE).low > 0


def test_creators_turn_to_the_category_that_people_want(paired, kernels):
    """The same creators, their fields spread evenly: more come to post pets for animal friends than for gamers."""
    shape = {**SHAPE, "prepare": spread_fields}
    gamers, friends = ((*SEARCHING, only(template)) for template in (GAMER, ANIMAL_FRIEND))
    assert paired.effect(pets, gamers, friends, kernels, **shape).low > 0
    nobody, shape["replicates"] = ("creators.niche_rate=0",), 2
    found = paired.effect(pets, (*gamers, *nobody), (*friends, *nobody), kernels, **shape)
    assert not found.differences.any(), found


@pytest.mark.parametrize("change", ["creators.niche_rate=1", "creators.niche_margin=1"])
def test_a_readier_turn_or_a_lower_margin_makes_more_creators_turn(paired, kernels, change):
    found = paired.effect(turns, SEARCHING, [*SEARCHING, change], kernels, **SHAPE)
    assert found.low > 0, found


def test_the_numbers_of_the_review_change_nothing_while_it_is_off(paired, kernels):
    placebo = [*OFF[:1], "creators.expectation=7", "creators.drive_rate=2"]
    base = [*OFF[:1], "creators.expectation=7"]
    assert paired.same_digest(base, placebo, kernels, users=100, steps=30)
