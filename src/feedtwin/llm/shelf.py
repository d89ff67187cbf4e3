"""Answers from the cache, and into it: by key, or near enough where a run asks for that."""

from collections.abc import Sequence
from functools import partial

from feedtwin.llm.cache import Cache, Entry
from feedtwin.llm.decoding import Refused
from feedtwin.llm.desk import Desk, Pending
from feedtwin.llm.flush import Flush
from feedtwin.llm.matching import Neighbours
from feedtwin.llm.records import RECALLED
from feedtwin.llm.settings import LlmSettings, ppm
from feedtwin.llm.task import Answer, Ask
from feedtwin.schema.codes import AnswerSource


class Shelf:
    """The cache of a run; without one it has nothing and keeps nothing."""

    def __init__(self, settings: LlmSettings, desk: Desk, cache: Cache | None) -> None:
        """Bind the cache; where near records may answer, those that lie there now."""
        self._settings, self._desk, self._cache = settings, desk, cache
        is_near = settings.compatible_within > 0 and cache is not None
        self._neighbours = Neighbours.of(cache) if is_near and cache is not None else None

    def newly_damaged(self) -> dict[str, int]:
        """Return how many records were found wanting since the last call, by fault."""
        return {} if self._cache is None else self._cache.newly_damaged()

    def answered(self, flush: Flush, pending: Pending, reason: str, *, is_asked: bool) -> bool:
        """Answer an ask if the cache can, charged at the record's price where money is reserved.

        Args:
            flush: Takes the answer.
            pending: The ask.
            reason: Why no better answer was wanted of it; empty where it was.
            is_asked: Whether a model is asked otherwise; else that no answer came is taken over, with its price.
        """
        cache, ask = self._cache, pending.ask
        if cache is None:
            return False
        pending.key = self._desk.question(pending).digest()
        entry = cache.get(ask.task.name, pending.key)
        found: tuple[Entry, int] | None = None
        if entry is not None and entry.response is not None:
            found = entry, 0
        elif self._neighbours is not None:
            found = self._near(self._neighbours, ask)
        if found is None:
            if entry is None or is_asked or pending.reservation is None:
                return False
            self._desk.charge_record(pending, entry)
            flush.leave(ask, f"{RECALLED}{entry.reason}", pending)
            return True
        record, distance = found
        assert record.response is not None, "neighbours are answers"
        try:
            response = ask.task.accept(ask.request, record.response)
        except Refused:
            cache.misfit(record)
            return False
        if pending.reservation is not None:
            self._desk.charge_record(pending, record)
        pending.tokens = record.tokens
        more = {"cache_key": record.key, "distance_ppm": distance}
        row = self._desk.row(pending, AnswerSource.CACHED, response, reason, **more)
        self._desk.fresh.rows.append(row)
        flush.take(ask, Answer(response, AnswerSource.CACHED, reason), has_row=True)
        return True

    def keep(self, pendings: Sequence[Pending]) -> None:
        """Keep what a batch brought; also that an ask got no answer, and what that cost.

        Where another run, at the same time, was first to keep an answer, that one is taken: whoever uses a
        cache later finds the answer that this run has used.
        """
        if self._cache is None:
            return
        for pending in pendings:
            ask, own = pending.ask, self._desk.entry(pending)
            stands = self._cache.put(own, partial(_fits, ask))
            if stands.response is not None and stands.response != own.response:
                pending.response = ask.task.accept(ask.request, stands.response)
                pending.standing = pending.key

    def _near(self, neighbours: Neighbours, ask: Ask) -> tuple[Entry, int] | None:
        """Return the nearest compatible record and its distance."""
        model = self._settings.of(ask.task.code).model
        return neighbours.nearest(
            (ask.task.name, ask.task.version, self._settings.server, model),
            ask.request.model_dump(mode="json"),
            ppm(self._settings.compatible_within),
        )


def _fits(ask: Ask, entry: Entry) -> bool:
    """Whether a record answers an ask."""
    if entry.response is None:
        return False
    try:
        ask.task.accept(ask.request, entry.response)
    except Refused:
        return False
    return True
