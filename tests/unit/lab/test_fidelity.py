"""The fidelity meter: distances with intervals, beside what two answers of one source differ by."""

import numpy as np
import pytest

from feedtwin.errors import SettingsError
from feedtwin.lab.fidelity import (
    NO_ANSWER,
    NO_DRAW,
    NOT_ASKED,
    NOT_SAMPLED,
    OF_MODEL,
    OF_STAND_IN,
    REQUESTS_MIN,
    fidelity,
)  # fmt: skip
from feedtwin.lab.statistics import mean_of
from feedtwin.llm.clients import Reply
from feedtwin.llm.prompts import prompt_of
from feedtwin.llm.settings import SECTIONS
from feedtwin.randomness import Draws
from feedtwin.record.journal import Journal
from feedtwin.schema.settings import resolve
from feedtwin.testing.provider import Script, ScriptedProvider
from feedtwin.testing.services import FAST, asks_of, live_settings, service_of

PER_TASK = 40
DRAWN = ("PERSONA_GENERATION", "CAPTION_GENERATION")
"""Tasks whose stand-in draws."""


def run_of(folder, provider, *sets, asks=None):
    """A journal of a run of one step in which a provider answered every task."""
    told = [f"{s}.source=live" for s in SECTIONS.values()]
    told += [f"{s}.model=feedtwin-demo" for s in SECTIONS.values()]
    own = [f"llm.{one}" for one in (*told, *FAST, *sets)]
    settings = resolve("synthetic", users=10, seed=0, sets=own)
    header = {"segments": [{"from_step": 0, "settings": settings.model_dump()}]}
    folder.mkdir()
    (folder / "manifest.json").write_text("{}", "utf-8")
    with (
        Journal.create(folder / "journal", header) as journal,
        service_of(live_settings(*sets), client=provider, records=journal, seed=0) as service,
    ):
        service.begin_step(0)
        service.answer(asks or asks_of(6 * PER_TASK))
    return folder


@pytest.fixture
def served(monkeypatch):
    """A provider that is asked wherever a live one would be."""

    def of(provider):
        monkeypatch.setattr("feedtwin.llm.opening.live_client", lambda *_: provider)
        return provider

    return of


def by_task(found):
    return {one.task: one for one in found.tasks}


def test_the_meter_is_zero_where_the_model_is_the_stand_in(tmp_path):
    class Copy(ScriptedProvider):
        """A model that answers as the stand-in of the run does."""

        async def complete(self, call):
            data = call.messages[-1]["content"]
            ask = next(one for one in asks if prompt_of(one, "0:0").data == data)
            words = ask.task.chance(Draws(0), [ask.key])[0].tolist()
            text = ask.task.surrogate(ask.request, words).model_dump_json()
            return Reply(text, {"prompt_tokens": 1, "completion_tokens": 1})

    asks = asks_of(60)
    found = by_task(fidelity([run_of(tmp_path / "run", Copy(), asks=asks)]))
    assert len(found) == 6
    for one in found.values():
        assert one.answers == one.distance.n == one.equal == 10
        assert one.distance.estimate == 0.0 and one.of_model is None
        assert one.verdict.startswith(("not distinguishable", "nearer"))
        assert NOT_ASKED in one.note


def test_another_model_is_further_from_the_rule_than_the_rule_from_itself(tmp_path):
    found = by_task(fidelity([run_of(tmp_path / "run", ScriptedProvider())]))
    for name, one in found.items():
        assert 0 < one.distance.estimate <= 1 and one.floor == OF_STAND_IN
        if one.distance.low is not None:
            assert 0 <= one.distance.low <= one.distance.estimate <= one.distance.high <= 1
        assert (NO_DRAW in one.note) == (one.of_stand_in.estimate == 0), name
        assert one.excess.estimate == pytest.approx(
            one.distance.estimate - one.of_stand_in.estimate
        )
    assert found["PERSONA_GENERATION"].verdict == f"further apart than {OF_STAND_IN}"


