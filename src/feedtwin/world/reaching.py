"""How a run reaches language models: what its manifest remembers, and what of it a resumed run may change.

Where a server is and how patiently it is asked determines no state: answers are on record before they are used. So a
run can go on with another server; the settings in its journal stay those of its beginning.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from feedtwin.errors import SettingsError
from feedtwin.record.folder import RunFolder, read_manifest
from feedtwin.schema.parameters import parse_assignment
from feedtwin.schema.settings import Settings, assign

REACHING: Final = (
    "llm.base_url", "llm.server_name", "llm.key_variable", "llm.key", "llm.concurrency", "llm.rate_per_minute",
    "llm.call_timeout_s", "llm.flush_deadline_s", "llm.backoff_s", "llm.on_trouble",
)  # fmt: skip
"""Settings that a resumed run may change."""
_KEY: Final = "language_models"
"""Of the manifest."""


@dataclass(frozen=True)
class Reach:
    """How a run reaches language models.

    Attributes:
        cache: Folder of answers that was chosen; None for the one beside the run.
        sets: `path=value` texts about the server that differ from the run's settings.
    """

    cache: Path | None = None
    sets: tuple[str, ...] = ()

    @classmethod
    def of_run(cls, path: Path) -> Self:
        """Return what the manifest of a run remembers; runs of older releases remember nothing."""
        known: Mapping[str, Any] = read_manifest(path).get(_KEY, {})
        cache = known.get("cache")
        folder = None if cache is None else Path(os.path.normpath(path / cache))
        return cls(folder, tuple(known.get("set", ())))

    def then(self, cache: Path | None, sets: Sequence[str], settings: Settings) -> "Reach":
        """Return this with what is said when a run is resumed, which wins.

        Raises:
            SettingsError: A setting is not about how a server is reached, or its value is none.
        """
        paths = [parse_assignment(text)[0] for text in sets]
        for path in paths:
            if path not in REACHING:
                raise SettingsError(
                    f"--set {path}: a resumed run keeps its settings; expected one that says how its model server is "
                    f"reached ({', '.join(REACHING)}). For any other change fork the run: feedtwin fork RUN --at STEP"
                )
        found = Reach(self.cache if cache is None else cache, (*self.without(sets).sets, *sets))
        found.applied(settings)
        return found

    def without(self, sets: Sequence[str]) -> "Reach":
        """Return this without what `path=value` texts now say otherwise."""
        said = {parse_assignment(text)[0] for text in sets}
        return Reach(
            self.cache, tuple(one for one in self.sets if parse_assignment(one)[0] not in said)
        )

    def applied(self, settings: Settings) -> Settings:
        """Return settings with what is said about the server."""
        return assign(settings, self.sets) if self.sets else settings

    def remember(self, folder: RunFolder) -> None:
        """Have the manifest of a run that goes on remember this."""
        manifest = folder.read_manifest()
        after = {**manifest, **self.remembered(folder.path)}
        if after != manifest:
            folder.write_manifest(after)

    def remembered(self, run: Path) -> dict[str, Any]:
        """Return what the manifest of a run keeps; the cache is named as seen from the run, so that both can be moved."""
        cache = None if self.cache is None else os.path.relpath(self.cache, run)
        return {_KEY: {"cache": cache, "set": list(self.sets)}}
