"""From readings to effects, with readings made up: who is counted, what is corrected, what is claimed."""

from dataclasses import replace

import pytest
from scipy import stats

from feedtwin.lab.numbers import p_value
from feedtwin.lab.study.correcting import effects_of
from feedtwin.lab.study.estimating import CellReadings, Cells, levels_of
from feedtwin.lab.study.plan import Wanted
from feedtwin.lab.study.reading import parse_study
from feedtwin.lab.study.warning import warnings_of
from feedtwin.lab.study.wording import corrected
from feedtwin.schema.yaml_reader import read_document

TEXT = """\
world: synthetic
users: 60
horizon: 6
arms:
  base: {}
  one: {policies: {recommendation: random}}
  two: {policies: {recommendation: popularity}}
replicates: 12
correction: CORRECTION
estimands:
  - metric: watch_s
    smallest_effect: 0.5
    no_harm: 1.0
  - metric: skip_rate
"""
WATCH, SKIP = Wanted("watch_s", "everyone", 0, 6), Wanted("skip_rate", "everyone", 0, 6)


def study(correction="holm"):
    text = TEXT.replace("CORRECTION", correction)
    return parse_study(read_document(text, "made-up.yaml"), "made-up")


@pytest.fixture
def cells(chance):
    """Watch time: arm one is 2 s higher, arm two 0.05 s; skips do not differ but by chance."""
    draw = chance(5)
    out = []
    for replicate in range(12):
        shared = float(draw(stats.norm(10, 3), 1)[0])
        for arm, plus in (("base", 0.0), ("one", 2.0), ("two", 0.05)):
            noise = draw(stats.norm(0, 0.3), 2)
            values = {WATCH: shared + plus + float(noise[0]), SKIP: 0.4 + float(noise[1]) / 10}
            digest = f"{arm}-{replicate}"
            out.append(CellReadings(arm, replicate, digest, digest, values))
    return out


def found(cells, correction="holm"):
    return {one.estimand: one for one in effects_of(study(correction), Cells(cells), "made up")}


def test_a_large_effect_is_seen_and_a_small_one_is_not(cells):
    effects = found(cells)
    one, two = effects["watch_s | one - base"], effects["watch_s | two - base"]
    assert one.verdict.startswith("higher; no harm shown") and one.low < 2 < one.high
    assert two.verdict.startswith("not distinguishable; no harm shown")
    assert one.pairing_rho > 0.9 and one.variance_ratio > 10 and one.n_independent > 120
    assert one.unpaired_low < one.low and one.unpaired_high > one.high
    assert two.mde > 0.1 and one.power_at_smallest > 0.9
    assert {level.arm for level in levels_of(study(), Cells(cells), "made up")} == {
        "base",
        "one",
        "two",
    }


@pytest.mark.parametrize(
    ("correction", "size"),
    [("holm", 6), ("benjamini-hochberg", 6), ("dunnett", 2), ("max_t", 4), ("none", 6)],
)
def test_corrections_raise_p_within_their_family(cells, correction, size):
    for one in found(cells, correction).values():
        assert one.family_size == size and one.correction == correction
        assert one.p <= one.p_adjusted + 1e-12
        assert correction != "none" or one.p == one.p_adjusted


def test_replicates_that_are_copies_count_once(cells):
    copies = [replace(one, replicate=one.replicate + 100) for one in cells if one.replicate < 4]
    one, before = (
        found([*cells, *copies])["watch_s | one - base"],
        found(cells)["watch_s | one - base"],
    )
    assert (one.n, one.n_effective) == (16, 12)
    assert (one.estimate, one.low, one.high) == (before.estimate, before.low, before.high)
    effects = effects_of(study(), Cells([*cells, *copies]), "made up")
    assert "undefined" in {
        w.kind for w in warnings_of(study(), Cells([*cells, *copies]), effects, "")
    }


def test_runs_without_the_metric_are_left_out_and_said(cells):
    lame = [
        replace(one, values={**one.values, SKIP: None}) if one.replicate in (2, 5) else one
        for one in cells
    ]
    assert found(lame)["skip_rate | one - base"].n_effective == 10
    assert found(lame)["watch_s | one - base"].n_effective == 12
    none = [replace(one, values={**one.values, SKIP: None}) for one in cells]
    effect = found(none)["skip_rate | two - base"]
    assert effect.estimate is None and effect.verdict.startswith("undefined")
    assert effect.family_size == 0  # what was not tested needs no correction


