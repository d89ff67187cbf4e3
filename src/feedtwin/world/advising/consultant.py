"""What policies named `llm` are given: names, words and answers; see `policies.consulting`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from feedtwin.llm.task import Answer, Ask
from feedtwin.schema.codes import LlmTask
from feedtwin.world.advising.texts import caption_id
from feedtwin.world.advising.voice import Voice, is_on_record


class Consultant:
    """Speaks for policies; implements `policies.consulting.Consultant`."""

    def __init__(self, voice: Voice, executes: Callable[[str], bool], steps_per_day: int) -> None:
        self._voice, self._executes = voice, executes
        self.names = voice.names
        self.steps_per_day = steps_per_day
        self._cohorts = {
            task: voice.cohort(task)
            for task in (LlmTask.CREATOR_CAMPAIGN, LlmTask.TREND_PREDICTION)
        }

    def in_cohort(self, task: LlmTask, users: np.ndarray) -> np.ndarray:
        """Return about which of some users a model may be asked, bool (N,)."""
        return self._cohorts[task].of(self._voice.sight.users, users)

    def titles(self, rows: np.ndarray) -> list[str]:
        """Return the titles under videos."""
        return self._voice.titles(rows)

    def executes(self, action: str) -> bool:
        """Return whether some part of the world executes an action."""
        return self._executes(action)

    def ask(self, asks: Sequence[Ask]) -> list[Answer[Any]]:
        """Return the answers to asks, in their order."""
        return self._voice.ask(asks)

    def caption(self, answer: Answer[Any], title: str, text: str, tags: Sequence[str]) -> int:
        """Return the text id of a caption that an answer holds; 0 where its words are not on record."""
        return caption_id(title, text, tags) if is_on_record(answer) else 0
