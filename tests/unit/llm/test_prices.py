"""Prices are whole micro-dollars, unknown ones are refused, and claims that cannot be true are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtwin.errors import BudgetError
from feedtwin.llm.prices import TABLE, Price, Usage, parse_prices, price_of, usage_of

counts = st.integers(0, 10**6)
prices = st.integers(0, 10**8)


def test_the_papers_model_costs_what_its_list_says():
    assert price_of("gpt-4-turbo", {}).cost(1000, 500) == 25_000  # 2.5 cents


@given(counts, counts, prices, prices)
def test_a_cost_is_rounded_up_once_and_never_above_the_worst_case(tokens_in, tokens_out, a, b):
    price = Price(a, b)
    exact = tokens_in * a + tokens_out * b
    cost = price.cost(tokens_in, tokens_out)
    assert exact <= cost * 10**6 < exact + 10**6
    assert cost <= price.worst_case(tokens_in, tokens_out)


@given(counts, counts, prices, prices, prices)
def test_tokens_that_the_provider_had_cached_never_cost_more_than_the_worst_case(n, k, a, b, c):
    price = Price(a, b, c)
    assert price.cost(n, 5, min(k, n)) <= price.worst_case(n, 5)


def test_cached_tokens_have_their_own_price():
    assert Price(10_000_000, 0, 2_500_000).cost(100, 0, cached_in=40) == 600 + 100


@pytest.mark.parametrize("model", ["gpt-4-turbo-preview", "", "unknown", "GPT-4-TURBO"])
def test_a_model_without_a_price_is_refused_and_not_free(model):
    with pytest.raises(BudgetError, match=r"no price is known.*--set llm\.prices"):
        price_of(model, {})


def test_three_prices_of_a_known_model_are_not_taken_for_another_models_two():
    with pytest.raises(BudgetError, match="gpt-4-turbo:1/3:2"):
        parse_prices(["gpt-4-turbo:1:2:3"])


def test_a_stated_price_wins_and_a_name_may_hold_colons():
    found = parse_prices(
        ["llama3:8b:0:0", "llama3:8:0:0", "x:1:2/3:4", "gpt-4-turbo:1/3:2", "none"]
    )
    assert found == {
        "llama3:8b": Price(0, 0), "llama3:8": Price(0, 0), "x:1": Price(2, 4, 3), "gpt-4-turbo": Price(1, 2, 3),
    }  # fmt: skip
    assert price_of("gpt-4-turbo", found) == Price(1, 2, 3)
    assert TABLE["gpt-4-turbo"] != Price(1, 2, 3)


@pytest.mark.parametrize(
    "entry",
    [
        "m",
        "m:1",
        "m:-1:2",
        "m:1.5:2",
        ":1:2",
        "m:1:2:3:4:x",
        "m:a:b",
        "m:1:99999999999",
        "m:1/2/3:4",
        "m:/2:4",
        "m:1:2/3",
    ],
)
def test_what_is_no_price_is_refused(entry):
    with pytest.raises(BudgetError):
        parse_prices([entry])


@pytest.mark.parametrize(
    "raw",
    [
        None, [], "x", 3, {}, {"prompt_tokens": 1}, {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": None, "completion_tokens": None}, {"prompt_tokens": 1.0, "completion_tokens": 2.0},
        {"prompt_tokens": "1", "completion_tokens": "2"}, {"prompt_tokens": True, "completion_tokens": False},
        {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}},
        {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": -2}},
        {"prompt_tokens": float("nan"), "completion_tokens": 1},
    ],
)  # fmt: skip
def test_a_claim_that_cannot_be_true_is_no_usage(raw):
    assert usage_of(raw) is None


def test_a_sound_claim_is_usage():
    raw = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    assert usage_of(raw) == Usage(9, 2, 4)
    assert usage_of(
        {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None}
    ) == Usage(9, 2)


@pytest.mark.parametrize("entry", ["m:²:1", "m:1:²", "m:1:" + "9" * 5000])
def test_only_whole_numbers_in_ascii_are_prices(entry):
    with pytest.raises(BudgetError, match=r"llm\.prices: found"):
        parse_prices([entry])
