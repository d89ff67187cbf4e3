"""What a world may have beside its twins: somebody who completes what it is about to publish (decision 0039)."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from feedtwin.schema.batches import Batch
from feedtwin.schema.reactions import Reactions
from feedtwin.schema.requests import ActionBatch

LedgerRow = tuple[str, int, int, int, int, int, int]
"""Task, answers live, cached and by rule, degraded ones, micro-dollars charged and paid; of one step."""


class Advice(Protocol):
    """Asks language models on behalf of a world; `world.advising.Adviser` is the one there is."""

    @property
    def texts(self) -> Any:
        """Words on record, for the closing tables."""
        ...

    def follow(self, settings: Any) -> None:
        """Take note that the next step is the first under its settings, and which (of models) were in force before."""
        ...

    def begin(self, step: int) -> Iterable[Batch]:
        """Return what the barrier before a step decided."""
        ...

    def completed(self, batches: Sequence[Batch]) -> list[Batch]:
        """Return batches as they are to be published."""
        ...

    def chosen(self, wishes: Sequence[ActionBatch], reactions: Reactions) -> list[ActionBatch]:
        """Return the wishes of a step as users who are driven by a model chose."""
        ...

    def ledger_rows(self) -> list[LedgerRow]:
        """Return what was asked in the step and what it cost, for the registry."""
        ...

    def close(self) -> None:
        """Let go of the network."""
        ...
