"""Cohorts: whom a task is about: tiers, ids, a share of everybody by keyed draws. How they are said: `schema.cohorts`."""

from typing import Final

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.errors import SettingsError
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.codes import LlmTask
from feedtwin.schema.cohorts import cohort_terms
from feedtwin.schema.parameters import load_defaults

ELITE: Final = 0
_VIEWERS: Final = (LlmTask.PERSONA_GENERATION, LlmTask.COMMENT_GENERATION, LlmTask.ACTION_SELECTION)
"""Tasks that are about people who open the app; the others are about whoever uploads, too."""


class Cohort:
    """Whom a task is about.

    Attributes:
        text: As settings say it.
        terms: What that says.
    """

    def __init__(self, text: str, task: LlmTask, setting: str, draws: Draws) -> None:
        """Read a cohort.

        Args:
            text: Terms with commas between; whoever fits one of them belongs.
            task: The task; shares of different tasks are drawn apart.
            setting: Path of the setting, for messages.
            draws: Keyed chance.

        Raises:
            SettingsError: A term is none.
        """
        self._draws, self._task, self._setting = draws, task, setting
        self.text = text
        self.terms = cohort_terms(text, setting)

    def check(self, users: FrozenColumns, source: str) -> str:
        """Refuse a cohort that is about nobody in a world, or names an id of nobody.

        Whom tiers and shares hold is drawn. That they hold nobody is no error in a further replicate, whose people are
        others, nor of a default that nobody typed; then this returns what a reader of the run must know, else "".

        Args:
            users: The users table of the world.
            source: Who answers the task, for messages.

        Raises:
            SettingsError: says what it names and whom the world has.
        """
        section = self._setting.rpartition(".")[0]
        said = f"{section}.source is {source}, but {self._setting} is {self.text}"
        off = f"or {section}.source=off"
        if self.terms.is_none:
            raise SettingsError(
                f"{said}: nobody would be asked about; expected a cohort such as 0-19, elite or 10%, {off}"
            )
        if (
            self.terms.is_all or self._task is LlmTask.TREND_PREDICTION
        ):  # forecasts are about nobody
            return ""
        is_somebody = users.activity > 0
        if self._task not in _VIEWERS:
            is_somebody = is_somebody | (users.upload_rate > 0)
        for low, high in self.terms.ranges:
            if not is_somebody[low : high + 1].any():
                term = str(low) if low == high else f"{low}-{high}"
                known = np.nonzero(is_somebody)[0]
                have = f"{known[0]} to {known[-1]}" if len(known) else "none"
                raise SettingsError(
                    f"{said}, and the world has nobody with the id {term} (ids of people here: {have}): nobody would be "
                    f"asked about there; expected ids among them, {off}"
                )
        everybody = np.nonzero(is_somebody)[0].astype(np.uint32)
        if self.of(users, everybody).any():
            return ""
        nobody = f"{said}, and none of the {len(everybody):,} people of this world belongs to it: nobody would be asked about"
        if self._draws.replicate:
            return f"{nobody}; in this replicate chance has it so"
        if self.text == load_defaults().values()[self._setting]:
            return (
                f"{nobody}; that is the default, for others set {self._setting}, e.g. to 10% or all"
            )
        raise SettingsError(
            f"{nobody}; expected a larger world or another cohort (all is everybody), {off}"
        )

    def of(self, users: FrozenColumns, user: np.ndarray) -> np.ndarray:
        """Return which of some users belong, bool (N,)."""
        terms = self.terms
        found = np.full(len(user), terms.is_all)
        if terms.is_all or terms.is_none or not len(user):
            return found
        if terms.tiers:
            found |= np.isin(users.tier[user], terms.tiers)
        for low, high in terms.ranges:
            found |= (user >= low) & (user <= high)
        if terms.share:
            draw = self._draws.uniform(Stream.LLM_COHORT, user.astype(np.uint32), int(self._task))
            found |= draw < np.float32(terms.share)
        return found
