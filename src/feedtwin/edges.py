"""Edges between users and things: who muted whom, who likes which post, what a member has read.

Kept as sorted 64-bit keys, so that equal sets are equal bytes whatever order they grew in.
"""

import numpy as np

from feedtwin.schema.ids import LOW, SHIFT


class Edges:
    """A set of pairs of 32-bit ids (left, right), read-only from outside."""

    def __init__(self) -> None:
        self._set(np.zeros(0, np.uint64))

    def _set(self, key: np.ndarray) -> None:
        self.key = key
        self.key.flags.writeable = False

    def __len__(self) -> int:
        return len(self.key)

    @property
    def left(self) -> np.ndarray:
        """First id of each pair, u4, ascending."""
        return (self.key >> SHIFT).astype(np.uint32)

    @property
    def right(self) -> np.ndarray:
        """Second id of each pair, u4; ascending within a first id."""
        return (self.key & LOW).astype(np.uint32)

    def has(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return whether each pair is in the set."""
        wanted = pair_key(left, right)
        at = np.minimum(np.searchsorted(self.key, wanted), max(len(self.key) - 1, 0))
        return self.key[at] == wanted if len(self.key) else np.zeros(len(wanted), bool)

    def add(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Add pairs; return bool, True for the first mention of each pair that was not there."""
        key = pair_key(left, right)
        _, first = np.unique(key, return_index=True)
        fresh = np.zeros(len(key), bool)
        fresh[first] = ~self.has(left, right)[first]
        if fresh.any():
            new = np.sort(key[fresh])
            self._set(np.insert(self.key, np.searchsorted(self.key, new), new))
        return fresh

    def remove(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Remove pairs; return bool, True for the first mention of each pair that was there."""
        key = pair_key(left, right)
        _, first = np.unique(key, return_index=True)
        gone = np.zeros(len(key), bool)
        gone[first] = self.has(left, right)[first]
        if gone.any():
            self._set(np.delete(self.key, np.searchsorted(self.key, key[gone])))
        return gone

    def rights_of(self, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the second ids of each first id: (place in `left` i8, second id u4), flat."""
        low = np.searchsorted(self.key, pair_key(left, np.zeros(len(left), np.uint32)))
        high = np.searchsorted(self.key, pair_key(left, np.full(len(left), LOW)), side="right")
        place, at = spans(low, high)
        return place, (self.key[at] & LOW).astype(np.uint32)

    def degree_left(self, size: int) -> np.ndarray:
        """Return how many pairs each first id below `size` has, (size,) int64."""
        return np.bincount(self.left.astype(np.int64), minlength=size)

    def degree_right(self, size: int) -> np.ndarray:
        """Return how many pairs each second id below `size` has, (size,) int64."""
        return np.bincount(self.right.astype(np.int64), minlength=size)

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays a snapshot keeps."""
        return {"key": self.key}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        self._set(np.array(state["key"], np.uint64))


class Marks:
    """A number per pair of 32-bit ids; 0, which is not kept, where none was put."""

    def __init__(self) -> None:
        self._set(np.zeros(0, np.uint64), np.zeros(0, np.uint32))

    def _set(self, key: np.ndarray, value: np.ndarray) -> None:
        self.key, self.value = key, value
        for array in (key, value):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.key)

    def get(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the number of each pair, u4."""
        wanted = pair_key(left, right)
        if not len(self.key):
            return np.zeros(len(wanted), np.uint32)
        at = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        return np.where(self.key[at] == wanted, self.value[at], np.uint32(0))

    def put(self, left: np.ndarray, right: np.ndarray, value: np.ndarray) -> None:
        """Set the number of each pair; of a pair's several numbers the last one holds."""
        key, last = np.unique(pair_key(left, right)[::-1], return_index=True)
        value = np.asarray(value, np.uint32)[::-1][last]
        old = np.searchsorted(self.key, key)
        known = self.get((key >> SHIFT).astype(np.uint32), (key & LOW).astype(np.uint32)) > 0
        keys, values = np.delete(self.key, old[known]), np.delete(self.value, old[known])
        key, value = key[value > 0], value[value > 0]
        at = np.searchsorted(keys, key)
        self._set(np.insert(keys, at, key), np.insert(values, at, value))

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays a snapshot keeps."""
        return {"key": self.key, "value": self.value}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        self._set(np.array(state["key"], np.uint64), np.array(state["value"], np.uint32))


def spans(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the members of ranges [low, high): (which range, index), both i8 and flat."""
    count = np.maximum(high - low, 0)
    which = np.repeat(np.arange(len(low)), count)
    first = np.cumsum(count) - count
    return which, np.arange(len(which)) - first[which] + low[which]


def pair_key(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the keys of pairs, u8: left << 32 | right."""
    return (np.asarray(left).astype(np.uint64) << SHIFT) | np.asarray(right).astype(np.uint64)
