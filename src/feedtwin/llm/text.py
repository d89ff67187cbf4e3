"""Text of bounded length and known characters: what users wrote, and what a model may write.

Text is data everywhere: nothing here removes what a report or a spreadsheet would have to escape; the
place that shows text escapes it. What is removed or refused is what no reader can see.
"""

import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

_UNSEEN: Final = frozenset({"Cf"})
"""Categories that are left out: zero-width and direction marks."""
_REFUSED: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories that no caption has: control characters, lone surrogates, unassigned code points."""


def clean(text: str) -> str:
    """Return text in composed form without invisible marks and outer spaces.

    Raises:
        ValueError: It holds control characters or unassigned code points, or nothing is left.
    """
    if text.isascii() and text.isprintable():
        kept = text.strip()
    else:
        shown = "".join(c for c in text if unicodedata.category(c) not in _UNSEEN)
        kept = unicodedata.normalize("NFC", shown).strip()
        if any(unicodedata.category(c) in _REFUSED for c in kept):
            raise ValueError("control characters or unassigned code points")
    if not kept:
        raise ValueError("no visible character")
    return kept


def tame(text: object) -> object:
    """Return what a user wrote as data for a prompt: cleaned as far as needed, never refused."""
    if not isinstance(text, str):
        return text
    shown = (" " if unicodedata.category(c) in _REFUSED else c for c in text)
    kept = "".join(c for c in shown if unicodedata.category(c) not in _UNSEEN)
    return unicodedata.normalize("NFC", kept).strip()[:USER_TEXT_MAX]


USER_TEXT_MAX: Final = 200
"""Characters of a user's text that a prompt may quote."""

UserText = Annotated[str, BeforeValidator(tame), Field(max_length=USER_TEXT_MAX)]
"""Text written by a user (or by a model for one): quoted data, cut to length, without invisible marks."""

Clean = AfterValidator(clean)
"""Behind a `Field(max_length=...)`: text written by a model, refused if it holds what cannot be seen."""

Name = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_]{1,40}$")]
"""Name of a category or another thing of the world, as its tables spell it."""

Hashtag = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_]{1,40}$")]
"""A hashtag in canonical form: no sign in front, lower case."""

Word = Annotated[str, Field(min_length=3, max_length=20, pattern=r"^[a-z-]{3,20}$")]
"""An adjective."""


def canonical_hashtag(text: str) -> str:
    """Return a hashtag in canonical form: `#Dance Challenge` becomes `dancechallenge`; may be empty."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isascii() and (c.isalnum() or c == "_"))[:40]
