"""What happens, transaction by transaction, when somebody gives, buys or is paid."""

from types import SimpleNamespace

import numpy as np
import pytest

from feedtwin.kernels.binding import load
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.requests import asked
from feedtwin.schema.settings import resolve
from feedtwin.world.build import build

QUIET = (
    "policies.monetization=full_stack", "user.sessions_per_day=0", "market.payer_share=1",
    "market.spending_sigma=0", "spending.budget_microusd_per_day=20000000",
    "market.shop_share=1", "market.product_stock=2", "market.product_price_sigma=0",
    "market.product_price_microusd=5000000", "user.uploads_per_day=[4,2,1,0]",
    "population.tier_shares=[0.1,0.1,0.2,0.6]",
)  # fmt: skip
"""Nobody opens the app: only what the test asks for happens. Everybody can spend 20 dollars a day."""


@pytest.fixture
def market():
    """A quiet world, and functions that ask and that tell what came of it."""

    def make(*sets):
        last = {text.partition("=")[0]: text for text in (*QUIET, *sets)}.values()
        world = build(resolve("synthetic", users=60, seed=4, sets=last), load("auto"))
        parts = {part.name: part for part in world.platform.parts[1:]}
        rows = []

        def record(published):
            if published.batch.event == "TRANSACTION_COMPLETED":
                names = [*published.batch.columns]
                columns = [published.batch.columns[name].tolist() for name in names]
                rows.extend(
                    dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)
                )

        world.recorder = record

        def ask(action, **columns):
            before = len(rows)
            wish = asked(action, world.step_count, **columns)
            with world.phase("execute") as publish:
                publish(*world._execute(wish))
            parts["ledger"].check(world.step_count)
            return rows[before:]

        return SimpleNamespace(world=world, parts=parts, rows=rows, ask=ask)

    return make


def test_gifts_and_purchases_are_handled():
    assert ACTIONS["SEND_GIFT"].handled and ACTIONS["PURCHASE_PRODUCT"].handled


def test_a_gift_costs_the_giver_and_is_shared_by_creator_and_platform(market):
    m = market()
    (row,) = m.ask("SEND_GIFT", user=[7], target=[3], item=[3 << 32], amount_microusd=[1_000_000])
    assert row == {
        "user": 7, "ordinal": 0, "kind": 1, "recipient": 3, "item": 3 << 32,
        "amount_microusd": 1_000_000, "share_microusd": 500_000,
    }  # fmt: skip
    ledger = m.parts["ledger"]
    assert int(ledger.table.spent[7]) == 1_000_000
    assert int(ledger.table.earned[3]) == int(ledger.table.gifts[3]) == 500_000
    assert ledger.accounts() == {
        "creators and merchants": 500_000, "payers": -1_000_000, "platform": 500_000,
        "advertisers": 0, "outside": 0,
    }  # fmt: skip
    assert m.world.platform.telemetry.as_dict()["gift_revenue_microusd"] == 1_000_000


def test_a_gift_in_a_live_room_is_of_its_own_kind(market):
    m = market()
    room = (3 << 32) | (1 << 31) | 5
    (row,) = m.ask("SEND_GIFT", user=[7], target=[3], item=[room], amount_microusd=[10_000])
    assert (row["kind"], row["item"]) == (4, room)
    totals = m.world.platform.telemetry.as_dict()
    assert (totals["live_gifts"], totals["live_gift_revenue_microusd"]) == (1, 10_000)
    assert totals["gifts"] == 0


def test_a_purse_pays_in_order_until_it_is_empty_and_is_full_again_next_day(market):
    m = market()
    wish = {"user": [7, 7, 7, 8], "target": [3, 4, 5, 3], "item": [0, 0, 0, 0],
            "amount_microusd": [12_000_000, 9_000_000, 8_000_000, 20_000_000]}  # fmt: skip
    rows = m.ask("SEND_GIFT", **wish)
    assert [(row["user"], row["recipient"]) for row in rows] == [(7, 3), (8, 3)]
    (row,) = m.ask("SEND_GIFT", user=[7], target=[4], item=[0], amount_microusd=[8_000_000])
    assert row["ordinal"] == 1
    assert m.ask("SEND_GIFT", user=[7], target=[4], item=[0], amount_microusd=[1]) == []
    for _ in range(24):
        m.world.step()
    assert len(m.ask("SEND_GIFT", user=[7], target=[4], item=[0], amount_microusd=[1])) == 1


def test_nobody_gives_to_oneself_to_an_advertiser_or_nothing(market):
    m = market()
    wish = {"user": [7, 7, 7], "target": [7, 0xFFFF0000, 3], "item": [0, 0, 0],
            "amount_microusd": [5, 5, 0]}  # fmt: skip
    assert m.ask("SEND_GIFT", **wish) == []


def _product(m, row=0):
    products = m.parts["shop"].table
    return int(products.item[row]), int(products.merchant[row]), int(products.price[row])


def test_a_purchase_pays_the_merchant_and_takes_a_unit_out_of_stock(market):
    m = market()
    item, merchant, price = _product(m)
    buyer = 59 if merchant != 59 else 58
    (row,) = m.ask(
        "PURCHASE_PRODUCT", user=[buyer], item=[item], units=[1], amount_microusd=[price]
    )
    assert (row["kind"], row["recipient"], row["amount_microusd"]) == (2, merchant, price)
    assert row["share_microusd"] == price * 920 // 1000
    shop, ledger = m.parts["shop"].table, m.parts["ledger"].table
    assert (int(shop.inventory[0]), int(shop.units_sold[0])) == (1, 1)
    assert int(ledger.sold[merchant]) == row["share_microusd"] and int(ledger.earned[merchant]) == 0


