"""The step: the only code that decides the order of things.

A step is a list of phases; each phase computes on frozen columns and ends by publishing typed batches; a
twin changes only its own columns, only inside its `on_<event>` handlers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np

from feedtwin.bus import Bus, Published
from feedtwin.errors import IntegrityError
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.batches import Batch, EventBatch, Outcomes, SlateBatch
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch
from feedtwin.schema.settings import Settings
from feedtwin.twins.content import ContentTwin
from feedtwin.twins.interaction import InteractionTwin
from feedtwin.twins.part import Sight, load_parts, nothing_trends, offered, prefixed
from feedtwin.twins.platform import PlatformTwin
from feedtwin.twins.user import UserTwin
from feedtwin.world.advice import Advice
from feedtwin.world.digest import StepDigest, start_digest
from feedtwin.world.executors import executors_of
from feedtwin.world.script import Script

Twins = tuple[UserTwin, ContentTwin, InteractionTwin, PlatformTwin]
Recorder = Callable[[Published], None]
AuditRow = tuple[str, str, dict[str, Any]]
"""Who did what, and the details; the registry keeps it."""


class World:
    """Four twins, one bus, one clock.

    A part with `audited` (event names) and `audit(batch)` adds rows to `audit`, the audit of the latest step, to
    which platform actions are added as they are executed.
    """

    def __init__(
        self,
        settings: Settings,
        twins: Twins,
        notes: tuple[str, ...] = (),
        *,
        reverse_handlers: bool = False,
    ) -> None:
        self.settings = settings
        self.notes = notes
        self.users, self.content, self.interaction, self.platform = twins
        self.step_count = 0
        self.digest = start_digest(settings.seed, settings.replicate)
        self.seconds: dict[str, float] = {}
        self.recorder: Recorder | None = None
        self.adviser: Advice | None = None
        self.counsel: Any = None
        """Who gave the adviser, to give one to a world that takes this one's place."""
        self._digest = StepDigest(len(self.users.table))
        self.twins: dict[str, Any] = dict(
            zip(("user", "content", "interaction", "platform"), twins, strict=True)
        )
        self.bus = Bus(self.twins, self._record, reverse_handlers=reverse_handlers)
        self._executors = executors_of(self.twins)
        self.audit: list[AuditRow] = []
        self._auditors: dict[str, list[Any]] = {}
        for part in self._parts():
            for event in getattr(part, "audited", ()):
                self._auditors.setdefault(event, []).append(part)
        categories = self.content.categories
        self.users.bind(self.content.table, categories.vectors)
        self.platform.bind(
            self.users.table, self.content.table, self.users.ties,
            (categories.vectors, categories.inv_norm), self.content.rows_of, self.users,
        )  # fmt: skip
        self.sight = Sight(
            self.users.table, self.content.table, self.platform.accounts, self.platform.catalogue,
            self.users.ties, (categories.vectors, categories.inv_norm), self.content.rows_of,
            self.platform.active_users, self.platform.telemetry, self.platform.view,
            offered(self._parts()), self._executors.__contains__, self._trending(),
        )  # fmt: skip
        self.content.bind(self.sight.trending)
        for part in self._parts():
            part.bind(self.sight)
        people = len(self.users.table)
        limits = {"user": people, "target": people, "category": len(categories.vectors)}
        self._script = Script(settings.script, self._executors, limits)
        self.executed: Counter[str] = Counter()
        """Rows that came of each action executed at the end of steps, since this object was made."""

    def step(self) -> None:
        """Advance by one step (an hour)."""
        step = self.step_count
        self._digest = StepDigest(len(self.users.table))
        self.audit = []

        with self.phase("routines") as publish:  # what is due: item totals, exposure stages, trends
            publish(*self._advised(step), self.content.report(step))
            for asked_for in self.platform.routines(step):
                publish(*self._execute(asked_for))
            for part in self._able("due"):
                publish(*part.due(step))

        with self.phase("decide") as publish:  # who opens the app, and who uploads
            sessions, uploaders = self.users.decide(step)
            publish(*sessions)

        with self.phase("create") as publish:  # uploads first: they can be served in this step
            publish(self.content.create(uploaders, self.users.table, step))

        with self.phase("index"):  # pools, rings and base scores of this step's serving
            self.platform.prepare(step)

        rounds: list[tuple[SlateBatch, Outcomes]] = []
        while (asked := self.users.ask(step)).rows:  # sessions go on, slate after slate
            with self.phase("request") as publish:
                asked = asked if rounds else self._script.turned(asked)
                publish(asked)

            with self.phase("serve") as publish:  # retrieve, rank, re-rank: one slate per request
                slates = self.platform.serve(asked)
                publish(slates)

            if not slates.rows:  # nobody was shown anything: all of them give up
                with self.phase("learn") as publish:
                    publish(self.users.give_up(slates))
                continue

            with self.phase("encounter"):  # hook, match, watch, engage: one outcome per impression
                outcomes = self._meet(slates)

            with self.phase("learn") as publish:
                publish(outcomes, self.users.give_up(slates))
                rounds.append((slates, outcomes))

        with self.phase("execute") as publish:  # what people do about what they saw
            reactions = Reactions(step, rounds)
            for done in self._carried_out(reactions):  # follow, gift, report, post, ...
                publish(*done)
            for part in self._able("settle"):  # what follows without an action: payment for ads
                publish(*part.settle(reactions))
            for part in self._able("check"):  # what a part vouches for: the books balance
                part.check(step)

        with self.phase("digest"):
            self.digest = self._finish_digest(step)
        self.step_count += 1

    def _meet(self, slates: SlateBatch) -> Outcomes:
        return self.interaction.resolve(
            slates, self.users.table, self.content.table, self.content.match_vectors,
            self.content.categories.traits, self.users.config.session_scalars(),
        )  # fmt: skip

    def actions(self, reactions: Reactions) -> list[ActionBatch]:
        """What is scripted, and what users do beyond watching, in the order of the actions' numbers."""
        wanted = self._script.actions(reactions.step)
        wishes = [
            asked
            for part in self.users.parts
            if hasattr(part, "act")
            for asked in part.act(reactions)
            if asked.rows
        ]
        wanted += wishes if self.adviser is None else self.adviser.chosen(wishes, reactions)
        return sorted(wanted, key=lambda asked: ACTIONS[asked.action].number)

    def _carried_out(self, reactions: Reactions) -> Iterator[list[Batch]]:
        """Execute one wish after the other; what came of the script goes to the audit."""
        for wish in self.actions(reactions):
            yield self._execute(wish)
        self.audit += self._script.report(reactions.step)

    def _execute(self, asked: ActionBatch) -> list[Batch]:
        part = self._executors[asked.action]
        batches = list(getattr(part, asked.method)(asked))
        rows = max((batch.rows for batch in batches), default=asked.rows)
        self.executed[asked.action] += rows
        self._script.executed(asked, rows)
        if ACTIONS[asked.action].actor == "platform":
            counts = {batch.event: batch.rows for batch in batches}
            self.audit.append(("platform", asked.action, counts))
        return batches

    def _advised(self, step: int) -> Iterable[Batch]:
        """What the barrier decided about language models, if the world has any."""
        return () if self.adviser is None else self.adviser.begin(step)

    def _trending(self) -> Callable[[int], np.ndarray]:
        """The trend tracker's list, if the platform has a tracker."""
        found = [part.trending for part in self.platform.parts if hasattr(part, "trending")]
        return found[0] if found else nothing_trends

    def _parts(self) -> Iterator[Any]:
        """The parts that twins consist of beside themselves, twin by twin."""
        for twin in self.twins.values():
            yield from twin.parts[1:]

    def _able(self, verb: str) -> Iterator[Any]:
        """The parts that have a verb, twin by twin."""
        return (part for part in self._parts() if hasattr(part, verb))

    @contextmanager
    def phase(self, name: str) -> Iterator[Callable[..., None]]:
        """Time a phase and give it the right to publish; batches are delivered when published."""
        began = perf_counter()

        def publish(*batches: Batch) -> None:
            said = [batch for batch in batches if _says_something(batch)]
            self.bus.publish(said if self.adviser is None else self.adviser.completed(said), name)

        yield publish
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - began

    def _record(self, published: Published) -> None:
        self._digest.add_batch(published.batch)
        for part in self._auditors.get(published.batch.event, ()):
            self.audit.extend(part.audit(published.batch))
        if self.recorder is not None:
            self.recorder(published)

    def _finish_digest(self, step: int) -> bytes:
        digest = self._digest
        digest.add_users({**self.users.block_state(), **self.platform.block_state()})
        digest.add_rest(self.content.state().values())
        digest.add_rest(self.platform.rest_state().values())
        for twin in self.twins.values():
            digest.add_users(prefixed(twin.parts[1:], "user_state"))
            digest.add_rest(prefixed(twin.parts[1:], "rest_state").values())
        return digest.finish(self.digest, step)

    # -- state -----------------------------------------------------------------------------------

    def state(self) -> dict[str, np.ndarray]:
        """Return every array a snapshot must keep, named `<twin>.<column>`."""
        parts: dict[str, Any] = {
            "user": self.users.state(),
            "content": self.content.state(),
            "platform": self.platform.state(),
        }
        for name, twin in self.twins.items():
            parts.setdefault(name, {}).update(prefixed(twin.parts[1:], "state"))
        return {
            f"{twin}.{name}": array for twin, part in parts.items() for name, array in part.items()
        }

    def load_state(self, state: dict[str, np.ndarray], step_count: int, digest: bytes) -> None:
        """Restore a snapshot taken after `step_count` steps.

        Raises:
            IntegrityError: The snapshot does not hold this release's columns.
        """
        expected, found = set(self.state()), set(state)
        if expected != found:
            raise IntegrityError(
                f"snapshot after step {step_count - 1}: holds other columns than this release's "
                f"(missing {sorted(expected - found)[:4]}, unknown {sorted(found - expected)[:4]}); it was "
                "written by other code (see code_hash in manifest.json). Use that release, or remove the "
                "run's snapshots to execute again from the start"
            )

        def part(twin: str) -> dict[str, np.ndarray]:
            start = f"{twin}."
            return {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}

        for name, twin in self.twins.items():
            own, others = part(name), twin.parts[1:]
            starts = tuple(f"{other.name}." for other in others)
            load_parts(others, {k: v for k, v in own.items() if k.startswith(starts)})
            if hasattr(twin, "load_state"):
                twin.load_state({k: v for k, v in own.items() if not k.startswith(starts)})
        self.step_count = step_count
        self.digest = digest


def _says_something(batch: Batch) -> bool:
    """Empty batches are not published; the hourly item report is, for time passes without views too."""
    return (
        not isinstance(batch, EventBatch)
        or bool(batch.rows)
        or (batch.event == "CONTENT_STATE_UPDATED")
    )
