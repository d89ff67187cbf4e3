"""Contract checks for authors of LLM tasks."""

from typing import Any

from feedtwin.llm.decoding import Refused
from feedtwin.llm.json_schema import unbounded
from feedtwin.llm.prompts import CONTRACT, prompt_of
from feedtwin.llm.task import Ask, Task
from feedtwin.randomness import Draws
from feedtwin.record.durable import canonical_json
from feedtwin.schema.codes import AnswerSource
from feedtwin.testing.samples import Lots, sample_asks, sample_response

_SALT = "check"
_PROMPT_BYTES_MAX = 65_536


def check_task(task: Task[Any, Any], requests: int = 200, seed: int = 0) -> None:
    """Check that a task keeps its contract, on generated requests.

    Every string, list and number of the response is bounded; the stand-in answers any request with a
    response that its own schema takes, the same for the same draws; canonical form is reached at once;
    the instruction is the same for all requests, and what users wrote is only in the marked data.

    Args:
        task: The task.
        requests: How many requests to try.
        seed: Seed of the requests.

    Raises:
        AssertionError: Says what is broken, and for which request.
    """
    loose = unbounded(task.schema)
    assert not loose, f"{task.name}: {'; '.join(loose)}"
    assert AnswerSource.SURROGATE in task.sources, f"{task.name}: has no stand-in"
    assert task.version >= 1 and len(task.key) <= 4, f"{task.name}: version and key"
    stream_key = task.stream.key if task.stream is not None else ()
    assert tuple(n for n in stream_key if n != "k") in (task.key, ()), (
        f"{task.name}: key and stream"
    )
    asks = sample_asks(task, requests, seed)
    lots = Lots(seed, task.name)
    _check_surrogates(task, asks)
    instructions = {_check_prompt(ask) for ask in asks}
    assert instructions == {task.instruction}, (
        f"{task.name}: the instruction depends on the request"
    )
    for ask in asks[:50]:
        _check_reading(ask, sample_response(ask, lots))


def _check_surrogates(task: Task[Any, Any], asks: list[Ask]) -> None:
    draws = Draws(7)
    words = task.chance(draws, [ask.key for ask in asks])
    assert words.shape == (len(asks), task.words), f"{task.name}: draws {words.shape}"
    for ask, own in zip(asks, words.tolist(), strict=True):
        response = task.surrogate(ask.request, own)
        fields = response.model_dump(mode="json")
        assert task.surrogate(ask.request, own) == response, (
            f"{task.name}: stand-in not fixed by draws"
        )
        try:
            read = task.accept(ask.request, fields)
        except Refused as refused:
            raise AssertionError(
                f"{task.name}: stand-in refused: {refused.reason}: {fields}"
            ) from None
        assert read == response, f"{task.name}: stand-in not canonical: {fields}"


def _check_prompt(ask: Ask) -> str:
    """Check the prompt of an ask; return its instruction without the mark."""
    prompt = prompt_of(ask, _SALT)
    mark, data, last = prompt.data.split("\n")
    assert mark == last and mark not in data, f"{ask.task.name}: the mark is in the data"
    assert not set("<>|") & set(data), f"{ask.task.name}: signs of a chat template in the data"
    assert prompt.size() < _PROMPT_BYTES_MAX, f"{ask.task.name}: a prompt of {prompt.size()} bytes"
    assert prompt == prompt_of(ask, _SALT), f"{ask.task.name}: prompts differ for one ask"
    ending = f" {CONTRACT.format(mark=mark)}"
    assert prompt.instruction.endswith(ending), f"{ask.task.name}: no contract in the instruction"
    return prompt.instruction.removesuffix(ending)


def _check_reading(ask: Ask, fields: dict[str, Any]) -> None:
    once = ask.task.read(ask.request, canonical_json(fields).decode())
    twice = ask.task.accept(ask.request, once.model_dump(mode="json"))
    assert once == twice, f"{ask.task.name}: canonical form is not stable: {fields}"
