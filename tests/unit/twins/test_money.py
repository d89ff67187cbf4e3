"""Money part by part: dividing a pool, placing and choosing ads, stock, memberships, running numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtwin.kernels.binding import load
from feedtwin.randomness import Draws
from feedtwin.schema.ids import PRODUCT_ORDINAL, is_live, item_id
from feedtwin.schema.settings import resolve
from feedtwin.twins.platform.money.ads import ad_slots, interest
from feedtwin.twins.platform.money.fund import apportion
from feedtwin.twins.platform.money.subscriptions import Members
from feedtwin.twins.platform.money.till import running_sums
from feedtwin.twins.user.preferences import TEACHES_NOTHING, learn_reference
from feedtwin.world.build import build
from feedtwin.world.market import MarketConfig, make_products, spending_power

WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=30)


@given(st.integers(0, 10**13), WEIGHTS)
def test_a_pool_is_divided_without_loss_and_nobody_is_a_whole_unit_off(pool, weights):
    share = apportion(pool, np.array(weights, np.int64))
    total = sum(weights)
    if not total:
        assert not share.any()
        return
    assert int(share.sum()) == pool
    for got, weight in zip(share.tolist(), weights, strict=True):
        assert abs(got * total - pool * weight) < total
        assert weight or not got


def test_the_last_units_go_to_the_largest_remainders_and_ties_to_the_lower_id():
    assert apportion(7, np.array([1, 1, 1])).tolist() == [3, 2, 2]
    assert apportion(10, np.array([5, 3, 1])).tolist() == [6, 3, 1]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=20))
def test_running_sums_start_anew_with_each_owner(pairs):
    pairs = sorted(pairs, key=lambda pair: pair[0])
    owner = np.array([who for who, _ in pairs], np.uint32)
    amount = np.array([what for _, what in pairs], np.int64)
    expected, sums = [], {}
    for who, what in pairs:
        sums[who] = sums.get(who, 0) + what
        expected.append(sums[who])
    assert running_sums(owner, amount).tolist() == expected


@given(st.integers(0, 500), st.integers(1, 30), st.integers(0, 10**6))
def test_ads_take_their_share_of_slots_and_never_the_first_of_a_slate(load, slots, first):
    request = np.arange(first, first + 60, dtype=np.uint32)
    count, slot = ad_slots(request, slots, load)
    before, after = first * slots * load // 1000, (first + 60) * slots * load // 1000
    assert int(count.sum()) == after - before
    for lane, number in enumerate(count.tolist()):
        places = slot[lane, :number].tolist()
        assert len(set(places)) == number and all(0 <= place < slots for place in places)
        assert slots == 1 or 0 not in places
        assert places == sorted(places)


def test_memberships_begin_end_and_are_counted_per_user():
    members = Members()
    pair = item_id(np.array([3, 3, 5]), np.array([1, 2, 1]))
    members.extend(pair, 0, 10)
    assert members.has(pair, 9).all() and not members.has(pair, 10).any()
    assert members.count(np.array([3, 4, 5], np.uint32), 0).tolist() == [2, 0, 1]
    members.extend(pair[:1], 10, 20)  # renewed at the step at which it ends
    assert members.has(pair, 10).tolist() == [True, False, False]
    members.extend(pair[2:], 30, 40)
    assert members.pair.tolist() == pair[2:].tolist()  # what ran out is forgotten
    copy = Members()
    copy.load_state(members.state())
    assert copy.has(pair, 31).tolist() == [False, False, True]


def test_live_rooms_are_told_from_videos_and_products_by_a_bit():
    video = item_id(np.array([7]), np.array([12]))
    assert not is_live(video).any() and not is_live(video | PRODUCT_ORDINAL).any()
    assert is_live(video | np.uint64(1 << 31)).all()


@pytest.fixture(scope="module")
def world():
    sets = ["policies.monetization=full_stack", "monetization.ad_candidates=64",
            "monetization.ad_relevance=0", "user.uploads_per_day=[4,2,1,0]"]  # fmt: skip
    return build(resolve("synthetic", users=300, seed=5, sets=sets), load("auto"))


def _part(world, name):
    return next(part for part in world.platform.parts[1:] if part.name == name)


def test_an_ad_wins_in_proportion_to_its_bid(world):
    ads = _part(world, "ads")
    bidders = len(ads._ads)
    user = np.repeat(np.arange(300, dtype=np.uint32), 200)
    request = np.tile(np.arange(200, dtype=np.uint32), 300)
    winner = ads._auction(user, request, 1)[:, 0]
    found = np.bincount(winner, minlength=bidders)
    price = ads._ads.frozen.price.astype(float)
    expected = len(user) * price / price.sum()
    chi2 = float(((found - expected) ** 2 / expected).sum())
    assert chi2 < bidders - 1 + 5 * (2 * (bidders - 1)) ** 0.5  # false alarms: about 1 in 100,000


def test_all_bidders_are_ranked_once_and_the_window_moves_on_with_each_request():
    sets = ["policies.monetization=basic", "monetization.ad_candidates=6"]
    world = build(resolve("synthetic", users=50, seed=5, sets=sets), load("auto"))
    ads = _part(world, "ads")
    user, request = np.full(4, 7, np.uint32), np.arange(4, dtype=np.uint32)
    ranked = ads._auction(user, request, 99)
    assert ranked.shape == (4, 6)
    assert sorted(ranked.ravel().tolist()) == list(range(24))  # 4 windows of 6 are all 24 ads
    np.testing.assert_array_equal(ads._auction(user, request, 2), ranked[:, :2])


def test_estimated_interest_is_the_sum_over_the_categorys_dimensions(world):
    estimate = np.zeros((5, 50), np.int16)
    estimate[4, :12] = np.arange(12) * 1000
    a = SimpleNamespace(estimate=estimate, topic_vectors=world.content.categories.vectors)
    category = np.arange(12, dtype=np.uint16)[None, :]
    found = interest(a, np.array([4], np.uint32), category)[0]
    assert found == pytest.approx(np.arange(12) * 1000 / 32512, rel=1e-6)


def test_a_merchants_videos_show_one_of_the_merchants_products(world):
    shop = _part(world, "shop")
    items = world.content.table
    videos = items.kind == 0
    product = shop.shown(items.creator[videos], items.ordinal[videos])
    shown = product >= 0
    sells = np.isin(items.creator[videos], shop.table.merchant)
    assert 0.2 < shown[sells].mean() < 0.8 and not shown[~sells].any()
    merchant = shop.table.merchant[product[shown]]
    assert np.array_equal(merchant, items.creator[videos][shown])


def test_stock_is_filled_up_on_restocking_days_only(world):
    shop = _part(world, "shop")
    with shop.writing():
        shop._products.inventory[0] = 3
        shop._products.stocked_step[0] = 170
    assert int(shop.stock(200)[0]) == 3
    assert int(shop.stock(336)[0]) == int(shop.table.capacity[0]) == 20
    with shop.writing():
        shop._products.inventory[0], shop._products.stocked_step[0] = 20, 0


def _market(**changes):
    return MarketConfig(**{**resolve("synthetic").section("market"), **changes})


def test_few_people_pay_and_their_power_is_heavy_tailed():
    power = spending_power(_market(), 50_000, Draws(3, 0, load("numpy")))
    payers = power[power > 0]
    assert len(payers) / len(power) == pytest.approx(0.1, abs=0.006)
    assert np.median(payers) == pytest.approx(1.0, abs=0.06)
    top = np.sort(payers)[-len(payers) // 100 :].sum() / payers.sum()
    assert top > 0.08  # the top 1 % of payers


def test_one_more_user_or_shop_changes_nobodys_power_or_products(world):
    draws = Draws(3, 0, load("numpy"))
    assert np.array_equal(
        spending_power(_market(), 100, draws), spending_power(_market(), 101, draws)[:100]
    )
    less = make_products(_market(shop_share=0.2), world.users.table, draws)
    more = make_products(_market(shop_share=0.6), world.users.table, draws)
    assert 0 < len(less) < len(more) and (np.diff(more.item.astype(np.int64)) > 0).all()
    kept = np.isin(more.item, less.item)
    assert np.array_equal(more.price[kept], less.price)


def test_an_ad_wears_and_bores_but_moves_neither_interests_nor_memory(viewer):
    for teaches in (True, False):
        a = viewer(slots=2, pull_above=np.float32(0.4))
        a.vectors[:, 3] = 127
        a.flags[0, 1] = 1  # the second one is skipped
        a.watch_ms[:] = 9000
        a.stamina_s[:] = 100
        if not teaches:
            a.row[:] = TEACHES_NOTHING
        learn_reference(a, 0, 1)
        assert bool(a.interests.any()) is teaches and bool((a.trace_count > 0).any()) is teaches
        assert a.energy[1] < 1 and a.boredom[1] == 1 and int(a.session_watch_ms[1]) == 18000