def test_harm_is_not_ruled_out_by_a_wide_interval(cells):
    few = [one for one in cells if one.replicate < 3]
    wide = [
        replace(one, values={**one.values, WATCH: one.values[WATCH] + 4 * (one.replicate - 1)})
        if one.arm == "two"
        else one
        for one in few
    ]
    assert "no harm not shown" in found(wide)["watch_s | two - base"].verdict


def test_a_difference_smaller_than_matters_is_called_that(cells):
    sharp = [
        replace(one, values={**one.values, SKIP: 0.4 + 1e-4 * one.replicate + (0.01 if one.arm == "one" else 0)
                             + 1e-6 * (one.replicate % 3 if one.arm == "one" else 0)})
        for one in cells
    ]  # fmt: skip
    plan = study()
    estimands = tuple(
        replace(one, smallest_effect=0.05) if one.metric == "skip_rate" else one
        for one in plan.estimands
    )
    effects = effects_of(replace(plan, estimands=estimands), Cells(sharp), "made up")
    (one,) = [e for e in effects if e.estimand == "skip_rate | one - base"]
    assert one.verdict == "higher, but less than matters"


@pytest.mark.parametrize("correction", ["max_t", "dunnett"])
def test_less_than_matters_is_read_off_the_law_that_reads_higher(cells, correction):
    plan, seen = study(correction), set()
    for size in (2.05, 2.1, 2.15, 2.2, 2.25, 2.3, 2.35, 2.4, 2.5, 3.0):
        sized = tuple(replace(one, smallest_effect=size) for one in plan.estimands)
        effects = effects_of(replace(plan, estimands=sized), Cells(cells), "made up")
        one = next(e for e in effects if e.estimand == "watch_s | one - base")
        small = one.verdict.startswith("higher, but less than matters")
        assert small or one.verdict.startswith("higher")
        assert not small or one.high < size
        if correction == "max_t":
            assert small == (one.joint_high < size)
        seen.add((one.high < size, small))
    assert {(False, False), (True, True)} <= seen
    assert (True, False) in seen or correction == "dunnett"


def test_under_dunnett_contrasts_that_follow_from_others_are_corrected_by_holm_and_say_so(cells):
    text = TEXT.replace("CORRECTION", "dunnett").replace(
        "  - metric: skip_rate", "  - {metric: watch_s, contrast: two - one, no_harm: 3.0}\n  - metric: skip_rate"
    )  # fmt: skip
    plan = parse_study(read_document(text, "made-up.yaml"), "made-up")
    effects = {one.estimand: one for one in effects_of(plan, Cells(cells), "made up")}
    sizes = {name: one.family_size for name, one in effects.items()}
    assert sizes == {
        "watch_s | one - base": 6, "watch_s | two - base": 6, "watch_s | two - one": 6,
        "skip_rate | one - base": 2, "skip_rate | two - base": 2,
    }  # fmt: skip
    why = "holm (dunnett takes contrasts none of which follows from the others of its metric)"
    for name, one in effects.items():
        assert one.correction == (why if "watch_s" in name else "dunnett")
        assert one.p_adjusted >= one.p
    assert (
        corrected(effects.values()) == f"corrected: {why}, dunnett, per metric, over 2 to 6 tests"
    )


def test_a_single_comparison_under_dunnett_is_one_test_whose_claim_is_read_off_its_interval(cells):
    text = TEXT.replace("CORRECTION", "dunnett").replace(
        "  two: {policies: {recommendation: popularity}}\n", ""
    )
    plan = parse_study(read_document(text, "made-up.yaml"), "made-up")
    some = [one for one in cells if one.arm != "two"]
    one = effects_of(plan, Cells(some), "made up")[0]
    assert one.family_size == 1 and one.p_adjusted == one.p and one.correction == "dunnett"
    assert one.p_claim_adjusted >= one.p_claim


