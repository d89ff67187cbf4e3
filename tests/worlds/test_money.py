"""A world with money keeps the promises of a world without; and without money there is no trace of it."""

import dataclasses
import signal

import numpy as np
import pyarrow.compute as pc
import pytest

from feedtwin.errors import BoundaryError, PolicyError, SettingsError
from feedtwin.kernels.binding import KERNELS, load
from feedtwin.policies.interface import REGISTRIES, Channels, policy
from feedtwin.policies.monetization import FullStack
from feedtwin.record.reader import Run
from feedtwin.schema.codes import ItemKind
from feedtwin.world.build import build
from feedtwin.world.forking import fork
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, resume, start

BUSY = (
    "policies.monetization=full_stack", "market.payer_share=0.7", "market.shop_share=0.8",
    "market.tag_share=1", "market.product_stock=3", "market.restock_steps=3",
    "spending.gift_rate=0.3", "spending.subscribe_rate=0.5", "spending.click_logit=1",
    "spending.buy_logit=1", "spending.budget_microusd_per_day=60000000",
    "monetization.subscription_followers_min=0", "monetization.subscription_steps=2",
    "monetization.fund_steps=4", "monetization.payout_steps=5",
    "monetization.payout_minimum_microusd=1000",
)  # fmt: skip
MONEY = (*(f".money.{name}" for name in ("ledger till ads gifts subscriptions shop fund payouts".split())),
         ".acts.spending")  # fmt: skip
STEPS = 12
WORLDS = {"synthetic": 80, "kuairand-sample": 60}


def _paid(rows):
    return [table for event, _, table in rows if event == "TRANSACTION_COMPLETED"]


@pytest.fixture(scope="module")
def finished(lab, kernels, tmp_path_factory):
    path = tmp_path_factory.mktemp("money") / "run"
    return start(lab.tiny(sets=BUSY), path, RunOptions(STEPS, snapshot_every=5), kernels)


def test_without_money_there_is_no_ad_no_column_and_no_transaction(lab, kernels):
    world = build(lab.tiny(), kernels)
    rows = lab.logged(world, STEPS)
    assert _paid(rows) == []
    assert not np.any(world.content.table.kind != ItemKind.VIDEO)
    names = " ".join(world.state())
    assert not any(word in names for word in ("ledger", "purses", "products", "ads."))


@pytest.mark.parametrize("section", ["monetization", "market", "spending"])
def test_without_money_its_settings_do_not_matter(lab, kernels, section):
    changed = {
        "monetization": ["monetization.ad_load=0.5", "monetization.fund_microusd_per_user_day=7"],
        "market": ["market.advertisers=3", "market.payer_share=1"],
        "spending": ["spending.gift_rate=1", "spending.subscribe_rate=1"],
    }[section]
    assert lab.chain(lab.tiny(sets=changed), kernels) == lab.chain(lab.tiny(), kernels)


def test_a_run_with_money_replays_and_its_log_folds_into_every_account(kernels, finished):
    report = replay(finished.path, kernels)
    assert report.digest == finished.digest
    assert {
        "platform.ledger.ledger.earned", "platform.ledger.books.balance", "platform.ads.ads.spent",
        "platform.subscriptions.members.pair", "platform.shop.products.inventory",
        "platform.creator_fund.fund.views_paid", "user.spending.purses.spent",
    } <= set(report.tables_compared)  # fmt: skip
    kinds = set(Run.open(finished.path).events("TRANSACTION_COMPLETED")["kind"].to_pylist())
    assert kinds == {1, 2, 3, 5, 6, 7}


def test_a_run_with_money_can_be_interrupted_after_every_step(lab, kernels, finished, tmp_path):
    def interrupt(progress):
        signal.raise_signal(signal.SIGINT)

    options = RunOptions(STEPS, "digest", snapshot_every=1000)
    part = start(lab.tiny(sets=BUSY), tmp_path / "run", options, kernels, interrupt)
    while part.interrupted:
        part = resume(tmp_path / "run", kernels, interrupt)
    assert part.digest == finished.digest


