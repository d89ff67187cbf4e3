"""Planted faults of a study are each flagged: copies, inert factors and budgets, dead metrics."""

import pytest

COPIES = """\
world: synthetic
users: 60
seed: 3
horizon: 6
factors:
  strategy:
    none: {}
    random: {policies: {recommendation: random}}
  budget:
    100: {parameters: {llm.budget_microusd: 100000000}}
    10: {parameters: {llm.budget_microusd: 10000000}}
replicates: 3
estimands:
  - metric: [watch_s, gift_revenue, hashtag_entropy_supply]
    contrast: {strategy: random - none}
  - metric: watch_s
    contrast: {budget: 10 - 100}
"""
ARMS = """\
world: synthetic
users: 60
seed: 3
horizon: 6
arms:
  base: {}
  same: {parameters: {promotion.velocity_gate_absolute: 77.0}}
  tight: {parameters: {llm.budget_microusd: 5}}
  other: {policies: {recommendation: random}}
replicates: 3
estimands: [{metric: watch_s}]
"""


@pytest.fixture(scope="module")
def design(ran, tmp_path_factory):
    return ran(COPIES, tmp_path_factory.mktemp("design") / "s")


def messages(result, kind):
    return [one.message for one in result.warnings if one.kind == kind]


def test_a_factor_that_changes_nothing_is_inert(design):
    (message,) = messages(design, "inert factor")
    assert "factor budget (100, 10) changed no event of any run" in message


def test_a_budget_that_never_binds_is_inert(design):
    assert len(messages(design, "inert budget")) == 2  # with each strategy
    assert "the cap never binds" in messages(design, "inert budget")[0]


def test_copies_are_named_and_counted_once(design):
    copies = messages(design, "duplicate cells")
    assert len(copies) == 2 and "none/100, none/10" in copies[0]
    budget = next(one for one in design.effects if one.contrast == "budget: 10 - 100")
    assert budget.verdict == "identical in every pair"


def test_a_metric_that_cannot_move_is_dead(design):
    dead = {one.what: one.message for one in design.warnings if one.kind == "dead metric"}
    assert set(dead) == {"gift_revenue", "hashtag_entropy_supply"}
    assert "is 0 in every run" in dead["gift_revenue"]
    assert "did not move in any pair of runs" in dead["hashtag_entropy_supply"]


def test_arms_without_effect_are_told_apart_from_caps_that_do_not_bind(ran, tmp_path):
    result = ran(ARMS, tmp_path / "s")
    assert [one.what for one in result.warnings if one.kind == "inert arm"] == ["same"]
    assert [one.what for one in result.warnings if one.kind == "inert budget"] == [
        "llm.budget_microusd"
    ]
    assert len(messages(result, "duplicate cells")) == 1
    assert not messages(result, "dead metric")  # `other` moves it


def test_few_replicates_are_said(design):
    assert "3 replicates" in messages(design, "few replicates")[0]
