"""What a paper's printed numbers say for themselves, and how our effects are put beside them."""

import pytest

from feedtwin.errors import SettingsError
from feedtwin.lab.claims.judging import in_twin, on_paper
from feedtwin.lab.claims.printed import printed
from feedtwin.lab.claims.sheet import Claim, Sheet, read_sheet


def claim_of(study, name):
    sheet = read_sheet(study)
    return sheet, next(one for one in sheet.claims if one.id == name)


@pytest.mark.parametrize(
    ("study", "claim", "difference", "interval", "p", "p_adjusted", "p_seeds"),
    [
        ("creator-campaigns", "watch", -0.012, (-0.070, 0.046), 0.68, 0.68, 0.89),
        ("creator-campaigns", "view-gini", -0.011, (-0.018, -0.004), 0.005, 0.020, 0.37),
        ("creator-campaigns", "gift-revenue", 199, (-48, 446), 0.11, 0.22, 0.60),
        ("creator-campaigns", "gift-gini", -0.040, (-0.079, -0.001), 0.045, 0.13, 0.51),
        ("trend-governance", "proactive-watch", 0.129, (0.084, 0.174), 9e-5, 0.001, 0.049),
        ("trend-governance", "proactive-skip", -0.002, (-0.006, 0.002), 0.27, 1, 0.56),
        ("trend-governance", "proactive-gini", 0.078, (0.060, 0.096), 6e-6, 9e-5, 0.026),
        ("personas-captions", "persona-watch", -1.59, (-1.71, -1.47), 2e-8, 1e-7, 2e-8),
        ("personas-captions", "caption-watch", 0.04, (-0.08, 0.16), 0.46, 0.46, 0.46),
    ],
)
def test_printed_tables_are_tested_as_by_hand(
    study, claim, difference, interval, p, p_adjusted, p_seeds
):
    """Against Welch's t and Holm's correction worked out apart from this code."""
    found = printed(*claim_of(study, claim))
    assert found.difference == pytest.approx(difference, abs=abs(difference) * 0.02)
    assert (found.low, found.high) == pytest.approx(
        interval, abs=abs(interval[1] - interval[0]) * 0.05
    )
    for value, expected in ((found.p, p), (found.p_adjusted, p_adjusted), (found.p_seeds, p_seeds)):
        assert value == pytest.approx(expected, rel=0.6 if expected < 2e-3 else 0.08)


@pytest.mark.parametrize(
    ("study", "claim", "verdict"),
    [
        ("creator-campaigns", "gift-revenue", "not supported"),
        ("creator-campaigns", "view-gini", "not supported"),
        ("trend-governance", "proactive-watch", "supported"),
        ("trend-governance", "proactive-gini", "supported"),
        ("trend-governance", "proactive-skip", "not supported"),
        ("trend-governance", "diversity", "not testable"),
        ("personas-captions", "persona-watch", "supported"),
        ("personas-captions", "session", "not testable"),
    ],
)
def test_a_claim_is_judged_on_its_own_numbers(study, claim, verdict):
    sheet, one = claim_of(study, claim)
    found = printed(sheet, one) if one.test is not None else None
    assert on_paper(sheet, one, found)[0] == verdict


def test_what_holds_only_if_copies_were_independent_says_so():
    sheet, one = claim_of("creator-campaigns", "view-gini")
    assert (
        "holds only if the 24 runs are independent" in on_paper(sheet, one, printed(sheet, one))[1]
    )


class Found:
    """The parts of an effect that a verdict reads."""

    def __init__(self, estimate, half, p, base=10.0, method="paired t", raw=None):
        self.estimate, self.low, self.high = estimate, estimate - half, estimate + half
        self.p, self.p_adjusted = p if raw is None else raw, p
        self.mean_base, self.method, self.confidence = base, method, 0.95
        self.mde, self.n_effective, self.unit = 2 * half, 20, "s"


@pytest.mark.parametrize(
    ("expects", "found", "words"),
    [
        ("higher", Found(0.5, 0.1, 0.001), "same direction"),
        ("higher", Found(-0.5, 0.1, 0.001), "opposite direction"),
        ("lower", Found(-0.5, 0.1, 0.001), "same direction"),
        ("higher", Found(0.05, 0.1, 0.4), "not distinguishable; 20 pairs detect 0.200 s (2.0%)"),
        ("higher", Found(0.05, 0.04, 0.4, raw=0.02), "not distinguishable after correction; 20 pairs"),
        ("unchanged", Found(-0.3, 0.2, 0.4, raw=0.02), "not distinguishable after correction, and not shown"),
        ("unchanged", Found(0.01, 0.05, 0.4), "unchanged within 1%"),
        ("unchanged", Found(0.06, 0.03, 0.01), "unchanged within 1%; moved, by less"),
        ("unchanged", Found(0.5, 0.1, 0.001), "changed: higher"),
        ("unchanged", Found(0.0, 0.0, 1.0, method="identical pairs"), "exactly nothing"),
    ],
)  # fmt: skip
def test_our_effect_is_put_in_words(expects, found, words):
    claim = Claim(id="x", says="s", where="w", expects=expects, verdict="not testable", why="y")
    assert in_twin(claim, found).startswith(words)


def test_a_study_without_a_sheet_says_so():
    with pytest.raises(SettingsError, match="first-look: has no claims sheet"):
        read_sheet("first-look")


def test_a_claim_needs_a_test_or_a_verdict_with_a_reason():
    with pytest.raises(ValueError, match="expected `test` or `verdict`"):
        Claim(id="x", says="s", where="w")
    with pytest.raises(ValueError, match="expected `why`"):
        Claim(id="x", says="s", where="w", verdict="supported")


def test_a_test_names_rows_and_columns_that_are_printed():
    sheet = read_sheet("creator-campaigns").model_dump()
    sheet["claims"][0]["test"]["rows"] = ["nobody"]
    with pytest.raises(ValueError, match="no printed watch_s of 'nobody'"):
        Sheet.model_validate(sheet)
