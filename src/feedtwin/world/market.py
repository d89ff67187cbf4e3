"""Who advertises, pays and sells when a world is built, and the parts that money needs.

Where the monetization policy has no channel, none of this exists: no ad among the items, no column, no draw.
Everything is keyed by whose it is: an advertiser's ads, a creator's products, a user's spending power.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from feedtwin.columns import Columns, FrozenColumns
from feedtwin.errors import PolicyError
from feedtwin.kernels.binding import Kernels
from feedtwin.numerics import exp32
from feedtwin.policies.interface import Channels, MonetizationPolicy, entry_of
from feedtwin.policies.making import make
from feedtwin.policies.monetization import MonetizationSettings
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.codes import ItemKind
from feedtwin.schema.ids import FIRST_ADVERTISER, PRODUCT_ORDINAL, item_id
from feedtwin.schema.parameters import section_model
from feedtwin.schema.settings import Settings
from feedtwin.twins.content.categories import Categories
from feedtwin.twins.content.config import ContentConfig
from feedtwin.twins.content.creation import NewVideos
from feedtwin.twins.content.entering import add_videos, created_batch
from feedtwin.twins.platform import PlatformTwin
from feedtwin.twins.platform.money import (
    Ads,
    CreatorFund,
    Gifts,
    Ledger,
    Payouts,
    Shop,
    Subscriptions,
    Terms,
    Till,
)
from feedtwin.twins.platform.money.subscriptions import Answers
from feedtwin.twins.platform.money.table import ADS, PRODUCTS
from feedtwin.twins.user import UserTwin
from feedtwin.twins.user.acts.spending import Shelf, Spending, SpendingConfig

AD_CATEGORY, AD_BID, AD_DURATION, AD_PLACE = range(4)
"""Attribute numbers of AD_ATTRIBUTE draws."""
HAS_SHOP, PRICE, QUALITY = range(3)
"""Attribute numbers of SHOP_ATTRIBUTE draws."""
PER_THOUSAND = 1000
_AD_VIRALITY = 0.1


class MarketConfig(BaseModel):
    """Who there is; meanings, units and sources in `parameters/market.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    advertisers: int
    creatives: int
    ad_cpm_microusd: int
    ad_cpm_sigma: float
    ad_duration_s: float
    ad_duration_sigma: float
    ad_hook: float
    ad_quality: float
    ad_completion: float
    payer_share: float
    spending_sigma: float
    shop_share: float
    products_per_shop: int
    product_price_microusd: int
    product_price_sigma: float
    product_stock: int
    restock_steps: int
    tag_share: float


@dataclass(frozen=True)
class Market:
    """The monetization policy in force and what it trades in; `ads` is None where there are none."""

    policy: MonetizationPolicy
    settings: MonetizationSettings
    config: MarketConfig
    ads: Columns | None

    @property
    def channels(self) -> Channels:
        """The channels that are open."""
        return self.policy.channels


def channels_of(settings: Settings) -> Channels:
    """Return the channels of the monetization policy that settings name."""
    return _policy(settings)[0].channels


def _policy(settings: Settings) -> tuple[MonetizationPolicy, MonetizationSettings]:
    name = settings.policies["monetization"]
    entry = entry_of("monetization", name)
    terms = section_model(MonetizationSettings, settings.section(entry.section))
    policy: MonetizationPolicy = make(entry, terms)
    channels = policy.channels
    if not isinstance(channels, Channels):
        raise PolicyError(
            f"{entry.spec}, contract monetization.channels: found a {type(channels).__name__}; expected "
            "Channels(ads=..., gifts=..., subscriptions=..., commerce=...)"
        )
    return policy, terms


def open_market(
    settings: Settings,
    items: Columns,
    categories: Categories,
    content: ContentConfig,
    draws: Draws,
) -> Market | None:
    """Return the market, its ads entered at the end of the catalogue; None in a world without money."""
    policy, terms = _policy(settings)
    if not policy.channels.any:
        return None
    config = section_model(MarketConfig, settings.section("market"))
    ads = None
    if policy.channels.ads:
        ads = _make_ads(config, items, categories, content, draws)
    return Market(policy, terms, config, ads)


def _make_ads(
    config: MarketConfig,
    items: Columns,
    categories: Categories,
    content: ContentConfig,
    draws: Draws,
) -> Columns:
    """Draw the ads of every advertiser, enter them as items, and return the platform's list of them."""
    count = config.advertisers * config.creatives
    number = np.arange(count, dtype=np.uint32)
    creative = number % np.uint32(config.creatives)
    advertiser = np.uint32(FIRST_ADVERTISER) + number // np.uint32(config.creatives)

    def spread(attribute: int, median: float, sigma: float) -> np.ndarray:
        normal = draws.normal(Stream.AD_ATTRIBUTE, advertiser, creative, attribute)
        return np.float32(median) * exp32(np.float32(sigma) * normal)

    draw = draws.uniform(Stream.AD_ATTRIBUTE, advertiser, creative, AD_CATEGORY)
    category = np.minimum(draw * np.float32(categories.count), categories.count - 1)
    bid = spread(AD_BID, config.ad_cpm_microusd, config.ad_cpm_sigma).astype(np.uint64)

    def same(value: float) -> np.ndarray:
        return np.full(count, value, np.float32)

    made = NewVideos(
        creator=advertiser,
        ordinal=creative,
        category=category.astype(np.uint16),
        hashtags=np.zeros((count, 3), np.uint16),
        sound=np.zeros(count, np.uint32),
        duration_s=spread(AD_DURATION, config.ad_duration_s, config.ad_duration_sigma),
        hook_strength=same(config.ad_hook),
        quality=same(config.ad_quality),
        virality=same(_AD_VIRALITY),
        completion_prior=same(config.ad_completion),
        toxicity=same(0.0),
    )
    ads = Columns(ADS, count)
    with items.writing(), ads.writing():
        where = add_videos(
            items, created_batch(made, 0, np.zeros(count, np.uint32)), categories, content, draws
        )
        items.kind[where] = ItemKind.AD
        items.is_public[where] = 0
        items.created_step[where] = -1
        ads.row[:] = np.arange(where.start, where.stop, dtype=np.uint32)
        ads.advertiser[:], ads.creative[:], ads.category[:] = advertiser, creative, made.category
        ads.price[:] = np.maximum(bid // PER_THOUSAND, 1)
        ads.place[:] = draws.bits(Stream.AD_ATTRIBUTE, advertiser, creative, AD_PLACE)
    return ads


def spending_power(config: MarketConfig, users: int, draws: Draws) -> np.ndarray:
    """Return everybody's spending power, float32 (U,): 0 for those who never pay, log-normal for payers."""
    user = np.arange(users, dtype=np.uint32)
    pays = draws.uniform(Stream.PAYER, user) < np.float32(config.payer_share)
    power = exp32(np.float32(config.spending_sigma) * draws.normal(Stream.SPENDING_POWER, user))
    return np.where(pays, power, np.float32(0.0))


def make_products(config: MarketConfig, users: FrozenColumns, draws: Draws) -> Columns:
    """Draw the products of all shops, sorted by item; a share of those who post has a shop."""
    creator = np.nonzero(users.upload_rate > 0)[0].astype(np.uint32)
    sells = draws.uniform(Stream.SHOP_ATTRIBUTE, creator, 0, HAS_SHOP)
    merchants = creator[sells < np.float32(config.shop_share)]
    merchant = np.repeat(merchants, config.products_per_shop)
    nth = np.tile(np.arange(config.products_per_shop, dtype=np.uint32), len(merchants))
    spread = np.float32(config.product_price_sigma) * draws.normal(
        Stream.SHOP_ATTRIBUTE, merchant, nth, PRICE
    )
    products = Columns(PRODUCTS, len(merchant))
    with products.writing():
        products.item[:] = item_id(merchant, nth) | PRODUCT_ORDINAL
        products.merchant[:], products.category[:] = merchant, users.expertise[merchant]
        price = np.float32(config.product_price_microusd) * exp32(spread)
        products.price[:] = np.maximum(price, np.float32(1.0)).astype(np.uint64)
        products.quality[:] = draws.uniform(Stream.SHOP_ATTRIBUTE, merchant, nth, QUALITY)
        products.capacity[:] = products.inventory[:] = config.product_stock
    return products


def join_market(
    market: Market | None,
    settings: Settings,
    users: UserTwin,
    platform: PlatformTwin,
    draws: Draws,
    kernels: Kernels,
) -> None:
    """Hang the parts that money needs on the User and Platform twins."""
    if market is None:
        return
    config, channels, count = market.config, market.channels, len(users.table)
    values = market.settings.model_dump()
    terms = Terms(**{name: values[name] for name in Terms.__dataclass_fields__})
    spending = Spending(
        section_model(SpendingConfig, settings.section("spending")),
        spending_power(config, count, draws), draws, users.config.steps_per_day,
        gives=channels.gifts,
    )  # fmt: skip
    ledger = Ledger(count)
    till = Till(market.policy, ledger.table, platform.view, spending.left)
    parts: list[Any] = [ledger]
    if market.ads is not None:
        parts.append(Ads(market.ads, config.creatives, terms, till, draws, kernels))
    if channels.gifts:
        parts.append(Gifts(till))
    if channels.subscriptions:
        answers = Answers(spending.subscribes, spending.renews)
        parts.append(Subscriptions(terms, till, answers))
    if channels.commerce:
        products = make_products(config, users.table, draws)
        shop = Shop(products, config.restock_steps, config.tag_share, till, draws)
        spending.shelf = Shelf(shop.table, shop.shown)
        parts.append(shop)
    parts.append(CreatorFund(count, terms, market.policy, till, platform.view))
    parts.append(Payouts(terms, ledger.table, till))
    users.parts = (*users.parts, spending)
    platform.parts = (*platform.parts, *parts)
