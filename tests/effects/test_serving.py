"""Recommenders, shares and stage gates move the number that their documentation says, and placebos nothing."""

import numpy as np
import pytest

from feedtwin.policies.interface import COMMUNITY, FOLLOWED
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import Stage
from feedtwin.twins.platform.feed.retrieval import NO_ITEM

pytestmark = pytest.mark.slow

UPLOADS = ("user.uploads_per_day=[6,3,1,0]", "population.tier_shares=[0.01,0.04,0.15,0.8]")
STAGES = (
    *UPLOADS, "promotion.initial_audience=20", "promotion.expanded_audience=60",
    "promotion.velocity_gate=5", "promotion.completion_gate=0.05", "promotion.engagement_gate=0.1",
)  # fmt: skip
TIES = ("population.ties_mean=20",)
CATALOGUE = ("population.videos_per_user=3",)


def kept(sets, *changes):
    """Settings with some replaced: a path may be set once."""
    last = {text.partition("=")[0]: text for text in (*sets, *changes)}
    return tuple(last.values())


def everybody(world):
    """A slate for every user at the end of a run: what feeds look like, from state alone."""
    step = world.step_count
    world.platform.prepare(step)
    users = world.users.table
    user = np.nonzero(users.activity > 0)[0].astype(np.uint32)
    zero = np.zeros(len(user), np.uint32)
    columns = {
        "user": user, "request": users.request[user], "kind": zero.astype(np.uint8), "query": zero
    }  # fmt: skip
    slates = world.platform.serve(EventBatch("FEED_REQUESTED", step, columns))
    return slates, slates.row != NO_ITEM


class Served:
    """Counts slots by pool over a run; one snapshot late in it says little, when ties fill few slots."""

    def __init__(self):
        self.slots = np.zeros(256, int)

    def __call__(self, published):
        if published.batch.event == "IMPRESSION_SERVED":
            for flat in published.batch.logged():
                self.slots += np.bincount(flat.pool, minlength=256)

    def share(self, *pools):
        return float(self.slots[list(pools)].sum() / self.slots.sum())


def count_served(world):
    world.recorder = Served()


def followed_share(world):
    """Share of slots from the followed pool, over a run that `count_served` prepared."""
    return world.recorder.share(FOLLOWED)


def social_share(world):
    """Share of slots that come from ties, over a run that `count_served` prepared."""
    return world.recorder.share(FOLLOWED, COMMUNITY)


def limited_share(world):
    """Share of slots with a video that failed its test."""
    slates, filled = everybody(world)
    return (slates.stage[filled] == Stage.LIMITED_EXPOSURE).mean()


def top_share(world):
    """Share of all views that the top 1 % of videos have."""
    views = np.sort(world.content.table.impressions.astype(float))
    return views[-max(len(views) // 100, 1) :].sum() / views.sum()


def carried(world):
    """Share of slots that a share carried: from the followed pool, of a creator whom the user does not follow."""
    slates, filled = everybody(world)
    lane, slot = np.nonzero((slates.pool == FOLLOWED) & filled)
    creator = world.content.table.creator[slates.row[lane, slot]]
    return (~world.users.ties.has(slates.user[lane], creator)).sum() / filled.sum()


def creators_met(world):
    """Distinct creators per impression, averaged over users who saw something."""
    creator, seen = world.content.table.creator, world.platform.history.seen_row
    count = world.platform.accounts.seen_count
    people = np.nonzero((count > 20) & (count <= seen.shape[1]))[0]
    return np.mean([len(np.unique(creator[seen[u, : count[u]]])) / count[u] for u in people])


def limited(world):
    stage = world.platform.catalogue.stage
    return (stage == Stage.LIMITED_EXPOSURE).mean()


def in_test(world):
    return (world.platform.catalogue.stage == Stage.INITIAL_EXPOSURE).mean()


def went_viral(world):
    return world.platform.telemetry.as_dict()["viral"]


def viral_now(world):
    return (world.platform.catalogue.stage == Stage.VIRAL_STAGE).sum()


KUAISHOU, HYBRID = "policies.recommendation=kuaishou", "policies.recommendation=hybrid"
EFFECTS = {
    "kuaishou: more from followees": (followed_share, TIES, (KUAISHOU,), 1),
    "kuaishou: more from ties": (social_share, TIES, (KUAISHOU,), 1),
    "kuaishou: a tighter cap lets people meet more creators": (
        creators_met,
        ("population.videos_per_user=5", KUAISHOU),
        ("kuaishou.pool_creator_cap=1",),
        1,
    ),
    "hybrid: less from ties than kuaishou": (social_share, (*TIES, KUAISHOU), (HYBRID,), -1),
    "hybrid: more from ties than tiktok": (social_share, TIES, (HYBRID,), 1),
    "hybrid: a filter by quantile flattens views": (
        top_share, (*CATALOGUE, HYBRID), ("hybrid.exposure_filter=quantile",), -1,
    ),
    "hybrid: a filter by share flattens views": (
        top_share,
        (*CATALOGUE, HYBRID),
        ("hybrid.exposure_filter=share", "hybrid.exposure_share=0.003"),
        -1,
    ),
    "shares: a longer window carries more views": (
        carried,
        (*TIES, "user.share_logit_mean=-2", "platform.share_window_steps=1"),
        ("platform.share_window_steps=24",),
        1,
    ),
    "gate: engagement": (limited, STAGES, ("promotion.engagement_gate=0.3",), 1),
    "gate: velocity": (went_viral, STAGES, ("promotion.velocity_gate=40",), -1),
    "gate: velocity, absolute": (
        went_viral, (*STAGES, "promotion.gates=absolute", "promotion.velocity_gate_absolute=2"),
        ("promotion.velocity_gate_absolute=20",), -1,
    ),
    "gate: completion": (went_viral, STAGES, ("promotion.completion_gate=0.6",), -1),
    "audience of the test": (in_test, STAGES, ("promotion.initial_audience=200",), 1),
    "length of the viral stage": (viral_now, STAGES, ("promotion.viral_steps=2",), -1),
    "amplification": (top_share, STAGES, ("promotion.amplification=0.9",), 1),
    "limited traffic: quota": (
        limited_share, (*STAGES, "promotion.limited_penalty=0"), ("recommendation.limited_quota=0",), -1,
    ),
    "limited traffic: penalty": (
        limited_share, (*STAGES, "promotion.limited_penalty=0"), ("promotion.limited_penalty=0.6",), -1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EFFECTS)
def test_a_change_moves_what_it_should(paired, kernels, name):
    measure, base, changes, sign = EFFECTS[name]
    steps = 12 if name == "amplification" else 24  # later, everybody has seen what is amplified
    shape = {"steps": steps, "prepare": count_served}
    found = paired.effect(measure, base, kept(base, *changes), kernels, 8, **shape)
    assert found.excludes_zero, found
    assert np.sign(found.mean) == sign, found


PLACEBOS = {
    "the absolute gate while gates are relative": "promotion.velocity_gate_absolute=7",
    "the other recommender's quota": "kuaishou.community_quota=40",
    "a filter's size while there is no filter": "hybrid.exposure_share=0.1",
    "lists that nobody asks for": "platform.list_candidates=50",
}


@pytest.mark.parametrize("name", PLACEBOS)
def test_a_placebo_leaves_the_digest_equal(paired, kernels, name):
    assert paired.same_digest(STAGES, (*STAGES, PLACEBOS[name]), kernels, steps=8)
