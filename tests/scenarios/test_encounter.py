"""The actions of this area, each exercised from wish to fact."""

import numpy as np
import pytest

from feedtwin.kernels.binding import load
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.codes import VideoOrigin
from feedtwin.schema.requests import asked
from feedtwin.schema.settings import resolve
from feedtwin.world.build import build


@pytest.fixture
def world():
    return build(resolve("synthetic", users=60, seed=7), load("auto"))


@pytest.mark.parametrize(
    ("action", "origin"),
    [("DUET_VIDEO", VideoOrigin.DUET), ("STITCH_VIDEO", VideoOrigin.STITCH)],
)
def test_a_creator_answers_a_video(world, action, origin):
    """Two creators ask, one of them for two answers: three uploads, each the creator's next."""
    assert ACTIONS[action].handled
    items, users = world.content.table, world.users.table
    creators = np.unique(items.creator)[:2]
    theirs = items.item[~np.isin(items.creator, creators)][:2]
    who = np.array([creators[1], creators[0], creators[0]], np.uint32)
    source = np.array([theirs[0], theirs[1], theirs[0]], np.uint64)
    before, counts = len(items), users.upload_count[creators].copy()
    wish = asked(action, 0, user=who, source=source, category=np.zeros(3))
    with world.phase("execute") as publish:
        publish(*world._execute(wish))
    items, users = world.content.table, world.users.table
    new = slice(before, None)
    assert len(items) == before + 3
    assert (items.origin[new] == origin).all()
    assert sorted(zip(items.creator[new].tolist(), items.parent[new].tolist(), strict=True)) == (
        sorted(zip(who.tolist(), source.tolist(), strict=True))
    )
    assert (users.upload_count[creators] - counts).tolist() == [2, 1]
    assert items.ordinal[new].tolist() == [counts[0], counts[0] + 1, counts[1]]
    np.testing.assert_array_equal(
        items.category[new], items.category[world.content.rows_of(items.parent[new])]
    )
    world.step()  # the answers can be served like any video
    assert len(world.platform.catalogue) == len(world.content.table)


def test_the_rates_are_off_by_default_and_on_where_everything_is():
    off, on = (resolve(name, users=10).section("user") for name in ("synthetic", "everything"))
    assert off["duet_rate"] == off["stitch_rate"] == 0
    assert on["duet_rate"] > 0 and on["stitch_rate"] > 0


def test_everything_emits_duets_and_stitches(world):
    world = build(
        resolve("everything", users=300, seed=7,
                sets=["population.tier_shares=[0.1,0.2,0.3,0.4]"]),
        load("auto"),
    )  # fmt: skip
    for _ in range(8):
        world.step()
    assert {VideoOrigin.DUET, VideoOrigin.STITCH} <= set(world.content.table.origin.tolist())
