"""The kernels beside the loop equal their references: auctions, the luck of reactions, embeddings."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from feedtwin.kernels.binding import Kernels
from feedtwin.randomness import Draws
from feedtwin.testing.dice import Dice
from feedtwin.twins.content.embeddings import LENGTHS, Embedder
from feedtwin.twins.references import REFERENCES

Arrays = dict[str, np.ndarray]
ROUNDS = range(24)


def both(
    kernels: Kernels, name: str, arrays: Arrays, scalars: dict[str, Any], written: tuple[str, ...]
) -> tuple[Arrays, Arrays]:
    """What the kernel and the reference write, from the same input."""
    rows = len(arrays[written[0]])
    native = {n: x.copy() for n, x in arrays.items()}
    kernels.call(
        name,
        native,
        {n: float(x) if isinstance(x, np.floating) else x for n, x in scalars.items()},
        rows,
    )
    a = SimpleNamespace(**{n: x.copy() for n, x in arrays.items()}, **scalars)
    for low in range(0, rows, 37):
        REFERENCES[name](a, low, min(low + 37, rows))
    return {n: native[n] for n in written}, {n: getattr(a, n) for n in written}


def auction(seed: int) -> tuple[Arrays, dict[str, Any]]:
    dice = Dice(seed)
    ads, users, rows = dice.one(1, 300), dice.one(1, 60), dice.one(1, 400)
    categories, candidates = dice.one(1, 14), min(dice.one(1, 40), ads)
    place = dice.bits(ads)
    ring = np.lexsort((np.arange(ads), place)).astype(np.uint32)
    arrays = {
        "user": dice.integers(0, users, rows, np.uint32),
        "request": dice.integers(0, 5000, rows, np.uint32),
        "ring": ring, "ring_place": place[ring],
        "advertiser": dice.integers(0, 9, ads, np.uint32), "creative": np.arange(ads, dtype=np.uint32),
        "category": dice.integers(0, categories, ads, np.uint16),
        "price": dice.integers(1, 10**9, ads, np.uint64),
        "estimate": dice.integers(-32767, 32768, (users, 50), np.int16),
        "topic_vectors": dice.integers(-127, 128, (categories, 50), np.int8),
        "winner": np.zeros((rows, dice.one(0, candidates + 1)), np.int64),
    }  # fmt: skip
    scalars = {
        "ad_relevance": dice.real(0, 20), "candidates": candidates, "seed": dice.one(0, 2**31),
        "key_base": dice.one(0, 1000) << 12,
    }  # fmt: skip
    return arrays, scalars


@pytest.mark.parametrize("seed", ROUNDS)
def test_auctions_are_won_as_the_reference_says(kernels: Kernels, seed: int) -> None:
    arrays, scalars = auction(seed)
    native, expected = both(kernels, "auction", arrays, scalars, ("winner",))
    np.testing.assert_array_equal(native["winner"], expected["winner"])


@pytest.mark.parametrize("seed", ROUNDS)
def test_luck_is_drawn_as_the_reference_says(kernels: Kernels, seed: int) -> None:
    dice = Dice(seed)
    rows, slots = dice.one(1, 2000), dice.one(1, 12)
    limit = np.array([-1, 0, dice.one(0, 2**30), 2**32 - 1], np.int64)
    arrays = {
        "able": (dice.uniform(0, 1, (rows, slots)) < dice.real(0, 1)).astype(np.uint8),
        "user": dice.bits(rows), "item": dice.bits((rows, slots)).astype(np.uint64) * np.uint64(2**31 + 9),
        "meeting": dice.integers(0, 2**16, (rows, slots), np.uint16),
        "limit": limit[np.argsort(dice.bits(4))][: 4] if seed % 2 else np.array([-1, 10**8, -1, 10**7]),
        "lucky": np.full((rows, slots), 7, np.uint8),
    }  # fmt: skip
    scalars = {"block": 20 + seed % 2, "seed": seed, "key_base": seed << 12}
    native, expected = both(kernels, "lucky", arrays, scalars, ("lucky",))
    np.testing.assert_array_equal(native["lucky"], expected["lucky"])
    assert not native["lucky"][arrays["able"] == 0].any()


@pytest.mark.parametrize("signal", [0.0, 0.8, 1.0])
@pytest.mark.parametrize("kind", LENGTHS)
def test_embeddings_are_matched_as_the_reference_says(
    kernels: Kernels, kind: int, signal: float
) -> None:
    dice = Dice(kind)
    keys = dice.bits(120).astype(np.uint64) << np.uint64(32) | dice.bits(120)
    about = dice.integers(-127, 128, (120, 50), np.int8)
    about[:3] = 0  # metadata that say nothing
    draws = Draws(5, 3)
    native = Embedder(signal, draws, kernels).cosines(keys, kind, about)
    plain = Embedder(signal, draws, Kernels("numpy", None, 1)).cosines(keys, kind, about)
    assert native.tobytes() == plain.tobytes()


@pytest.mark.parametrize("kind", LENGTHS)
def test_a_cosine_is_that_of_the_projected_interests_and_the_embedding(
    kernels: Kernels, kind: int
) -> None:
    """cos(P t, e) from its parts, in float64, against the vector that stands for it."""
    dice = Dice(kind + 50)
    keys = dice.bits(40).astype(np.uint64)
    about, taste = dice.integers(-127, 128, (40, 50), np.int8), dice.normal((9, 50)).astype(float)
    embedder = Embedder(0.8, Draws(5), kernels)
    embedding = embedder.embeddings(keys, kind, about).astype(float)
    wished = taste @ embedder.projections[kind].T
    norms = np.linalg.norm(wished, axis=1)[:, None] * np.linalg.norm(embedding, axis=1)[None, :]
    unit = taste / np.linalg.norm(taste, axis=1)[:, None]
    found = unit @ embedder.cosines(keys, kind, about).T
    np.testing.assert_allclose(found, wished @ embedding.T / norms, atol=2e-3)