def test_what_is_sold_out_is_refused_in_the_order_of_a_keyed_queue_until_it_is_restocked(market):
    m = market("market.restock_steps=5")
    item, merchant, price = _product(m)
    crowd = [user for user in range(60) if user != merchant][:8]

    def rush():
        rows = m.ask("PURCHASE_PRODUCT", user=crowd, item=[item] * 8, units=[1] * 8,
                     amount_microusd=[price] * 8)  # fmt: skip
        return [row["user"] for row in rows]

    first = rush()
    assert len(first) == 2 and rush() == []  # two units in stock; then none
    assert int(m.parts["shop"].stock(0)[0]) == 0
    for _ in range(5):
        m.world.step()
    again = rush()
    assert len(again) == 2 and again != first  # the queue is drawn anew, and not by user id
    assert sorted(first) != crowd[:2] or sorted(again) != crowd[:2]


def test_the_order_of_asking_does_not_decide_who_gets_the_last_unit(market):
    item, merchant, price = _product(market())
    crowd = [user for user in range(60) if user != merchant][:8]
    served = []
    for order in (crowd, crowd[::-1]):
        m = market()
        rows = m.ask("PURCHASE_PRODUCT", user=order, item=[item] * 8, units=[1] * 8,
                     amount_microusd=[price] * 8)  # fmt: skip
        served.append(sorted(row["user"] for row in rows))
    assert served[0] == served[1]


def test_who_offers_too_little_asks_for_nothing_or_has_no_money_gets_nothing(market):
    m = market("market.product_price_microusd=15000000")
    item, merchant, price = _product(m)
    buyer = 59 if merchant != 59 else 58
    ask = {"user": [buyer] * 3, "item": [item, item, item + (1 << 40)], "units": [1, 0, 1],
           "amount_microusd": [price - 1, price, price]}  # fmt: skip
    assert m.ask("PURCHASE_PRODUCT", **ask) == []
    two = {"user": [buyer], "item": [item], "units": [2], "amount_microusd": [2 * price]}
    assert m.ask("PURCHASE_PRODUCT", **two) == []  # 30 dollars; a purse holds 20


def test_the_fund_divides_its_pool_by_views_and_payouts_follow_it(market):
    m = market("user.sessions_per_day=8", "spending.gift_rate=0", "spending.subscribe_rate=0",
               "spending.buy_logit=-20", "monetization.ad_load=0", "monetization.payout_steps=24",
               "monetization.payout_minimum_microusd=1000")  # fmt: skip
    for _ in range(24):
        m.world.step()
    assert m.rows == []
    items, active = m.world.content.table, m.world.platform.active_users(24)
    views = np.zeros(60, np.int64)
    np.add.at(
        views, items.creator[items.kind == 0], (items.impressions - items.skips)[items.kind == 0]
    )
    m.world.step()
    fund = {row["user"]: row["amount_microusd"] for row in m.rows if row["kind"] == 6}
    pool = 2000 * active
    assert sum(fund.values()) == pool
    for user, amount in fund.items():
        assert abs(amount - pool * views[user] / views.sum()) < 1
    paid = {row["user"]: row["amount_microusd"] for row in m.rows if row["kind"] == 7}
    assert paid == {user: amount for user, amount in fund.items() if amount >= 1000}
    assert m.parts["ledger"].accounts()["outside"] == sum(paid.values()) > 0


def test_a_subscription_is_paid_again_each_period_until_it_is_cancelled(market):
    m = market("monetization.subscription_steps=3", "spending.cancel_hazard=0.4",
               "monetization.subscription_price_microusd=1000000")  # fmt: skip
    members, till = m.parts["subscriptions"].members, m.parts["subscriptions"]._till
    user, creator = np.arange(20, 60, dtype=np.uint32), np.full(40, 3, np.uint32)
    with m.world.phase("execute") as publish:
        publish(till.shared(0, 5, user, creator, np.zeros(40, np.uint64), np.full(40, 1_000_000)))
    assert len(m.rows) == 40 and members.count(user, 0).sum() == 40
    alive = []
    for _ in range(10):
        m.world.step()
        alive.append(int(members.count(user, m.world.step_count - 1).sum()))
    assert alive[:3] == [40] * 3
    assert 40 > alive[3] == alive[5] > alive[6] == alive[8] > alive[9] > 0
    assert len(m.rows) == 40 + alive[3] + alive[6] + alive[9]


def test_ads_are_met_between_videos_and_paid_by_advertisers(market):
    m = market("user.sessions_per_day=8", "spending.gift_rate=0", "spending.subscribe_rate=0",
               "spending.buy_logit=-20", "monetization.ad_load=0.2")  # fmt: skip
    for _ in range(12):
        m.world.step()
    items, ads = m.world.content.table, m.parts["ads"]._ads.frozen
    assert {row["kind"] for row in m.rows} == {3}
    met = int(items.impressions[items.kind == 1].sum())
    assert len(m.rows) == met == int(ads.impressions.sum()) > 50
    price = dict(zip(items.item[ads.row].tolist(), ads.price.tolist(), strict=True))
    assert all(row["amount_microusd"] == price[row["item"]] for row in m.rows)
    alone = [row for row in m.rows if row["recipient"] == 0xFFFFFFFF]  # at the end of a short slate
    assert len(alone) < len(m.rows) / 3 and not any(row["share_microusd"] for row in alone)
    assert all(row["recipient"] < 60 for row in m.rows if row not in alone)
    spent = int(ads.spent.sum())
    accounts = m.parts["ledger"].accounts()
    assert accounts["advertisers"] == -spent
    assert accounts["platform"] + accounts["creators and merchants"] == spent
    assert m.world.users.table.follower_count.shape == (60,)
    assert not np.any(np.isin(items.item[ads.row] >> np.uint64(32), m.world.users.ties.user))
