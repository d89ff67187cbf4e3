"""Cards: everything the ranker needs about an item in one 64-byte cache line.

Fetching a candidate's columns from five arrays costs five cache misses; a card costs one. Cards are an
index derived from content columns and the step's base scores, not state. `struct ft_card` in
`kernels/serve.h` has the same layout.
"""

import numpy as np

from feedtwin.errors import SchemaError

CARD = np.dtype(
    {
        "names": ["vector", "ordinal", "inv_norm", "creator", "base"],
        "formats": [("i1", (50,)), "<u2", "<f4", "<u4", "<f4"],
        "offsets": [0, 50, 52, 56, 60],
        "itemsize": 64,
    }
)
"""int8 vector, upload ordinal, 1 / norm of the vector, creator, base score."""

ORDINAL_LIMIT = 2**16


def pack_cards(
    vectors: np.ndarray,
    ordinal: np.ndarray,
    inv_norm: np.ndarray,
    creator: np.ndarray,
    base: np.ndarray,
) -> np.ndarray:
    """Return the cards of V items, u1 (V, 64), each within one cache line.

    Args:
        vectors: Content vectors, int8 (V, 50).
        ordinal: Upload ordinals (V,), each below 65,536.
        inv_norm: 1 / norm of each integer vector, float32 (V,).
        creator: Creators, uint32 (V,).
        base: Item terms of the score, float32 (V,).

    Raises:
        SchemaError: A creator has more uploads than a card can number.
    """
    if len(ordinal) and int(ordinal.max()) >= ORDINAL_LIMIT:
        row = int(ordinal.argmax())
        raise SchemaError(
            f"cards: item row {row} is upload {int(ordinal[row])} of creator {int(creator[row])}; "
            f"expected ordinals below {ORDINAL_LIMIT}; serve without cards"
        )
    cards = _lines(len(ordinal))
    fields = card_fields(cards)
    fields["vector"], fields["ordinal"], fields["inv_norm"] = vectors, ordinal, inv_norm
    fields["creator"], fields["base"] = creator, base
    return cards


def ring_cards(cards: np.ndarray, ring_row: np.ndarray) -> np.ndarray:
    """Return the cards of ring entries in ring order, u1 (N, 64): a window is then one piece of memory.

    Args:
        cards: The cards of all items, u1 (V, 64).
        ring_row: Content row of every ring entry, uint32 (N,).
    """
    dealt = _lines(len(ring_row))
    np.take(cards.view(np.uint64), ring_row, axis=0, out=dealt.view(np.uint64))
    return dealt


def _lines(rows: int) -> np.ndarray:
    """Return u1 (rows, 64), every row one cache line."""
    room = np.zeros(rows * 64 + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + rows * 64].reshape(rows, 64)


def card_fields(cards: np.ndarray) -> np.ndarray:
    """Return a view of `cards`, u1 (V, 64), as V records of type `CARD`."""
    return cards.view(CARD)[:, 0]


def serving_cards(
    vectors: np.ndarray,
    ordinal: np.ndarray,
    inv_norm: np.ndarray,
    creator: np.ndarray,
    base: np.ndarray,
    ring_row: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return what the kernel `serve` takes beside the columns: `cards` and `ring_cards`.

    Arguments as for `pack_cards` and `ring_cards`. A world in which a creator has more uploads than a card
    can number is served from the columns: the mapping is empty, the slates are the same, slower.
    """
    if len(ordinal) and int(ordinal.max()) >= ORDINAL_LIMIT:
        return {}
    cards = pack_cards(vectors, ordinal, inv_norm, creator, base)
    return {"cards": cards, "ring_cards": ring_cards(cards, ring_row)}
