"""What a policy is, what it may see, and what it returns. One protocol per lever.

A policy is a settings class and one class over arrays. It sees policy-visible columns only and never
writes. There are two kinds of recommender: *feature weights*, which the kernel scores, and *scores*,
which the policy computes itself over a block of requests x candidates (decision 20).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from feedtwin.columns import PolicyView
from feedtwin.errors import PolicyError
from feedtwin.policies.encounters import Choices as Choices
from feedtwin.policies.encounters import Encounters as Encounters
from feedtwin.registry import Registry
from feedtwin.schema.ids import user_at

LEVERS = (
    "recommendation", "promotion", "behaviour", "forecast", "governance", "campaigns", "monetization",
)  # fmt: skip

INTEREST, TRENDING, RECENT, FOLLOWED, ALL = 0, 1, 2, 3, 4
"""Codes of candidate pools, as logged with every impression."""


@dataclass(frozen=True)
class Ties:
    """Follow edges as a policy sees them: user u follows `user[offset[u]:offset[u + 1]]`.

    Attributes:
        offset: int64 (U + 1,), read-only.
        place: Ring positions of the followees, u4 (E,), read-only.
    """

    offset: np.ndarray
    place: np.ndarray

    @property
    def user(self) -> np.ndarray:
        """Followees of all users, u4 (E,)."""
        return user_at(self.place)


@dataclass(frozen=True)
class View:
    """What a policy may see at a step barrier.

    `users`, `items`, `accounts` and `catalogue` expose policy-visible columns; anything else raises
    BoundaryError. `items` and `catalogue` have one row per video, `users` and `accounts` one per user.
    Policies of the levers forecast, governance and campaigns also see `trends` (one row per tracked hashtag,
    sound or category), `forecast` (the latest list of trends expected) and `interventions` (what governance
    does now); to others these are None.
    """

    step: int
    users: PolicyView
    items: PolicyView
    accounts: PolicyView
    catalogue: PolicyView
    ties: Ties
    active_users: int
    trends: PolicyView | None = None
    forecast: PolicyView | None = None
    interventions: PolicyView | None = None


@dataclass(frozen=True)
class Pool:
    """A set of candidates: content rows, and how many of them a request takes.

    `by_category` pools are split into one ring per category, of which a request visits several.
    """

    code: int
    rows: np.ndarray
    quota: int
    by_category: bool = False


@dataclass(frozen=True)
class Ranking:
    """A feature-weight score: w_sim cos(query, item) + base[item] + w_follow [followed].

    `base` is float32 (V,), already summed over item-only terms.
    """

    weight_similarity: float
    weight_followed: float
    base: np.ndarray


@dataclass(frozen=True)
class Block:
    """Requests and candidates that a scores policy is asked about.

    Attributes:
        user: (R,) user ids.
        request: (R,) each user's request ordinal.
        candidate: (R, C) content rows; where `valid` is False the entry means nothing.
        valid: (R, C) bool.
    """

    user: np.ndarray
    request: np.ndarray
    candidate: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class StageChanges:
    """Videos that change their exposure stage: content rows and the stages they enter."""

    row: np.ndarray
    to_stage: np.ndarray


@runtime_checkable
class RecommendationPolicy(Protocol):
    """Decides what a feed shows. Implement `ranking`, or `scores` for the second kind."""

    def pools(self, view: View) -> list[Pool]:
        """Return the pools candidates come from; called once per step."""
        ...

    def ranking(self, view: View) -> Ranking | None:
        """Return feature weights, or None when the policy scores candidates itself."""
        ...

    def scores(self, view: View, block: Block) -> np.ndarray:
        """Return float32 scores (R, C); called per slate when `ranking` returned None."""
        ...


@runtime_checkable
class PromotionPolicy(Protocol):
    """Decides how large an audience an upload gets, stage by stage."""

    def due(self, view: View) -> StageChanges:
        """Return the stage changes due now."""
        ...

    def boost(self, view: View) -> np.ndarray:
        """Return the score that stages add to each video, float32 (V,)."""
        ...


@runtime_checkable
class BehaviourPolicy(Protocol):
    """Decides what users do with what they are shown, instead of the encounter's own equations."""

    def meet(self, block: Encounters) -> Choices:
        """Return what users do in a block of requests x slots; called for some hundred requests at a time."""
        ...


@dataclass(frozen=True)
class Forecast:
    """Trends that are expected, the surest first: one entry of each column per key.

    Attributes:
        kind: What each trend is about, a `TrendKind`.
        key: Hashtag, sound or category.
        confidence: Chance that the key reaches its peak within the horizon, in [0, 1].
    """

    kind: np.ndarray
    key: np.ndarray
    confidence: np.ndarray


@runtime_checkable
class ForecastPolicy(Protocol):
    """Says which trends are coming; it changes nothing by itself."""

    def forecast(self, view: View) -> Forecast:
        """Return the trends expected; called every `forecast.every_steps`."""
        ...


@dataclass(frozen=True)
class Intervention:
    """Something that governance wants to do to a target.

    Attributes:
        action: A `GovernanceAction`.
        target_kind: A `TargetKind`.
        target: Item, creator, hashtag, sound or category.
        size: Factor on the odds of exposure of what is boosted (above 1) or suppressed (below 1); else 1.
        duration_steps: For how many steps a boost or a suppression holds; other actions hold until restored.
    """

    action: int
    target_kind: int
    target: int
    size: float = 1.0
    duration_steps: int = 24


