"""Snapshots: named arrays and texts in one safetensors file that vouches for every byte of itself.

Arrays that shrink are stored compressed; the metadata entry `feedtwin` says how, holds the caller's texts,
and a SHA-256 of the whole file computed with zeros in its own place. No pickle anywhere.
"""

import hashlib
import json
import mmap
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedtwin.errors import IntegrityError, RunFolderError
from feedtwin.record.durable import canonical_json, replace_file

Arrays = dict[str, NDArray[Any]]

SUFFIX = ".safetensors"
_NO_HASH = "0" * 64
_HASH_FIELD = re.compile(rb'\\"sha256\\":\\"([0-9a-f]{64})\\"')
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")  # how safetensors says that the disk refused
_HEADER_LIMIT = 1 << 24  # a JSON header beyond 16 MiB is not ours
_SMALLEST_COMPRESSED = 1 << 12
_WORTHWHILE = 0.9  # keep an array as it is unless compression saves a tenth


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A sound snapshot: the state after `step`."""

    step: int
    path: Path
    arrays: Arrays
    meta: dict[str, str]


def save(path: Path, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, str]) -> None:
    """Write a snapshot, atomically and durably; equal content gives equal bytes.

    Args:
        path: the file; replaced if it exists, its folder is made if missing.
        arrays: any shape, integer, float or bool types.
        meta: texts to keep beside them.

    Raises:
        RunFolderError: the disk refused; an older file of that name is untouched.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    stored: Arrays = {}
    packed: dict[str, list[Any]] = {}
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        small = _compress(array)
        if small is None:
            stored[name] = array
        else:
            stored[name] = small
            packed[name] = [array.dtype.str, list(array.shape)]
    about = {"meta": dict(meta), "packed": packed, "sha256": _NO_HASH}
    metadata = {"feedtwin": canonical_json(about).decode("ascii")}

    def write(temporary: Path) -> None:
        try:
            save_file(stored, temporary, metadata=metadata)
        except SafetensorError as error:
            found = _SYSTEM_ERROR.search(str(error))
            if found is None:
                raise
            raise OSError(int(found[1]), os.strerror(int(found[1]))) from error
        with temporary.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
            place = _hash_place(view)
            view[slice(*place)] = hashlib.sha256(view).hexdigest().encode("ascii")
            view.flush()

    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, write)


def load(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Arrays (writable, owned) and texts of a snapshot.

    Raises:
        IntegrityError: a byte of the file changed, or it is no snapshot of this format.
        RunFolderError: the file is missing or unreadable.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        about = _verify(path)
        stored = load_file(path)
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot read: {error.strerror or error}; expected a snapshot. "
            "Check the path; `feedtwin resume` can also re-execute from an older one."
        ) from error
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    arrays: Arrays = {}
    for name, array in stored.items():
        kind = about["packed"].get(name)
        arrays[name] = array if kind is None else _decompress(array, kind[0], kind[1])
    return arrays, {str(key): str(value) for key, value in about["meta"].items()}


def steps(folder: Path) -> list[int]:
    """Steps that have a snapshot file in `folder`, in order; damaged ones included."""
    found = [file.stem for file in folder.glob(f"*{SUFFIX}") if file.stem.isdecimal()]
    return sorted(int(stem) for stem in found)


def latest(folder: Path, at_most_step: int) -> tuple[Snapshot | None, list[str]]:
    """The newest sound snapshot `<step>.safetensors` of a step not after `at_most_step`.

    Returns:
        It, or None (then re-execute from the start); and a message for each newer one that is damaged
        and was passed over, to be reported.
    """
    damaged: list[str] = []
    for step in reversed([step for step in steps(folder) if step <= at_most_step]):
        path = folder / f"{step}{SUFFIX}"
        try:
            arrays, meta = load(path)
        except (IntegrityError, RunFolderError) as error:
            damaged.append(str(error))
        else:
            return Snapshot(step, path, arrays, meta), damaged
    return None, damaged


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest `keep` snapshots and the first one (which a fork may need)."""
    assert keep >= 1, keep
    for step in steps(folder)[1:-keep]:
        (folder / f"{step}{SUFFIX}").unlink(missing_ok=True)


def _compress(array: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Compressed bytes of an array, or None if it is small or does not shrink."""
    import pyarrow as pa

    if array.nbytes < _SMALLEST_COMPRESSED:
        return None
    data = pa.Codec("zstd", compression_level=1).compress(array.reshape(-1).view(np.uint8))
    if data.size > array.nbytes * _WORTHWHILE:
        return None
    return np.frombuffer(data, dtype=np.uint8)


def _decompress(data: NDArray[Any], dtype: str, shape: list[int]) -> NDArray[Any]:
    import pyarrow as pa

    array: NDArray[Any] = np.empty(shape, dtype=np.dtype(dtype))
    found = pa.Codec("zstd").decompress(data, array.nbytes)
    array.reshape(-1).view(np.uint8)[:] = np.frombuffer(found, dtype=np.uint8)
    return array


def _verify(path: Path) -> dict[str, Any]:
    """Check the file's own hash; returns what `save` noted in the metadata."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        first, last = _hash_place(view)
        digest = hashlib.sha256()
        with memoryview(view) as whole:
            for part in (whole[:first], _NO_HASH.encode("ascii"), whole[last:]):
                digest.update(part)
                if isinstance(part, memoryview):
                    part.release()
        if digest.hexdigest().encode("ascii") != view[first:last]:
            raise _damaged(path)
        header = json.loads(view[8 : 8 + int.from_bytes(view[:8], "little")])
    return dict(json.loads(header["__metadata__"]["feedtwin"]))


def _hash_place(view: mmap.mmap) -> tuple[int, int]:
    size = int.from_bytes(view[:8], "little")
    if size > min(len(view), _HEADER_LIMIT):
        raise ValueError("no safetensors header")
    places = [found.span(1) for found in _HASH_FIELD.finditer(view[: 8 + size])]
    if not places:
        raise ValueError("no hash in the header")
    return places[-1]


def _damaged(path: Path) -> IntegrityError:
    return IntegrityError(
        f"{path}: record: content and hash disagree; expected the bytes that were written. The file was "
        "altered: remove it, and the run goes on from an older snapshot."
    )
