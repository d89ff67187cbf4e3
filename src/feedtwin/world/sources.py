"""Source files of policies of one's own: which ones made a run, and what to say where they differ.

Such a file is part of what a run is made of, but not of its settings, which only name it. The manifest keeps
its SHA-256, and gets another row where a run is resumed after the file was mended. Whoever executes a run
again compares these rows with the files of today, so that a mended policy is not mistaken for a damaged run.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from feedtwin.errors import DeterminismError, SourceError
from feedtwin.policies.interface import entry_of
from feedtwin.record.folder import RunFolder, read_manifest
from feedtwin.schema.settings import Settings
from feedtwin.world.segments import Segment

Row = dict[str, Any]
"""A source in use: `lever`, `policy` as settings name it, `from_step`, `sha256`."""
_SHOWN = 12
"""Digits of a hash that a message shows."""


def own_policies(settings: Settings) -> dict[str, str]:
    """Return the SHA-256 of the source file of every policy that does not ship with the package, by lever.

    A policy that was typed into an interpreter has no file, and no run with it can be replayed elsewhere.
    """
    hashes = {}
    for lever, name in settings.policies.items():
        factory = entry_of(lever, name).factory
        own = factory.__module__.partition(".")[0] != "feedtwin"
        source = getattr(sys.modules[factory.__module__], "__file__", None) if own else None
        if source is not None:
            hashes[lever] = hashlib.sha256(Path(source).read_bytes()).hexdigest()
    return hashes


def recorded_sources(path: Path) -> list[Row]:
    """Return what the manifest of a run says of the sources of its policies, in order of steps."""
    return list(read_manifest(path).get("policy_sources", []))


def differences(path: Path, segments: Sequence[Segment]) -> list[str]:
    """Return a sentence per policy whose file is not, or not for all steps, the one that the run records."""
    today = {_name(row): row["sha256"] for one in segments for row in _sources(one)}
    if not today:
        return []
    recorded: dict[str, list[Row]] = {}
    for row in recorded_sources(path):
        recorded.setdefault(_name(row), []).append(row)
    return [
        f"{name}: its file (SHA-256 {today[name][:_SHOWN]}) is not the one that this run records "
        f"({_history(rows)})"
        for name, rows in recorded.items()
        if name in today and any(row["sha256"] != today[name] for row in rows)
    ]


def continued(rows: Sequence[Row], segments: Sequence[Segment], step: int) -> list[Row]:
    """Return the sources of a run that goes on from `step` with the files of today.

    Args:
        rows: What was recorded of the steps before.
        segments: Settings over time.
        step: The first step that is executed now.
    """
    before = [row for row in rows if row["from_step"] < step]
    last = {_name(row): row["sha256"] for row in before}
    current = [one for one in segments if one.from_step <= step][-1]
    return [
        *before,
        *(
            {**row, "from_step": step}
            for row in _sources(current)
            if row["sha256"] != last.get(_name(row))
        ),
    ]


def record_changes(folder: RunFolder, segments: Sequence[Segment], step: int) -> list[str]:
    """Write into the manifest of a run which files are in force from `step` on, if they changed.

    Returns:
        A sentence per file that changed.
    """
    if not any(map(_sources, segments)):
        return []
    manifest = folder.read_manifest()
    rows = manifest.get("policy_sources", [])
    now = continued(rows, segments, step)
    if now != rows:
        own = own_policies(segments[-1].settings)
        folder.write_manifest({**manifest, "own_policies": own, "policy_sources": now})
    return [
        f"{_name(row)}: another file from step {step} on (SHA-256 {row['sha256'][:_SHOWN]}), as the manifest "
        "says now"
        for row in now
        if row not in rows
    ]


@contextmanager
def naming_sources(path: Path, segments: Sequence[Segment]) -> Iterator[None]:
    """Execute a run again: where that gives something else, say so if a policy's file is another one.

    Raises:
        SourceError: The run and its re-execution differ, and so do the files of a policy.
    """
    try:
        yield
    except SourceError:
        raise
    except DeterminismError as error:
        found = differences(path, segments)
        if not found:
            raise
        raise SourceError(
            f"{'; '.join(found)}. With the file of today: {error}. Restore the file that the run records to "
            "execute it again"
        ) from error


def _sources(segment: Segment) -> list[Row]:
    """The files of today of the policies of one's own that a segment names."""
    names = segment.settings.policies
    return [
        {"lever": lever, "policy": names[lever], "from_step": segment.from_step, "sha256": digest}
        for lever, digest in own_policies(segment.settings).items()
    ]


def _name(row: Mapping[str, Any]) -> str:
    return f"policies.{row['lever']}={row['policy']}"


def _history(rows: Sequence[Row]) -> str:
    return ", ".join(f"{row['sha256'][:_SHOWN]} from step {row['from_step']} on" for row in rows)
