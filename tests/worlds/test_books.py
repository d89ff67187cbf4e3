"""Whatever is set, money is conserved at every step: 60 random worlds here, 1,000 in the slow tier.

A bookkeeper that shares no code with the ledger follows every transaction; see `feedtwin.testing.money`.
"""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from feedtwin.schema.parameters import load_defaults
from feedtwin.testing.money import Bookkeeper
from feedtwin.world.build import build

STEPS = 5
BUSY = {
    "market.payer_share": 0.7, "market.shop_share": 0.8, "market.tag_share": 1.0,
    "market.product_stock": 2, "market.restock_steps": 3, "spending.gift_rate": 0.3,
    "spending.subscribe_rate": 0.5, "spending.click_logit": 1.0, "spending.buy_logit": 1.0,
    "spending.budget_microusd_per_day": 60_000_000, "monetization.subscription_followers_min": 0,
    "monetization.subscription_steps": 2, "monetization.fund_steps": 2,
    "monetization.payout_steps": 3, "monetization.payout_minimum_microusd": 1000,
}  # fmt: skip
"""Values at which much of everything happens in a few steps."""
SECTIONS = ("monetization.", "market.", "spending.")
NUMBERS = {
    row["path"]: row
    for row in load_defaults().rows()
    if str(row["path"]).startswith(SECTIONS) and not isinstance(row["value"], list)
}


@st.composite
def money(draw):
    """Settings of money: some numbers at a bound of theirs, or far from their default."""
    sets = dict(BUSY)
    for path in draw(st.lists(st.sampled_from(sorted(NUMBERS)), max_size=8, unique=True)):
        row = NUMBERS[path]
        value, (low, high) = BUSY.get(path, row["value"]), row["bounds"]
        near = min(max(value * draw(st.sampled_from([0.0, 0.1, 0.5, 2.0, 10.0])), low), high)
        if path in ("market.advertisers", "market.creatives", "market.products_per_shop"):
            near = min(near, 40)
        sets[path] = round(near) if isinstance(row["value"], int) else float(near)
    sets["policies.monetization"] = draw(
        st.sampled_from(["basic", "full_stack", "full_stack", "none"])
    )
    return sets, draw(st.integers(0, 2**32 - 1)), draw(st.integers(3, 40))


def balance(lab, kernels, shape):
    sets, seed, users = shape
    texts = [f"{path}={value}" for path, value in sets.items()]
    world = build(lab.tiny(users=users, seed=seed, sets=texts), kernels)
    books = Bookkeeper(world)
    for step in range(STEPS):
        world.step()
        problems = books.problems()
        assert problems == [], f"step {step}, users {users}, seed {seed}: {texts}"
    return books


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(money())
def test_the_books_balance_in_random_worlds(lab, kernels, shape):
    balance(lab, kernels, shape)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@hypothesis_settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(money())
def test_the_books_balance_in_a_thousand_random_worlds(lab, kernels, shape):
    balance(lab, kernels, shape)


@pytest.fixture(scope="module")
def busy(lab, kernels):
    sets = [
        *(f"{path}={value}" for path, value in BUSY.items()),
        "policies.monetization=full_stack",
    ]
    world = build(lab.tiny(sets=sets), kernels)
    books = Bookkeeper(world)
    for _ in range(8):
        world.step()
    return world, books


def test_the_worlds_of_these_tests_see_every_kind_of_transaction_but_live_gifts(busy):
    _, books = busy
    assert {row["kind"] for row in books.rows} == {1, 2, 3, 5, 6, 7}
    assert books.problems() == []


def test_the_bookkeeper_sees_a_wrong_account_and_a_wrong_stock(busy):
    world, books = busy
    ledger, shop = books.parts["ledger"], books.parts["shop"]
    with ledger.writing(), shop.writing():
        ledger._ledger.earned[0] += 1
        shop._products.inventory[0] = 4_294_967_295
    found = " ".join(books.problems())
    assert "ledger.earned[0]" in found and "does not balance" in found and "inventory" in found
    with pytest.raises(AssertionError, match=r"step 9: the books do not balance: .*platform"):
        ledger.check(9)
    with pytest.raises(AssertionError, match=r"step 9: product \d+ has 4294967295 units"):
        shop.check(9)
    with pytest.raises(AssertionError, match="step 8: the books do not balance"):
        world.step()