@pytest.mark.parametrize("correction", ["holm", "benjamini-hochberg", "dunnett", "max_t", "none"])
def test_a_metric_that_never_moves_is_no_test_and_detects_nothing(cells, correction):
    dead = [replace(one, values={**one.values, SKIP: 0.4}) for one in cells]
    effects = found(dead, correction)
    one = effects["skip_rate | one - base"]
    assert (one.mde, one.power_at_smallest, one.family_size) == (None, None, 0)
    assert one.verdict == "identical in every pair" and one.p_adjusted == 1.0
    alone = {n: e for n, e in effects.items() if "watch_s" in n}
    sizes = {"holm": 4, "benjamini-hochberg": 4, "dunnett": 2, "max_t": 2, "none": 4}
    assert {e.family_size for e in alone.values()} == {sizes[correction]}


def test_max_t_gives_intervals_that_hold_all_at_once(cells):
    for one in found(cells, "max_t").values():
        assert one.joint_low < one.low < one.high < one.joint_high
        assert (one.p_adjusted < 0.05) == (one.joint_low > 0 or one.joint_high < 0)
    for one in found(cells).values():
        assert one.joint_low is None and one.joint_high is None


@pytest.mark.parametrize(("correction", "takes"), [("dunnett", 3), ("max_t", 3)])
def test_a_correction_that_cannot_be_made_says_which_was(cells, correction, takes):
    few = [one for one in cells if one.replicate < 2]
    for one in found(few, correction).values():
        assert (
            one.correction == f"holm ({correction} takes {takes} pairs that all have, there are 2)"
        )
        assert one.p_adjusted >= one.p and one.joint_low is None


@pytest.mark.parametrize("correction", ["holm", "benjamini-hochberg", "dunnett", "max_t", "none"])
def test_a_claim_is_corrected_as_the_study_declares_and_names_its_margin(cells, correction):
    for name, one in found(cells, correction).items():
        if "watch_s" not in name:
            assert one.p_claim is None and one.p_claim_adjusted is None
            continue
        raised = one.p_claim_adjusted > one.p_claim
        assert raised == (correction != "none")
        told = " uncorrected" if correction == "none" else ""
        assert f"no harm shown (above -1 s, p {p_value(one.p_claim_adjusted)}{told})" in one.verdict


def shifted(cells, by):
    """The same cells with arm two's watch time moved."""
    return [
        replace(one, values={**one.values, WATCH: one.values[WATCH] + by}) if one.arm == "two" else one
        for one in cells
    ]  # fmt: skip


@pytest.mark.parametrize("pairs", [8, 12])
def test_a_claim_under_max_t_is_shown_where_the_joint_interval_is_within_its_margin(cells, pairs):
    some = [one for one in cells if one.replicate < pairs]
    seen = set()
    for by in (0.0, -0.4, -0.6, -0.65, -0.7, -0.75, -0.8, -0.9, -1.2):
        one = found(shifted(some, by), "max_t")["watch_s | two - base"]
        within = one.joint_low > -1.0
        seen.add(within)
        assert ("no harm shown" in one.verdict) == within == (one.p_claim_adjusted < 0.05)
    assert seen == {True, False}


def test_few_pairs_say_why_their_interval_says_more(cells):
    few = [one for one in cells if one.replicate < 5]
    for correction in ("holm", "max_t", "none"):
        one = found(few, correction)["watch_s | one - base"]
        assert one.low > 0 and one.p == 2 / 2**5
        assert one.verdict.startswith("not distinguishable by sign flips")


@pytest.mark.parametrize(
    ("correction", "size"), [("holm", 6), ("max_t", 4), ("dunnett", 2), ("none", 6)]
)
def test_an_arm_that_copies_another_is_no_further_comparison(cells, correction, size):
    text = TEXT.replace("CORRECTION", correction).replace(
        "replicates:", "  copy: {parameters: {interaction.skip_target: 0.4}}\nreplicates:"
    )
    plan = parse_study(read_document(text, "made-up.yaml"), "made-up")
    copies = [replace(one, arm="copy") for one in cells if one.arm == "two"]
    effects = {one.estimand: one for one in effects_of(plan, Cells([*cells, *copies]), "made up")}
    before = found(cells, correction)
    assert len(effects) == 6
    for name, one in effects.items():
        assert one.family_size == size
        like = before[name.replace("copy", "two")]
        assert (one.p_adjusted, one.joint_low, one.p_claim_adjusted, one.verdict) == (
            like.p_adjusted, like.joint_low, like.p_claim_adjusted, like.verdict
        )  # fmt: skip
