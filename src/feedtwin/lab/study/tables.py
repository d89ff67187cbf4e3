"""A study's folder on disk: each table as Parquet, CSV and (effects) JSON; the rest in study.json."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.lab.study.result import (
    Answered,
    CurvePoint,
    Effect,
    Level,
    Provenance,
    Reading,
    StudyResult,
    Warned,
)
from feedtwin.record.closed import write_table
from feedtwin.record.durable import replace_bytes

STUDY_FILE: Final = "study.json"
FORMAT: Final = 1
TABLES: Final[dict[str, type[Any]]] = {
    "effects": Effect, "levels": Level, "over_time": Effect, "curves": CurvePoint, "readings": Reading,
    "answers": Answered,
}  # fmt: skip
"""Table by file name; the type of its rows."""

RowT = TypeVar("RowT")


def write_result(result: StudyResult) -> None:
    """Write every table of a study into its folder, each file whole or not at all, study.json last.

    The bytes depend on the study and its cells only: not on workers, time or order of execution.
    """
    folder = result.path
    for name, kind in TABLES.items():
        rows = [asdict(row) for row in getattr(result, name)]
        table = arrow_table(kind, rows)
        write_table(folder / f"{name}.parquet", table)
        replace_bytes(folder / f"{name}.csv", as_csv([one.name for one in fields(kind)], rows))
    effects = [asdict(row) for row in result.effects]
    replace_bytes(folder / "effects.json", as_json(effects))
    about = {
        "format": FORMAT,
        "provenance": asdict(result.provenance),
        "warnings": [asdict(one) for one in result.warnings],
    }
    replace_bytes(folder / STUDY_FILE, as_json(about))


def read_result(path: str | Path) -> StudyResult:
    """Read a finished study from its folder.

    Raises:
        RunFolderError: There is no finished study.
        IntegrityError: A table does not have the columns of this version.
    """
    folder = Path(path)
    try:
        about = json.loads((folder / STUDY_FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise RunFolderError(
            f"{folder}: no {STUDY_FILE}; expected the folder of a finished study (feedtwin study NAME --out {folder})"
        ) from None
    except ValueError as error:
        raise IntegrityError(f"{folder / STUDY_FILE}: is not JSON: {error}") from None
    tables: dict[str, Any] = {name: _read(folder, name, kind) for name, kind in TABLES.items()}
    provenance = Provenance(
        **{**about["provenance"], "aliases": tuple(about["provenance"]["aliases"])}
    )
    return StudyResult(
        path=folder,
        warnings=tuple(Warned(**one) for one in about["warnings"]),
        provenance=provenance,
        **tables,
    )


def _read(folder: Path, name: str, kind: type[RowT]) -> tuple[RowT, ...]:
    import pyarrow.parquet as pq

    path = folder / f"{name}.parquet"
    try:
        rows = pq.read_table(path, page_checksum_verification=True).to_pylist()
        return tuple(kind(**row) for row in rows)
    except (OSError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"{path}: not a table of this version: {error}; run the study again (finished cells are kept)"
        ) from None


def arrow_table(kind: type[Any], rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows of a flat record as an Arrow table, typed by the record, empty or not."""
    import pyarrow as pa

    types = {
        str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(),
        float | None: pa.float64(),
    }  # fmt: skip
    hints = get_type_hints(kind)
    schema = pa.schema([(one.name, types[hints[one.name]]) for one in fields(kind)])
    return pa.Table.from_pylist([dict(row) for row in rows], schema)


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as CSV (RFC 4180); what is undefined is an empty cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(["" if row[name] is None else row[name] for name in columns] for row in rows)
    return out.getvalue().encode("utf-8")


def as_json(value: Any) -> bytes:
    """Return a value as JSON with sorted keys; numbers that JSON lacks are null."""
    text = json.dumps(_plain(value), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
