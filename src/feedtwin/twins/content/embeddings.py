"""Seeded high-dimensional embeddings, computed on demand from a fixed 64-bit hash. Spec CON-8.

Visual (512, keyed by visual keywords and creator), audio (128, by audio keywords) and caption (768, by
title and description). Entries are standard normal: equal metadata gives equal vectors in every run and
process. Python's own `hash` is salted per process and is never used.
"""

import numpy as np
import xxhash

from feedtwin.randomness import Draws, Stream

VISUAL, AUDIO, CAPTION = 0, 1, 2
LENGTHS = {VISUAL: 512, AUDIO: 128, CAPTION: 768}


def metadata_key(kind: int, *parts: int) -> int:
    """Return the 64-bit key of an embedding from its integer metadata."""
    text = ",".join(str(part) for part in (kind, *parts))
    return xxhash.xxh3_64_intdigest(text.encode())


def embeddings(keys: np.ndarray, kind: int, draws: Draws, length: int | None = None) -> np.ndarray:
    """Return standard normal vectors, float32 (I, length), for 64-bit metadata keys (I,).

    Args:
        keys: Keys from `metadata_key`, uint64.
        kind: VISUAL, AUDIO or CAPTION.
        draws: Keyed chance; only the seed matters, embeddings do not change with the replicate.
        length: First entries wanted; all of them by default.
    """
    dims = np.arange(LENGTHS[kind] if length is None else length, dtype=np.uint32)
    low = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    high = (keys >> np.uint64(32)).astype(np.uint32)
    fixed = Draws(draws.root_seed, 0)
    return fixed.normal(
        Stream.EMBEDDING, low[:, None], high[:, None], np.uint32(kind), dims[None, :]
    )


def visual_keys(creator: np.ndarray, category: np.ndarray, hashtags: np.ndarray) -> np.ndarray:
    """Return the keys of visual embeddings: visual keywords (category, hashtags) and creator."""
    rows = zip(creator.tolist(), category.tolist(), hashtags.tolist(), strict=True)
    keys = [metadata_key(VISUAL, who, what, *tags) for who, what, tags in rows]
    return np.asarray(keys, np.uint64)


def embedding_slices(keys: np.ndarray, dimensions: int, draws: Draws) -> np.ndarray:
    """The first entries of visual embeddings as int8, 127 = 4 standard deviations.

    The literal fallback match of the paper compares interests with this noise (spec 1.10 #3).
    """
    values = embeddings(keys, VISUAL, draws, dimensions) * np.float32(127.0 / 4.0)
    return np.clip(values, -127, 127).astype(np.int8)
