"""What people do with money: gifts, subscriptions, purchases, within a purse of their own.

A small share of people ever pays, and their spending power is heavy-tailed. Gifts go to creators whom the
payer follows or whose video matches well, after liking, sharing or finishing it. A product shown in such a
video is looked at (click) and bought with chances that grow with the payer's interest in its category and
fall with its price. Only the impressions of payers are looked at. Source: ECO-1, M-6; forms are ours.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from feedtwin.columns import Columns, FrozenColumns
from feedtwin.numerics import exp32, log32, logit32
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.batches import EventBatch, Outcomes
from feedtwin.schema.codes import ItemKind
from feedtwin.schema.codes import TransactionKind as Kind
from feedtwin.schema.reactions import Impressions, Reactions
from feedtwin.schema.requests import ActionBatch, asked
from feedtwin.schema.tables import Column, TableSpec, declare
from feedtwin.session import COMMENT, FINISHED, LIKE, SHARE
from feedtwin.twins.part import Part

PURSES = declare(
    TableSpec(
        "purses",
        "user",
        "user",
        (
            Column(
                "power", "f4", (), "1", "spending power; 0 never pays, 1 the median payer", False
            ),
            Column("spent", "u8", (), "micro-USD", "spent on the day of the latest payment", False),
            Column("spent_day", "i4", (), "day", "day of the latest payment", False, -1),
        ),
    )
)

_WARM = LIKE | SHARE | FINISHED
_KEEN = LIKE | SHARE | COMMENT
_IS_PAID_BY_USERS = np.zeros(256, bool)
_IS_PAID_BY_USERS[[Kind.GIFT, Kind.LIVE, Kind.SUBSCRIPTION, Kind.PURCHASE]] = True


class SpendingConfig(BaseModel):
    """Rates and budgets; meanings, units and sources in `parameters/spending.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget_microusd_per_day: int
    gift_rate: float
    gift_followed: float
    gift_match: float
    gift_sizes_microusd: list[int]
    gift_weights: list[float]
    subscribe_rate: float
    subscription_reference_microusd: int
    cancel_hazard: float
    click_logit: float
    click_fit: float
    buy_logit: float
    buy_fit: float
    buy_quality: float
    buy_price: float
    price_reference_microusd: int


@dataclass(frozen=True)
class Shelf:
    """Products as people meet them.

    Attributes:
        products: The table of products, one row each.
        shown: Returns the product that videos (creators, ordinals) show: rows (I,), -1 for none.
    """

    products: FrozenColumns
    shown: Callable[[np.ndarray, np.ndarray], np.ndarray]


class Spending(Part):
    """Asks for gifts and purchases, and answers offers of subscriptions."""

    name = "spending"

    def __init__(
        self,
        config: SpendingConfig,
        power: np.ndarray,
        draws: Draws,
        steps_per_day: int,
        *,
        gives: bool,
        shelf: Shelf | None = None,
    ) -> None:
        """Build from everybody's spending power, float32 (U,); `gives` and `shelf` say what money buys."""
        self._purses = Columns(PURSES, len(power))
        with self._purses.writing():
            self._purses.power[:] = power
        super().__init__(self._purses)
        self.config, self._draws, self._steps_per_day = config, draws, steps_per_day
        self._gives, self.shelf = gives, shelf
        self._met: tuple[Reactions | None, Impressions] = (None, Reactions(0, ()).reached())

    @property
    def purses(self) -> FrozenColumns:
        """Read-only purses."""
        return self._purses.frozen

    def left(self, user: np.ndarray, step: int) -> np.ndarray:
        """Return what users (I,) may still spend today, int64 micro-dollars."""
        purses = self.purses
        budget = np.float32(self.config.budget_microusd_per_day) * purses.power[user]
        today = purses.spent_day[user] == step // self._steps_per_day
        return budget.astype(np.int64) - np.where(today, purses.spent[user], 0).astype(np.int64)

    # -- wishes ----------------------------------------------------------------------------------

    def act(self, reactions: Reactions) -> Iterator[ActionBatch]:
        """Yield purchases and gifts after the slates of a step."""
        met = self._of_payers(reactions)
        warm = met.where((met.flags & np.uint8(_WARM)) != 0)
        if self.shelf is not None:
            yield self._purchases(warm, self.shelf, reactions.step)
        if self._gives:
            yield self._gifts(warm, reactions.step)

    def _of_payers(self, reactions: Reactions) -> Impressions:
        """Videos that users who ever pay engaged with; looked up once for all wishes of a step."""
        known, met = self._met
        if known is not reactions:
            pays = self.purses.power > 0

            def choose(outcomes: Outcomes) -> np.ndarray:
                bits = np.uint8(_WARM | _KEEN)
                return ((outcomes.flags & bits) != 0) & pays[outcomes.user][:, None]

            met = reactions.pick(choose)
            met = met.where(self.sight.items.kind[met.row] == ItemKind.VIDEO)
            self._met = reactions, met
        return met

    def _gifts(self, warm: Impressions, step: int) -> ActionBatch:
        config = self.config
        draw = self._draw(Stream.GIFT, warm)
        rate = np.float32(config.gift_rate) * self.purses.power[warm.user]
        likely = draw < rate * np.float32(
            max(config.gift_followed, 1.0)
        )  # few: look closer at them
        warm, draw, rate = warm.where(likely), draw[likely], rate[likely]
        followed = self.sight.ties.has(warm.user, warm.creator)
        matched = self._cosine(warm.user, *self._vectors(warm.row)) >= np.float32(config.gift_match)
        factor = np.where(followed, np.float32(config.gift_followed), matched.astype(np.float32))
        gift = warm.where(draw < rate * factor)
        edges = np.cumsum(np.asarray(config.gift_weights, np.float64))
        share = (edges / max(float(edges[-1]), 1e-12)).astype(np.float32)
        size = np.searchsorted(share, self._draw(Stream.GIFT_SIZE, gift))
        sizes = np.asarray(config.gift_sizes_microusd, np.uint64)
        amount = sizes[np.minimum(size, len(sizes) - 1)]
        return asked(
            "SEND_GIFT", step, user=gift.user, target=gift.creator, item=gift.item,
            amount_microusd=amount,
        )  # fmt: skip

    def _purchases(self, warm: Impressions, shelf: Shelf, step: int) -> ActionBatch:
        """View -> click -> buy."""
        config, products = self.config, shelf.products
        product = shelf.shown(warm.creator, warm.ordinal)
        seen, product = warm.where(product >= 0), product[product >= 0]
        fit = np.maximum(self._interest(seen.user, products.category[product]), np.float32(0.0))
        looks = np.float32(config.click_logit) + np.float32(config.click_fit) * fit
        clicked = logit32(self._draw(Stream.PRODUCT_CLICK, seen)) < looks

        seen, product, fit = seen.where(clicked), product[clicked], fit[clicked]
        means = np.float32(config.price_reference_microusd) * self.purses.power[seen.user]
        dear = log32(products.price[product].astype(np.float32) / means)
        wish = np.float32(config.buy_logit) + np.float32(config.buy_fit) * fit
        wish = wish + np.float32(config.buy_quality) * products.quality[product]
        wish = wish - np.float32(config.buy_price) * dear
        buys = logit32(self._draw(Stream.PURCHASE, seen)) < wish
        product = product[buys]
        return asked(
            "PURCHASE_PRODUCT", step, user=seen.user[buys], item=products.item[product],
            units=np.ones(len(product)), amount_microusd=products.price[product],
        )  # fmt: skip

    def subscribes(self, reactions: Reactions, price_microusd: int) -> Impressions:
        """Return the impressions after which a user would subscribe to the creator at a price."""
        met = self._of_payers(reactions)
        keen = met.where((met.flags & np.uint8(_KEEN)) != 0)
        dear = exp32(-np.float32(price_microusd / self.config.subscription_reference_microusd))
        rate = np.float32(self.config.subscribe_rate) * dear * self.purses.power[keen.user]
        keen = keen.where(self._draw(Stream.SUBSCRIPTION, keen) < rate)
        return keen.where(self.sight.ties.has(keen.user, keen.creator))

    def renews(self, user: np.ndarray, creator: np.ndarray, step: int) -> np.ndarray:
        """Return whether users (I,) go on with their subscriptions to creators (I,), bool."""
        draw = self._draws.uniform(Stream.RENEWAL, user, creator, step)
        return draw >= np.float32(self.config.cancel_hazard)

    def _draw(self, stream: Stream, at: Impressions) -> np.ndarray:
        meeting = at.meeting.astype(np.uint32)
        return self._draws.uniform(stream, at.user, at.creator, at.ordinal, meeting)

    def _vectors(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        items = self.sight.items
        return items.vector[row], items.inv_norm[row]

    def _interest(self, user: np.ndarray, category: np.ndarray) -> np.ndarray:
        vectors, inverse_norm = self.sight.topics
        return self._cosine(user, vectors[category], inverse_norm[category])

    def _cosine(self, user: np.ndarray, vector: np.ndarray, inverse_norm: np.ndarray) -> np.ndarray:
        """Cosine between users' interests and vectors, float32 (I,), from exact integer products."""
        taste = self.sight.users.interests[user].astype(np.int32)
        dot = np.einsum("id,id->i", taste, vector.astype(np.int32)).astype(np.float32)
        square = np.einsum("id,id->i", taste, taste)
        return dot * (inverse_norm / np.sqrt(np.maximum(square, 1).astype(np.float32)))

    # -- handlers --------------------------------------------------------------------------------

    def on_transaction_completed(self, done: EventBatch) -> None:
        """Note what was spent today."""
        paid = _IS_PAID_BY_USERS[done.kind]
        user, amount = done.user[paid], done.amount_microusd[paid]
        purses, today = self._purses, done.step // self._steps_per_day
        first = user[purses.spent_day[user] != today]
        purses.spent[first] = 0
        purses.spent_day[user] = today
        np.add.at(purses.spent, user, amount)