@pytest.mark.parametrize("world", WORLDS)
def test_a_world_with_money_has_one_digest_native_and_numpy_on_one_and_two_threads(
    lab, numpy_kernels, monkeypatch, world
):
    for kernel, spec in KERNELS.items():
        monkeypatch.setitem(KERNELS, kernel, dataclasses.replace(spec, inline_below=1))
    settings = lab.tiny(world, WORLDS[world], sets=BUSY)
    expected = lab.chain(settings, numpy_kernels, 5)
    for threads in (1, 2):
        assert lab.chain(settings, load("auto", threads), 5) == expected, threads


def test_the_reverse_order_of_handlers_does_not_matter_to_money(lab, kernels):
    ours = lab.chain(lab.tiny(sets=BUSY), kernels, STEPS)
    assert lab.chain(lab.tiny(sets=BUSY), kernels, STEPS, reverse_handlers=True) == ours


def test_the_digest_covers_every_column_of_money(lab, kernels):
    world = build(lab.tiny(sets=BUSY), kernels)
    for _ in range(3):
        world.step()
    state = {name: array.copy() for name, array in world.state().items()}
    digest = world.digest
    world.step()
    expected, missed = world.digest, []
    parts = [*world.users.parts[1:], *world.platform.parts[1:]]
    ours = [part for part in parts if type(part).__module__.endswith(MONEY)]
    for table in [table for part in ours for table in part.tables]:
        for name in table.spec.by_name:
            world.load_state(state, 3, digest)
            with table.writing() as columns:
                getattr(columns, name)[-1:].view(np.uint8)[..., 0] ^= 1
            try:
                world.step()
            except AssertionError:
                continue  # the books noticed
            if world.digest == expected:
                missed.append(f"{table.spec.name}.{name}")
    assert missed == []


def test_totals_are_the_sums_of_the_logged_transactions(finished):
    run = Run.open(finished.path)
    paid = run.events("TRANSACTION_COMPLETED")
    totals = {}
    for row in run.table("step_metrics").to_pylist():
        totals[row["name"]] = totals.get(row["name"], 0) + row["value"]
    for kind, name in ((1, "gift_revenue"), (2, "purchase_revenue"), (3, "ad_revenue"),
                       (5, "subscription_revenue"), (6, "fund"), (7, "payout")):  # fmt: skip
        amounts = paid.filter(pc.equal(paid["kind"], kind))["amount_microusd"]
        assert totals[f"{name}_microusd"] == pc.sum(amounts).as_py() > 0, name
    users = run.table("users")
    assert pc.sum(users["spent_microusd"]).as_py() == sum(
        totals[f"{name}_revenue_microusd"] for name in ("gift", "purchase", "subscription")
    )
    products = run.table("products")
    assert pc.sum(products["units_sold"]).as_py() == totals["purchases"]


# -- isolation -------------------------------------------------------------------------------------


def _without(rows, user):
    kept = []
    for event, step, table in rows:
        if "user" in table.column_names:
            table = table.filter(pc.not_equal(table["user"], user))
            if len(table):
                kept.append((event, step, table))
    return kept


NULLS = ("policies.recommendation=random", "policies.promotion=none")
ALONE = (
    *NULLS, *BUSY, "monetization.fund_microusd_per_user_day=0", "market.product_stock=1000000",
    "monetization.payout_steps=100", "platform.share_window_steps=0",
)  # fmt: skip
"""No pool that all divide, no stock that all share, no balances that sum what others gave, no shares."""


def test_one_more_user_who_never_opens_the_app_changes_no_row(lab, kernels):
    world = build(lab.tiny(sets=BUSY), kernels)
    rows = lab.logged(world, STEPS)
    more = build(lab.tiny(sets=BUSY, append={"users": [{}]}), kernels)
    found = lab.logged(more, STEPS)
    added = len(world.users.table)
    assert len(_without(found, added)) == len(_without(rows, added)) == len(_without(found, -1))
    for (event, step, one), (_, _, other) in zip(
        _without(found, added), _without(rows, added), strict=True
    ):
        assert one.equals(other), (event, step)


