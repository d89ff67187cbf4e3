"""From readings to effects, with readings made up: who is counted, what is corrected, what is claimed."""

from dataclasses import replace

import pytest
from scipy import stats

from feedtwin.lab.study.estimating import CellReadings, Cells, effects_of, levels_of
from feedtwin.lab.study.plan import Wanted
from feedtwin.lab.study.reading import parse_study
from feedtwin.lab.study.warning import warnings_of
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
    [("holm", 4), ("benjamini-hochberg", 4), ("dunnett", 2), ("max_t", 4), ("none", 4)],
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


def test_max_t_gives_intervals_that_hold_all_at_once(cells):
    for one in found(cells, "max_t").values():
        assert one.joint_low < one.low < one.high < one.joint_high
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
