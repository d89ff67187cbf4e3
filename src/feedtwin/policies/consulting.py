"""Policies that consult a language model: what they are given, and what they need to say.

A policy that consults has `consult(consultant)`; the world calls it once, when it is put together. Such a policy
turns its view into requests of a task and the typed responses back into its answer. It never sees the service,
the budget or who else asks; that a stand-in answered shows in `Answer.source`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from feedtwin.errors import SettingsError

if TYPE_CHECKING:
    from feedtwin.llm.task import Answer, Ask
    from feedtwin.schema.codes import LlmTask


class Spelling(Protocol):
    """Names of categories and hashtags, as requests spell them."""

    categories: tuple[str, ...]
    hashtags: tuple[str, ...]

    def category(self, name: str) -> int | None:
        """Return the code of a category, None for no such name."""
        ...

    def hashtag(self, name: str) -> int:
        """Return the code of a hashtag, 0 for no such name."""
        ...

    def tags(self, codes: Any) -> tuple[str, ...]:
        """Return the names of hashtag codes, each once, 0 left out."""
        ...

    def offered(self, first: int) -> tuple[str, ...]:
        """Return the categories that a request offers, the given one among them."""
        ...


class Consultant(Protocol):
    """Answers the asks of a policy."""

    @property
    def names(self) -> Spelling:
        """Names of categories and hashtags."""
        ...

    @property
    def steps_per_day(self) -> int:
        """Steps of a day."""
        ...

    def in_cohort(self, task: "LlmTask", users: np.ndarray) -> np.ndarray:
        """Return about which of some users a model may be asked, bool (N,)."""
        ...

    def titles(self, rows: np.ndarray) -> list[str]:
        """Return the titles under the videos of some content rows."""
        ...

    def executes(self, action: str) -> bool:
        """Return whether some part of the world executes an action."""
        ...

    def ask(self, asks: "Sequence[Ask]") -> "list[Answer[Any]]":
        """Return the answers to asks, in their order."""
        ...

    def caption(self, answer: "Answer[Any]", title: str, text: str, tags: Sequence[str]) -> int:
        """Return the text id of a caption in an answer; 0 where its words are not on record."""
        ...


def consulted(consultant: Consultant | None, lever: str, section: str) -> Consultant:
    """Return the consultant of a policy.

    Raises:
        SettingsError: The world was put together without one.
    """
    if consultant is None:
        raise SettingsError(
            f"policies.{lever} is llm, but the world has nobody to ask; expected llm.{section}.source to be "
            "surrogate, cached or live, and a world that `feedtwin run` or `world.counsel.Counsel.join` made"
        )
    return consultant
