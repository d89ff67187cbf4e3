"""What a policy is, what it may see, and what it returns. One protocol per lever.

A policy is a settings class and one class over arrays. It sees policy-visible columns only and never
writes. There are two kinds of recommender: *feature weights*, which the kernel scores, and *scores*,
which the policy computes itself over a block of requests x candidates (decision 20).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from feedtwin.errors import PolicyError
from feedtwin.policies.encounters import Choices as Choices
from feedtwin.policies.encounters import Encounters as Encounters
from feedtwin.policies.governing import CampaignPolicy as CampaignPolicy
from feedtwin.policies.governing import Forecast as Forecast
from feedtwin.policies.governing import ForecastPolicy as ForecastPolicy
from feedtwin.policies.governing import GovernancePolicy as GovernancePolicy
from feedtwin.policies.governing import Intervention as Intervention
from feedtwin.policies.governing import Plans as Plans
from feedtwin.policies.paying import Channels as Channels
from feedtwin.policies.paying import MonetizationPolicy as MonetizationPolicy
from feedtwin.policies.paying import Payments as Payments
from feedtwin.policies.view import Ties as Ties
from feedtwin.policies.view import View as View
from feedtwin.registry import Registry
from feedtwin.schema.plans import NO_CATEGORY as NO_CATEGORY
from feedtwin.schema.plans import PLAN_DAYS as PLAN_DAYS

LEVERS = (
    "recommendation", "promotion", "behaviour", "forecast", "governance", "campaigns", "monetization",
)  # fmt: skip

INTEREST, TRENDING, RECENT, FOLLOWED, ALL, COMMUNITY, SEARCH, TREND, LIMITED = range(9)
"""Codes of candidate pools, as logged with every impression; 255 marks what a rule inserted."""
POOL_NAMES = (
    "interest", "trending", "recent", "followed", "all", "community", "search", "trend", "limited",
)  # fmt: skip
POOL_CODES = 16
"""Pools of a policy have codes below this."""
PER_USER = (FOLLOWED, COMMUNITY)
"""Pools that the platform keeps for each user: a policy gives them a quota and no rows."""


@dataclass(frozen=True)
class Pool:
    """A set of candidates: content rows, and how many of them a request takes.

    `by_category` pools are split into one ring per category, of which a request visits several. Rows of
    FOLLOWED and COMMUNITY pools are not read: the platform knows whom a user follows.
    """

    code: int
    rows: np.ndarray
    quota: int
    by_category: bool = False


@dataclass(frozen=True)
class Ranking:
    """A feature-weight score: w_sim cos(query, item) + base[item] + w_follow [followed].

    `base` is float32 (V,), already summed over item-only terms. `terms` may name those terms, float32 (V,)
    each, for whoever asks why something was shown; they are not scored.
    """

    weight_similarity: float
    weight_followed: float
    base: np.ndarray
    terms: Mapping[str, np.ndarray] = field(default_factory=dict)


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


CONTRACTS: dict[str, type] = {
    "recommendation": RecommendationPolicy,
    "promotion": PromotionPolicy,
    "behaviour": BehaviourPolicy,
    "forecast": ForecastPolicy,
    "governance": GovernancePolicy,
    "campaigns": CampaignPolicy,
    "monetization": MonetizationPolicy,
}
"""What a policy of each lever must be able to answer."""


@dataclass(frozen=True)
class PolicyEntry:
    """A listed policy: what makes it, from which parameters, and what it needs.

    `factory` takes the settings of `section`, then those of `more`, section by section.
    """

    lever: str
    name: str
    factory: Callable[..., Any]
    section: str
    oracle: bool
    code: int
    meaning: str = field(default="")
    more: Mapping[str, type[Any]] = field(default_factory=dict)

    @property
    def spec(self) -> str:
        """The setting that chooses it: `policies.<lever>=<name>`, or `=module:Class` for one of your own."""
        ships = self.factory.__module__.partition(".")[0] == "feedtwin"
        own = f"{self.factory.__module__}:{self.factory.__qualname__}"
        return f"policies.{self.lever}={self.name if ships else own}"


REGISTRIES: dict[str, Registry[Any]] = {
    lever: Registry(f"{lever} policy", f"feedtwin.{lever}") for lever in LEVERS
}
"""Policies of each lever: listed ones, entry points of installed packages, or `module:Class`."""

OWN_POLICY = 255
"""Logged code of a policy that does not ship with the package."""

ClassT = TypeVar("ClassT", bound=type)


def policy(
    lever: str,
    name: str,
    *,
    section: str,
    oracle: bool = False,
    code: int = OWN_POLICY,
    more: Mapping[str, type[Any]] | None = None,
) -> Callable[[ClassT], ClassT]:
    """List a class as the policy `name` of `lever`.

    Args:
        lever: One of LEVERS.
        name: What settings call it.
        section: Parameter section its settings come from.
        oracle: True when it matches against true interests, which no platform knows.
        code: What IMPRESSION_SERVED.policy logs; policies of your own keep the default.
        more: Settings models of further parameter sections, by section; their settings follow the first.
    """

    def enter(cls: ClassT) -> ClassT:
        meaning = next(iter((cls.__doc__ or "").strip().splitlines()), "")
        cls.entry = PolicyEntry(  # type: ignore[attr-defined]
            lever, name, cls, section, oracle, code, meaning, more or {}
        )
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
