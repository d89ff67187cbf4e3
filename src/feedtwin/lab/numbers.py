"""Numbers as people read them, in ASCII: tables, pages, reports and the terminal print them alike, and never in powers of ten."""

from math import floor, isfinite, log10
from typing import Final

MOST_DECIMALS: Final = 10
"""Beyond so many decimals a number is printed in powers of ten after all; nothing here is that small."""
_END_DECIMALS: Final = 3
"""Decimals that an interval may get on top, so that an end beside 0 does not look as if it were 0."""


def significant(
    value: float | None, digits: int = 3, *, sign: bool = False, strip: bool = False
) -> str:
    """Return a number rounded to some digits: `0.0123`, `17.4`, `400`, `1,540`.

    Args:
        value: The number; None is `-`.
        digits: Significant digits.
        sign: Whether a number above 0 gets its sign too.
        strip: Whether zeros at the end of decimals are left out, for numbers that somebody declared.
    """
    if value is None or not isfinite(value):
        return "-" if value is None else f"{value:+}" if sign else f"{value}"
    if not value:
        return "0"
    after = _after(value, digits)
    if after > MOST_DECIMALS + digits:
        return f"{value:{'+' if sign else ''}.{digits - 1}e}"
    after = _after(round(value, after), digits)  # 9.996 has become 10.0
    text = fixed(round(value, after), max(0, after), sign=sign)
    return text.rstrip("0").rstrip(".") if strip and "." in text else text


def _after(value: float, digits: int) -> int:
    """Decimals of a number's last significant digit; below 0 for tens, hundreds."""
    return digits - 1 - floor(log10(abs(value)))


def fixed(value: float | None, digits: int, *, sign: bool = False) -> str:
    """Return a number with some decimals, its sign always if wanted; what rounds to 0 has none."""
    if value is None:
        return "-"
    text = f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
    if isfinite(value) and not float(text.replace(",", "")):
        return text.lstrip("+-")
    return text


def decimals(low: float | None, high: float | None, estimate: float | None) -> int:
    """Return the decimals that show two figures of an interval's half-width, and more where an end would look like 0."""
    half = 0.0 if low is None or high is None else (high - low) / 2
    size = half or abs(estimate or 0.0)
    if not size or not isfinite(size):
        return 3
    enough = max(0, min(8, 1 - floor(log10(size))))
    for more in range(enough, enough + _END_DECIMALS + 1):
        if all(not end or round(end, more) for end in (low, high)):
            return more
    return enough


def interval(low: float | None, high: float | None, digits: int, *, sign: bool = True) -> str:
    """Return `[+0.12, +0.34]`; `-` where there is none."""
    if low is None or high is None:
        return "-"
    return f"[{fixed(low, digits, sign=sign)}, {fixed(high, digits, sign=sign)}]"


def p_value(p: float | None) -> str:
    """Return a p as tables print it."""
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def declared(value: float, unit: str, *, sign: bool = False) -> str:
    """Return a number that somebody declared with its unit, shares as percentage points: `0.1 s`, `0.5 pp`."""
    if unit == "share":
        return f"{significant(100 * value, 6, sign=sign, strip=True)} pp"
    text = significant(value, 6, sign=sign, strip=True)
    return text if unit in ("1", "count") else f"{text} {unit}"
