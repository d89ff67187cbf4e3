"""Scripted actions as batches: executed in their step, beside what users ask for by themselves."""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from feedtwin.errors import SettingsError
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import FeedKind
from feedtwin.schema.requests import ActionBatch

LISTS = {"SEARCH_POSTS": FeedKind.SEARCH, "TREND": FeedKind.TREND}
"""Actions that a visitor's first request of the step becomes; who opens no session asks for nothing."""


class Script:
    """The scripted actions of a world, by step."""

    def __init__(
        self, entries: Sequence[Mapping[str, Any]], executes: Container[str],
        limits: Mapping[str, int],
    ) -> None:  # fmt: skip
        """Sort entries by step.

        Args:
            entries: As `schema.script` checked them.
            executes: Actions that some part of the world executes.
            limits: Number of users and categories, by the name of the fields that hold their ids.

        Raises:
            SettingsError: An entry's action is executed by nobody here, or names somebody who is not there.
        """
        self._by_step: dict[int, dict[str, list[Mapping[str, Any]]]] = {}
        self._done: Counter[str] = Counter()
        self._asked: list[ActionBatch] = []
        for place, entry in enumerate(entries):
            _check(entry, executes, limits, f"script, entry {place}")
            of_step = self._by_step.setdefault(entry["step"], {})
            of_step.setdefault(entry["action"], []).append(entry)

    def actions(self, step: int) -> list[ActionBatch]:
        """Return what is to be executed at a step, users ascending within each action."""
        self._asked = [
            _batch(action, step, entries)
            for action, entries in self._by_step.get(step, {}).items()
            if action not in LISTS
        ]
        return self._asked

    def executed(self, wish: ActionBatch, rows: int) -> None:
        """Take note of how many rows came of a batch of wishes, if the batch is scripted."""
        if any(wish is one for one in self._asked):
            self._done[wish.action] += min(rows, wish.rows)

    def report(self, step: int) -> Iterator[tuple[str, str, dict[str, int]]]:
        """Yield an audit row per action that was scripted for a step: entries, and how many were carried out."""
        done, self._done = self._done, Counter()
        for action, entries in self._by_step.get(step, {}).items():
            yield "script", action, {"entries": len(entries), "done": done[action]}

    def turned(self, asked: EventBatch) -> EventBatch:
        """Return the first requests of a step, those of scripted visitors turned into other lists."""
        scripted = self._by_step.get(asked.step, {})
        if not any(action in LISTS for action in scripted):
            return asked
        kind, query = asked.kind.copy(), asked.query.copy()
        for action, code in LISTS.items():
            for entry in scripted.get(action, ()):
                on = asked.user == entry["user"]
                kind[on], query[on] = code, entry["query"]
                self._done[action] += bool(on.any())
        return EventBatch(
            asked.event, asked.step, {**asked.columns, "kind": kind, "query": query}, asked.hints
        )


def _check(
    entry: Mapping[str, Any], executes: Container[str], limits: Mapping[str, int], where: str
) -> None:
    action, step = entry["action"], entry["step"]
    if action not in LISTS and action not in executes:
        raise SettingsError(
            f"{where} (step {step}): no part of this world executes {action}; leave the entry out, or "
            "switch on the mechanism that it belongs to"
        )
    for name, limit in limits.items():
        if entry.get(name, 0) >= limit:
            raise SettingsError(
                f"{where} (step {step}): {action}.{name} is {entry[name]}; expected 0 to {limit - 1}"
            )


def _batch(action: str, step: int, entries: Sequence[Mapping[str, Any]]) -> ActionBatch:
    ordered = sorted(entries, key=lambda entry: entry.get("user", 0))  # stable: as written
    columns = {
        field.name: np.asarray([entry[field.name] for entry in ordered], field.numpy_dtype)
        for field in ACTIONS[action].payload[1:]
    }
    return ActionBatch(action, step, columns)
