"""What a run will cost, said before it is spent: near the bill of a provider that then sends one."""

import socket

import pytest

from feedtwin.llm.admin import usage
from feedtwin.testing.provider import GARBAGE, GOOD, Script, ScriptedProvider
from feedtwin.world.rehearsing import rehearse, together
from feedtwin.world.running import RunOptions, start

MODEL = "feedtwin-demo"
TASKS = ("persona", "caption", "comment", "campaign", "trend", "decision")
BASE = (
    *(f"llm.{task}.model={MODEL}" for task in TASKS),
    "llm.key=optional", "llm.backoff_s=0", "llm.rate_per_minute=1000000", "campaigns.every_days=1",
    "trends.warm_up_steps=1",
)  # fmt: skip


def live(*tasks):
    """Texts that make tasks live, with the levers that they need."""
    lines = [f"llm.{task}.source=live" for task in tasks]
    lines += ["policies.campaigns=llm"] if "campaign" in tasks else []
    return lines + (["policies.forecast=llm"] if "trend" in tasks else [])


SCENARIOS = {
    "all tasks, a cohort of users": [*live(*TASKS), "llm.decision.cohort=0-19"],
    "creators only, dear plans": [*live("persona", "caption", "campaign"), "campaigns.adoption=1"],
    "a budget that runs out": [
        *live(*TASKS), "llm.decision.cohort=30%", "llm.budget_microusd=6000",
    ],
}  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_estimate_is_within_ten_percent_of_the_bill(
    scenario, lab, kernels, tmp_path, monkeypatch
):
    settings = lab.tiny(users=120, sets=[*BASE, *SCENARIOS[scenario]])
    found = rehearse(settings, 12, kernels)
    provider = ScriptedProvider(Script(is_apt=True), seed=11)
    start(settings, tmp_path / "run", RunOptions(12, client=provider), kernels)
    expected = sum(one.expected for one in found.tasks)
    assert provider.bill.microusd > 500
    assert abs(expected / provider.bill.microusd - 1) < 0.1
    assert usage(tmp_path / "run").paid == provider.bill.microusd
    assert provider.bill.microusd <= sum(one.worst for one in found.tasks)
    assert bool(found.degraded) == (scenario == "a budget that runs out")


def test_answers_that_are_kept_cost_nothing_more_and_a_rehearsal_keeps_none(lab, kernels, tmp_path):
    settings = lab.tiny(users=80, sets=[*BASE, *live("caption", "comment")])
    provider, cache = ScriptedProvider(Script(is_apt=True)), tmp_path / "answers"
    first = rehearse(settings, 4, kernels, cache=cache)
    assert first == rehearse(settings, 4, kernels) and not cache.exists()
    start(settings, tmp_path / "a", RunOptions(3, client=provider, cache=cache), kernels)
    spent, calls = provider.bill.microusd, provider.bill.calls
    kept = sorted(path.name for path in cache.rglob("*.json"))
    found = rehearse(settings, 3, kernels, cache=cache)
    assert sum(one.cached for one in found.tasks) == calls > 0
    assert sum(one.recorded for one in found.tasks) == spent
    assert sum(one.expected + one.worst + one.calls for one in found.tasks) == 0
    longer = rehearse(settings, 4, kernels, cache=cache)
    assert sum(one.cached for one in longer.tasks) == calls
    assert sorted(path.name for path in cache.rglob("*.json")) == kept
    start(settings, tmp_path / "b", RunOptions(4, client=provider, cache=cache), kernels)
    more = provider.bill.microusd - spent
    assert more <= sum(one.worst for one in longer.tasks)
    assert abs(sum(one.expected for one in longer.tasks) - more) <= 0.1 * more


def test_retries_and_repairs_stay_below_the_worst_case(lab, kernels, tmp_path):
    settings = lab.tiny(users=80, sets=[*BASE, *live("caption", "comment")])
    found = rehearse(settings, 6, kernels)
    provider = ScriptedProvider(Script({GOOD: 1, GARBAGE: 1}, is_apt=True))
    start(settings, tmp_path / "run", RunOptions(6, client=provider), kernels)
    expected, worst = (sum(getattr(one, n) for one in found.tasks) for n in ("expected", "worst"))
    assert expected < provider.bill.microusd <= worst


def test_a_rehearsal_needs_no_extra_no_key_and_no_network(lab, kernels, monkeypatch):
    def blocked(*_):
        raise AssertionError("a socket was made")

    monkeypatch.setattr("feedtwin.llm.clients.find_spec", lambda name: None)
    monkeypatch.setattr(socket, "socket", blocked)
    sets = [one for one in BASE if not one.startswith("llm.key")]
    assert rehearse(lab.tiny(sets=[*sets, *live("caption")]), 4, kernels).tasks


def test_a_world_without_live_tasks_costs_nothing(lab, kernels):
    assert rehearse(lab.tiny(), 2, kernels).tasks == ()
    surrogate = lab.tiny(sets=["llm.caption.source=surrogate"])
    assert rehearse(surrogate, 2, kernels).tasks == ()


def test_what_several_runs_cost_adds_up(lab, kernels):
    one, two = (
        rehearse(lab.tiny(seed=seed, sets=[*BASE, *live("caption", "comment")]), 4, kernels)
        for seed in (1, 2)
    )
    both = together([one, two])
    for name in ("calls", "expected", "worst"):
        parts = sum(getattr(row, name) for part in (one, two) for row in part.tasks)
        assert sum(getattr(row, name) for row in both.tasks) == parts > 0
    assert both.budget == one.budget + two.budget
