"""Seeded high-dimensional embeddings, computed on demand from a fixed 64-bit hash. Spec CON-8.

Visual (512, keyed by visual keywords and creator), audio (128, by sound and kind of video) and caption
(768, by the text's id). Equal metadata give equal vectors in every run, replicate and process; Python's own
`hash` is salted per process and is never used.

An embedding is a mixture: e = s * signal + sqrt(1 - s^2) * noise, with s = `content.embedding_signal`.
The noise is standard normal, keyed by the metadata. The signal says what the metadata say: it is P x / |x| for
the video's category and keywords x (dimensions 0-39 of the compact vector) and a fixed projection P
(length x 50) whose columns are orthogonal with entries of variance 1. So entries have mean 0 and variance 1
either way, and P^T e points where x does. With s = 0 embeddings are the paper's pure noise.

P is made from keyed normal numbers by Gram-Schmidt, with sums rounded once (`fsum`); products with P are
sums of whole numbers far below 2^53, so they have one result on every machine, in whatever order.
"""

import math
from functools import cached_property, lru_cache
from types import SimpleNamespace

import numpy as np
import xxhash

from feedtwin.kernels.binding import Kernels
from feedtwin.randomness import Draws, Stream
from feedtwin.twins.content.categories import DIMENSIONS, NOISE_FIRST
from feedtwin.twins.hot import run

VISUAL, AUDIO, CAPTION = 0, 1, 2
LENGTHS = {VISUAL: 512, AUDIO: 128, CAPTION: 768}
KINDS = {"visual": VISUAL, "audio": AUDIO, "text": CAPTION}
"""Kinds of embeddings by modality."""
P_UNIT = 4096
"""The integer that stands for 1.0 in projections; embeddings use E_UNIT."""
E_UNIT = 1024
_METADATA = ",".join(["%d"] * 16)
PADDED = 64
"""Columns of projections for the kernel: whole registers."""


def metadata_key(kind: int, *parts: int) -> int:
    """Return the 64-bit key of an embedding from its integer metadata."""
    text = (_METADATA[: 3 * (1 + len(parts)) - 1]) % (kind, *parts)
    return xxhash.xxh3_64_intdigest(text.encode())


def metadata_keys(kind: int, *columns: np.ndarray) -> np.ndarray:
    """Return the keys of videos, uint64 (I,), from columns (I,) or (I, n) of integers."""
    table = np.concatenate([np.asarray(c).reshape(len(c), -1).astype(np.int64) for c in columns], 1)
    return np.asarray([metadata_key(kind, *row) for row in table.tolist()], np.uint64)


