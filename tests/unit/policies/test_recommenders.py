"""What tells the recommenders apart: pools, weights, creator diversity, the exposure filter."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.policies.interface import COMMUNITY, FOLLOWED, INTEREST, LIMITED, RECENT, TRENDING
from feedtwin.policies.recommendation import (
    Hybrid,
    HybridSettings,
    Kuaishou,
    RecommendationSettings,
    SocialSettings,
    TikTok,
)
from feedtwin.policies.recommendation.features import best_of_creator, overexposed, performance
from feedtwin.policies.recommendation.hybrid import between
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import resolve
from feedtwin.testing.dice import Dice

SETTINGS = resolve("synthetic")
GENERAL = section_model(RecommendationSettings, SETTINGS.section("recommendation"))
SOCIAL = section_model(SocialSettings, SETTINGS.section("kuaishou"))
HYBRID = section_model(HybridSettings, SETTINGS.section("hybrid"))
INITIAL, EXPANDED, VIRAL, FAILED = 0, 1, 2, 3


class Table(SimpleNamespace):
    """Columns, as long as their first."""

    def __len__(self):
        return len(self.item)


@pytest.fixture
def view():
    dice, size = Dice(3), 400
    shown = dice.integers(0, 1000, size, np.uint32)

    def part(most):
        return (shown * dice.uniform(0, most, size)).astype(np.uint32)

    items = Table(
        item=np.argsort(dice.bits(size)).astype(np.uint64),
        creator=dice.integers(0, 40, size, np.uint32),
        is_public=(dice.bits(size) % 9 > 0).astype(np.uint8),
        created_step=dice.integers(-50, 5, size, np.int32),
        impressions=shown, completions=part(0.5), likes=part(0.2), shares=part(0.1),
        comments=part(0.1), skips=part(0.5),
    )  # fmt: skip
    catalogue = Table(
        item=items.item, stage=dice.integers(0, 4, size, np.uint8),
        velocity=dice.uniform(0, 30, size) * (dice.bits(size) % 2).astype(np.float32),
    )  # fmt: skip
    return SimpleNamespace(step=5, items=items, catalogue=catalogue)


def pools_of(policy, view):
    return {pool.code: pool for pool in policy.pools(view)}


def policies():
    return {
        "tiktok": TikTok(GENERAL),
        "kuaishou": Kuaishou(GENERAL, SOCIAL),
        "hybrid": Hybrid(GENERAL, SOCIAL, HYBRID),
    }


@pytest.mark.parametrize("name", ["tiktok", "kuaishou", "hybrid"])
def test_pools_follow_the_stages_and_hold_public_videos_once(view, name):
    pools = pools_of(policies()[name], view)
    stage = view.catalogue.stage
    allowed = {INTEREST: (EXPANDED, VIRAL), TRENDING: (EXPANDED, VIRAL), RECENT: (INITIAL,),
               LIMITED: (FAILED,), FOLLOWED: (), COMMUNITY: ()}  # fmt: skip
    assert set(pools) == set(allowed)
    for code, stages in allowed.items():
        rows = pools[code].rows
        assert np.isin(stage[rows], stages).all()
        assert view.items.is_public[rows].all()
        assert len(np.unique(rows)) == len(rows)
    assert all(len(pools[code].rows) for code in (INTEREST, TRENDING, RECENT, LIMITED))


@pytest.mark.parametrize("name", ["tiktok", "kuaishou", "hybrid"])
def test_a_request_takes_about_a_hundred_candidates(view, name):
    assert sum(pool.quota for pool in policies()[name].pools(view)) == pytest.approx(100, abs=2)


def test_the_kuaishou_style_gives_more_room_and_weight_to_ties(view):
    near, far = TikTok(GENERAL), Kuaishou(GENERAL, SOCIAL)
    for code in (FOLLOWED, COMMUNITY):
        assert pools_of(far, view)[code].quota > pools_of(near, view)[code].quota
    assert far.ranking(view).weight_followed > near.ranking(view).weight_followed


def test_few_videos_per_creator_stand_in_a_kuaishou_pool_and_they_are_the_best(view):
    cap = SOCIAL.pool_creator_cap
    interest = pools_of(Kuaishou(GENERAL, SOCIAL), view)[INTEREST].rows
    everything = pools_of(TikTok(GENERAL), view)[INTEREST].rows
    value = performance(view, GENERAL.prior_impressions)
    crowded = 0
    for creator in np.unique(view.items.creator[everything]):
        own = everything[view.items.creator[everything] == creator]
        kept = interest[view.items.creator[interest] == creator]
        best = own[np.lexsort((view.items.item[own], -value[own]))][:cap]
        assert sorted(kept.tolist()) == sorted(best.tolist())
        crowded += len(own) > cap
    assert crowded > 10


def test_no_cap_keeps_everything(view):
    rows = np.arange(50)
    np.testing.assert_array_equal(best_of_creator(view, rows, 50.0, 1000), rows)


def test_the_hybrid_ends_where_the_others_begin(view):
    for weight, other in ((0.0, TikTok(GENERAL)), (1.0, Kuaishou(GENERAL, SOCIAL))):
        hybrid = Hybrid(GENERAL, SOCIAL, HYBRID.model_copy(update={"social_weight": weight}))
        assert hybrid.settings == other.settings
        ours, theirs = pools_of(hybrid, view), pools_of(other, view)
        for code, pool in theirs.items():
            np.testing.assert_array_equal(ours[code].rows, pool.rows)
            assert ours[code].quota == pool.quota
        np.testing.assert_array_equal(hybrid.ranking(view).base, other.ranking(view).base)


def test_the_hybrid_lies_between():
    half = between(GENERAL, SOCIAL, 0.5)
    for name in SocialSettings.model_fields:
        low, high = sorted((getattr(GENERAL, name), getattr(SOCIAL, name)))
        if name != "pool_creator_cap":
            assert low <= getattr(half, name) <= high
    assert half.pool_creator_cap == 2 * SOCIAL.pool_creator_cap
    assert between(GENERAL, SOCIAL, 0.1).pool_creator_cap == 10 * SOCIAL.pool_creator_cap


def test_the_terms_of_a_ranking_add_up_to_its_base(view):
    for policy in policies().values():
        ranking = policy.ranking(view)
        total = ranking.terms["quality"] + ranking.terms["recency"] + ranking.terms["popularity"]
        np.testing.assert_array_equal(ranking.base, total)


# -- the exposure filter -----------------------------------------------------------------------------


def test_a_share_filters_what_had_more_of_all_impressions(view):
    shown = view.items.impressions
    much = overexposed(view, "share", 0.004, 0.0)
    np.testing.assert_array_equal(much, shown / shown.sum() > 0.004)
    assert 0 < much.sum() < len(much)


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.99])
def test_a_quantile_filters_what_was_shown_more_than_that_share_of_public_videos(view, quantile):
    much = overexposed(view, "quantile", 0.0, quantile)
    public = view.items.is_public == 1
    left = 1.0 - quantile
    assert much[public].sum() == pytest.approx(left * public.sum(), abs=2 + 0.02 * public.sum())
    assert view.items.impressions[~much & public].max() < view.items.impressions[much].min()


def test_no_filter_filters_nothing(view):
    assert not overexposed(view, "none", 0.0, 0.0).any()


@pytest.mark.parametrize("rule", ["share", "quantile"])
def test_the_hybrid_keeps_filtered_videos_out_of_every_pool(view, rule):
    settings = HYBRID.model_copy(update={"exposure_filter": rule, "exposure_share": 0.004})
    much = overexposed(view, rule, 0.004, settings.exposure_quantile)
    assert much.any()
    for pool in Hybrid(GENERAL, SOCIAL, settings).pools(view):
        assert not much[pool.rows].any()
