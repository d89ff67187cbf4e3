"""How far stand-ins are from the model: both answers to the same requests, compared in what they decide.

A run's journal has the request of every answer of a model; the stand-in's answer to it is a function of the
request and of the run's seed. So the distance needs no call, and speaks of the requests that this run had. What
it means shows beside two floors: how far the stand-in is from itself under a second draw, which needs no call
either, and how far the model is from itself, for which it is asked again (`ask_again`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from feedtwin.errors import IntegrityError
from feedtwin.llm.admin import journal_of, llm_settings
from feedtwin.llm.clients import Client
from feedtwin.llm.decoding import Refused
from feedtwin.llm.matching import leaves
from feedtwin.llm.opening import open_service
from feedtwin.llm.records import Nowhere, Row, inputs_by_step
from feedtwin.llm.service import Service
from feedtwin.llm.settings import LlmSettings
from feedtwin.llm.task import Ask, Request, Response, Task, task
from feedtwin.randomness import Draws
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.schema.settings import assign

REQUESTS_MAX: Final = 1000
"""Requests of a task that are compared, spread evenly over a run; a share of a thousand is known to 3 % or better."""
HALF_OF_REPLICATES: Final = 2**19
"""How far the replicate of second draws is from a run's own: half of all there are, where no study goes."""


@dataclass(frozen=True)
class Comparison:
    """One request that a model answered.

    Attributes:
        step: Step in which it was asked.
        key: Whose ask it was.
        request: The request.
        model: What the model answered.
        to_stand_in: Share of decisions in which the stand-in differs, 0 to 1.
        of_stand_in: The same between two draws of the stand-in.
    """

    step: int
    key: tuple[int, ...]
    request: Request
    model: Response
    to_stand_in: float
    of_stand_in: float


@dataclass(frozen=True)
class Again:
    """What came of asking a model a second time.

    Attributes:
        of_model: By task and by place among its comparisons, how far the two answers are apart, 0 to 1.
        sampled: Tasks that the model answers by chance (its temperature is above 0); only these are asked.
        charged: Micro-dollars that counted against the budget.
        paid: Micro-dollars paid.
    """

    of_model: Mapping[LlmTask, Mapping[int, float]]
    sampled: frozenset[LlmTask]
    charged: int
    paid: int


def comparisons(run: Path) -> dict[LlmTask, tuple[int, list[Comparison]]]:
    """Return, by task, how many answers of a model a run has, and up to `REQUESTS_MAX` of them compared.

    Raises:
        RunFolderError: There is no journal.
        IntegrityError: The journal was altered, or was written by other code.
    """
    frames, resolved = journal_of(run)
    rows: dict[LlmTask, list[tuple[int, Row]]] = {}
    for step, inputs in sorted(inputs_by_step(frames).items()):
        for row in inputs.rows.values():
            if row.source is not AnswerSource.SURROGATE:
                rows.setdefault(LlmTask(row.name[0]), []).append((step, row))
    own = Draws(resolved.seed, resolved.replicate)
    try:
        return {
            code: (len(found), list(_compared(task(LlmTask(code).name), _spread(found), own)))
            for code, found in sorted(rows.items())
        }
    except (Refused, ValidationError):
        raise IntegrityError(
            f"{run / 'journal'}: an answer does not fit its task; expected the tasks of the code that made the "
            "run (see code_hash in manifest.json). Use that release"
        ) from None


