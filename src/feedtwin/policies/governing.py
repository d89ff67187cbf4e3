"""What forecasts, governance and campaign policies return. One protocol per lever."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from feedtwin.policies.view import View

BY_RULE = 3
"""The `AnswerSource` of policies that ask no model."""


@dataclass(frozen=True)
class Forecast:
    """Trends that are expected, the surest first: one entry of each column per key.

    Attributes:
        kind: What each trend is about, a `TrendKind`.
        key: Hashtag, sound or category.
        confidence: Chance that the key reaches its peak within the horizon, in [0, 1].
        source: Who answered, an `AnswerSource`; a rule by default.
    """

    kind: np.ndarray
    key: np.ndarray
    confidence: np.ndarray
    source: int = BY_RULE


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


@dataclass(frozen=True)
class Plans:
    """Three-day plans of N creators: every column is (N, PLAN_DAYS), one value per day.

    Attributes:
        category: Category to post in; NO_CATEGORY leaves it to the creator.
        hashtag: Hashtag to use; 0 for none.
        sound: Sound to use; 0 for none.
        uploads: Uploads of the day, at most 8.
        text: Theme of the day, which is the caption; 0 for none.
        hour: Hour of the day of the first upload, 0 to 23.
        live: 1 where a live room is planned.
        call: Call to action: 0 none, 1 follow, 2 comment, 3 join the live room, 4 buy.
        source: Who made each plan, an `AnswerSource`, (N,); None where a rule made them all.
    """

    category: np.ndarray
    hashtag: np.ndarray
    sound: np.ndarray
    uploads: np.ndarray
    text: np.ndarray
    hour: np.ndarray
    live: np.ndarray
    call: np.ndarray
    source: np.ndarray | None = None


@runtime_checkable
class CampaignPolicy(Protocol):
    """Plans three days of uploads for creators who take part."""

    def plan(self, view: View, creators: np.ndarray) -> Plans:
        """Return one plan per creator (user ids, ascending); called when plans are due."""
        ...
