"""Numbers as people read them: with their unit, at the precision that their interval supports."""

from math import floor, log10

MINUS = "\u2212"
THIN = "\u202f"


def quantity(value: float | None, unit: str) -> str:
    """Return a level with its unit: `17.4 s`, `35.4 %`, `3,894`."""
    if value is None:
        return "undefined"
    if unit == "share":
        return f"{_three(value * 100)}{THIN}%".replace("-", MINUS)
    text = f"{value:,.0f}" if unit == "count" or abs(value) >= 1000 else _three(value)
    text = text.replace("-", MINUS)
    return text if unit in ("1", "count") else f"{text}{THIN}{unit}"


def _three(value: float) -> str:
    if not value:
        return "0"
    digits = max(0, 2 - floor(log10(abs(value))))
    return f"{value:.{min(digits, 6)}f}" if digits else f"{value:,.0f}"


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


def decimals(low: float | None, high: float | None, estimate: float | None) -> int:
    """Return the decimals that show two figures of an interval's half-width."""
    half = 0.0 if low is None or high is None else (high - low) / 2
    size = half or abs(estimate or 0.0)
    return 3 if not size else max(0, min(8, 1 - floor(log10(size))))


def fixed(value: float | None, digits: int, *, sign: bool = False) -> str:
    """Return a number with some decimals, a real minus sign, and its sign always if wanted."""
    if value is None:
        return "\u2013"
    text = f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
    if sign and not float(text.replace(",", "")):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def p_value(p: float | None) -> str:
    """Return a p as tables print it."""
    if p is None:
        return "\u2013"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def percent(share: float) -> str:
    """Return a share as `95 %`."""
    return f"{100 * share:.3g}{THIN}%"


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
    """Return what was found about a curve of differences, as a sentence."""
    words = {
        "above": "higher throughout", "below": "lower throughout",
        "crossing": "higher in one part and lower in another",
    }.get(said, said)  # fmt: skip
    sure = "" if p is None else f" ({p_said(p)})"
    return f"{contrast(name)}: {words}{sure}."


def p_said(p: float) -> str:
    """Return a p as sentences say it: `p = 0.012`, `p < 0.001`."""
    return f"p{THIN}<{THIN}0.001" if p < 0.001 else f"p{THIN}={THIN}{p:.3f}"


def listed(names: list[str] | tuple[str, ...]) -> str:
    """Return `a`, `a and b` or `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
