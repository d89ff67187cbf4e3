"""What a call may cost, in whole micro-dollars, and never a guess: a model without a price is not called.

Prices are whole micro-dollars per million tokens, so a call's cost is an integer: rounded up, once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from feedtwin.errors import BudgetError
from feedtwin.schema.nearest import suggest

MILLION: Final = 1_000_000
PRICE_MAX: Final = 10**10
"""Micro-dollars per million tokens; ten thousand dollars."""
_DIGITS_MAX: Final = 20
"""Digits of a stated price; far above what is allowed, so that the bound is named."""


@dataclass(frozen=True)
class Price:
    """Micro-dollars per million tokens.

    Attributes:
        input: Tokens of the prompt.
        output: Tokens of the answer.
        cached_input: Tokens of the prompt that the provider had cached; None if they cost the same.
    """

    input: int
    output: int
    cached_input: int | None = None

    def __post_init__(self) -> None:
        for value in (self.input, self.output, self.cached_input or 0):
            if not 0 <= value <= PRICE_MAX:
                raise BudgetError(
                    f"price: found {value} micro-dollars per million tokens; expected 0 to {PRICE_MAX}"
                )

    def cost(self, tokens_in: int, tokens_out: int, cached_in: int = 0) -> int:
        """Return what a call costs, rounded up to whole micro-dollars.

        Args:
            tokens_in: Tokens of the prompt, cached ones included.
            tokens_out: Tokens of the answer.
            cached_in: Tokens of the prompt that the provider had cached.
        """
        assert 0 <= cached_in <= tokens_in and tokens_out >= 0
        cached_price = self.input if self.cached_input is None else self.cached_input
        total = (tokens_in - cached_in) * self.input + cached_in * cached_price
        return -(-(total + tokens_out * self.output) // MILLION)

    def worst_case(self, tokens_in_max: int, tokens_out_max: int) -> int:
        """Return the most a call can cost."""
        dearest = max(self.input, self.cached_input or 0)
        return -(-(tokens_in_max * dearest + tokens_out_max * self.output) // MILLION)


TABLE: Final[Mapping[str, Price]] = {
    "gpt-4-turbo": Price(input=10_000_000, output=30_000_000),
    "gpt-3.5-turbo": Price(input=500_000, output=1_500_000),
    "feedtwin-demo": Price(input=100_000, output=400_000),
}
"""The paper's two models at their list prices of 2024, and the demo server's made-up price."""


def price_of(model: str, stated: Mapping[str, Price], table: Mapping[str, Price] = TABLE) -> Price:
    """Return the price of a model.

    Args:
        model: Name of the model.
        stated: Prices that the settings state; they win.
        table: Prices that the package knows.

    Raises:
        BudgetError: Nobody stated a price.
    """
    for prices in (stated, table):
        if model in prices:
            return prices[model]
    known = sorted({*stated, *table})
    raise BudgetError(
        f"llm: no price is known for the model {model!r}{suggest(model, known)}; expected one of "
        f"{', '.join(known)} or a stated price. State it in micro-dollars per million tokens with "
        f"--set llm.prices={model}:INPUT:OUTPUT (0:0 for a model of your own)"
    )


def parse_prices(entries: list[str]) -> dict[str, Price]:
    """Return prices stated as `model:input:output`, or `model:input/cached:output`.

    The last two numbers are the prices; what is before them is the model, which may have colons of its own.

    Raises:
        BudgetError: An entry is not of that form.
    """
    found = {}
    for entry in entries:
        if entry == "none":
            continue
        model, *numbers = entry.rsplit(":", 2)
        tokens_in, *cached = numbers[0].split("/") if len(numbers) == 2 else ("",)
        if (
            not model
            or len(cached) > 1
            or not all(map(_is_price, (tokens_in, *cached, *numbers[1:])))
        ):
            raise BudgetError(
                f"llm.prices: found {entry!r}; expected model:input:output in whole micro-dollars per million "
                "tokens, for example gpt-4-turbo:10000000:30000000"
            )
        known, _, number = model.rpartition(":")
        if known in TABLE and _is_price(number):
            raise BudgetError(
                f"llm.prices: found {entry!r}, three prices of {known}; expected the one of cached tokens behind a "
                f"slash: {known}:{number}/{numbers[1]}:{numbers[0]}"
            )
        found[model] = Price(int(tokens_in), int(numbers[1]), *map(int, cached))
    return found


def _is_price(text: str) -> bool:
    """Whether a text is a whole number, in digits of ASCII and not endlessly many."""
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX


@dataclass(frozen=True)
class Usage:
    """Tokens that a provider says it counted."""

    tokens_in: int
    tokens_out: int
    cached_in: int = 0


def usage_of(raw: Any) -> Usage | None:
    """Return the usage that a reply states, or None where it states none that can be true.

    Whole numbers that are not negative count; anything else (null, floats, strings, more cached tokens than
    tokens) is no usage, and the call is charged at its worst case.
    """
    if not isinstance(raw, Mapping):
        return None
    tokens_in, tokens_out = raw.get("prompt_tokens"), raw.get("completion_tokens")
    details = raw.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
    cached = 0 if cached is None else cached
    if not all(_is_count(value) for value in (tokens_in, tokens_out, cached)):
        return None
    assert isinstance(tokens_in, int) and isinstance(tokens_out, int) and isinstance(cached, int)
    return Usage(tokens_in, tokens_out, cached) if cached <= tokens_in else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
