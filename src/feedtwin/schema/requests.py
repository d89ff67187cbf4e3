"""Action batches: what actors ask for in a step, many rows of one action type as columns.

An action is a request and an event is a fact. Actions live inside a step: the world hands each batch to the part
that executes it, and what comes of it is logged as events. What cannot be done (a like taken back that was
never given) is left out by the executor, not logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.batches import check_columns

Array = np.ndarray


@dataclass(frozen=True)
class ActionBatch:
    """Rows of one action type at one step; `columns` are the payload without `step`."""

    action: str
    step: int
    columns: Mapping[str, Array]

    def __post_init__(self) -> None:
        check_columns(f"asking for {self.action}", ACTIONS[self.action].payload[1:], self.columns)

    def __getattr__(self, name: str) -> Array:
        try:
            return self.columns[name]
        except KeyError:
            raise AttributeError(f"{self.action} has no column {name!r}") from None

    @property
    def rows(self) -> int:
        """Number of rows; an action without payload counts as one."""
        return len(next(iter(self.columns.values()))) if self.columns else 1

    @property
    def executor(self) -> str:
        """Name of the twin that executes it."""
        return ACTIONS[self.action].executor

    @property
    def method(self) -> str:
        """Name of the method that executes it."""
        return f"do_{self.action.lower()}"


def asked(action: str, step: int, **columns: Array) -> ActionBatch:
    """Return an action batch; payload columns left out are zeros, and types are converted.

    Raises:
        SchemaError: A column is not in the action's payload.
    """
    fields = ACTIONS[action].payload[1:]
    rows = len(next(iter(columns.values()))) if columns else 0
    given = {
        item.name: np.asarray(columns.pop(item.name, np.zeros(rows)), item.numpy_dtype)
        for item in fields
    }
    return ActionBatch(action, step, {**given, **columns})
