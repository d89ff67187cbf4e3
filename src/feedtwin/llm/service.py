"""The service: asks in, answers out, in the order of the asks, whoever answers and however long it takes.

A twin's part hands its asks over at the end of a phase and has the answers before anything is written.
Who may ask a model is decided at step barriers and, within a phase, in canonical order; answers are in the
journal before they are used. In a replay the journal answers, and nobody is asked.
"""

from collections.abc import Sequence
from time import monotonic
from typing import Any

from feedtwin.errors import DeterminismError, LLMError, SettingsError
from feedtwin.llm.barrier import Barrier, Barriers, LedgerRow
from feedtwin.llm.breaker import Breaker
from feedtwin.llm.budget import Ledger
from feedtwin.llm.clients import Heard
from feedtwin.llm.decoding import Refused
from feedtwin.llm.desk import Desk, Pending
from feedtwin.llm.dispatch import Direct, Dispatcher, Limits
from feedtwin.llm.flush import Flush
from feedtwin.llm.records import (
    ANSWERS,
    SENT,
    Counts,
    CountsByTask,
    Recorder,
    Unrecorded,
    merge,
)
from feedtwin.llm.rehearsal import Rehearsal
from feedtwin.llm.settings import SECTIONS, LlmSettings
from feedtwin.llm.shelf import Shelf
from feedtwin.llm.sources import Sources
from feedtwin.llm.task import Answer, Ask
from feedtwin.llm.trouble import DOWN, NOT_CACHED, OVERRUN, QUEUE_FULL, set_up_error, told_to_stop
from feedtwin.randomness import Draws
from feedtwin.schema.codes import AnswerSource, LlmTask

LIVE, CACHED, SURROGATE = AnswerSource.LIVE, AnswerSource.CACHED, AnswerSource.SURROGATE


