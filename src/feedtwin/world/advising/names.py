"""Names of categories and hashtags as prompts spell them, and the codes behind them."""

from collections.abc import Iterable, Sequence

import numpy as np

from feedtwin.llm.text import canonical_hashtag

CATEGORIES_MAX = 64
"""Categories that a request may offer."""


class Names:
    """Spells codes, and finds the codes of names; a name of no code is 0 (a hashtag) or None (a category)."""

    def __init__(self, categories: Sequence[str], hashtags: Sequence[str]) -> None:
        """Spell everything once.

        Args:
            categories: Names by code.
            hashtags: Names by code; empty where a code means nothing.
        """
        self.categories = _spelled(categories, "category")
        self.hashtags = _spelled(hashtags, "hashtag")
        self._category = {name: code for code, name in enumerate(self.categories)}
        self._hashtag = {name: code for code, name in enumerate(self.hashtags) if code}

    def category(self, name: str) -> int | None:
        """Return the code of a category."""
        return self._category.get(name)

    def hashtag(self, name: str) -> int:
        """Return the code of a hashtag, 0 for none."""
        return self._hashtag.get(name, 0)

    def tags(self, codes: Iterable[int] | np.ndarray) -> tuple[str, ...]:
        """Return the names of hashtag codes, each once, 0 left out."""
        return tuple(dict.fromkeys(self.hashtags[int(code)] for code in codes if code))

    def offered(self, first: int) -> tuple[str, ...]:
        """Return the categories that a request offers: all, or the given one and the first others."""
        if len(self.categories) <= CATEGORIES_MAX:
            return self.categories
        others = [name for code, name in enumerate(self.categories) if code != first]
        return (self.categories[first], *others[: CATEGORIES_MAX - 1])


def _spelled(names: Sequence[str], kind: str) -> tuple[str, ...]:
    """Return canonical spellings, each different; what has none is called by its code."""
    taken: set[str] = set()
    found = []
    for code, name in enumerate(names):
        spelled = canonical_hashtag(name)
        if not spelled or spelled in taken:
            spelled = f"{kind}_{code}"
        taken.add(spelled)
        found.append(spelled)
    return tuple(found)
