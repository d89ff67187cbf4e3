"""Cohorts as settings say them: tiers, ids, a share of everybody. What is none is refused where it was typed."""

import re
from dataclasses import dataclass
from typing import Final

from feedtwin.errors import SettingsError
from feedtwin.schema.nearest import suggest

UNIT: Final = "cohort"
"""Unit of the parameters that hold one."""
TIERS: Final = ("elite", "active", "casual", "consumer")
"""Names of tiers, in the order of their codes."""
AGE_GROUPS: Final = ("minor", "18-24", "25-34", "35-44", "45-54", "55+")
"""Names of age groups, likewise."""
_WORDS: Final = ("all", "none", *TIERS)
_IDS: Final = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")
_SHARE: Final = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)%")
_NEGATIVE: Final = re.compile(r"-\d+(?:-\d+)?")
_EXPECTED: Final = f"expected all, none, or terms with commas between: tiers ({', '.join(TIERS)}), ids (7 or 0-19), a share (10%)"


@dataclass(frozen=True)
class CohortTerms:
    """What a cohort's text says; whoever fits one of the terms belongs.

    Attributes:
        is_all: Everybody.
        tiers: Codes of tiers.
        ranges: (first, last) id, both inclusive, as typed; no id is in two of them.
        share: Share of everybody, by a draw of each one's own; 0 for none.
    """

    is_all: bool = False
    tiers: tuple[int, ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()
    share: float = 0.0

    @property
    def is_none(self) -> bool:
        """Whether it says that nobody belongs."""
        return not (self.is_all or self.tiers or self.ranges or self.share)


def cohort_text(value: object, where: str) -> str:
    """Return a cohort as the text that settings keep.

    Args:
        value: A text, one id as a number, or a list of ids and texts.
        where: What is being set, for messages.

    Raises:
        SettingsError: It is none; see `cohort_terms`.
    """
    entries = value if isinstance(value, (list, tuple)) else [value]
    for entry in entries:
        if isinstance(entry, bool) or not isinstance(entry, (int, str)):
            raise SettingsError(
                f"{where} is {value!r}: found {entry!r}; {_EXPECTED}, or a list of these"
            )
    text = ",".join(str(entry) for entry in entries)
    cohort_terms(text, where)
    return text


def cohort_terms(text: str, where: str) -> CohortTerms:
    """Return what a cohort's text says.

    Args:
        text: Terms with commas between.
        where: What is being set, for messages.

    Raises:
        SettingsError: A term is none, negative, backwards, said twice, or contradicts another.
    """
    terms = [one.strip() for one in text.split(",")]
    reader = _Reader(text, where)
    for word in ("all", "none"):
        if word in terms and len(terms) > 1:
            raise reader.refused(
                f"{word} beside other terms", f"expected {word} alone, or the others"
            )
    if terms in (["all"], ["none"]):
        return CohortTerms(is_all=terms == ["all"])
    for term in terms:
        reader.take(term)
    return CohortTerms(tiers=tuple(reader.tiers), ranges=tuple(reader.ranges), share=reader.share)


class _Reader:
    """Takes one term after the other."""

    def __init__(self, text: str, where: str) -> None:
        self._text, self._where = text, where
        self.tiers: list[int] = []
        self.ranges: list[tuple[int, int]] = []
        self.share = 0.0

    def refused(self, found: str, expected: str = _EXPECTED) -> SettingsError:
        """Return the error that says what was found and what is expected."""
        return SettingsError(f"{self._where} is {self._text!r}: found {found}; {expected}")

    def take(self, term: str) -> None:
        """Take a term that is neither `all` nor `none`."""
        ids, part = _IDS.fullmatch(term), _SHARE.fullmatch(term)
        if term in TIERS:
            self._take_tier(term)
        elif ids is not None:
            self._take_ids(term, int(ids[1]), int(ids[2] or ids[1]))
        elif part is not None:
            self._take_share(term, float(part[1]) / 100)
        elif _NEGATIVE.fullmatch(term):
            raise self.refused(f"the negative id {term}", "expected ids from 0 on, as 7 or 0-19")
        elif not term:
            raise self.refused("an empty term" if self._text.strip() else "nothing")
        else:
            raise self.refused(f"{term!r}{suggest(term, _WORDS)}")

    def _take_tier(self, term: str) -> None:
        if TIERS.index(term) in self.tiers:
            raise self.refused(f"{term} twice", "expected each tier once")
        self.tiers.append(TIERS.index(term))

    def _take_ids(self, term: str, low: int, high: int) -> None:
        if low > high:
            raise self.refused(f"{term}, which ends before it begins", f"expected {high}-{low}")
        for first, last in self.ranges:
            if low <= last and first <= high:
                raise self.refused(f"the id {max(low, first)} twice", "expected each id once")
        self.ranges.append((low, high))

    def _take_share(self, term: str, share: float) -> None:
        if self.share:
            raise self.refused("two shares", "expected one")
        if not 0 < share <= 1:
            raise self.refused(f"the share {term}", "expected above 0% and up to 100%, or none")
        self.share = share
