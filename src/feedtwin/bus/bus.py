"""Deliver event batches to the twins that consume them, in one fixed order.

A phase publishes batches; each is recorded first and then handed to its consumers in the order of
`schema.events`, part by part of each twin. Handlers may return further batches, which form the next
round. A part's columns are writable only while one of its own handlers runs.

Replay folds recorded batches through the same door and drops what handlers return: it is in the log.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from feedtwin.columns import boundary
from feedtwin.errors import BoundaryError
from feedtwin.schema.batches import Batch

ROUNDS_MAX = 8
"""Longest chain of handlers answering handlers; more is a loop."""


@dataclass(frozen=True)
class Published:
    """A batch with its place in the order of publication."""

    batch: Batch
    phase: str
    round: int


Recorder = Callable[[Published], None]


class Bus:
    """Delivers batches to twins; knows nothing of what they mean."""

    def __init__(
        self, twins: Mapping[str, Any], record: Recorder, *, reverse_handlers: bool = False
    ) -> None:
        """Connect twins (by name) and a recorder that sees every batch before it is delivered.

        `reverse_handlers` delivers to consumers in reverse, for the test that proves that their order
        does not matter.
        """
        self._twins = twins
        self._record = record
        self._reverse = reverse_handlers

    def publish(self, batches: Iterable[Batch], phase: str) -> None:
        """Record and deliver `batches`, then whatever handlers answer, round after round."""
        waiting = list(batches)
        for round_ in range(ROUNDS_MAX):
            if not waiting:
                return
            answers: list[Batch] = []
            for batch in waiting:
                self._record(Published(batch, phase, round_))
                answers.extend(self.deliver(batch))
            waiting = answers
        raise BoundaryError(
            f"phase {phase}: handlers still answer after {ROUNDS_MAX} rounds "
            f"({', '.join(batch.event for batch in waiting)}); expected them to stop: break the loop"
        )

    def deliver(self, batch: Batch) -> list[Batch]:
        """Hand one batch to its consumers and return their answers in canonical consumer order."""
        handler = batch.handler
        order = [
            (name, part)
            for name in batch.consumers
            for part in self._twins[name].parts
            if hasattr(part, handler)
        ]
        answers: dict[int, list[Batch]] = {}
        for place in reversed(range(len(order))) if self._reverse else range(len(order)):
            name, part = order[place]
            with boundary(f"{name}.{handler}"), part.writing():
                answers[place] = list(getattr(part, handler)(batch) or ())
        return [answer for place in range(len(order)) for answer in answers[place]]
