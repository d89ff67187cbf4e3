"""What rates and settings of community life move, in which direction, and what they leave alone.

Each test states its direction; eight paired worlds, a 95 % Student interval that excludes zero.
"""

import numpy as np
import pytest

pytestmark = pytest.mark.slow

SHAPE = {"users": 200, "steps": 16, "replicates": 8}
LIVELY = (
    "live.hosts.starts_per_hour=[0.3,0.2,0.1,0]", "population.tier_shares=[0.05,0.1,0.15,0.7]",
)  # fmt: skip
TALKING = (
    "community.rates.create_post=0.2", "community.rates.like_post=0.4",
    "community.rates.create_group=0.02", "community.rates.join_group=0.2",
)  # fmt: skip


def _table(name, column):
    return lambda world: float(getattr(world.sight.shared[name], column).sum())


def _follows(world):
    return float(world.users.table.following_count.sum())


def _joins(world):
    return float(world.executed["JOIN_LIVE"])


def _taste_for_rooms(world):
    """Mean interest of those inside rooms in what their rooms are about."""
    seats, rooms = world.sight.shared["live.viewers"], world.sight.shared["rooms"]
    order = np.argsort(rooms.host)
    at = order[np.searchsorted(rooms.host[order], seats.right)]
    topics = world.content.categories.vectors.astype(float)[rooms.category[at]]
    taste = world.users.table.taste[seats.left].astype(float)
    return float((topics * taste).sum(axis=1).mean())


@pytest.mark.parametrize(
    ("measure", "common", "less", "more", "up"),
    [
        (_table("posts", "likes"), TALKING, "community.rates.unlike_post=0",
         "community.rates.unlike_post=0.8", False),
        (_table("posts", "comments"), TALKING, "community.rates.create_comment=0.05",
         "community.rates.create_comment=0.3", True),
        (_table("groups", "members"), TALKING, "community.rates.leave_group=0",
         "community.rates.leave_group=0.5", False),
        (_table("groups", "messages"), TALKING, "community.rates.send_to_group=0.05",
         "community.rates.send_to_group=0.5", True),
        (_follows, ("community.rates.search_user=0.3",), "community.choice.follow_found=0",
         "community.choice.follow_found=0.9", True),
        (_joins, LIVELY, "live.viewers.look_rate=0.2", "live.viewers.look_rate=0.9", True),
        (_joins, LIVELY, "live.viewers.discover_rate=0", "live.viewers.discover_rate=0.8", True),
        (_table("rooms", "viewers"), (*LIVELY, "live.hosts.length_steps=50"), "live.viewers.stay_steps=1",
         "live.viewers.stay_steps=20", True),
        (_table("rooms", "opened"), LIVELY, "live.hosts.length_steps=1",
         "live.hosts.length_steps=12", False),
        (_joins, (*LIVELY, "live.viewers.look_rate=1"), "live.rooms.capacity=1000",
         "live.rooms.capacity=1", False),
        (_taste_for_rooms, (*LIVELY, "live.viewers.discover_rate=1", "live.viewers.look_rate=1",
                            "live.viewers.stay_steps=50"),
         "live.viewers.taste_weight=0", "live.viewers.taste_weight=40", True),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_setting_moves_what_it_says(paired, kernels, measure, common, less, more, up):
    found = paired.effect(measure, [*common, less], [*common, more], kernels, **SHAPE)
    assert found.excludes_zero and (found.mean > 0) == up, found


@pytest.mark.parametrize(
    "placebo",
    [
        "community.choice.popular=9", "community.board.size=3", "live.viewers.look_rate=1",
        "live.rooms.capacity=1", "live.hosts.length_steps=9", "community.choice.famous_share=1",
    ],
)  # fmt: skip
def test_a_setting_of_what_is_off_leaves_the_digest(paired, kernels, placebo):
    assert paired.same_digest([], [placebo], kernels, users=200, steps=8)


def test_gifts_are_no_ones_where_nobody_moves_money(paired, kernels):
    """Until some part executes SEND_GIFT the rate of live gifts has no causal path."""
    world = paired.run([*LIVELY], 0, kernels, users=200, steps=1)
    if world.sight.executes("SEND_GIFT"):
        pytest.skip("this world moves gifts")
    gifts = [*LIVELY, "live.viewers.gift_rate=1"]
    assert paired.same_digest(LIVELY, gifts, kernels, users=200, steps=8)
