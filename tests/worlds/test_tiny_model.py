"""A whole world beside a real model server: live, then from the cache, then with the network blocked.

The model is tiny and has random weights: what it says is evidence of nothing, that it can be asked is.
"""

import socket

import pytest

from feedtwin.lab.language import language_use
from feedtwin.llm import demo
from feedtwin.llm.admin import usage
from feedtwin.llm.clients import LiveClient
from feedtwin.llm.secrets import Secret
from feedtwin.llm.settings import SECTIONS
from feedtwin.record.reader import Run
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.schema.settings import resolve
from feedtwin.world.replay import replay
from feedtwin.world.running import RunOptions, start

pytest.importorskip("openai")
pytest.importorskip("xllamacpp")

KEY = "key-of-the-demo-server"
TASKS = ("persona", "caption", "campaign", "trend", "decision")
SERVER = (
    "llm.dialect=grammar", "llm.grammar_text_max=16", "llm.concurrency=2", "llm.rate_per_minute=100000",
    "llm.call_timeout_s=120", "llm.flush_deadline_s=600", "llm.decision.tokens_max=400",
)  # fmt: skip


class Billing(LiveClient):
    """The live client, with the bill that the server's own counts amount to."""

    def __init__(self, address: str, settings) -> None:
        super().__init__(address, Secret(KEY), 120.0)
        self.settings, self.calls, self.microusd = settings, 0, 0

    async def complete(self, call):
        outcome = await super().complete(call)
        price = self.settings.price(LlmTask.CAPTION_GENERATION)
        counted = outcome.usage
        self.calls += 1
        self.microusd += price.cost(counted["prompt_tokens"], counted["completion_tokens"])
        return outcome


@pytest.fixture(scope="module")
def server():
    with demo.demo_server(KEY) as running:
        yield running


def settings_of(server, users, sets):
    """A synthetic world in which every task but comments is live."""
    lines = [f"llm.{task}.source=live" for task in TASKS]
    lines += [f"llm.{task}.model={server.model}" for task in TASKS]
    levers = ("policies.campaigns=llm", "policies.forecast=llm", "campaigns.every_days=1")
    world = (*SERVER, *lines, *levers, f"llm.base_url={server.address}", *sets)
    return resolve("synthetic", users=users, seed=3, sets=world)


def live_cached_blocked(server, users, steps, sets, kernels, folder, monkeypatch):
    """Run a world live, from the cache, and with every socket blocked; return the three and the bill."""
    from feedtwin.llm.admin import llm_settings

    monkeypatch.setenv("FEEDTWIN_LLM_KEY", KEY)
    settings = settings_of(server, users, sets)
    own = llm_settings(settings)
    live, again = Billing(server.address, own), Billing(server.address, own)
    runs = [start(settings, folder / "live", RunOptions(steps, client=live), kernels)]
    runs.append(start(settings, folder / "again", RunOptions(steps, client=again), kernels))
    assert again.calls == 0

    def blocked(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", blocked)
    monkeypatch.setattr(socket.socket, "connect_ex", blocked)
    runs.append(start(settings, folder / "blocked", RunOptions(steps, offline=True), kernels))
    return runs, live


def check(runs, bill, kernels):
    """Hold the three runs to each other and the ledger to the bill."""
    live, again, blocked = runs
    assert live.digest == again.digest == blocked.digest
    found = usage(live.path)
    assert set(found.tasks) == {code for code, section in SECTIONS.items() if section in TASKS}
    assert found.paid == found.charged == bill.microusd > 0
    assert sum(one.calls for one in found.tasks.values()) == bill.calls
    assert all(one.counts.by_source.get(AnswerSource.LIVE) for one in found.tasks.values())
    for other in (again, blocked):
        used = usage(other.path)
        assert (used.paid, used.charged) == (0, found.charged)
        assert sum(one.live for one in language_use(other.path).tasks.values()) == 0
    assert replay(live.path, kernels).digest == live.digest
    kinds = {row["kind"] for row in Run.open(live.path).table("texts").to_pylist()}
    assert kinds >= {"persona", "caption", "plan"}


def test_a_small_world_runs_live_from_the_cache_and_without_a_network(
    server, kernels, tmp_path, loopback, monkeypatch
):
    sets = [
        "llm.decision.cohort=0-4", "campaigns.adoption=0.3", "trends.window_steps=1",
        "user.uploads_per_day=[6,3,1,0]", "population.tier_shares=[0.03,0.05,0.13,0.79]",
        "user.sessions_per_day=6",
    ]  # fmt: skip
    runs, bill = live_cached_blocked(server, 40, 4, sets, kernels, tmp_path, monkeypatch)
    check(runs, bill, kernels)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_five_hundred_users_run_two_days_live_from_the_cache_and_without_a_network(
    server, kernels, tmp_path, loopback, monkeypatch
):
    """Acceptance: 48 steps with live personas, captions, campaigns, forecasts and 20 LLM-driven users."""
    sets = ["llm.decision.cohort=0-19"]
    runs, bill = live_cached_blocked(server, 500, 48, sets, kernels, tmp_path, monkeypatch)
    check(runs, bill, kernels)
    deciders = {
        int(row["owner"])
        for row in Run.open(runs[0].path)
        .sql("select distinct owner from texts where kind = 'action'")
        .to_pylist()
    }
    assert deciders <= set(range(20))
