"""A real server and a real model, offline: the way to a live answer, through the official client."""

import numpy as np
import pytest

from feedtwin.errors import LLMError
from feedtwin.llm import demo
from feedtwin.llm.cache import Cache
from feedtwin.llm.clients import LiveClient
from feedtwin.llm.secrets import Screen, Secret
from feedtwin.llm.task import Ask, task
from feedtwin.schema.codes import AnswerSource
from feedtwin.testing.services import Records, live_settings, service_of

pytest.importorskip("openai")
pytest.importorskip("xllamacpp")
gguf = pytest.importorskip("gguf")

SECRET = Secret("key-of-the-demo-server")
SETTINGS = (
    "dialect=grammar",
    "grammar_text_max=16",
    "concurrency=2",
    "call_timeout_s=60",
    "flush_deadline_s=200",
)
NAMES = (
    "PERSONA_GENERATION",
    "CAPTION_GENERATION",
    "COMMENT_GENERATION",
    "CREATOR_CAMPAIGN",
    "TREND_PREDICTION",
    "ACTION_SELECTION",
)


@pytest.fixture(scope="module")
def server():
    with demo.demo_server(SECRET.reveal()) as running:
        yield running


def examples(count=1):
    """The example of each task, asked by some entities."""
    kinds = [task(name) for name in NAMES]
    return [
        Ask(kind, (number, *(0 for _ in kind.key[1:])), kind.example())
        for kind in kinds
        for number in range(count)
    ]


def test_a_model_is_the_same_for_the_same_seed(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        demo.write_model(tmp_path / name, seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
    reader = gguf.GGUFReader(tmp_path / "a")
    assert demo.LABEL in reader.fields["general.name"].contents()
    weights = next(one for one in reader.tensors if one.name == "output.weight").data
    assert abs(float(np.std(weights)) - 0.08) < 0.002


def test_every_task_is_answered_live_by_a_real_model(server, loopback, tmp_path, monkeypatch):
    records, asks = Records(), examples()
    client = LiveClient(server.address, SECRET, 60.0)
    settings = live_settings(*SETTINGS)
    with service_of(
        settings, client=client, screen=Screen(SECRET), records=records, cache=Cache(tmp_path, "")
    ) as service:
        service.begin_step(0)
        answers = service.answer(asks)
        service.ledger.check()
        live = [one for one in answers if one.source is AnswerSource.LIVE]
        assert {type(one.response) for one in live} == {task(name).response for name in NAMES}
        account = service.ledger.account()
        assert account.charged == account.paid > 0 and account.reserved == 0
    rows = records.by_step()[0].rows.values()
    assert all(row.tokens[0] > 0 and row.tokens[1] > 0 for row in rows)
    for sources in (
        {"past": records.by_step(), "replays_until": 0},
        {"cache": Cache(tmp_path, "")},
    ):
        with service_of(settings, **sources) as again:
            again.begin_step(0)
            assert [one.response for one in again.answer(asks)] == [one.response for one in answers]
            assert again.ledger.account().charged == account.charged


def test_a_wrong_key_is_refused_and_costs_nothing(server, loopback):
    settings = live_settings(*SETTINGS, "on_trouble=degrade")
    client = LiveClient(server.address, Secret("wrong"), 5.0)
    with service_of(settings, client=client) as service:
        service.begin_step(0)
        answers = service.answer(examples()[:2])
        assert {one.reason for one in answers} == {"http 401"}
        assert service.ledger.account().charged == 0


def test_without_a_grammar_that_bounds_text_the_answer_is_refused_or_fits(server, loopback):
    """Random weights and a schema without bounds: the reply breaks off, and a rule answers."""
    settings = live_settings(
        "dialect=strict", "caption.tokens_max=60", "call_timeout_s=60", "attempts_max=1"
    )
    with service_of(settings, client=LiveClient(server.address, SECRET, 60.0)) as service:
        service.begin_step(0)
        (answer,) = service.answer([examples()[1]])
        assert answer.source is AnswerSource.SURROGATE and answer.reason


def test_a_server_without_a_key_is_not_started():
    with pytest.raises(AssertionError, match="key"), demo.demo_server(""):
        pass


def test_the_extra_that_is_missing_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr("feedtwin.llm.clients.find_spec", lambda name: None)
    with (
        pytest.raises(LLMError, match=r"pip install 'feedtwin\[llm,llm-local\]'"),
        demo.demo_server("x"),
    ):
        pass
