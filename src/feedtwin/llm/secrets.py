"""Keys come from the environment, and text that bears one goes nowhere.

A key is held by one object that shows nothing of itself. What a server sends back is searched for the key,
plain or encoded, before it is decoded, recorded or cached: a server that echoes the key gets its whole
text withheld. Errors of the client library are never quoted, for they may hold headers.
"""

import base64
import os
from collections.abc import Iterator
from typing import Final, Never
from urllib.parse import quote

from feedtwin.errors import LLMError

WITHHELD: Final = "[withheld: it held a key]"
_PIECE: Final = 12
"""Characters in a row from which a piece of a key gives it away."""


class Secret:
    """A key that does not show in prints, logs, errors, pickles or copies."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the key, for the one place that sends it."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> Never:
        raise TypeError("a secret is neither copied nor stored")

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


def read_key(variable: str, *, is_needed: bool) -> Secret:
    """Return the key that an environment variable holds.

    Args:
        variable: Name of the variable.
        is_needed: Whether a missing key is an error; servers of one's own may need none.

    Raises:
        LLMError: The variable is empty and a key is needed, or what it holds can be no key.
    """
    value = os.environ.get(variable, "").strip()
    if not value and is_needed:
        raise LLMError(
            f"llm: the environment variable {variable} is empty; expected the key of the model server. Set it "
            f"with `export {variable}=...`, or choose another with --set llm.key_variable=NAME"
        )
    if not all("!" <= one <= "~" for one in value):  # it goes into a header
        raise LLMError(
            f"llm: the environment variable {variable} holds a blank, a line break or a character beyond ASCII; "
            f"expected the key of the model server alone. Set it anew with `export {variable}=...`"
        )
    return Secret(value)


class Screen:
    """Finds a key, or a telling piece of it, in text; also encoded."""

    def __init__(self, secret: Secret) -> None:
        self._pieces = frozenset(_pieces(secret.reveal()))

    def holds(self, text: str) -> bool:
        """Whether the text holds the key or 12 characters of it in a row, in any encoding known here."""
        if not self._pieces:
            return False
        squeezed = text.casefold()
        backward = squeezed[::-1]
        return any(piece in squeezed or piece in backward for piece in self._pieces)

    def shown(self, text: str) -> str:
        """Return the text, or a note that it was withheld."""
        return WITHHELD if self.holds(text) else text


def _pieces(key: str) -> Iterator[str]:
    """Yield pieces of a key in lower case: plain, percent-encoded, hexadecimal, base64 at each offset."""
    if not key:
        return
    raw = key.encode()
    forms = [key, quote(key, safe=""), raw.hex()]
    for pad in range(3):
        coded = base64.b64encode(b"\0" * pad + raw).decode()
        start, end = (0, 2, 3)[pad], len(coded) - 4  # the ends depend on neighbours
        forms += [coded[start:end], coded[start:end].replace("+", "-").replace("/", "_")]
    for form in forms:
        folded = form.casefold()
        if len(folded) <= _PIECE:
            yield folded or key.casefold()
        for start in range(len(folded) - _PIECE):
            yield folded[start : start + _PIECE]
        if len(folded) > _PIECE:
            yield folded[-_PIECE:]
