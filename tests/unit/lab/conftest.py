"""A small closed run with its full log, made once per module."""

import pytest

import feedtwin

MONEY = [
    "policies.monetization=full_stack", "market.payer_share=0.6", "spending.gift_rate=0.3",
    "spending.subscribe_rate=0.8", "monetization.subscription_followers_min=0",
    "spending.budget_microusd_per_day=400000000", "spending.click_logit=0", "spending.buy_logit=0",
    "user.uploads_per_day=[4,2,1,0]",
]  # fmt: skip


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("lab") / "run"
    feedtwin.run("synthetic", users=150, steps=26, seed=11, out=path, threads=1, sets=MONEY)
    return path
