"""Arrays of a preset as one small file: safetensors, compressed.

Every column of a table lies in one piece, so that what several outcomes share (keys, the past of a video) is kept once by the
compression. What the fit estimated with an error of its own is kept in single precision, which moves no probability by more than a
millionth; keys, thresholds and what is compared with them are kept whole.
"""

import lzma
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

from feedtwin.errors import DataError

SUFFIX = ".safetensors.xz"
SINGLE = (
    "user_column", "user_effect", "video_effect", "author_effect", "user_sd", "video_sd", "author_sd", "value",
)  # fmt: skip
"""Last words of the names of arrays that are kept in single precision."""
_WINDOW = (1 << 12, 1 << 26)
"""Least and most bytes that the compression looks back: as far as the file is long, so that what two fits share is kept once, but
no further than memory is cheap (it takes about eleven times as much)."""


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The file of some arrays; `unpack` gives them back."""
    kept = {name: _narrow(name, array) for name, array in arrays.items()}
    data = save(kept)
    window = min(max(len(data), _WINDOW[0]), _WINDOW[1])
    return lzma.compress(
        data, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": window}]
    )


def unpack(data: bytes, file: Path) -> dict[str, np.ndarray]:
    """The arrays of a file; floats are double again.

    Raises:
        DataError: The bytes are not such a file.
    """
    try:
        found = load(lzma.decompress(data))
    except (lzma.LZMAError, EOFError, ValueError, KeyError) as problem:
        raise DataError(f"{file}: no arrays of a preset ({problem}); calibrate again.") from None
    return {name: _wide(array) for name, array in found.items()}


def _narrow(name: str, array: np.ndarray) -> np.ndarray:
    is_single = name.replace(".", "/").rpartition("/")[2] in SINGLE
    return np.ascontiguousarray((array.astype(np.float32) if is_single else array).T)


def _wide(array: np.ndarray) -> np.ndarray:
    turned = np.ascontiguousarray(array.T)
    return turned.astype(np.float64) if turned.dtype == np.float32 else turned
