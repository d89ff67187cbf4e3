"""Numbers as people read them: with their unit, at the precision that their interval supports."""

from feedtwin.lab import numbers
from feedtwin.lab.numbers import decimals

MINUS = "\u2212"
THIN = "\u202f"


def quantity(value: float | None, unit: str) -> str:
    """Return a level with its unit: `17.4 s`, `35.4 %`, `3,894`."""
    if value is None:
        return "undefined"
    if unit == "share":
        return f"{_three(value * 100)}{THIN}%".replace("-", MINUS)
    text = fixed(value, 0) if unit == "count" or abs(value) >= 1000 else _three(value)
    text = text.replace("-", MINUS)
    return text if unit in ("1", "count") else f"{text}{THIN}{unit}"


def _three(value: float) -> str:
    return fixed(value, 0) if abs(value) >= 100 else numbers.significant(value)


def difference_unit(unit: str) -> str:
    """Return the unit of a difference, as people read it; "" for plain numbers."""
    return {"share": "percentage points", "1": "", "count": ""}.get(unit, unit)


def difference(
    unit: str, estimate: float | None, low: float | None, high: float | None
) -> tuple[str, str]:
    """Return a difference and its interval without their unit, shares in percentage points."""
    scale = 100 if unit == "share" else 1
    values = [None if one is None else one * scale for one in (low, high, estimate)]
    digits = decimals(*values)
    least, most, middle = (fixed(one, digits, sign=True) for one in values)
    return middle, "" if low is None or high is None else f"[{least}, {most}]"


def fixed(value: float | None, digits: int, *, sign: bool = False) -> str:
    """Return a number with some decimals, a real minus sign, and its sign always if wanted."""
    return (
        "\u2013" if value is None else numbers.fixed(value, digits, sign=sign).replace("-", MINUS)
    )


def p_value(p: float | None) -> str:
    """Return a p as tables print it."""
    return "\u2013" if p is None else numbers.p_value(p)


def percent(share: float) -> str:
    """Return a share as `95 %`."""
    return f"{numbers.significant(100 * share, strip=True)}{THIN}%"


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def span(steps: int) -> str:
    """Return steps (hours) as people say them: `5 hours`, `2 days`, `26 hours`."""
    days, rest = divmod(steps, 24)
    return plural(days, "day") if days and not rest else plural(steps, "hour")


def contrast(name: str) -> str:
    """Return the name of a contrast with a real minus sign between its arms."""
    return name.replace(" - ", f" {MINUS} ")


def verdict(name: str, said: str, p: float | None) -> str:
    """Return what was found about a curve of differences, as a sentence; p of curves are not corrected for other tests."""
    words = {
        "above": "higher throughout", "below": "lower throughout",
        "crossing": "higher in one part and lower in another",
    }.get(said, said)  # fmt: skip
    sure = "" if p is None else f" ({p_said(p)}, uncorrected)"
    return f"{contrast(name)}: {words}{sure}."


def p_said(p: float) -> str:
    """Return a p as sentences say it: `p = 0.012`, `p < 0.001`."""
    return f"p{THIN}<{THIN}0.001" if p < 0.001 else f"p{THIN}={THIN}{p:.3f}"


def listed(names: list[str] | tuple[str, ...]) -> str:
    """Return `a`, `a and b` or `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
