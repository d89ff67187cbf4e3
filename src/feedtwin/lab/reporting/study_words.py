"""A study in plain sentences: what was asked, what came out."""

from typing import Final

from feedtwin.lab.figures.forest import is_clear, title_of
from feedtwin.lab.figures.words import (
    MINUS,
    contrast,
    difference_unit,
    fixed,
    listed,
    percent,
    plural,
    quantity,
    span,
)
from feedtwin.lab.numbers import decimals
from feedtwin.lab.study.result import Effect, StudyResult
from feedtwin.lab.study.wording import SMALL, margin_of
from feedtwin.record.folder import read_manifest

_SENTENCES: Final = 8
"""Effects of a contrast that get a sentence each."""


def arms_of(result: StudyResult) -> list[str]:
    """Arms in the order of the study's file."""
    return list(dict.fromkeys(one.arm for one in result.readings))


def contrasts_of(result: StudyResult) -> list[str]:
    """Contrasts in the order of the study's file."""
    return list(dict.fromkeys(one.contrast for one in result.effects))


def people_of(result: StudyResult) -> int | None:
    """Return how many users the worlds of a study have: as the study says, or as its runs do; None where these are gone."""
    if result.provenance.users is not None:
        return result.provenance.users
    for one in result.readings:
        place = result.cell_path(one.arm, one.replicate)
        if place.exists():
            return int(read_manifest(place)["people"])
    return None


def asked(result: StudyResult) -> list[str]:
    """Return what the study asks and how, one paragraph each."""
    about, arms = result.provenance, arms_of(result)
    people = people_of(result)
    whom = "" if people is None else f" with {plural(people, 'user')}"
    past = f"After {_time(about.warmup)} that all arms share, they" if about.warmup else "They"
    return [
        about.description,
        f"{plural(len(arms), 'arm')} of the world \u201c{about.world}\u201d{whom}: {listed(arms)}. {past} ran for "
        f"{_time(about.horizon)} in {plural(about.replicates, 'replicate')}; within a replicate all arms share their chance.",
    ]


def _time(steps: int) -> str:
    """Steps as people say them, and as files do: `2 days (48 steps)`."""
    return f"{span(steps)} ({plural(steps, 'step')})"


def found(result: StudyResult, name: str) -> list[str]:
    """Return what a contrast did, one sentence each; the first names it and ends in a colon."""
    horizon = result.provenance.horizon
    mine = [one for one in result.effects if one.contrast == name]
    moved = [one for one in mine if is_clear(one)]
    known = [one for one in mine if not is_clear(one) and one.estimate is not None]
    inert = [one for one in known if one.estimate == 0 and one.sd == 0]
    still = [one for one in known if one not in inert]
    claimed = [one for one in mine if one.p_claim_adjusted is not None]
    out = [f"{contrast(name)}:", *(_sentence(one, horizon) for one in moved[:_SENTENCES])]
    if moved[_SENTENCES:]:
        rest = listed([title_of(one, horizon) for one in moved[_SENTENCES:]])
        out.append(f"Also moved, as the table says: {rest}.")
    if inert:
        what = listed([title_of(one, horizon) for one in inert])
        out.append(f"Did not move in any pair of runs: {what}.")
    if still:
        what = listed([title_of(one, horizon) for one in still])
        out.append(
            f"Could not be told from zero: {what}. That is no evidence of no effect; the table says what could have been seen."
        )
    out += [
        f"{_capital(title_of(one, horizon))}: {one.claim} {_shown(one)} the declared margin ({margin_of(one).replace('-', MINUS)})."
        for one in claimed
    ]
    if not mine:
        out.append("No effect was estimated.")
    return out


def _shown(one: Effect) -> str:
    """Whether a claim holds, in the words of its verdict."""
    assert one.p_claim_adjusted is not None
    is_shown = one.p_claim_adjusted < round(1 - one.confidence, 12)
    return "shown, within" if is_shown else "not shown: it may lie outside"


def _sentence(one: Effect, horizon: int) -> str:
    """An effect in words; its interval does not hold zero."""
    assert one.estimate is not None
    scale = 100.0 if one.unit == "share" else 1.0
    ends = [scale * end for end in (one.low, one.high) if end is not None]
    digits = decimals(min(ends, default=None), max(ends, default=None), scale * one.estimate)
    unit = difference_unit(one.unit)
    size = f"{fixed(abs(scale * one.estimate), digits)}{' ' if unit else ''}{unit}"
    within = ""
    if len(ends) == 2 and ends[0] * ends[1] > 0:
        least, most = (fixed(end, digits) for end in sorted(abs(end) for end in ends))
        within = f" ({percent(one.confidence)} interval {least} to {most})"
    base = (
        "the base" if one.mean_base is None else f"the base's {quantity(one.mean_base, one.unit)}"
    )
    word = "higher" if one.estimate > 0 else "lower"
    return f"{_capital(title_of(one, horizon))}: {size} {word}{within} than {base}{SMALL if SMALL in one.verdict else ''}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
