"""Telling series apart: no two look the same, whether by colour or without it; many get a panel each instead."""

import re
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

from feedtwin.lab.figures.palette import Palette

ABREAST: Final = 4
"""Up to so many series share a panel; more would hide each other, whatever their colours."""
LETTER: Final = 0.58
"""Width of an average letter of a sans-serif face, as a share of its size; generous, so that lines fit."""
_PERCENT: Final = re.compile(r"(?<=\d) %")
_DASHES: Final = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
_MARKS: Final = "osD^vP"


@dataclass(frozen=True)
class Look:
    """How a series is drawn: colour, dash of its line, mark of its points."""

    colour: str
    dash: Any
    mark: str


def look_of(palette: Palette, place: int) -> Look:
    """Return the look of the series at a place.

    Colour and dash together differ among 24 series, colour and mark among 36; the first four differ in each alone.
    """
    colours = palette.series
    turn = place + place // len(colours)
    return Look(
        colours[place % len(colours)], _DASHES[turn % len(_DASHES)], _MARKS[turn % len(_MARKS)]
    )


def together(text: str) -> str:
    """Return a text in which no line ends between a number and its percent sign."""
    return _PERCENT.sub("\u00a0%", text)


def lines_of(text: str, width_px: float, size_px: float) -> list[str]:
    """Return a text in lines that fit a width, broken between words and never within one."""
    letters = max(8, int(width_px / (LETTER * size_px)))
    return wrap(together(text), letters, break_long_words=False, break_on_hyphens=False) or [""]
