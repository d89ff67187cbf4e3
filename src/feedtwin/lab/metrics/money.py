"""Who pays, who earns, and how unequally. All are 0 or undefined in a world without money."""

import numpy as np

from feedtwin.lab.metrics.creators import creators_of
from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.metrics.sessions import active_users
from feedtwin.lab.run_data import Array, RunData

MICRO = 1_000_000
_REVENUES = ("ad", "gift", "live_gift", "subscription", "purchase")


def _usd(data: RunData, name: str) -> float:
    return data[f"{name}_microusd"] / MICRO


def _all_revenue(data: RunData) -> float:
    return sum(data[f"{kind}_revenue_microusd"] for kind in _REVENUES) / MICRO


def money_gini(amount: Array) -> float | None:
    """Return the Gini coefficient of amounts in micro-dollars; products may exceed 64 bits, so in whole numbers.

    The definition is that of `concentration.gini`; None where nobody has anything.
    """
    values = np.sort(amount).astype(object)
    count, total = len(values), int(values.sum()) if len(values) else 0
    if not total:
        return None
    weights = (2 * np.arange(1, count + 1) - count - 1).astype(object)
    return int((weights * values).sum()) / (count * total)


def _of_creators(data: RunData, column: str) -> Array:
    """A column of users, for those with at least one public video."""
    return data.of_users(column, np.unique(data.items["creator"][data.items["is_public"] == 1]))


@metric(
    "ad_revenue",
    "ad revenue",
    unit="USD",
    direction="higher",
    formula="sum of the prices of ads met",
    needs="ad_revenue_microusd",
    empty=0,
    headline=False,
)
def ad_revenue(data: RunData) -> float | None:
    """What advertisers paid."""
    return _usd(data, "ad_revenue")


@metric(
    "gift_revenue",
    "gift revenue",
    unit="USD",
    direction="higher",
    formula="sum of gifts for videos and in live rooms",
    needs="gift_revenue_microusd live_gift_revenue_microusd",
    empty=0,
    headline=False,
)
def gift_revenue(data: RunData) -> float | None:
    """What viewers gave to creators, the platform's part included."""
    return _usd(data, "gift_revenue") + _usd(data, "live_gift_revenue")


@metric(
    "subscription_revenue",
    "subscription revenue",
    unit="USD",
    direction="higher",
    formula="sum of subscriptions begun and renewed",
    needs="subscription_revenue_microusd",
    empty=0,
    headline=False,
)
def subscription_revenue(data: RunData) -> float | None:
    """What subscribers paid."""
    return _usd(data, "subscription_revenue")


@metric(
    "purchase_revenue",
    "purchase revenue",
    unit="USD",
    direction="higher",
    formula="sum of prices of products sold",
    needs="purchase_revenue_microusd",
    empty=0,
    headline=False,
)
def purchase_revenue(data: RunData) -> float | None:
    """What buyers paid."""
    return _usd(data, "purchase_revenue")


@metric(
    "creator_payments",
    "what creators and merchants get",
    unit="USD",
    direction="higher",
    formula="sum of shares of ads, gifts, subscriptions and sales, and of the creator fund",
    needs="creator_share_microusd",
    empty=0,
    headline=False,
)
def creator_payments(data: RunData) -> float | None:
    """What reached creators and merchants, paid out or not."""
    return _usd(data, "creator_share")


@metric(
    "ad_load_realised",
    "ads among impressions",
    unit="share",
    direction="lower",
    formula="ads met / impressions met, ads included",
    needs="ad_impressions impressions",
    headline=False,
)
def ad_load_realised(data: RunData) -> float | None:
    """Share of what people met that was an ad."""
    return ratio(data["ad_impressions"], data["impressions"])


@metric(
    "arpu_day",
    "revenue per active user and day",
    unit="USD",
    direction="higher",
    formula="ads, gifts, subscriptions and purchases / active users / simulated days",
    needs="ad_revenue_microusd gift_revenue_microusd live_gift_revenue_microusd "
    "subscription_revenue_microusd purchase_revenue_microusd users.last_step",
    headline=False,
)
def arpu_day(data: RunData) -> float | None:
    """Average revenue per user; the parts of creators and merchants are in it."""
    return ratio(_all_revenue(data), (active_users(data) or 0) * data.days)


@metric(
    "payer_share",
    "users who pay",
    unit="share",
    direction="higher",
    formula="users who paid anything since step 0 / users who opened the app since step 0",
    needs="users.spent_microusd users.last_step",
    headline=False,
)
def payer_share(data: RunData) -> float | None:
    """Share of active users who ever paid."""
    spent, last = data.users["spent_microusd"], data.users["last_step"]
    return ratio(int(np.count_nonzero(spent)), int(np.count_nonzero(last >= 0)))


@metric(
    "gift_gini_creators",
    "gift Gini of creators",
    unit="1",
    direction="lower",
    formula="Gini of what gifts brought all users with at least one public video, zeros included",
    needs="users.user users.gifts_microusd items.is_public items.creator",
    headline=False,
)
def gift_gini_creators(data: RunData) -> float | None:
    """Inequality of gifts among creators."""
    return money_gini(_of_creators(data, "gifts_microusd"))


@metric(
    "earnings_gini_creators",
    "earnings Gini of creators",
    unit="1",
    direction="lower",
    formula="Gini of earnings (ads, gifts, subscriptions, fund; no sales) of all users with at least one "
    "public video, zeros included",
    needs="users.user users.earned_microusd items.is_public items.creator",
    headline=False,
)
def earnings_gini_creators(data: RunData) -> float | None:
    """Inequality of earnings among creators; a merchant's sales are turnover and not in it."""
    return money_gini(_of_creators(data, "earned_microusd"))


def _per_creator(data: RunData, column: str) -> float | None:
    """Mean amount over users of the creator tiers, in dollars."""
    who = creators_of(data)
    found = ratio(int(data.users[column][who].sum(dtype=np.int64)), int(who.sum()))
    return None if found is None else found / MICRO


@metric(
    "gifts_per_creator",
    "gifts per creator",
    unit="USD",
    direction="higher",
    formula="what gifts brought users of the creator tiers, posting or not / users of these tiers",
    needs="users.gifts_microusd users.tier",
    headline=False,
)
def gifts_per_creator(data: RunData) -> float | None:
    """Mean income from gifts; creators without a video count with 0."""
    return _per_creator(data, "gifts_microusd")


@metric(
    "earnings_per_creator",
    "earnings per creator",
    unit="USD",
    direction="higher",
    formula="earnings (ads, gifts, subscriptions, fund; no sales) of users of the creator tiers, posting or not / "
    "users of these tiers",
    needs="users.earned_microusd users.tier",
    headline=False,
)
def earnings_per_creator(data: RunData) -> float | None:
    """Mean earnings; a merchant's sales are turnover and not in it."""
    return _per_creator(data, "earned_microusd")
