"""Choices in templates by one random number: mixed radix, so that one draw fixes a whole text."""

from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

WORD: Final = 1 << 32

ARCHETYPES: Final = tuple(
    "dance comedy educational gaming lifestyle music pets diy_crafts tech beauty fitness news".split()
)
"""Categories of the synthetic world, for examples; a request brings its own."""


class Pick:
    """Spends one random number of 32 bits on a row of choices, each nearly uniform."""

    def __init__(self, word: int) -> None:
        """Take a number below 2**32."""
        assert 0 <= word < WORD, word
        self._rest, self._room = int(word), WORD

    def one(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[self.below(len(choices))]

    def below(self, count: int) -> int:
        """Return a number below `count`; the product of all counts asked for must stay below 2**32."""
        assert 0 < count <= self._room, "more choices than one number can fix"
        self._rest, found = divmod(self._rest, count)
        self._room //= count
        return found


def cut(text: str, characters: int) -> str:
    """Return text of at most so many characters, cut at a space where there is one."""
    if len(text) <= characters:
        return text
    head = text[:characters]
    return head.rsplit(" ", 1)[0] if " " in head else head


def spoken(name: str) -> str:
    """Return the name of a category or hashtag as people write it: `diy_crafts` becomes `diy crafts`."""
    return name.replace("_", " ")
