"""The closed event log: Parquet files and the index that vouches for every byte of them.

`index.json` is written last and atomically. With it the log is closed and leftover streams are removed;
without it the streams are still the log and any Parquet file is discarded. So a crash at any moment of
closing leaves one or the other.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from feedtwin.errors import IntegrityError
from feedtwin.record.durable import canonical_json, folder_error, replace_bytes, replace_file
from feedtwin.record.streams import SUFFIX, Marks, damaged, open_prefix

if TYPE_CHECKING:
    import pyarrow as pa

INDEX = "index.json"
_ROW_GROUP_ROWS = 1 << 19
_READ_BYTES = 1 << 22


def is_closed(folder: Path) -> bool:
    """Whether the log in `folder` is in its closed form."""
    return (folder / INDEX).exists()


def discard_unfinished(folder: Path) -> None:
    """Remove what a crash while closing left; the streams are still the log."""
    try:
        for pattern in ("*.parquet", ".*.partial"):
            for file in folder.glob(pattern):
                file.unlink()
    except OSError as error:
        raise folder_error(folder, error) from error


def convert(folder: Path, marks: Marks) -> None:
    """Write a Parquet file for every stream, then the index.

    Args:
        folder: the run's `events` folder.
        marks: how far each stream counts.

    Raises:
        RunFolderError: the disk refused; the streams are untouched.
    """
    files: dict[str, Any] = {}
    for name, mark in sorted(marks.items()):
        target = folder / f"{name}.parquet"
        reader = open_prefix(folder / f"{name}{SUFFIX}", mark["bytes"])
        replace_file(target, lambda path, reader=reader: _write_parquet(path, reader))  # type: ignore[misc]
        files[name] = describe(target)
        if files[name]["rows"] != mark["rows"]:
            raise damaged(target, f"all {files[name]['rows']} rows (the stream had {mark['rows']})")
    replace_bytes(folder / INDEX, _render(files))


def tidy(folder: Path) -> str:
    """Remove leftover streams of a closed log; returns the hash of its index."""
    try:
        for file in folder.glob(f"*{SUFFIX}"):
            file.unlink()
    except OSError as error:
        raise folder_error(folder, error) from error
    index = read_index(folder)
    return str(index["hash"])


def write_table(path: Path, table: "pa.Table") -> None:
    """Write a table as Parquet in the log's own form: compressed, checksummed, whole or not at all."""
    replace_file(path, lambda temporary: _write_parquet(temporary, table.to_reader()))


def _write_parquet(path: Path, reader: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = pq.ParquetWriter(
        path,
        reader.schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=_dictionary_columns(reader.schema),
        write_page_checksum=True,
    )
    with writer:
        waiting: list[pa.RecordBatch] = []
        rows = 0
        for batch in reader:
            waiting.append(batch)
            rows += batch.num_rows
            if rows >= _ROW_GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(waiting), row_group_size=_ROW_GROUP_ROWS)
                waiting, rows = [], 0
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting), row_group_size=_ROW_GROUP_ROWS)


def _dictionary_columns(schema: "pa.Schema") -> list[str]:
    """Columns with few distinct values; on the others a dictionary only costs time."""
    import pyarrow as pa

    few = (pa.uint8(), pa.int8(), pa.uint16(), pa.string(), pa.bool_())
    return [field.name for field in schema if field.type in few or field.name == "step"]


def describe(path: Path) -> dict[str, Any]:
    """Rows, size, and the hash of every part (head, row groups, footer) of a Parquet file."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    size = path.stat().st_size
    starts, end = [], 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(k) for k in range(group.num_columns)]
        offsets = [c.dictionary_page_offset or c.data_page_offset for c in columns]
        starts.append(min(offsets))
        end = max(o + c.total_compressed_size for o, c in zip(offsets, columns, strict=True))
    edges = [0, *starts, end or 4, size]
    names = ["head", *(f"row group {k}" for k in range(len(starts))), "footer"]
    parts: list[dict[str, Any]] = []
    with path.open("rb") as file:
        for name, first, last in zip(names, edges[:-1], edges[1:], strict=True):
            digest = _hash_next(file, last - first)
            parts.append({"record": name, "start": first, "end": last, "hash": digest})
    return {"rows": metadata.num_rows, "bytes": size, "parts": parts}


def read_index(folder: Path) -> dict[str, Any]:
    """The index of a closed log.

    Raises:
        IntegrityError: it is missing, or not what was written.
    """
    path = folder / INDEX
    try:
        data = path.read_bytes()
        index = json.loads(data)
        sound = data == _render(index["files"])
    except (OSError, ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise damaged(path, "record 0 (the whole index)")
    return dict(index)


def verify(folder: Path, index_hash: str | None = None) -> None:
    """Check every byte of a closed log against its index, and the index against the journal's hash.

    Raises:
        IntegrityError: names the file and the record (row group, head or footer).
    """
    index = read_index(folder)
    if index_hash is not None and index["hash"] != index_hash:
        raise damaged(folder / INDEX, "record 0 (the journal has another hash for it)")
    for name, entry in index["files"].items():
        path = folder / f"{name}.parquet"
        try:
            with path.open("rb") as file:
                for part in entry["parts"]:
                    if _hash_next(file, part["end"] - part["start"]) != part["hash"]:
                        raise damaged(path, f"record {part['record']!r}")
                if file.read(1):
                    raise damaged(path, "record after the footer")
        except OSError as error:
            raise IntegrityError(
                f"{path}: record 0: cannot read: {error.strerror}; expected the file that {INDEX} "
                "names. Restore it from a copy, or run again."
            ) from error


def _render(files: dict[str, Any]) -> bytes:
    digest = xxhash.xxh3_128_hexdigest(canonical_json(files))
    return canonical_json({"files": files, "format": 1, "hash": digest}) + b"\n"


def _hash_next(file: Any, length: int) -> str:
    digest = xxhash.xxh3_128()
    while length > 0:
        data = file.read(min(_READ_BYTES, length))
        if not data:
            break
        digest.update(data)
        length -= len(data)
    return digest.hexdigest()
