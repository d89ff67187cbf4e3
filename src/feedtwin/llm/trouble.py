"""When a run stops because of its language models, and what it says then.

`llm.on_trouble` decides. `setup` stops for what waiting does not mend: a key that is refused, or first calls to a
model that reach nobody, no such model, what never answers in time, or what is no chat server. `stop` stops besides at the first answer that is degraded, unless
somebody chose that (a `live_until` other than the default). `degrade` never stops.
"""

from collections.abc import Sequence
from typing import Final

from feedtwin.errors import LLMError
from feedtwin.llm.barrier import THRESHOLD
from feedtwin.llm.budget import Limit
from feedtwin.llm.clients import Heard
from feedtwin.llm.desk import NO_CHAT, Pending
from feedtwin.llm.settings import SECTIONS, LlmSettings
from feedtwin.llm.task import Ask

NOT_CACHED: Final = "not in the cache"
DOWN: Final = "provider down"
OVERRUN: Final = "provider overrun"
QUEUE_FULL: Final = "queue full"
_KEY: Final = "http 401"
_NOBODY: Final = "unreachable"
_SILENT: Final = ("timeout", "deadline")
_SET_UP: Final = frozenset(
    {
        _KEY,
        _NOBODY,
        *_SILENT,
        *NO_CHAT,
        *(f"http {status}" for status in (301, 302, 303, 307, 308, 403, 404, 405)),
    }
)
"""How first calls end where key, address or model are not as they must be."""


def set_up_error(
    settings: LlmSettings, step: int, pendings: Sequence[Pending], run: str, *, is_proven: bool
) -> LLMError | None:
    """Return why a run must stop after a batch of calls to one model, or None.

    Args:
        settings: Settings of the service.
        step: The step.
        pendings: The asks of the batch that went to the model.
        run: The run's folder as a command names it.
        is_proven: Whether it has answered before.
    """
    heard = [one for one in pendings if one.heard is not Heard.NOTHING]
    is_answered = any(one.heard is Heard.ANSWERED for one in heard)
    if settings.on_trouble == "degrade" or is_answered or not heard:
        return None
    reasons = [one.reason for one in heard]
    if not (_KEY in reasons or (not is_proven and all(one in _SET_UP for one in reasons))):
        return None
    reason, section = (
        _KEY if _KEY in reasons else reasons[0],
        SECTIONS[heard[0].ask.task.code],
    )
    server = f"the server at {settings.base_url} (llm.base_url)"
    model = f"{settings.of(heard[0].ask.task.code).model} (llm.{section}.model)"
    key = f"the server's key in {settings.key_variable} (llm.key_variable)"
    silence = (
        f"{settings.base_url} (llm.base_url) gave no answer in time (a call: {settings.call_timeout_s:g} s, "
        f"llm.call_timeout_s; a phase: {settings.flush_deadline_s:g} s, llm.flush_deadline_s), and none before: the address may be wrong or behind a firewall; expected a server that "
        "answers, or more time for it"
    )
    no_chat = (
        f"{server} is no chat server: what it sent is no chat completion; expected a server that speaks the OpenAI "
        "protocol, and its address down to the /v1 that most have"
    )
    found = {
        **dict.fromkeys(_SILENT, silence),
        **dict.fromkeys(NO_CHAT, no_chat),
        _KEY: f"{server} does not take the key; expected {key}",
        "http 403": f"{server} does not let the key use {model}; expected {key}, and a model that it may use",
        _NOBODY: f"nobody is at {settings.base_url} (llm.base_url); expected a server that speaks the OpenAI protocol",
    }.get(reason, f"{server} knows no chat with {model}; expected a model that it serves, and its "
    "address down to the /v1 that most have")  # fmt: skip
    return LLMError(
        f"llm, step {step}: {found} (found: {reason}, {len(heard)} {_plural(len(heard), 'ask')}). What was answered is "
        f"on record: mend the server or the key and continue with `feedtwin resume {run}`, start anew with other settings, "
        "or go on with stand-ins from the start with llm.on_trouble=degrade"
    )


def told_to_stop(
    settings: LlmSettings, step: int, missed: Sequence[tuple[Ask, str]], run: str
) -> LLMError | None:
    """Return why a run must stop with `llm.on_trouble=stop`, or None.

    Args:
        settings: Settings of the service.
        step: The step.
        missed: Asks that a stand-in would answer, with the reason; empty where that is as wanted.
        run: The run's folder as a command names it.
    """
    trouble = [
        (ask, reason)
        for ask, reason in missed
        if reason and not (reason == THRESHOLD and settings.chose_threshold(ask.task.code))
    ]
    if not trouble:
        return None
    ask, reason = trouble[0]
    return LLMError(
        f"llm, step {step}: {ask.task.name} of {list(ask.key)} got no answer ({reason}; {len(trouble)} "
        f"{_plural(len(trouble), 'ask')} so far); expected one, for llm.on_trouble is stop. What was answered is on "
        f"record: {_remedy(reason, step, SECTIONS[ask.task.code], run)}"
    )


def _remedy(reason: str, step: int, section: str, run: str) -> str:
    if reason == NOT_CACHED:
        return (
            f"continue with `feedtwin resume {run}` and the cache that has the answer (--llm-cache), or let the model be "
            f"asked: without --offline, and with llm.{section}.source=live"
        )
    if reason == THRESHOLD:
        return (
            f"give more money in llm.budget_microusd, or say how much of it may be used up before {section} is left to "
            f"the rule (llm.{section}.live_until, which nobody chose; 1 is all), to a new run or to `feedtwin fork "
            f"{run} --at {step}`, which takes over what was answered before"
        )
    if reason in tuple(Limit):
        share = f" and llm.{section}.budget_share" if reason == Limit.OWN else ""
        return (
            f"give more money in llm.budget_microusd{share}, to a new run or to `feedtwin fork {run} --at {step}`, which "
            "takes over what was answered before"
        )
    if reason == OVERRUN:
        return (
            f"`feedtwin llm usage {run}` says what the provider claimed above what a call can cost"
        )
    if reason == QUEUE_FULL:
        return f"raise llm.queue_max in a new run, or in `feedtwin fork {run}`"
    return f"mend the server, then continue with `feedtwin resume {run}`"


def _plural(number: int, word: str) -> str:
    return word if number == 1 else f"{word}s"