def ask_again(
    run: Path,
    compared: Mapping[LlmTask, Sequence[Comparison]],
    *,
    most: int,
    budget_microusd: int | None = None,
    cache: Path | None = None,
    client: Client | None = None,
    sets: Sequence[str] = (),
) -> Again:
    """Ask the model of a run the same questions under a second draw, and say how far it is from itself.

    Args:
        run: The run.
        compared: Its comparisons, by task.
        most: Requests to ask again, of each task.
        budget_microusd: Most that may be spent; what the run left of its own budget by default.
        cache: Where answers are kept, so that nobody is asked twice; None keeps none.
        client: A client instead of the one that the settings name.
        sets: `path=value` texts by which the server is reached now, where that differs from the run's settings.

    Raises:
        LLMError: The extra or the key is missing.
        BudgetError: The model has no known price.
    """
    from feedtwin.llm.admin import usage_of

    frames, resolved = journal_of(run)
    settings = llm_settings(assign(resolved, sets) if sets else resolved)
    if budget_microusd is None:
        budget_microusd = max(settings.budget_microusd - usage_of(frames).charged, 0)
    told = {"budget_microusd": budget_microusd, "on_trouble": "degrade"}
    settings = settings.model_copy(update=told)
    sampled = frozenset(code for code in compared if settings.of(code).temperature > 0)
    chosen = {
        code: _spread(list(enumerate(own)), most)
        for code, own in compared.items()
        if code in sampled
    }
    draws = _second(resolved.seed, resolved.replicate)
    service = open_service(settings, draws, Nowhere(), cache_folder=cache, client=client)
    try:
        found = _answers(service, settings, chosen)
        account = service.ledger.account()
        return Again(found, sampled, account.charged, account.paid)
    finally:
        service.close()


def _answers(
    service: Service,
    settings: LlmSettings,
    chosen: Mapping[LlmTask, Sequence[tuple[int, Comparison]]],
) -> dict[LlmTask, dict[int, float]]:
    """Ask step by step, in the batches of a run; what the model did not answer is left out."""
    found: dict[LlmTask, dict[int, float]] = {code: {} for code in chosen}
    by_step: dict[int, list[tuple[LlmTask, int, Comparison]]] = {}
    for code, own in chosen.items():
        for place, one in own:
            by_step.setdefault(one.step, []).append((code, place, one))
    for nth, step in enumerate(sorted(by_step)):
        service.begin_step(nth)
        asked = by_step[step]
        for start in range(0, len(asked), settings.batch_size):
            batch = asked[start : start + settings.batch_size]
            asks = [Ask(task(LlmTask(code).name), one.key, one.request) for code, _, one in batch]
            for (code, place, one), ask, answer in zip(
                batch, asks, service.answer(asks), strict=True
            ):
                if answer.source is not AnswerSource.SURROGATE:
                    found[code][place] = distance(ask.task, one.model, answer.response)
    return found


def distance(kind: Task[Any, Any], one: Response, other: Response) -> float:
    """Return the share of decisions in which two answers differ, 0 to 1; 0 where neither decides anything."""
    ours, theirs = leaves(kind.decisions(one)), leaves(kind.decisions(other))
    names = ours.keys() | theirs.keys()
    differing = sum(ours.get(name) != theirs.get(name) for name in names)
    return differing / max(len(names), 1)


def _compared(
    kind: Task[Any, Any], rows: Sequence[tuple[int, Row]], own: Draws
) -> Iterator[Comparison]:
    keys = [row.name[1] for _, row in rows]
    other = _second(own.root_seed, own.replicate)
    first, second = (kind.chance(draws, keys).tolist() for draws in (own, other))
    for (step, row), ours, theirs in zip(rows, first, second, strict=True):
        request = kind.request.model_validate(row.request, strict=False)
        model = kind.accept(request, row.response)
        stand_in = kind.surrogate(request, ours)
        yield Comparison(
            step, row.name[1], request, model,
            to_stand_in=distance(kind, stand_in, model),
            of_stand_in=distance(kind, stand_in, kind.surrogate(request, theirs)),
        )  # fmt: skip


def _second(seed: int, replicate: int) -> Draws:
    """All chance of the second draw of a replicate."""
    return Draws(seed, (replicate + HALF_OF_REPLICATES) % (2 * HALF_OF_REPLICATES))


def _spread(values: list[Any], most: int = REQUESTS_MAX) -> list[Any]:
    """Return at most so many values, evenly spread."""
    if len(values) <= most:
        return values
    return [values[place * len(values) // most] for place in range(most)]
