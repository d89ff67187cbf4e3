"""Counsel: where the answers of one run come from. The journal first, then cache, server, stand-in.

A world whose tasks are all off needs none, and nothing of `llm` is imported for it. Replay, trace, compare and
resume reach past steps with what the journal holds, and ask nobody there.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedtwin.errors import RunFolderError, SettingsError
from feedtwin.policies.interface import entry_of
from feedtwin.randomness import Draws
from feedtwin.record.journal import Frame, commits, read_journal
from feedtwin.schema.settings import Settings
from feedtwin.world.reaching import Reach

if TYPE_CHECKING:
    from feedtwin.llm.clients import Client
    from feedtwin.llm.records import Recorder, StepInputs
    from feedtwin.llm.service import Service
    from feedtwin.llm.settings import LlmSettings
    from feedtwin.world.world import World

NOTHING = -1
OFF = "off"
TASKS = ("persona", "caption", "comment", "campaign", "trend", "decision")
"""Sections of the tasks; the same as in `llm.settings`, which a world without models does not load."""
ASKED_BY_LEVERS = {"campaigns": "campaign", "forecast": "trend"}
"""Tasks that policies ask, by lever."""
INPUT_PREFIX = "llm."
"""What names of input records of language models begin with."""
Inputs = Sequence[tuple[int, str, Mapping[str, Any]]]
"""(step, name, payload) of input records."""


def uses_models(settings: Settings) -> bool:
    """Whether any task of a world is on."""
    return any(source_of(settings, section) != OFF for section in TASKS)


def source_of(settings: Settings, section: str) -> str:
    """Return who answers a task; settings that were resolved before there was one have it off."""
    return str(settings.parameters.get(f"llm.{section}.source", OFF))


def inputs_of(frames: Sequence[Frame], before: int | None = None) -> list[tuple[int, str, Any]]:
    """Return the input records of language models in a journal, those before a step if one is given."""
    found = []
    for frame in frames:
        if frame.kind == "input" and str(frame.payload["name"]).startswith(INPUT_PREFIX):
            step = int(frame.payload["step"])
            if before is None or step < before:
                found.append((step, str(frame.payload["name"]), frame.payload["payload"]))
    return found


@dataclass
class Counsel:
    """Opens a service for whichever world needs one, over one journal.

    Attributes:
        inputs: Input records that the journal holds already.
        replays_until: Last step that the journal holds whole: nobody is asked in it or before.
        cache: Folder of answers on disk; None for none.
        is_offline: Whether nobody may be asked: answers come from journal, cache and stand-ins.
        client: A client instead of the one that the settings name.
        journal: Where answers are recorded before use; None where nothing is recorded and nobody asked.
        reach: What is said about the server beside the settings.
        run: The run's folder as a command names it, for what is said when the run stops.
    """

    inputs: Inputs = ()
    replays_until: int = NOTHING
    cache: Path | None = None
    is_offline: bool = False
    client: "Client | None" = None
    journal: "Recorder | None" = None
    reach: Reach = field(default_factory=Reach)
    run: str = "RUN"
    _past: "dict[int, StepInputs] | None" = field(default=None, repr=False)

    @classmethod
    def of_frames(cls, frames: Sequence[Frame], **options: Any) -> "Counsel":
        """Return the counsel of a run that has a past."""
        before = int(frames[0].payload.get("start_step", 0)) - 1
        return cls(inputs_of(frames), max(commits(frames), default=before), **options)

    @classmethod
    def of_run(cls, path: Path) -> "Counsel":
        """Return a counsel that knows what a run's journal holds and asks nobody."""
        return cls.of_frames(read_journal(path / "journal", strict=False), is_offline=True)

    def check(self, settings: Settings) -> None:
        """Fail early where a run with these settings could not ask: extra, key, price, address, cache.

        Raises:
            LLMError: The extra or the key is missing, or the address is none.
            BudgetError: A model has no known price.
            RunFolderError: The cache is no folder, or answers that are paid for could not be kept in it.
        """
        if uses_models(settings):
            from feedtwin.llm.records import Nowhere

            if self.cache is not None:
                is_live = any(source_of(settings, section) == "live" for section in TASKS)
                _check_cache(self.cache, is_written=is_live and not self.is_offline)
            is_given = self.client is not None  # it is its owner's, and stays open
            trial = Counsel(is_offline=self.is_offline or is_given)
            service, _ = trial._open(settings, self._llm(settings), Nowhere())
            service.close()

    def check_money(self, settings: Settings) -> None:
        """Refuse a new run with a live task that has no money for a single call.

        Raises:
            BudgetError: names the task, its money and what a call can cost.
        """
        if any(source_of(settings, section) == "live" for section in TASKS):
            from feedtwin.llm.estimates import check_money

            check_money(self._llm(settings))

    def join(self, world: "World") -> None:
        """Give a world its adviser, if its settings use language models.

        Raises:
            SettingsError: A cohort is none, levers and tasks do not go together, or thresholds are out of order.
        """
        world.counsel = self
        check_levers(world.settings)
        check_personas(world.settings)
        _check_thresholds(world.settings)
        if uses_models(world.settings):
            from feedtwin.world.advising import Adviser  # loads `llm`, so only where it is used

            settings = self._llm(world.settings)
            world.adviser = Adviser(
                world, settings, lambda: self._open(world.settings, settings, self._recorder())
            )

    def follow(self, world: "World", settings: Settings) -> None:
        """Tell a world's adviser that its next step is the first under its settings, and which were in force before."""
        if world.adviser is not None:
            world.adviser.follow(self._llm(settings))

    def _llm(self, settings: Settings) -> "LlmSettings":
        from feedtwin.llm.admin import llm_settings

        return llm_settings(self.reach.applied(settings))

    def _recorder(self) -> Any:
        return None if self.journal is None else _Remembering(self.journal, self._known())

    def _known(self) -> "dict[int, StepInputs]":
        """What the journal holds by now, by step."""
        if self._past is None:
            from feedtwin.llm.records import StepInputs

            self._past = {}
            for step, name, payload in self.inputs:
                self._past.setdefault(step, StepInputs()).take(name, payload)
        return self._past

    def _open(
        self, settings: Settings, own: "LlmSettings", recorder: Any
    ) -> "tuple[Service, Mapping[int, StepInputs]]":
        from feedtwin.llm.opening import open_service

        past = dict(self._known())
        service = open_service(
            own,
            Draws(settings.seed, settings.replicate),
            recorder,
            cache_folder=self.cache,
            past=past,
            replays_until=self.replays_until,
            is_offline=self.is_offline or recorder is None,
            client=self.client,
            run=self.run,
        )
        return service, past