@runtime_checkable
class GovernancePolicy(Protocol):
    """Reads the sensors and decides what to do; guard rails check each wish."""

    def decide(self, view: View) -> list[Intervention]:
        """Return what to do now, the most important first; called every `governance.every_steps`."""
        ...


NO_CATEGORY = 0xFFFF
"""A plan's category where the creator's own choice stands."""


@dataclass(frozen=True)
class Plans:
    """Three-day plans of N creators: every column is (N, 3), one value per day.

    Attributes:
        category: Category to post in; NO_CATEGORY leaves it to the creator.
        hashtag: Hashtag to use; 0 for none.
        sound: Sound to use; 0 for none.
        uploads: Uploads of the day, at most 8.
        text: Theme of the day, which is the caption; 0 for none.
        hour: Hour of the day of the first upload, 0 to 23.
        live: 1 where a live room is planned.
        call: Call to action: 0 none, 1 follow, 2 comment, 3 join the live room, 4 buy.
    """

    category: np.ndarray
    hashtag: np.ndarray
    sound: np.ndarray
    uploads: np.ndarray
    text: np.ndarray
    hour: np.ndarray
    live: np.ndarray
    call: np.ndarray


@runtime_checkable
class CampaignPolicy(Protocol):
    """Plans three days of uploads for creators who take part."""

    def plan(self, view: View, creators: np.ndarray) -> Plans:
        """Return one plan per creator (user ids, ascending); called when plans are due."""
        ...


@dataclass(frozen=True)
class Channels:
    """Ways in which money moves; a channel that is off allocates, draws and publishes nothing."""

    ads: bool = False
    gifts: bool = False
    subscriptions: bool = False
    commerce: bool = False

    @property
    def any(self) -> bool:
        """Whether there is money at all."""
        return self.ads or self.gifts or self.subscriptions or self.commerce


@dataclass(frozen=True)
class Payments:
    """Payments of which a part is a creator's, (I,) each.

    Attributes:
        kind: Codes of `schema.codes.TransactionKind`: gift, purchase, ad, live, subscription.
        creator: Who may get a part: whom the gift is for, who sells, whose video came before the ad.
        item: The video, live room, product or ad.
        amount_microusd: What is paid, int64.
    """

    kind: np.ndarray
    creator: np.ndarray
    item: np.ndarray
    amount_microusd: np.ndarray


@runtime_checkable
class MonetizationPolicy(Protocol):
    """Decides which channels there are, and the payout rule: what creators get."""

    @property
    def channels(self) -> Channels:
        """The channels; fixed for the life of a world."""
        ...

    def shares(self, view: View, payments: Payments) -> np.ndarray:
        """Return what each creator gets of each payment, int64 (I,), 0 to the amount, in micro-dollars."""
        ...

    def fund(self, view: View, views: np.ndarray) -> np.ndarray:
        """Return weights, int64 (U,), by which the creator fund's pool is divided; all 0 pays nothing.

        `views` int64 (U,) are the views of each user's videos since the fund last paid.
        """
        ...


@dataclass(frozen=True)
class PolicyEntry:
    """A listed policy: what makes it, from which parameters, and what it needs."""

    lever: str
    name: str
    factory: Callable[..., Any]
    section: str
    oracle: bool
    code: int
    meaning: str = field(default="")


REGISTRIES: dict[str, Registry[Any]] = {
    lever: Registry(f"{lever} policy", f"feedtwin.{lever}") for lever in LEVERS
}
"""Policies of each lever: listed ones, entry points of installed packages, or `module:Class`."""

OWN_POLICY = 255
"""Logged code of a policy that does not ship with the package."""

ClassT = TypeVar("ClassT", bound=type)


def policy(
    lever: str, name: str, *, section: str, oracle: bool = False, code: int = OWN_POLICY
) -> Callable[[ClassT], ClassT]:
    """List a class as the policy `name` of `lever`.

    Args:
        lever: One of LEVERS.
        name: What settings call it.
        section: Parameter section its settings come from.
        oracle: True when it matches against true interests, which no platform knows.
        code: What IMPRESSION_SERVED.policy logs; policies of your own keep the default.
    """

    def enter(cls: ClassT) -> ClassT:
        meaning = next(iter((cls.__doc__ or "").strip().splitlines()), "")
        cls.entry = PolicyEntry(lever, name, cls, section, oracle, code, meaning)  # type: ignore[attr-defined]
        REGISTRIES[lever].register(name)(cls)
        return cls

    return enter


def entry_of(lever: str, name: str) -> PolicyEntry:
    """Return the entry of a policy by its listed name, entry point or `module:Class`.

    Raises:
        SettingsError: Nothing has the name.
        PolicyError: The class found is not decorated with `policy(lever, ...)`.
    """
    found = REGISTRIES[lever].factory(name)
    entry = getattr(found, "entry", None)
    if not isinstance(entry, PolicyEntry) or entry.lever != lever:
        raise PolicyError(
            f"policies.{lever}: {name} is no {lever} policy; expected a class decorated with "
            f'@policy("{lever}", NAME, section=...) from feedtwin.policies.interface'
        )
    return entry


def entries() -> Iterator[PolicyEntry]:
    """Yield the listed policies, lever by lever."""
    for lever, registry in REGISTRIES.items():
        for name in registry.names():
            yield entry_of(lever, name)
