"""Personas: asked for before the first step and when people sign up, told to the User twin as rows of PREFERENCE_UPDATED."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from feedtwin.llm.task import Ask, task
from feedtwin.llm.tasks.persona import Persona, PersonaRequest
from feedtwin.schema.batches import Batch, EventBatch
from feedtwin.schema.codes import LlmTask, PreferenceCause, SocialActivityKind
from feedtwin.schema.cohorts import TIERS
from feedtwin.twins.user.belonging import MEMBER
from feedtwin.twins.user.table import NO_TOPIC
from feedtwin.world.advising.voice import Voice

_ATTENTION: Final = ("short", "medium", "long")
_ENGAGEMENT: Final = ("quiet", "normal", "lively")


class Personas:
    """Asks who the members of a cohort are."""

    def __init__(self, voice: Voice, interest_base: float) -> None:
        """Bind what is needed.

        Args:
            voice: Who speaks for the world.
            interest_base: Interest in a category that a persona does not name.
        """
        self._voice, self._base = voice, interest_base
        self._task = task("PERSONA_GENERATION")
        self._cohort = voice.cohort(LlmTask.PERSONA_GENERATION)

    def written(self) -> list[Batch]:
        """Return what the personas of those say who are there from the start."""
        users = self._voice.sight.users
        return self._of(np.nonzero(users.member == MEMBER)[0].astype(np.uint32))

    def joined(self, activity: EventBatch) -> list[Batch]:
        """Return what the personas of those say who sign up in a batch of social activities."""
        return self._of(np.sort(activity.user[activity.kind == SocialActivityKind.SIGNED_UP]))

    def _of(self, people: np.ndarray) -> list[Batch]:
        """Ask about those of `people` (sorted ids) in the cohort; people who never open the app have no persona."""
        users = self._voice.sight.users
        people = people[users.activity[people] > 0]
        people = people[self._cohort.of(users, people)]
        answers = self._voice.ask([self._ask(int(user)) for user in people])
        rows = [
            row
            for user, answer in zip(people.tolist(), answers, strict=True)
            for row in self._rows(user, answer.response)
        ]
        if not rows:
            return []
        user, cause, topic, change = (np.asarray(column) for column in zip(*rows, strict=True))
        user = user.astype(np.uint32)
        columns = {
            "user": user,
            "request": users.request[user],
            "change": change.astype(np.float32),
            "cause": cause.astype(np.uint8),
            "topic": topic.astype(np.uint16),
        }
        return [EventBatch("PREFERENCE_UPDATED", self._voice.step, columns)]

    def _ask(self, user: int) -> Ask:
        users, names = self._voice.sight.users, self._voice.names
        field = int(users.expertise[user])
        request = PersonaRequest(
            tier=TIERS[int(users.tier[user])],
            domain=names.categories[field],
            categories=names.offered(field),
        )
        return Ask(self._task, (user,), request, is_privileged=self._voice.is_elite(user))

    def _rows(self, user: int, persona: Persona) -> Iterator[tuple[int, int, int, float]]:
        """Yield (user, cause, topic, change): a row per category, then attention and engagement."""
        settings, names = self._voice.settings, self._voice.names
        liked: dict[int | None, float] = {
            names.category(one.category): one.weight / 100 for one in persona.viewing_preferences
        }
        for code in range(len(names.categories)):
            yield user, PreferenceCause.PERSONA_TASTE, code, liked.get(code, self._base)
        span = settings.persona_attention[_ATTENTION.index(persona.attention)]
        yield user, PreferenceCause.PERSONA_ATTENTION, NO_TOPIC, span
        shift = settings.persona_engagement[_ENGAGEMENT.index(persona.engagement)]
        yield user, PreferenceCause.PERSONA_ENGAGEMENT, NO_TOPIC, shift
