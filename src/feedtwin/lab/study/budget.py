"""A study's money for language models, shared out so that all its cells together cannot spend more.

Every cell that takes a model's answers gets the same cap, from the study's file alone: not from what is finished, who
works or what other cells spent. So a cell's key and its answers are its own.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from feedtwin.errors import FeedtwinError, SettingsError
from feedtwin.lab.study.plan import Study
from feedtwin.lab.study.settings_check import BUDGET, place_of, settings_of, takes_answers
from feedtwin.schema.settings import Settings
from feedtwin.schema.yaml_reader import Document
from feedtwin.world.counsel import TASKS, check_levers, check_personas, source_of

MICRO: Final = 1_000_000
PAST: Final = ""
"""Name of the shared past, where arms have theirs."""
Worlds = Mapping[str, Settings]
"""Settings in the first replicate, by arm."""


def live_tasks(settings: Settings) -> list[str]:
    """Return the tasks of a world that may ask a model."""
    return [task for task in TASKS if source_of(settings, task) == "live"]


def cap_of(settings: Settings) -> int:
    """Return the most that a run may spend, in micro-dollars."""
    return int(settings.parameters[BUDGET])


def asking(study: Study) -> dict[str, Settings]:
    """Return the worlds of a study that take a model's answers; arms that are one world, once."""
    found: dict[str, Settings] = {}
    for name, settings in _worlds(study).items():
        is_new = all(settings != one for arm, one in found.items() if arm != PAST)
        if takes_answers(settings) and is_new:
            found[name] = settings
    return found


def with_money(study: Study, document: Document, planned: int, *, is_estimate: bool) -> Study:
    """Return the study with its money shared out, checked.

    Args:
        study: The study, otherwise checked.
        document: Its file.
        planned: Replicates that the file declares; the budget is for these.
        is_estimate: Whether only its cost is asked: then it needs no budget.

    Raises:
        SettingsError: An arm asks in vain, or a model that it may ask has no price; or the budget is missing, too
            small for one call of a task, or meant for fewer replicates than are to run.
    """
    for name, settings in _worlds(study).items():
        try:
            check_levers(settings)
            check_personas(settings)
            _check_prices(settings)
        except FeedtwinError as error:
            raise SettingsError(f"{_where(study, name, document)}: {error}") from None
    count = len(asking(study)) * planned
    if not count:
        return study
    if study.llm_budget_usd > 0:
        study = replace(study, llm_share_microusd=_micro(study.llm_budget_usd) // count)
    if not is_estimate:
        for name, settings in asking(study).items():
            _check_cell(study, name, settings, count, document)
        _check_replicates(study, planned, document)
    return study


def _worlds(study: Study) -> Worlds:
    names = [*([PAST] if study.warmup else []), *study.arms]
    return {name: settings_of(study, study.arms.get(name), 0) for name in names}


def _where(study: Study, name: str, document: Document) -> str:
    return document.at("" if name == PAST else place_of(study.arms[name]))


def _micro(usd: float) -> int:
    return int(round(usd * MICRO, 3))  # 0.29 USD are 290,000 micro-dollars, not 289,999


def _check_prices(settings: Settings) -> None:
    if live_tasks(settings):
        from feedtwin.llm.admin import llm_settings
        from feedtwin.llm.estimates import one_call

        for task in live_tasks(settings):
            one_call(llm_settings(settings), task)


def _check_cell(
    study: Study, name: str, settings: Settings, count: int, document: Document
) -> None:
    """Refuse a cell that may ask a model and has no money for a single call."""
    who = f"arm {name}" if name != PAST else "the shared past"
    for task in live_tasks(settings):
        from feedtwin.llm.admin import llm_settings
        from feedtwin.llm.estimates import one_call

        if study.llm_share_microusd is None:
            raise SettingsError(
                f"{_where(study, name, document)}: {who} may ask a language model (llm.{task}.source is live), and "
                "the study has no llm_budget_usd; expected the most that all cells together may spend, in USD. "
                "`feedtwin llm estimate` with this study says what it will take"
            )
        model, call, limit = one_call(llm_settings(settings), task)
        if limit < max(call, 1):
            raise SettingsError(
                f"{document.at('llm_budget_usd')}: {study.llm_budget_usd:g} USD for {count} cells leave {who} "
                f"{limit} micro-dollars a cell for llm.{task}, and one call to {model} can cost {call}; expected "
                f"enough for a call. Raise llm_budget_usd (a cell's {BUDGET} is {cap_of(settings)}), run fewer "
                f"replicates, or set llm.{task}.source=surrogate"
            )


def _check_replicates(study: Study, planned: int, document: Document) -> None:
    """Refuse more replicates than the money is for."""
    most = study.replication.most
    caps = sum(cap_of(one) for one in asking(study).values()) * most
    if study.llm_share_microusd is not None and caps > _micro(study.llm_budget_usd):
        raise SettingsError(
            f"{document.at('llm_budget_usd')}: {most} replicates may spend {caps / MICRO:g} USD on language models, "
            f"and {study.llm_budget_usd:g} USD are for the {planned} that the file declares; raise replicates and "
            f"llm_budget_usd in the file together (finished cells whose share stays are reused), or set a smaller "
            f"{BUDGET}"
        )