class Service:
    """Answers the asks of one run."""

    def __init__(
        self,
        settings: LlmSettings,
        draws: Draws,
        sources: Sources | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        """Put a service together.

        Args:
            settings: Settings of the service.
            draws: All chance of the replicate; stand-ins draw from it.
            sources: Client, cache and journal; None answers by stand-ins only.
            recorder: The run's journal; needed wherever an answer can come from outside.

        Raises:
            BudgetError: A model that may be asked has no known price.
        """
        self.settings, self._draws, self._recorder = settings, draws, recorder
        self._sources = sources or Sources()
        from_outside = self._sources.client or self._sources.cache
        assert from_outside is None or recorder is not None, "answers are recorded before use"
        for task in SECTIONS:
            if settings.source(task) is not SURROGATE:
                settings.price(task)
        self.ledger = Ledger(settings.caps())
        self._barriers = Barriers(settings, self.ledger, self._sources.past)
        salt = draws.root_seed, draws.replicate
        self._desk = Desk(settings, self.ledger, salt, self._sources.screen)
        self._dispatcher = self._open_dispatcher()
        self._breaker = Breaker(settings, self._sources.past)
        self._shelf = Shelf(settings, self._desk, self._sources.cache)
        self._flush_count = 0
        # Where nothing is recorded nothing could be resumed, and a rehearsal says what would be degraded.
        self._stops = (
            settings.on_trouble == "stop"
            and recorder is not None
            and not isinstance(self._sources.client, Rehearsal)
        )

    @property
    def counts(self) -> CountsByTask:
        """Answers of each task so far."""
        return self._barriers.counts

    def follow(self, settings: LlmSettings) -> None:
        """Take note of the settings that were in force before the first step to begin, where it is the first under its own."""
        self._barriers.follow(settings)

    def begin_step(self, step: int) -> Barrier:
        """Decide, at the barrier before a step, who answers in it; steps begin in order."""
        self._flush_count = 0
        self._breaker.begin(step)
        return self._barriers.begin(step)

    def ledger_rows(self) -> list[LedgerRow]:
        """Return what tasks were asked in this step and what it cost, for the registry."""
        return self._barriers.rows()

    def answer(self, asks: Sequence[Ask]) -> list[Answer[Any]]:
        """Answer the asks of a phase.

        Args:
            asks: One per task and key. Their order is the order of the answers and changes nothing else.

        Raises:
            LLMError: No answer came, and the run stops for that (`trouble.py`); a resumed run asks again.
            DeterminismError: The journal's answer belongs to another request.
        """
        step = self._barriers.step
        assert step is not None, "a step begins before anybody asks"
        assert len({ask.name for ask in asks}) == len(asks), "an ask occurs twice in a phase"
        deadline = monotonic() + self.settings.flush_deadline_s
        flush = Flush(step, self._flush_count, deadline)
        self._flush_count += 1
        for ask in sorted(asks, key=lambda ask: ask.order):
            if not self._recalled(flush, ask):
                self._route(flush, ask)
        self._heed(flush)
        for start in range(0, len(flush.waiting), self.settings.batch_size):
            self._batch(flush, flush.waiting[start : start + self.settings.batch_size])
        self._stand_in(flush)
        self._record(flush, is_last=True)
        return [flush.answers[ask.name] for ask in asks]

    def close(self) -> None:
        """Let go of the network."""
        if self._dispatcher is not None:
            self._dispatcher.close()

    # -- routing ---------------------------------------------------------------------------------

    def _recalled(self, flush: Flush, ask: Ask) -> bool:
        """Answer from the journal, if the step is on record."""
        inputs = self._sources.past.get(flush.step)
        row = None if inputs is None else inputs.rows.get(ask.name)
        if row is None:
            if flush.step > self._sources.replays_until:
                return False
            flush.leave(ask)  # what has no row, the stand-in answered
            return True
        try:
            if row.request_hash != ask.request_hash():
                raise Refused("another request")
            response = ask.task.accept(ask.request, row.response)
        except Refused as refused:
            if flush.step > self._sources.replays_until:
                return False  # of a step that a crash cut short, and that took another turn since
            raise DeterminismError(
                f"journal, answers of step {flush.step}: {ask.task.name} of {ask.key}: {refused.reason}; expected "
                "the request and the kind of answer that are on record. The code or a data file is not the one "
                "that made this run (see code_hash in manifest.json)"
            ) from None
        flush.answers[ask.name] = Answer(response, row.source, row.reason)
        return True

    def _route(self, flush: Flush, ask: Ask) -> None:
        """Leave an ask to the stand-in, to the cache alone, or let it wait for a model."""
        source = self.settings.source(ask.task.code)
        if source not in ask.task.sources:
            allowed = ", ".join(sorted(one.name.lower() for one in ask.task.sources))
            raise SettingsError(
                f"llm.{SECTIONS[ask.task.code]}.source is {source.name.lower()}, but {ask.task.name} takes answers "
                f"from {allowed} only; choose one of them"
            )
        if source is SURROGATE or not ask.in_cohort:
            flush.leave(ask)
        elif source is LIVE and self._barriers.disputed:
            self._without_model(flush, ask, OVERRUN)
        elif self._barriers.tier(ask.task.code) is not source and not ask.is_privileged:
            self._without_model(flush, ask, self._barriers.why(ask.task.code))
        elif len(flush.waiting) >= self.settings.queue_max:
            self._without_model(flush, ask, QUEUE_FULL)
        else:
            flush.waiting.append(ask)

    def _without_model(
        self, flush: Flush, ask: Ask, reason: str, pending: Pending | None = None
    ) -> None:
        """Look an ask up, free of charge, that gets no live answer; else it is the stand-in's."""
        may = self.settings.source(ask.task.code) is LIVE and CACHED in ask.task.sources
        if not (may and self._looked_up(flush, pending or self._desk.prepare(ask), reason)):
            flush.leave(ask, reason)

    def _batch(self, flush: Flush, asks: Sequence[Ask]) -> None:
        """Answer up to a batch of asks for which a model may be asked."""
        pendings = [self._desk.prepare(ask) for ask in asks]
        # All reserve before the first one settles, so that records and models admit the same asks.
        admitted = [one for one in pendings if self._desk.reserve(one)]
        for pending in pendings:
            if pending.reservation is None:
                self._without_model(flush, pending.ask, pending.reason, pending)
        left = [one for one in admitted if not self._looked_up(flush, one)]
        while left:  # again where a model was tried with one ask first
            now, left = self._to_call(flush, left)
            self._heed(flush, [*now, *left])
            if now:
                self._ask_model(flush, now, left)
                self._heed(flush, left)
        self._heed(flush)

    def _to_call(
        self, flush: Flush, misses: Sequence[Pending]
    ) -> tuple[list[Pending], list[Pending]]:
        """Return which asks go out now, and which wait for what one request to their model finds."""
        now: list[Pending] = []
        later: list[Pending] = []
        tried: set[str] = set()
        for pending in misses:
            way = self._way(pending)
            if not self._is_asked(pending) or self._breaker.is_left_alone(way):
                self._desk.release(pending)
                flush.leave(pending.ask, DOWN if self._is_asked(pending) else NOT_CACHED)
            elif self._breaker.is_on_trial(way) and way in tried:
                later.append(pending)
            else:
                tried.add(way)
                now.append(pending)
        return now, later

    def _heed(self, flush: Flush, held: Sequence[Pending] = ()) -> None:
        """Stop the run, with what was answered on record, if it is told to stop and has reason to.

        Raises:
            LLMError: It stops; `held` get their reservations back.
        """
        if flush.step <= self._sources.replays_until or not self._stops:
            return
        missed = [(ask, reason) for ask, reason, _ in flush.stand_ins]
        error = told_to_stop(self.settings, flush.step, missed, self._sources.run)
        if error is not None:
            for pending in held:
                self._desk.release(pending)
            self._record(flush)
            raise error

    def _looked_up(self, flush: Flush, pending: Pending, reason: str = "") -> bool:
        """Answer from the cache if it can."""
        is_asked = self._is_asked(pending)
        return self._shelf.answered(flush, pending, reason, is_asked=is_asked)

    def _is_asked(self, pending: Pending) -> bool:
        """Whether a model may be asked at all: the task is live, and there is a network."""
        is_live = self.settings.source(pending.ask.task.code) is LIVE
        return is_live and self._dispatcher is not None

    def _way(self, pending: Pending) -> str:
        """Return whom an ask goes to: a model at an address."""
        return f"{self.settings.of(pending.ask.task.code).model} at {self.settings.base_url}"

    # -- the model -------------------------------------------------------------------------------

    def _open_dispatcher(self) -> Dispatcher | Direct | None:
        client, settings = self._sources.client, self.settings
        if client is None:
            return None
        if isinstance(client, Rehearsal):
            return Direct(client.answer_now)
        limits = Limits(settings.concurrency, settings.rate_per_minute, settings.call_timeout_s)
        return Dispatcher(client, limits)

    def _ask_model(self, flush: Flush, pendings: list[Pending], held: list[Pending]) -> None:
        """Send a batch in rounds and take its answers.

        A round reserves in order, records the reservations, sends side by side and waits for all; then it
        settles and reads in order. Retries and repairs are the next round, so who gets the last of the
        money never depends on who was answered first. A model on trial gets one call.

        Raises:
            LLMError: The run cannot go on with this key, address or model; `held` get their reservations back.
        """
        left = pendings
        while left:
            self._round(flush, left)
            left = [one for one in left if one.response is None and not one.is_over]
            left = [
                one
                for one in left
                if not (one.attempts and self._breaker.is_on_trial(self._way(one)))
            ]
            if left:
                pause = max(one.wait_s for one in left)
                self._pause(min(pause, max(flush.deadline - monotonic(), 0.0)))
                left = [one for one in left if self._reserved_again(flush, one)]
        error = self._hear(flush, pendings)
        failed = []
        try:
            self._shelf.keep([one for one in pendings if one.response is not None or not error])
        finally:  # what was paid for is on record, also where the cache cannot be written
            for pending in pendings:
                if pending.response is not None:
                    source = CACHED if pending.standing else LIVE
                    row = self._desk.row(
                        pending, source, pending.response, cache_key=pending.standing
                    )
                    self._desk.fresh.rows.append(row)
                    flush.take(pending.ask, Answer(pending.response, source), has_row=True)
                else:
                    failed.append(pending)
            self._record(flush)
        if error:
            for pending in held:
                self._desk.release(pending)
            raise error
        for pending in failed:
            flush.leave(pending.ask, pending.reason, pending)

    def _hear(self, flush: Flush, pendings: Sequence[Pending]) -> LLMError | None:
        """Note what a batch heard of each model; return why the run must stop, if it must."""
        by_way: dict[str, list[Pending]] = {}
        for pending in pendings:
            by_way.setdefault(self._way(pending), []).append(pending)
        errors, heard = [], []
        for way, own in by_way.items():
            is_proven = self._breaker.is_proven(way)
            run = self._sources.run
            errors.append(set_up_error(self.settings, flush.step, own, run, is_proven=is_proven))
            what = max(one.heard for one in own)
            if what is not Heard.NOTHING:
                heard.append((way, int(what)))
        self._breaker.note(heard)
        self._desk.fresh.heard.extend(heard)
        return next((one for one in errors if one is not None), None)

    def _round(self, flush: Flush, left: list[Pending]) -> None:
        """Send one call per ask and take the outcomes in order."""
        assert self._dispatcher is not None and self._recorder is not None
        reservations = [one.reservation for one in left if one.reservation is not None]
        self._barriers.disputed += self._desk.fresh.disputed
        self._recorder.append_input(flush.step, SENT, self._desk.fresh.sent(reservations))
        self._desk.fresh = Unrecorded(rows=self._desk.fresh.rows)
        self._recorder.sync()
        calls = [self._desk.call(one) for one in left]
        outcomes = self._dispatcher.send(calls, flush.deadline - monotonic())
        for pending, outcome in zip(left, outcomes, strict=True):
            self._desk.take(pending, outcome)

    def _pause(self, seconds: float) -> None:
        if self._dispatcher is not None and seconds > 0:
            self._dispatcher.pause(seconds)

    def _reserved_again(self, flush: Flush, pending: Pending) -> bool:
        """Reserve for another call; an ask without time or money is over."""
        if monotonic() >= flush.deadline:
            pending.is_over, pending.reason = True, "deadline"
        elif not self._desk.reserve(pending):
            pending.is_over = True
        return not pending.is_over

    # -- stand-ins and the journal ---------------------------------------------------------------

    def _stand_in(self, flush: Flush) -> None:
        """Answer by rule what nobody else answered."""
        by_task: dict[LlmTask, list[tuple[Ask, str, Pending | None]]] = {}
        for one in flush.stand_ins:
            by_task.setdefault(one[0].task.code, []).append(one)
        for group in by_task.values():
            task = group[0][0].task
            words = task.chance(self._draws, [ask.key for ask, _, _ in group]).tolist()
            for (ask, reason, pending), own in zip(group, words, strict=True):
                response = task.surrogate(ask.request, own)
                if pending is not None:  # calls were made for it: the record says what came of them
                    row = self._desk.row(pending, SURROGATE, response, reason)
                    self._desk.fresh.rows.append(row)
                answer: Answer[Any] = Answer(response, SURROGATE, reason)
                flush.take(ask, answer, has_row=pending is not None)

    def _record(self, flush: Flush, *, is_last: bool = False) -> None:
        """Put what was answered since the last record into the journal, before anybody uses it."""
        by_rule = {task for task in flush.plain if self.settings.source(task) is SURROGATE}
        if (
            flush.step <= self._sources.replays_until
        ):  # the journal counted all but what is a rule's
            merge(self._barriers.counts, {task: flush.plain[task] for task in by_rule})
            return
        plain = {task: counts for task, counts in flush.plain.items() if task not in by_rule}
        fresh = self._desk.fresh
        fresh.damaged = self._shelf.newly_damaged()
        is_told = bool(
            fresh.rows or fresh.ends or fresh.disputed or fresh.damaged or (is_last and plain)
        )
        if self._recorder is not None and is_told:
            payload = fresh.answers(flush.ordinal, plain if is_last else None)
            self._recorder.append_input(flush.step, ANSWERS, payload)
        self._desk.fresh = Unrecorded()
        self._barriers.disputed += fresh.disputed
        for row in fresh.rows:
            counts = self._barriers.counts.setdefault(LlmTask(row.name[0]), Counts())
            counts.add(row.source, row.reason)
        if is_last:
            merge(self._barriers.counts, flush.plain)
