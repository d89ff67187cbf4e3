"""Keyed chance: the only source of it. `streams` says what draws, `draws` how."""

from feedtwin.randomness.draws import BLOCK_LIMIT, Draws, NativePhilox, philox4x32
from feedtwin.randomness.streams import STREAMS, Stream, StreamSpec

__all__ = [
    "BLOCK_LIMIT", "STREAMS", "Draws", "NativePhilox", "Stream", "StreamSpec", "philox4x32",
]  # fmt: skip