def exact_product(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the matrix product of whole numbers held in float64, (I, L) by (L, D).

    Exact, hence equal on every machine and in every order of addition, while sums stay below 2^53.
    """
    return np.einsum("il,ld->id", rows, columns)


class Embedder:
    """Makes the embeddings of a world; they depend on its seed, not on the replicate."""

    def __init__(self, signal: float, draws: Draws, kernels: Kernels) -> None:
        """Make embeddings whose entries have correlation `signal` with what the metadata say."""
        self.signal = signal
        self._kernels = kernels
        self._draws = draws.of_replicate(0)

    @cached_property
    def projections(self) -> dict[int, np.ndarray]:
        """P of each kind as whole numbers in float64, (length, 50), in units of 1 / P_UNIT."""
        return {kind: _projection(kind, self._draws.root_seed) for kind in LENGTHS}

    def noise(self, keys: np.ndarray, kind: int, length: int | None = None) -> np.ndarray:
        """Return standard normal vectors, float32 (I, length), for 64-bit metadata keys (I,).

        Args:
            keys: Keys from `metadata_keys`, uint64.
            kind: VISUAL, AUDIO or CAPTION.
            length: First entries wanted; all of them by default.
        """
        return _noise(self._draws, keys, kind, LENGTHS[kind] if length is None else length)

    def embeddings(
        self, keys: np.ndarray, kind: int, about: np.ndarray, length: int | None = None
    ) -> np.ndarray:
        """Return embeddings, float32 (I, length).

        Args:
            keys: Keys of the metadata, uint64 (I,).
            kind: VISUAL, AUDIO or CAPTION.
            about: What the metadata say, int8 (I, 50): categories and keywords; zero says nothing.
            length: First entries wanted; all of them by default.
        """
        noise = self.noise(keys, kind, length)
        if self.signal == 0:
            return noise
        share, rest, unit = self._shares(about)
        projection = self.projections[kind][: noise.shape[1]]
        said = exact_product(about.astype(np.float64), np.ascontiguousarray(projection.T))
        return share[:, None] * (said / unit[:, None]).astype(np.float32) + rest[:, None] * noise

    def _shares(self, about: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the weights of signal and noise, float32 (I,), and the unit of what is said, float64 (I,)."""
        wide = about.astype(np.float64)
        norm = np.sqrt((wide * wide).sum(axis=1))
        share = np.where(norm > 0, self.signal, 0.0)
        rest = np.sqrt(1.0 - share * share).astype(np.float32)
        return share.astype(np.float32), rest, np.maximum(norm, 1.0) * P_UNIT

    def cosines(self, keys: np.ndarray, kind: int, about: np.ndarray) -> np.ndarray:
        """Return P^T e / (sqrt(L) |e|) for embeddings e, float64 (I, 50): its product with t / |t| is cos(P t, e).

        Arguments as for `embeddings`; e is taken in whole units of 1 / E_UNIT.
        """
        share, rest, unit = self._shares(about)
        product, square = np.empty((len(keys), DIMENSIONS)), np.empty(len(keys))
        arrays = {
            "key": keys, "about": np.ascontiguousarray(about), "share": share, "rest": rest,
            "unit": unit, **_padded_projection(kind, self._draws.root_seed),
            "product": product, "square": square,
        }  # fmt: skip
        scalars = {"entry_unit": float(E_UNIT), "kind": kind, "seed": self._draws.root_seed}
        run(self._kernels, "embed", embed_reference, arrays, scalars, len(keys))
        scale = np.sqrt(float(LENGTHS[kind])) * P_UNIT
        return product / (np.maximum(np.sqrt(square), 1.0) * scale)[:, None]


def embed_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Write what cosines are made of: `product` P^T e, float64 (I, 50), and `square` |e|^2, float64 (I,)."""
    noise = _noise(Draws(a.seed), a.key[lo:hi], a.kind, len(a.projection))
    said = exact_product(a.about[lo:hi].astype(np.float64), a.across.astype(np.float64))
    said = (said / a.unit[lo:hi, None]).astype(np.float32)
    mixed = a.share[lo:hi, None] * said + a.rest[lo:hi, None] * noise
    entries = np.rint(mixed.astype(np.float64) * a.entry_unit)
    columns = np.ascontiguousarray(a.projection[:, :DIMENSIONS].astype(np.float64))
    a.product[lo:hi] = exact_product(entries, columns)
    a.square[lo:hi] = (entries * entries).sum(axis=1)


def _noise(draws: Draws, keys: np.ndarray, kind: int, length: int) -> np.ndarray:
    low = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    high = (keys >> np.uint64(32)).astype(np.uint32)
    dims = np.arange(length, dtype=np.uint32)
    return draws.normal(
        Stream.EMBEDDING, low[:, None], high[:, None], np.uint32(kind), dims[None, :]
    )


@lru_cache(maxsize=12)
def _padded_projection(kind: int, seed: int) -> dict[str, np.ndarray]:
    """P of a kind in units of 1 / P_UNIT, int32: `projection` (length, 64) with zeros, `across` (50, length)."""
    whole = _projection(kind, seed).astype(np.int32)
    padded = np.pad(whole, ((0, 0), (0, PADDED - DIMENSIONS)))
    return {"projection": padded, "across": np.ascontiguousarray(whole.T)}


@lru_cache(maxsize=12)  # a few seeds; 0.3 s each
def _projection(kind: int, seed: int) -> np.ndarray:
    """Orthogonal columns of norm sqrt(length) from keyed normal numbers, in units of 1 / P_UNIT."""
    length, draws = LENGTHS[kind], Draws(seed)
    entry = np.arange(length, dtype=np.uint32)
    columns: list[np.ndarray] = []
    for dim in range(DIMENSIONS):
        column = draws.normal(Stream.PROJECTION, kind, dim, entry).astype(np.float64)
        for other in columns:
            column = column - other * math.fsum((column * other).tolist())
        columns.append(column / np.sqrt(math.fsum((column * column).tolist())))
    projection = np.rint(np.stack(columns, axis=1) * (np.sqrt(float(length)) * P_UNIT))
    projection.flags.writeable = False
    return projection


def said_by(vectors: np.ndarray) -> np.ndarray:
    """Return what compact vectors say in words, int8 (I, 50): category and keywords, without the noise."""
    about = vectors.copy()
    about[:, NOISE_FIRST:] = 0
    return about
