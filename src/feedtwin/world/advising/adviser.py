"""The adviser: what a world talks to before it publishes. See `docs/decisions/0039`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from feedtwin.llm.barrier import Barrier
from feedtwin.llm.budget import PPM
from feedtwin.llm.records import StepInputs
from feedtwin.llm.service import Service
from feedtwin.llm.settings import LlmSettings
from feedtwin.llm.task import Answer, Ask
from feedtwin.randomness import Draws
from feedtwin.schema.batches import Batch, EventBatch, Outcomes, SlateBatch
from feedtwin.schema.codes import AnswerSource, LlmTask
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch
from feedtwin.world.advice import LedgerRow
from feedtwin.world.advising.captions import Captions
from feedtwin.world.advising.comments import Comments
from feedtwin.world.advising.consultant import Consultant
from feedtwin.world.advising.deciding import Deciding
from feedtwin.world.advising.names import Names
from feedtwin.world.advising.personas import Personas
from feedtwin.world.advising.texts import Texts
from feedtwin.world.advising.voice import Voice
from feedtwin.world.world import World

Opener = Callable[[], tuple[Service, Mapping[int, StepInputs]]]
"""Opens the service of a run, and gives what the journal holds already."""


class Adviser:
    """Asks on behalf of one world, and completes what it publishes."""

    def __init__(self, world: World, settings: LlmSettings, open_service: Opener) -> None:
        """Stand beside a world; nothing is opened before its next step begins.

        Args:
            world: The world.
            settings: Settings of the service.
            open_service: Opens the service when the next step begins.

        Raises:
            SettingsError: A cohort is none.
        """
        draws = Draws(world.settings.seed, world.settings.replicate)
        content = world.content
        self._open_service = open_service
        self._service: Service | None = None
        self._service_is_at = -1
        self._followed: LlmSettings | None = None
        self._settings = settings
        self._voice = Voice(
            settings=settings,
            sight=world.sight,
            draws=draws,
            names=Names(content.categories.names, content.words.hashtags),
            texts=Texts(content.written),
            titles=lambda rows: [one.title for one in content.captions(rows)],
            service=self._answer,
        )
        executes = world.sight.executes
        base = float(world.settings.section("population")["interest_base"])
        self._personas = Personas(self._voice, base)
        self._captions = Captions(self._voice)
        self._comments = Comments(self._voice)
        self._deciding = Deciding(self._voice, executes)
        self._slates: SlateBatch | None = None
        self._is_on = {task: self._voice.is_on(task) for task in LlmTask if task is not LlmTask.ALL}
        consultant = Consultant(self._voice, executes, world.users.config.steps_per_day)
        for part in world.platform.parts:
            policy = getattr(part, "policy", None)
            if policy is not None and hasattr(policy, "consult"):
                policy.consult(consultant)
        world.notes += tuple(self._voice.notes)

    @property
    def texts(self) -> Texts:
        """Words on record."""
        return self._voice.texts

    # -- what the world calls --------------------------------------------------------------------

    def follow(self, settings: LlmSettings) -> None:
        """Take note that the next step is the first under its settings, and which were in force before."""
        self._followed = settings

    def begin(self, step: int) -> Iterator[Batch]:
        """Yield what a step's barrier decided, and the personas of those who are there from the start."""
        if self._service is None or step != self._service_is_at + 1:
            self.close()
            self._service, past = self._open_service()
            self._voice.texts.fill(past, step)
            if self._followed is not None:
                self._service.follow(self._followed)
                self._followed = None
        self._voice.step, self._service_is_at = step, step
        self._comments.begin()
        yield from _events(self._service.begin_step(step), step)
        if step == 0 and self._is_on[LlmTask.PERSONA_GENERATION]:
            yield from self._personas.written()

    def completed(self, batches: Sequence[Batch]) -> list[Batch]:
        """Return batches as they are to be published: uploads with captions, comments with words, sign-ups with personas."""
        found: list[Batch] = []
        for batch in batches:
            found.append(self._completed(batch))
            if isinstance(batch, EventBatch) and batch.event == "SOCIAL_ACTIVITY":
                found += self._joined(batch)
        return found

    def chosen(self, wishes: Sequence[ActionBatch], reactions: Reactions) -> list[ActionBatch]:
        """Return the wishes of a step, those of LLM-driven users as they chose."""
        if not self._is_on[LlmTask.ACTION_SELECTION]:
            return list(wishes)
        return self._deciding.chosen(wishes, reactions)

    def ledger_rows(self) -> list[LedgerRow]:
        """Return what tasks were asked in the step, as the registry keeps it."""
        assert self._service is not None
        rows = []
        for row in self._service.ledger_rows():
            live, cached, by_rule = (row.answers.get(source, 0) for source in AnswerSource)
            money = row.degraded, row.charged, row.paid
            rows.append((row.task.name, live, cached, by_rule, *money))
        return rows

    def close(self) -> None:
        """Let go of the network."""
        if self._service is not None:
            self._service.close()
            self._service = None

    # -- inside ----------------------------------------------------------------------------------

    def _answer(self, asks: Sequence[Ask]) -> list[Answer[Any]]:
        assert self._service is not None, "a step begins before anybody asks"
        return self._service.answer(asks)

    def _joined(self, activity: EventBatch) -> list[Batch]:
        return self._personas.joined(activity) if self._is_on[LlmTask.PERSONA_GENERATION] else []

    def _completed(self, batch: Batch) -> Batch:
        if isinstance(batch, SlateBatch):
            self._slates = batch
        elif isinstance(batch, Outcomes):
            if self._is_on[LlmTask.COMMENT_GENERATION]:
                assert self._slates is not None, "outcomes follow their slates"
                return self._comments.completed(self._slates, batch)
        elif batch.event == "VIDEO_CREATED" and self._is_on[LlmTask.CAPTION_GENERATION]:
            return self._captions.completed(batch)
        return batch


def _events(barrier: Barrier, step: int) -> Iterator[EventBatch]:
    """Yield the events of a barrier, those that say something."""
    if barrier.changes:
        share = [one.utilisation_ppm / PPM for one in barrier.changes]
        columns: dict[str, np.ndarray] = {
            "task": np.asarray([one.task for one in barrier.changes], np.uint8),
            "from_source": np.asarray([one.from_source for one in barrier.changes], np.uint8),
            "to_source": np.asarray([one.to_source for one in barrier.changes], np.uint8),
            "utilisation": np.asarray(share, np.float32),
        }
        yield EventBatch("LLM_TIER_CHANGED", step, columns)
    if barrier.exceeded:
        columns = {
            "task": np.asarray([one.task for one in barrier.exceeded], np.uint8),
            "budget_microusd": np.asarray([one.budget for one in barrier.exceeded], np.uint64),
            "spend_microusd": np.asarray([one.spend for one in barrier.exceeded], np.uint64),
        }
        yield EventBatch("BUDGET_EXCEEDED", step, columns)