class _Remembering:
    """A journal that also keeps what it records for a service that is opened later."""

    def __init__(self, journal: "Recorder", known: "dict[int, StepInputs]") -> None:
        self._journal, self._known = journal, known

    def append_input(self, step: int, name: str, payload: Mapping[str, Any]) -> None:
        """Record an input of a step before it is used."""
        from feedtwin.llm.records import StepInputs

        self._journal.append_input(step, name, payload)
        self._known.setdefault(step, StepInputs()).take(name, payload)

    def sync(self) -> None:
        """Have the disk acknowledge what was recorded."""
        self._journal.sync()


def _check_cache(folder: Path, *, is_written: bool) -> None:
    """Refuse a cache that is no folder or, where answers will be kept, cannot be written; nothing is made."""
    nearest = next(
        (one for one in (folder, *folder.absolute().parents) if os.path.lexists(one)), folder
    )
    if not nearest.is_dir():
        problem = f"{nearest} is no folder"
    elif is_written and not os.access(nearest, os.W_OK | os.X_OK):
        problem = f"{nearest} cannot be written"
    elif not os.access(nearest, os.X_OK):
        problem = f"{nearest} cannot be read"
    else:
        return
    raise RunFolderError(
        f"{folder}: {problem}; expected a folder for answers of language models, which may be new. Nothing was asked: "
        "choose another with --llm-cache, or mend this one"
    )


def asks(settings: Settings, lever: str) -> bool:
    """Whether the policy that a lever has asks language models."""
    return hasattr(entry_of(lever, settings.policies[lever]).factory, "consult")


def check_levers(settings: Settings) -> None:
    """Refuse a policy that asks language models where nobody answers, and a task that no policy asks.

    Raises:
        SettingsError: names lever and task.
    """
    for lever, section in ASKED_BY_LEVERS.items():
        name = settings.policies[lever]
        source, is_asking = source_of(settings, section), asks(settings, lever)
        if is_asking and source == OFF:
            raise SettingsError(
                f"policies.{lever} is {name}, which asks a language model, but llm.{section}.source is off; expected "
                "who answers: set it to surrogate, cached or live"
            )
        if not is_asking and source != OFF:
            raise SettingsError(
                f"llm.{section}.source is {source}, but policies.{lever} is {name}, which asks nobody; set "
                f"policies.{lever}=llm, or llm.{section}.source=off"
            )


def check_personas(settings: Settings) -> None:
    """Refuse a world whose people wait for personas that nobody is asked for.

    Raises:
        SettingsError: names both settings.
    """
    used = settings.parameters.get("population.persona_use")  # older settings have none
    if used == "asked" and source_of(settings, "persona") == OFF:
        raise SettingsError(
            "population.persona_use is asked, but llm.persona.source is off; expected who answers: set it to surrogate, "
            "cached or live, or population.persona_use=written for personas by rule"
        )


def _check_thresholds(settings: Settings) -> None:
    """Refuse comments that are answered live longer than personas, where a world has both.

    Raises:
        SettingsError: names both thresholds.
    """
    if OFF in (source_of(settings, "comment"), source_of(settings, "persona")):
        return
    comment, persona = (
        float(settings.parameters[f"llm.{section}.live_until"])
        for section in ("comment", "persona")
    )
    if comment > persona:
        raise SettingsError(
            f"llm.comment.live_until is {comment:g}, but llm.persona.live_until is {persona:g}; expected comments, the "
            f"cheaper loss, to go to templates first or together: set llm.comment.live_until to {persona:g} or less"
        )
