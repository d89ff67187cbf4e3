"""Cohorts as settings: what may be said, and what is refused where it was typed."""

import pytest

from feedtwin.errors import SettingsError
from feedtwin.schema.cohorts import CohortTerms, cohort_terms
from feedtwin.schema.settings import resolve

COHORT = "llm.decision.cohort"


def told(value):
    """The setting after a value is typed."""
    return resolve("synthetic", users=10, sets=[f"{COHORT}={value}"]).parameters[COHORT]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("all", CohortTerms(is_all=True)),
        ("none", CohortTerms()),
        ("elite, consumer", CohortTerms(tiers=(0, 3))),
        ("7,0-5", CohortTerms(ranges=((7, 7), (0, 5)))),
        ("12.5%,9", CohortTerms(ranges=((9, 9),), share=0.125)),
    ],
)
def test_a_cohort_is_tiers_ids_and_a_share(text, terms):
    assert cohort_terms(text, "here") == terms
    assert terms.is_none == (text == "none")


@pytest.mark.parametrize(
    ("value", "text"), [("7", "7"), ("[7, 9]", "7,9"), ("[0-4, elite]", "0-4,elite")]
)
def test_ids_may_be_typed_as_numbers_and_lists(value, text):
    assert told(value) == text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("tall", "found 'tall'"),
        ("elit", "did you mean 'elite'"),
        ("-3", "the negative id -3"),
        ("4,-3", "the negative id -3"),
        ("[4, -3]", "the negative id -3"),
        ("9-3", "9-3, which ends before it begins; expected 3-9"),
        ("7,7", "the id 7 twice"),
        ("0-9,4-12", "the id 4 twice"),
        ("elite,elite", "elite twice"),
        ("10%,20%", "two shares"),
        ("0%", "the share 0%"),
        ("101%", "the share 101%"),
        ("all,elite", "all beside other terms"),
        ("none,7", "none beside other terms"),
        ("7,,8", "an empty term"),
        ("", "found None"),
        ("' '", "found"),
        ("null", "found None"),
        ("1.5", "found 1.5"),
        ("true", "found True"),
        ("[[1, 2]]", "found '[1'"),
        ("{a: 1}", "found"),
    ],
)
def test_what_is_no_cohort_is_refused_in_one_sentence(value, words):
    with pytest.raises(SettingsError) as refused:
        told(value)
    message = str(refused.value)
    assert message.startswith(f"--set: {COHORT} is ") and words in message
    assert "expected" in message and "\n" not in message