def test_a_model_that_draws_as_the_rule_does_is_not_told_from_the_floor(tmp_path, served):
    """It answers by the rule under draws of its own: both floors are as high as the distance."""
    run = run_of(tmp_path / "run", ScriptedProvider(Script(is_apt=True)))
    provider = served(ScriptedProvider(Script(is_apt=True)))
    found = fidelity([run], again=PER_TASK, budget_microusd=10**7)
    assert provider.bill.microusd == found.paid_microusd == found.charged_microusd > 0
    for name in DRAWN:
        one = by_task(found)[name]
        assert one.floor == OF_MODEL and one.of_model.n == one.excess.n == PER_TASK
        assert one.distance.estimate > 0.1 and one.of_model.estimate > 0.1
        assert one.verdict == f"not distinguishable from {OF_MODEL}"


def test_asking_again_is_within_its_budget_and_nobody_is_asked_a_third_time(tmp_path, served):
    run = run_of(tmp_path / "run", ScriptedProvider())
    poor = served(ScriptedProvider())
    found = fidelity([run], again=5, budget_microusd=900, cache=tmp_path / "poor")
    assert found.paid_microusd == poor.bill.microusd <= 900
    nothing = fidelity([run], again=5, budget_microusd=0, cache=tmp_path / "none")
    assert nothing.paid_microusd == 0
    assert {one.of_model for one in nothing.tasks} == {None}
    assert all(NO_ANSWER in one.note for one in nothing.tasks)
    rich = served(ScriptedProvider())
    first = fidelity([run], again=5, budget_microusd=10**7)
    assert rich.bill.calls == 5 * 6 and (tmp_path / "llm-cache").is_dir()
    second = fidelity([run], again=5, budget_microusd=10**7)
    assert rich.bill.calls == 5 * 6 and second.paid_microusd == 0
    assert second.tasks == first.tasks
    assert {one.of_model.n for one in first.tasks} == {5}
    assert all(one.verdict.startswith("too few requests") for one in first.tasks)
    assert REQUESTS_MIN > 5


def test_a_model_at_temperature_nought_is_not_asked_again(tmp_path, served):
    run = run_of(tmp_path / "run", ScriptedProvider(), "persona.temperature=0")
    provider = served(ScriptedProvider())
    found = by_task(fidelity([run], again=2, budget_microusd=10**7))
    assert NOT_SAMPLED in found["PERSONA_GENERATION"].note
    assert found["PERSONA_GENERATION"].of_model is None
    assert found["CAPTION_GENERATION"].of_model.n == 2 and provider.bill.calls == 5 * 2


def test_runs_are_pooled_and_each_given_once(tmp_path):
    first = run_of(tmp_path / "a", ScriptedProvider())
    second = run_of(tmp_path / "b", ScriptedProvider(seed=1))
    for one in fidelity([first, second]).tasks:
        assert one.distance.n == 2 * PER_TASK
    with pytest.raises(SettingsError, match="given twice"):
        fidelity([first, tmp_path / "b" / ".." / "a"])
    with pytest.raises(SettingsError, match="--again: found -1"):
        fidelity([first], again=-1)


# -- the mean of one sample ----------------------------------------------------------------------


def test_a_mean_of_values_that_do_not_differ_has_no_interval():
    found = mean_of(np.ones(9))
    assert (found.n, found.estimate, found.low, found.high) == (9, 1.0, None, None)


def test_the_interval_of_a_mean_is_keyed_and_near_the_normal_one():
    values = np.arange(400) % 2 * 1.0
    found = mean_of(values)
    assert found == mean_of(values) != mean_of(values, seed=1)
    half = 1.96 * values.std(ddof=1) / 20
    assert found.low == pytest.approx(0.5 - half, abs=0.01)
    assert found.high == pytest.approx(0.5 + half, abs=0.01)
