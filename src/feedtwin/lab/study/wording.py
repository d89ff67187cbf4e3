"""What an effect comes to, in words that follow from the same tests as its numbers."""

from math import isfinite

from feedtwin.lab.numbers import declared, p_value
from feedtwin.lab.statistics.paired import NOTHING, NOTHING_BY_FLIPS
from feedtwin.lab.study.result import Effect

AFTER: str = " after correction"
"""Said where an effect can be told from zero by itself, and not among all that were tested."""


def verdict(one: Effect) -> str:
    """Return what an effect comes to, in words; "not distinguishable" is not "zero"."""
    alpha = round(1 - one.confidence, 12)
    if one.estimate is None:
        return "undefined: no pair of runs has the metric"
    if one.p is None or one.p_adjusted is None:
        return "single pair: no interval"
    said = _direction(one, alpha)
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


def _direction(one: Effect, alpha: float) -> str:
    assert one.estimate is not None and one.p is not None and one.p_adjusted is not None
    if one.method == "identical pairs":
        return "identical in every pair"
    if one.p_adjusted < alpha:
        size = one.smallest_effect
        small = size is not None and max(abs(one.low or 0), abs(one.high or 0)) < size
        way = "higher" if one.estimate > 0 else "lower"
        return f"{way}, but less than matters" if small else way
    is_clear = one.p < alpha
    own = False if is_clear else leaves_out_zero(one.low, one.high)
    words = NOTHING_BY_FLIPS if own or leaves_out_zero(one.joint_low, one.joint_high) else NOTHING
    return words + AFTER if is_clear else words


def leaves_out_zero(low: float | None, high: float | None) -> bool:
    """Whether there is an interval and 0 is not in it."""
    return low is not None and high is not None and (low > 0 or high < 0)
