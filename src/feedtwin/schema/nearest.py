"""The nearest known name, for error messages."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None if none is near."""
    names = list(known)
    # A user who remembers only the last word of a dotted path still deserves a suggestion.
    by_leaf: dict[str, str] = {}
    for candidate in names:
        by_leaf.setdefault(candidate.rsplit(".", 1)[-1], candidate)
    leaf = name.rsplit(".", 1)[-1]
    close = get_close_matches(name, names, n=1, cutoff=0.8)
    if close:
        return close[0]
    if leaf in by_leaf:
        return by_leaf[leaf]
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return close[0]
    close = get_close_matches(leaf, list(by_leaf), n=1, cutoff=0.7)
    return by_leaf[close[0]] if close else None


def suggest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known name, or an empty string."""
    found = nearest(name, known)
    return f"; did you mean {found!r}?" if found else ""
