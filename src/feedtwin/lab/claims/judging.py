"""What becomes of each claim: on the paper's own numbers, and in our study."""

from dataclasses import dataclass
from math import isfinite

from feedtwin.lab.claims.answerers import answer_source
from feedtwin.lab.claims.printed import ALPHA, Printed, printed
from feedtwin.lab.claims.sheet import Claim, Sheet
from feedtwin.lab.numbers import significant
from feedtwin.lab.statistics import power
from feedtwin.lab.statistics.paired import NOTHING
from feedtwin.lab.study.result import Effect, StudyResult
from feedtwin.lab.study.wording import AFTER


@dataclass(frozen=True)
class Judged:
    """One row of a claims table.

    Attributes:
        id: Short name of the claim.
        claim: What the paper says.
        where: Where it says so.
        verdict: On the paper's own numbers: supported, not supported or not testable.
        why: What decides.
        twin: What our study says, in words.
        estimand: Name of our estimand; "" where there is none.
        unit: Its unit.
        base: Mean level of the base side.
        effect: Our estimate.
        low: Lower end of its interval.
        high: Upper end.
        relative: The estimate as a share of the base.
        n: Distinct pairs.
        p: Corrected p.
        mde: Smallest true difference that these pairs detect with 80 % power.
        power_at_printed: Power of our pairs to detect the paper's relative difference; None where none is printed.
        answers: Who answered where the paper asked a hosted model.
        note: What must be known about our side.
    """

    id: str
    claim: str
    where: str
    verdict: str
    why: str
    twin: str
    estimand: str
    unit: str
    base: float | None
    effect: float | None
    low: float | None
    high: float | None
    relative: float | None
    n: int | None
    p: float | None
    mde: float | None
    power_at_printed: float | None
    answers: str
    note: str


def judge(sheet: Sheet, result: StudyResult) -> list[Judged]:
    """Return the claims table: one row per claim and estimand of ours."""
    known = {one.estimand: one for one in result.effects}
    answers = answer_source(sheet, result)
    rows = []
    for claim in sheet.claims:
        found = printed(sheet, claim) if claim.test is not None else None
        verdict, why = on_paper(sheet, claim, found)
        for nth, name in enumerate(claim.ours or [""]):
            first = nth == 0
            rows.append(
                _row(
                    claim,
                    known.get(name),
                    name,
                    found,
                    answers,
                    (verdict, why) if first else ("", "as above"),
                )
            )
    return rows


def on_paper(sheet: Sheet, claim: Claim, found: Printed | None) -> tuple[str, str]:
    """Return the verdict on the paper's own numbers, and what decides."""
    if found is None:
        assert claim.verdict is not None
        return claim.verdict, claim.why
    n, seeds = sheet.table.n, sheet.table.seeds
    said = (
        f"{_signed(found.difference)} ({found.relative:+.1%}), 95 % [{_signed(found.low)}, {_signed(found.high)}] with all {n} runs "
        f"independent, p {_p(found.p)} ({_p(found.p_adjusted)} after Holm); with {seeds} seeds p {_p(found.p_seeds)}"
    )
    if claim.expects == "unchanged":
        assert found.p_same is not None and found.p_same_seeds is not None
        shown, shown_seeds = found.p_same < ALPHA, found.p_same_seeds < ALPHA
        said += f"; within {claim.margin:.0%}: p {_p(found.p_same)}, with {seeds} seeds {_p(found.p_same_seeds)}"
    else:
        right = (found.difference > 0) == (claim.expects == "higher") and found.difference != 0
        shown = right and found.p_adjusted < ALPHA
        shown_seeds = right and found.p_seeds < ALPHA
    if shown and not shown_seeds:
        said += f"; it holds only if the {n} runs are independent"
    more = f". {claim.why}" if claim.why else ""
    return ("supported" if shown and shown_seeds else "not supported"), said + more


def _row(
    claim: Claim, one: Effect | None, name: str, found: Printed | None, answers: str, paper: tuple[str, str]
) -> Judged:  # fmt: skip
    if one is None:
        twin = f"not in this study: {name}" if name else "not asked of the twin"
        return Judged(
            claim.id, claim.says, claim.where, *paper, twin, name, "", None, None, None, None, None, None, None, None,
            None, answers, claim.note,
        )  # fmt: skip
    return Judged(
        claim.id, claim.says, claim.where, *paper, in_twin(claim, one), name, one.unit, one.mean_base, one.estimate,
        one.low, one.high, one.relative, one.n_effective, one.p_adjusted, one.mde, _power(one, found), answers, claim.note,
    )  # fmt: skip


def in_twin(claim: Claim, one: Effect) -> str:
    """Return what our study says about a claim, in words."""
    alpha = round(1 - one.confidence, 12)
    if one.estimate is None:
        return "undefined: no pair of runs has the metric"
    if one.p is None or one.p_adjusted is None:
        return "single pair: no interval"
    if one.method == "identical pairs":
        return "exactly nothing: identical in every pair"
    if claim.expects == "unchanged":
        return _unchanged(claim, one, alpha)
    if one.p_adjusted >= alpha:
        return f"{_nothing(one, alpha)}; {_detects(one)}"
    agrees = (one.estimate > 0) == (claim.expects == "higher")
    return "same direction" if agrees else "opposite direction"


def _unchanged(claim: Claim, one: Effect, alpha: float) -> str:
    margin = None if one.mean_base is None else claim.margin * abs(one.mean_base)
    assert one.p_adjusted is not None
    if (
        margin
        and one.low is not None
        and one.high is not None
        and -margin < one.low
        and one.high < margin
    ):
        moved = "; moved, by less" if one.p_adjusted < alpha else ""
        return f"unchanged within {claim.margin:.0%}{moved}"
    if one.p_adjusted < alpha:
        return "changed: " + ("higher" if (one.estimate or 0) > 0 else "lower")
    return f"{_nothing(one, alpha)}, and not shown to be within {claim.margin:.0%}; {_detects(one)}"


def _nothing(one: Effect, alpha: float) -> str:
    """That an effect cannot be told from zero, and whether the correction made the difference."""
    assert one.p is not None
    return NOTHING + AFTER if one.p < alpha else NOTHING


def _detects(one: Effect) -> str:
    if one.mde is None:
        return "power unknown"
    share = "" if not one.mean_base else f" ({one.mde / abs(one.mean_base):.1%})"
    unit = "" if one.unit in ("1", "share", "count") else f" {one.unit}"
    return f"{one.n_effective} pairs detect {significant(one.mde)}{unit}{share}"


def _power(one: Effect, found: Printed | None) -> float | None:
    """Return our power to detect the paper's relative difference."""
    if (
        found is None
        or not isfinite(found.relative)
        or not one.mean_base
        or not one.sd
        or one.n_effective < 2
    ):
        return None
    return power(found.relative * abs(one.mean_base), one.sd, one.n_effective)


def _signed(value: float) -> str:
    return significant(value, sign=True, strip=True)


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.2g}"
