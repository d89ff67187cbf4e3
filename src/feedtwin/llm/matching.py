"""Compatible matching: an answer to a request that is near, where a run asks for that.

Off by default: an answer to another prompt is another answer. Where it is on, every match is recorded with
its distance, the share of the request's values that differ.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from feedtwin.llm.cache import Cache, Entry


@dataclass
class Neighbours:
    """The records that lay in a cache when it was opened; what a run stores itself cannot change matches."""

    known: dict[tuple[str, int, str, str], list[tuple[dict[str, str], Entry]]] = field(
        default_factory=dict
    )

    @classmethod
    def of(cls, cache: Cache) -> "Neighbours":
        """Read all sound records."""
        found = cls()
        for _, entry in cache.entries():
            if isinstance(entry, Entry) and entry.response is not None:
                group = (entry.task, entry.version, entry.server, entry.model)
                found.known.setdefault(group, []).append((leaves(entry.request), entry))
        return found

    def nearest(
        self,
        group: tuple[str, int, str, str],
        request: Mapping[str, Any],
        within_ppm: int,
    ) -> tuple[Entry, int] | None:
        """Return the nearest record and its distance in parts per million; ties go to the lower key.

        Args:
            group: Task, version, server and model, which are never compromised on.
            request: Fields of the request.
            within_ppm: Greatest distance.
        """
        mine = leaves(request)
        best: tuple[int, str, Entry] | None = None
        for theirs, entry in self.known.get(group, []):
            names = mine.keys() | theirs.keys()
            differing = sum(mine.get(name) != theirs.get(name) for name in names)
            distance = differing * 1_000_000 // max(len(names), 1)
            if distance <= within_ppm and (best is None or (distance, entry.key) < best[:2]):
                best = (distance, entry.key, entry)
        return None if best is None else (best[2], best[0])


def leaves(value: Any, path: str = "") -> dict[str, str]:
    """Return the values of nested fields by path, as JSON texts."""
    if isinstance(value, Mapping):
        parts = [leaves(one, f"{path}.{name}") for name, one in value.items()]
    elif isinstance(value, list | tuple):
        parts = [leaves(one, f"{path}[{k}]") for k, one in enumerate(value)]
    else:
        return {path: json.dumps(value)}
    return {name: one for part in parts for name, one in part.items()}
