"""What every kind of ask needs: the world's tables, names, words, cohorts, and somebody who answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.errors import SettingsError
from feedtwin.llm.settings import SECTIONS, LlmSettings
from feedtwin.llm.task import Answer, Ask
from feedtwin.randomness import Draws
from feedtwin.schema.codes import AnswerSource, ItemKind, LlmTask
from feedtwin.twins.part import Sight
from feedtwin.world.advising.cohort import ELITE, Cohort
from feedtwin.world.advising.names import Names
from feedtwin.world.advising.texts import Texts


@dataclass
class Voice:
    """Reads the world, and speaks for it.

    Attributes:
        settings: Settings of the service.
        sight: Frozen tables and look-ups of all twins.
        draws: Keyed chance.
        names: Spelling of categories and hashtags.
        texts: Words on record.
        titles: Returns the titles under the videos of some content rows.
        service: Answers asks.
        step: The step under way.
    """

    settings: LlmSettings
    sight: Sight
    draws: Draws
    names: Names
    texts: Texts
    titles: Callable[[np.ndarray], list[str]]
    service: Callable[[Sequence[Ask]], list[Answer[Any]]]
    step: int = 0

    def is_on(self, task: LlmTask) -> bool:
        """Whether a task is asked at all."""
        return self.settings.of(task).source != "off"

    def cohort(self, task: LlmTask) -> Cohort:
        """Return whom a task is about.

        Raises:
            SettingsError: The setting is no cohort, or nobody in this world although the task is on.
        """
        section, own = SECTIONS[task], self.settings.of(task)
        found = Cohort(own.cohort, task, f"llm.{section}.cohort", self.draws)
        count = len(self.sight.users)
        if found.is_beyond(count) and own.source != "off":
            raise SettingsError(
                f"llm.{section}.source is {own.source}, but llm.{section}.cohort is {own.cohort}, and the world has the "
                f"users 0 to {count - 1}: nobody would be asked about; expected ids among them, or "
                f"llm.{section}.source=off"
            )
        if found.is_empty and own.source != "off":
            raise SettingsError(
                f"llm.{section}.source is {own.source}, but llm.{section}.cohort is {own.cohort}: nobody would be asked "
                f"about; expected a cohort such as 0-19, elite or 10%, or llm.{section}.source=off"
            )
        return found

    def ask(self, asks: Sequence[Ask]) -> list[Answer[Any]]:
        """Return the answers to asks, in their order; words of models are kept."""
        if not asks:
            return []
        answers = self.service(asks)
        for ask, answer in zip(asks, answers, strict=True):
            if is_on_record(answer):
                fields = answer.response.model_dump(mode="json")
                self.texts.take(ask.task.code, ask.key, fields, self.step)
        return answers

    def is_elite(self, user: int) -> bool:
        """Whether the budget's reserve is for asks about a creator."""
        return user < len(self.sight.users) and int(self.sight.users.tier[user]) == ELITE

    def is_video(self, row: np.ndarray) -> np.ndarray:
        """Whether content rows are videos of users, and no ads."""
        return self.sight.items.kind[row] == ItemKind.VIDEO


def is_on_record(answer: Answer[Any]) -> bool:
    """Whether the journal has the answer's words: a model's, and no stand-in's."""
    return answer.source is not AnswerSource.SURROGATE
