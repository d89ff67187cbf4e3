"""What every kind of ask needs: the world's tables, names, words, cohorts, and somebody who answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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
        notes: What a reader of the run must know of its cohorts.
    """

    settings: LlmSettings
    sight: Sight
    draws: Draws
    names: Names
    texts: Texts
    titles: Callable[[np.ndarray], list[str]]
    service: Callable[[Sequence[Ask]], list[Answer[Any]]]
    step: int = 0
    notes: list[str] = field(default_factory=list)

    def is_on(self, task: LlmTask) -> bool:
        """Whether a task is asked at all."""
        return self.settings.of(task).source != "off"

    def cohort(self, task: LlmTask) -> Cohort:
        """Return whom a task is about.

        Raises:
            SettingsError: The setting is no cohort, or about nobody in this world although the task is on.
        """
        section, own = SECTIONS[task], self.settings.of(task)
        found = Cohort(own.cohort, task, f"llm.{section}.cohort", self.draws)
        if own.source != "off":
            note = found.check(self.sight.users, own.source)
            self.notes += [note] if note else []
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
