"""SHARE_VIDEO: who likes a video passes it on, their followers meet it, and the log says who led whom to it."""

import numpy as np
import pytest

from feedtwin.kernels.binding import load
from feedtwin.policies.interface import FOLLOWED
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.schema.requests import asked
from feedtwin.schema.settings import resolve
from feedtwin.twins.platform.retrieval import NO_ITEM
from feedtwin.world.build import build

SHARING = (
    "user.share_logit_mean=0", "user.impressions_max=20", "recommendation.slate_size=5",
    "user.uploads_per_day=[1,1,1,0]", "population.tier_shares=[0.02,0.05,0.13,0.8]",
    "population.videos_per_user=8",
)  # fmt: skip


@pytest.fixture(scope="module")
def told():
    """A world in which people share much, and what it published."""
    world = build(resolve("synthetic", users=120, seed=3, sets=SHARING), load("auto"))
    shared, slates = [], []

    def record(published):
        batch = published.batch
        if batch.event == "SOCIAL_ACTIVITY":
            shared.append(batch)
        if batch.event == "IMPRESSION_SERVED":
            slates.append(batch)

    world.recorder = record
    for _ in range(12):
        world.step()
    return world, shared, slates


def test_every_share_of_a_video_is_logged_once_per_user_and_step(told):
    world, shared, _ = told
    rows = [
        (b.step, int(u), int(i)) for b in shared for u, i in zip(b.user, b.item, strict=True)
        if (b.kind == SocialActivityKind.VIDEO_SHARED).all()
    ]  # fmt: skip
    assert len(rows) > 100
    assert len(set(rows)) == len(rows)
    assert len(rows) <= world.platform.telemetry.as_dict()["shares"]


def test_ordinals_count_each_user_s_social_activities_from_zero(told):
    world, shared, _ = told
    seen = {}
    for batch in shared:
        for user, ordinal in zip(batch.user.tolist(), batch.ordinal.tolist(), strict=True):
            assert ordinal == seen.get(user, 0)
            seen[user] = ordinal + 1
    counts = world.users.table.social_count
    assert {u: int(counts[u]) for u in seen} == seen


def test_a_share_s_parent_is_a_followee_who_had_shared_the_video(told):
    world, shared, _ = told
    latest, led = {}, 0
    for batch in shared:
        for user, item, parent in zip(
            batch.user.tolist(), batch.item.tolist(), batch.parent.tolist(), strict=True
        ):
            if parent:
                sharer = parent >> 32
                assert parent & 0xFFFFFFFF == 1
                assert latest[sharer][0] == item
                assert world.users.ties.has(np.uint32([user]), np.uint32([sharer])).all()
                led += 1
        latest.update(
            {
                u: (i, batch.step)
                for u, i in zip(batch.user.tolist(), batch.item.tolist(), strict=True)
            }
        )
    assert led > 10


def test_what_a_followee_shared_comes_through_the_followed_pool(told):
    """Videos of creators whom the user does not follow, in the followed pool: only a share leads there."""
    world, _, slates = told
    items, ties = world.content.table, world.users.ties
    via = 0
    for slate in slates:
        lane, slot = np.nonzero((slate.pool == FOLLOWED) & (slate.row != NO_ITEM))
        user, row = slate.user[lane], slate.row[lane, slot]
        via += int((~ties.has(user, items.creator[row])).sum())
    assert via > 10


def test_an_ad_is_not_passed_on(told):
    world, *_ = told
    items, part = world.content.table, world.platform.parts[1]
    wish = {
        "user": np.array([0, 1]), "item": items.item[[0, 1]], "request": np.zeros(2),
        "slot": np.zeros(2),
    }  # fmt: skip
    with world.content.writing():
        world.content._columns.kind[1] = 1
    (batch,) = part.do_share_video(asked("SHARE_VIDEO", 12, **wish))
    with world.content.writing():
        world.content._columns.kind[1] = 0
    assert batch.user.tolist() == [0]


def test_nothing_is_shared_where_the_window_is_closed():
    sets = [*SHARING, "platform.share_window_steps=0"]
    world = build(resolve("synthetic", users=120, seed=3, sets=sets), load("auto"))
    for _ in range(6):
        world.step()
    assert world.platform.telemetry.as_dict()["shares"] > 50
    assert (world.platform.accounts.share_row == NO_ITEM).all()
    assert not world.users.table.social_count.any()


@pytest.mark.parametrize("policy", ["tiktok", "kuaishou"])
def test_one_more_user_who_never_comes_changes_no_share_and_no_slate(policy):
    found = []
    for extra in (None, {"users": [{}]}):
        settings = resolve(
            "synthetic", users=120, seed=3, append=extra,
            sets=[*SHARING, f"policies.recommendation={policy}"],
        )  # fmt: skip
        world, rows = build(settings, load("auto")), []

        def record(published, rows=rows):
            batch = published.batch
            if batch.event in ("SOCIAL_ACTIVITY", "IMPRESSION_SERVED"):
                rows.extend(column.tobytes() for column in batch.digested()[1])

        world.recorder = record
        for _ in range(6):
            world.step()
        assert world.users.table.social_count.sum() > 50
        found.append(rows)
    assert found[0] == found[1]
