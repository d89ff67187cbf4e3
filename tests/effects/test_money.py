"""Each knob of money moves the number that its documentation says it moves; placebos move nothing."""

import pytest

from feedtwin.schema.codes import ItemKind

pytestmark = pytest.mark.slow

ON = ("policies.monetization=full_stack", "market.payer_share=0.5", "market.shop_share=0.6",
      "spending.budget_microusd_per_day=50000000", "user.uploads_per_day=[4,2,1,0]")  # fmt: skip


def total(name):
    return lambda world: float(world.platform.telemetry.as_dict()[name])


def watch_per_impression(world):
    """Watch time of videos and ads, ms per impression."""
    totals = world.platform.telemetry.as_dict()
    return totals["watch_ms"] / totals["impressions"]


def video_watch_per_session(world):
    """Time on videos, ms per session: what ads take from them."""
    items = world.content.table
    videos = items.kind == ItemKind.VIDEO
    totals = world.platform.telemetry.as_dict()
    return float(items.watch_ms[videos].sum()) / totals["sessions"]


def earned(world):
    ledger = next(p for p in world.platform.parts[1:] if p.name == "ledger").table
    return float(ledger.earned.sum())


@pytest.mark.parametrize(
    ("measure", "direction"),
    [
        (total("ad_revenue_microusd"), 1),
        (watch_per_impression, -1),
        (video_watch_per_session, -1),
    ],
    ids=["revenue", "watch", "session"],
)
def test_a_higher_ad_load_raises_revenue_and_costs_attention(paired, kernels, measure, direction):
    base, more = [*ON, "monetization.ad_load=0.05"], [*ON, "monetization.ad_load=0.25"]
    effect = paired.effect(measure, base, more, kernels)
    assert effect.excludes_zero and effect.mean * direction > 0, effect


def test_a_higher_gift_rate_raises_gift_revenue(paired, kernels):
    effect = paired.effect(
        total("gift_revenue_microusd"), ON, [*ON, "spending.gift_rate=0.06"], kernels
    )
    assert effect.excludes_zero and effect.mean > 0, effect


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("gift_share", 0.3, 0.6), ("ad_share", 0.1, 0.5), ("fund_microusd_per_user_day", 0, 20000)],
)
def test_a_better_payout_rule_raises_what_creators_earn(paired, kernels, name, low, high):
    base, more = [*ON, f"monetization.{name}={low}"], [*ON, f"monetization.{name}={high}"]
    effect = paired.effect(earned, base, more, kernels, steps=26)
    assert effect.excludes_zero and effect.mean > 0, effect


def test_a_higher_subscription_price_wins_fewer_subscribers(paired, kernels):
    on = [*ON, "spending.subscribe_rate=0.3", "monetization.subscription_followers_min=0"]
    cheap, dear = (
        [*on, f"monetization.subscription_price_microusd={price}"] for price in (2000000, 9000000)
    )
    effect = paired.effect(total("subscriptions"), cheap, dear, kernels)
    assert effect.excludes_zero and effect.mean < 0, effect


def test_more_stock_sells_more_where_demand_exceeds_it(paired, kernels):
    on = [*ON, "spending.click_logit=0", "spending.buy_logit=0"]
    short, ample = ([*on, f"market.product_stock={units}"] for units in (1, 20))
    effect = paired.effect(total("purchases"), short, ample, kernels)
    assert effect.excludes_zero and effect.mean > 0, effect


def test_people_buy_more_of_what_fits_their_interests(paired, kernels):
    on = [*ON, "spending.click_logit=-1", "spending.buy_logit=-1", "market.product_stock=100000"]
    fit, blind = [*on], [*on, "spending.click_fit=0", "spending.buy_fit=0"]
    effect = paired.effect(total("purchases"), blind, fit, kernels)
    assert effect.excludes_zero and effect.mean > 0, effect


def test_whether_ads_teach_makes_a_difference(paired, kernels):
    taught = [*ON, "user.ads_teach=true", "monetization.ad_load=0.3"]
    quiet = [*ON, "user.ads_teach=false", "monetization.ad_load=0.3"]
    assert not paired.same_digest(quiet, taught, kernels)


@pytest.mark.parametrize(
    "placebo",
    [
        ("monetization.ad_load=0", "monetization.ad_relevance=50"),
        ("policies.monetization=basic", "market.product_price_microusd=99"),
        ("policies.monetization=basic", "market.product_stock=1"),
        ("policies.monetization=basic", "monetization.sale_share=0.1"),
        ("spending.gift_rate=0", "monetization.gift_share=0.9"),
        ("spending.subscribe_rate=0", "monetization.subscription_price_microusd=7"),
        ("monetization.fund_microusd_per_user_day=0", "monetization.fund_steps=7"),
        ("monetization.payout_minimum_microusd=1000000000000", "monetization.payout_steps=5"),
    ],
    ids=lambda pair: pair[1].partition("=")[0],
)
def test_a_number_without_a_causal_path_leaves_the_digest(paired, kernels, placebo):
    off, changed = placebo
    base = [text for text in ON if not text.startswith(off.partition("=")[0])]
    assert paired.same_digest([*base, off], [*base, off, changed], kernels, steps=26)