def test_one_active_payer_less_changes_nobody_else_where_feeds_are_random(lab, kernels):
    settings = lab.tiny(sets=ALONE)
    everybody = build(settings, kernels)
    rows = lab.logged(everybody, STEPS)
    ledger = next(part for part in everybody.platform.parts[1:] if part.name == "ledger").table
    consumers = (everybody.users.table.tier == 3) & (ledger.spent > 0) & (ledger.earned == 0)
    gone = int(np.nonzero(consumers)[0][0])
    without = build(settings, kernels)
    with without.users.writing():
        without.users._columns.activity[gone] = 0
    found = lab.logged(without, STEPS)
    assert sum(len(table) for table in _paid(rows)) > 50
    ours, theirs = _without(found, gone), _without(rows, gone)
    assert len(ours) == len(theirs)
    for (event, step, one), (_, _, other) in zip(ours, theirs, strict=True):
        assert one.equals(other), (event, step)


# -- forks and policies ------------------------------------------------------------------------------


def test_a_fork_changes_rates_but_not_channels_or_the_market(kernels, finished, tmp_path):
    changed = fork(
        finished.path, 6, tmp_path / "f", ["monetization.ad_load=0"], None, "full", kernels
    )
    assert changed.digest != finished.digest
    assert replay(changed.path, kernels).digest == changed.digest
    paid = Run.open(changed.path).events("TRANSACTION_COMPLETED")
    assert 3 not in paid["kind"].to_pylist()
    for sets in (["policies.monetization=basic"], ["market.product_stock=9"]):
        with pytest.raises(SettingsError, match="fork"):
            fork(finished.path, 6, tmp_path / "g", sets, None, "full", kernels)


class _Bad(FullStack):
    """Pays creators more than was paid."""

    def shares(self, view, payments):
        return payments.amount_microusd + 1


class _Fractions(FullStack):
    """Answers in fractions of micro-dollars."""

    def shares(self, view, payments):
        return payments.amount_microusd / 3


class _Writes(FullStack):
    """Writes into what it is shown."""

    def shares(self, view, payments):
        payments.amount_microusd[:] = 0
        return payments.amount_microusd


class _Debts(FullStack):
    """Weighs creators by less than nothing."""

    def fund(self, view, views):
        return -views


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (_Bad, "shares.*of a payment of"),
        (_Fractions, "shares are float64"),
        (_Writes, "wrote to a column"),
        (_Debts, "fund weights"),
    ],
)
def test_a_payout_rule_that_breaks_its_contract_is_refused_by_name_and_step(
    lab, kernels, monkeypatch, wrong, message
):
    registry = REGISTRIES["monetization"]
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    policy("monetization", "wrong", section="monetization")(type(wrong.__name__, (wrong,), {}))
    world = build(lab.tiny(sets=[*BUSY, "policies.monetization=wrong"]), kernels)
    with pytest.raises(
        (PolicyError, BoundaryError),
        match=rf"policy {wrong.__name__}, step \d+, contract monetization.*{message}",
    ):
        for _ in range(STEPS):
            world.step()


def test_a_policy_may_open_some_channels_only(lab, kernels, monkeypatch):
    registry = REGISTRIES["monetization"]
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    only = type("Only", (FullStack,), {"__doc__": "Gifts.", "channels": Channels(gifts=True)})
    policy("monetization", "only-gifts", section="monetization")(only)
    world = build(lab.tiny(sets=[*BUSY, "policies.monetization=only-gifts"]), kernels)
    rows = lab.logged(world, STEPS)
    assert {kind for table in _paid(rows) for kind in table["kind"].to_pylist()} == {1, 6, 7}
