"""What an effect comes to, in words that follow from the same tests as its numbers."""

from collections.abc import Iterable
from math import isfinite

from feedtwin.lab.numbers import declared, p_value
from feedtwin.lab.statistics.paired import NOTHING, NOTHING_BY_FLIPS
from feedtwin.lab.study.result import Effect

AFTER: str = " after correction"
"""Said where an effect can be told from zero by itself, and not among all that were tested."""
SMALL: str = ", but less than matters"
"""Said where an effect can be told from zero and is shown to be smaller than what was declared to matter."""


def verdict(one: Effect, is_small: bool | None = None) -> str:
    """Return what an effect comes to, in words; "not distinguishable" is not "zero".

    Args:
        one: The effect, corrected.
        is_small: Whether the law of its family shows it to be less than matters; None to read that off the interval: the
            one that holds all at once where there is one.
    """
    alpha = round(1 - one.confidence, 12)
    if one.estimate is None:
        return "undefined: no pair of runs has the metric"
    if one.p is None or one.p_adjusted is None:
        return "single pair: no interval"
    said = _direction(one, alpha, is_small)
    if one.p_claim_adjusted is not None:
        shown = "shown" if one.p_claim_adjusted < alpha else "not shown"
        raw = " uncorrected" if one.correction == "none" else ""
        said += f"; {one.claim} {shown} ({margin_of(one)}, p {p_value(one.p_claim_adjusted)}{raw})"
    return said


def margin_of(one: Effect) -> str:
    """Return the declared margin of a claim: `below +0.5 pp`, `above -1 s`, `between -1 s and +1 s`."""
    low, high = (
        declared(end, one.unit, sign=True) if end is not None and isfinite(end) else ""
        for end in (one.margin_low, one.margin_high)
    )
    if low and high:
        return f"between {low} and {high}"
    return f"above {low}" if low else f"below {high}"


def corrected(effects: Iterable[Effect]) -> str:
    """Return what p of some effects are corrected by and over how many tests: `corrected: holm, over 6 tests`."""
    tested = [one for one in effects if one.p is not None]
    names = list(dict.fromkeys(one.correction for one in tested))
    sizes = sorted({one.family_size for one in tested if one.family_size}) or [0]
    many = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    if set(names) <= {"none"}:
        return "not corrected for the number of tests"
    apart = ", per metric" if any("dunnett" in name for name in names) else ""
    tests = "test" if sizes[-1] == 1 else "tests"
    return f"corrected: {', '.join(names)}{apart}, over {many} {tests}"


def _direction(one: Effect, alpha: float, is_small: bool | None) -> str:
    assert one.estimate is not None and one.p is not None and one.p_adjusted is not None
    if one.method == "identical pairs":
        return "identical in every pair"
    if one.p_adjusted < alpha:
        way = "higher" if one.estimate > 0 else "lower"
        small = _is_within(one) if is_small is None else is_small
        return f"{way}{SMALL}" if small else way
    is_clear = one.p < alpha
    own = False if is_clear else leaves_out_zero(one.low, one.high)
    words = NOTHING_BY_FLIPS if own or leaves_out_zero(one.joint_low, one.joint_high) else NOTHING
    return words + AFTER if is_clear else words


def _is_within(one: Effect) -> bool:
    """Whether the interval that decides the words lies within what was declared to matter."""
    joint = one.joint_low is not None
    low, high = (one.joint_low, one.joint_high) if joint else (one.low, one.high)
    size = one.smallest_effect
    return None not in (size, low, high) and max(abs(low or 0), abs(high or 0)) < (size or 0)


def leaves_out_zero(low: float | None, high: float | None) -> bool:
    """Whether there is an interval and 0 is not in it."""
    return low is not None and high is not None and (low > 0 or high < 0)
