"""Answers on the move: a cache, or those of all cells of a study, as one file of JSON Lines, and back.

A line is a record as `Cache.sealed` makes it. In the file of a study each record stands once, and `cells` names the
cells whose answer it is: two cells may have been told different things in answer to one question.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.llm.cache import RECORD_BYTES_MAX, Cache, Entry
from feedtwin.record.durable import replace_file
from feedtwin.record.folder import CACHE

_CELL: Final = re.compile(r"[0-9a-f]{24}")
"""Name of the folder of a cell's answers."""
_CELLS: Final = "cells"
_LINE_BYTES_MAX: Final = 4 * RECORD_BYTES_MAX
"""A record and the names of ten thousand cells."""


@dataclass(frozen=True)
class CacheReport:
    """What a folder of records holds.

    Attributes:
        records: Sound records by task.
        faults: What is wrong with the others.
    """

    records: Mapping[str, int]
    faults: Sequence[str]


def caches_of(folder: Path) -> dict[str, Cache]:
    """Return the caches of a study's cells by cell, or the cache of any other folder as "".

    Raises:
        RunFolderError: There is no such folder.
    """
    if not folder.is_dir():
        raise RunFolderError(f"{folder}: no folder; expected the folder of a cache or of a study")
    root = folder / CACHE if (folder / CACHE).is_dir() else folder
    cells = [one for one in sorted(root.iterdir()) if one.is_dir() and _CELL.fullmatch(one.name)]
    return {one.name: Cache(one) for one in cells} or {"": Cache(root)}


def verify_cache(folder: Path) -> CacheReport:
    """Return what the caches of a folder hold; see `caches_of`.

    Raises:
        RunFolderError: There is no record.
    """
    records: dict[str, int] = {}
    faults = []
    for cache in caches_of(folder).values():
        for _, found in cache.entries():
            if isinstance(found, Entry):
                records[found.task] = records.get(found.task, 0) + 1
            else:
                faults.append(str(found))
    if not records and not faults:
        raise _no_record(folder, "nothing was checked")
    return CacheReport(records, faults)


def export_cache(folder: Path, target: Path) -> int:
    """Write all records of a cache or a study as JSON Lines, each once; return how many.

    Raises:
        IntegrityError: A record is not sound; nothing was written.
        RunFolderError: There is no record, or the target cannot be written.
    """
    cells: dict[tuple[str, str, bytes], list[str]] = {}
    for cell, cache in caches_of(folder).items():
        for _, found in cache.entries():
            if isinstance(found, IntegrityError):
                raise found
            cells.setdefault((found.task, found.key, cache.sealed(found)), []).append(cell)
    if not cells:
        raise _no_record(folder, "nothing was written")
    lines = []
    for (_, _, sealed), own in sorted(cells.items()):
        marks = {} if own == [""] else {_CELLS: own}
        lines.append(json.dumps({**json.loads(sealed), **marks}, sort_keys=True))
    text = "".join(f"{line}\n" for line in lines)
    replace_file(target, lambda path: _write(path, text))
    return len(lines)


def _no_record(folder: Path, so: str) -> RunFolderError:
    return RunFolderError(
        f"{folder}: holds no record, so {so}; expected the folder of a cache (llm-cache beside the runs, unless "
        "--llm-cache chose another) or of a study"
    )


def import_cache(source: Path, folder: Path) -> int:
    """Add the records of a JSON Lines file, all or none; return how many. Records that are there stay.

    Args:
        source: What `export_cache` wrote.
        folder: Folder of a cache; of a study where the file is a study's.

    Raises:
        IntegrityError: A line is no sound record; names the line.
        RunFolderError: The file cannot be read, or the folder cannot be written.
    """
    found: list[tuple[Sequence[str], Entry]] = []
    reader = Cache(folder)
    try:
        with source.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                where = f"{source}, line {number}"
                if len(line) > _LINE_BYTES_MAX:
                    raise IntegrityError(f"{where}: longer than any record")
                cells, record = _parted(line, where)
                found.append((cells, reader.opened(record, where)))
    except OSError as error:
        raise RunFolderError(
            f"{source}: cannot be read: {error.strerror}; expected JSON Lines as `feedtwin llm cache export` "
            "writes them"
        ) from error
    for cells, entry in found:
        for cell in cells:
            (Cache(folder / CACHE / cell) if cell else reader).put(entry)
    return len(found)


def _parted(line: bytes, where: str) -> tuple[Sequence[str], bytes]:
    """Return the cells that a line names, or none as "", and its record."""
    try:
        value = json.loads(line)
        cells = value.pop(_CELLS)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [""], line  # a record alone, or what is none
    is_list = isinstance(cells, list) and cells
    if not is_list or not all(isinstance(one, str) and _CELL.fullmatch(one) for one in cells):
        raise IntegrityError(
            f"{where}: {_CELLS} are no names of cells; expected what `feedtwin llm cache export` writes of a study"
        )
    return cells, json.dumps(value).encode("ascii", "replace")


def _write(path: Path, text: str) -> None:
    path.write_text(text, "ascii")
