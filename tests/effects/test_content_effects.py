"""Labels, embeddings, captions, answers and the skip's target move what they should."""

import numpy as np
import pytest

from feedtwin.schema import codes
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.events import EVENTS
from feedtwin.schema.settings import resolve
from feedtwin.world.build import build

pytestmark = pytest.mark.slow

FIXED = (
    "interaction.skip_intercept_from=parameter", "policies.recommendation=random",
    "policies.promotion=none",
)  # fmt: skip
"""Neither calibration nor serving makes up for a change."""
SHAPE = {"users": 300, "steps": 12, "replicates": 8}


def _labelled(kernels, replicate, *, label):
    """Likes and shares per view of every second video, which carries a label or does not."""
    world = build(
        resolve("synthetic", users=300, seed=11, replicate=replicate,
                sets=["policies.recommendation=random", "policies.promotion=none"]),
        kernels,
    )  # fmt: skip
    items = world.content.table
    chosen = items.item[::2]
    fields = EVENTS["GOVERNANCE_ACTION_APPLIED"].fields[1:]
    columns = {f.name: np.zeros(len(chosen), f.numpy_dtype) for f in fields}
    columns["target"] = chosen
    columns["target_kind"][:] = codes.TargetKind.ITEM
    columns["action"][:] = codes.GovernanceAction.LABEL
    columns["guard"][:] = codes.GuardResult.PASSED if label else codes.GuardResult.BLOCKED
    world.bus.deliver(EventBatch("GOVERNANCE_ACTION_APPLIED", 0, columns))
    for _ in range(12):
        world.step()
    rows = world.content.rows_of(chosen)
    items = world.content.table
    views = items.impressions[rows].sum()
    return np.array([items.likes[rows].sum() / views, items.shares[rows].sum() / views])


def test_a_label_lowers_likes_and_shares(kernels):
    change = np.stack(
        [_labelled(kernels, r, label=True) - _labelled(kernels, r, label=False) for r in range(8)]
    )
    half = (
        2.365 * change.std(axis=0, ddof=1) / 8**0.5
    )  # 95 % Student interval, 7 degrees of freedom
    assert (change.mean(axis=0) + half < 0).all(), (change.mean(axis=0), half)


def _knows_taste(world):
    """Correlation of the match with true affinity over pairs of users and videos."""
    users, items = world.users.table, world.content.table
    who, what = np.arange(3000) * 7 % len(users), np.arange(3000) * 13 % len(items)
    taste = users.taste[who].astype(float)
    affinity = (taste * items.vector[what]).sum(1) * items.inv_norm[what]
    affinity /= np.linalg.norm(taste, axis=1)
    vectors, factor = world.content.match_vectors
    interests = users.interests[who].astype(float)
    match = (interests * vectors[what]).sum(1) * factor[what]
    return np.corrcoef(affinity, match / np.linalg.norm(interests, axis=1))[0, 1]


@pytest.mark.parametrize(
    ("base", "treated"),
    [
        (["interaction.match_source=fused"], ["interaction.match_source=compact"]),
        (
            ["interaction.match_source=fused", "content.embedding_signal=0.2"],
            ["interaction.match_source=fused", "content.embedding_signal=0.9"],
        ),
    ],
    ids=["compact for fused", "a stronger signal"],
)
def test_less_noise_in_the_vectors_lets_the_match_know_more_of_taste(
    paired, kernels, base, treated
):
    found = paired.effect(_knows_taste, base, treated, kernels, **{**SHAPE, "steps": 0})
    assert found.low > 0, found


def _per_view(counter):
    return lambda world: (
        getattr(world.content.table, counter).sum() / world.content.table.impressions.sum()
    )


@pytest.mark.parametrize(("counter", "more"), [("likes", False), ("skips", True)])
def test_teasers_cost_likes_and_cause_skips_where_captions_are_read(paired, kernels, counter, more):
    base, treated = (
        [*FIXED, "interaction.caption_channel=0.6", f"content.caption_teaser={share}"]
        for share in (0, 1)
    )
    found = paired.effect(_per_view(counter), base, treated, kernels, **SHAPE)
    assert found.excludes_zero and (found.mean > 0) == more, found


def test_who_may_answer_uploads_more(paired, kernels):
    found = paired.effect(
        lambda world: world.platform.telemetry.as_dict()["uploads"],
        ["user.duet_rate=0"], ["user.duet_rate=0.1"], kernels, **SHAPE,
    )  # fmt: skip
    assert found.low > 0, found


def _like_the_parent(world):
    items = world.content.table
    child = np.nonzero(items.origin > 0)[0]
    parent = world.content.rows_of(items.parent[child])
    return float(np.abs(items.quality[child] - items.quality[parent]).mean())


def test_an_answer_that_inherits_more_is_more_like_its_parent(paired, kernels):
    base, treated = (
        ["user.duet_rate=0.3", f"content.remix_inherit={share}"] for share in (0.2, 0.8)
    )
    found = paired.effect(_like_the_parent, base, treated, kernels, **SHAPE)
    assert found.high < 0, found


def test_a_higher_target_makes_more_skips(paired, kernels):
    found = paired.effect(
        _per_view("skips"), ["interaction.skip_target=0.4"], ["interaction.skip_target=0.5"],
        kernels, **SHAPE,
    )  # fmt: skip
    assert found.low > 0, found
