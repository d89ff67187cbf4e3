"""Who follows whom, as sorted edges: each user's followees lie in the order of a hash of their id.

That order is the user's own ring of followees, from which retrieval takes windows. Edges are ragged, so
they are kept beside the columns. Source: USR-12.
"""

import numpy as np

FOLLOWEE_MULTIPLIER = np.uint32(2654435761)
"""Knuth's multiplicative hash: a bijection of 32-bit ids that spreads them over the ring."""
_SHIFT = np.uint64(32)


def ring_position(user: np.ndarray) -> np.ndarray:
    """Return the 32-bit place of users on followee rings."""
    return user.astype(np.uint32) * FOLLOWEE_MULTIPLIER


class Ties:
    """Follow edges of U users: `offset` i8 (U + 1,), `hash` and `user` u4 (E,), all read-only."""

    def __init__(self, follower: np.ndarray, followee: np.ndarray, users: int) -> None:
        """Build from edge lists; repeats and self-ties are dropped."""
        keep = follower != followee
        key = _key(follower[keep], followee[keep])
        self._set(np.unique(key), users)

    def _set(self, key: np.ndarray, users: int) -> None:
        self._keys = key
        follower = (key >> _SHIFT).astype(np.uint32)
        self.hash = (key & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        self.user = self.hash * _inverse()
        counts = np.bincount(follower, minlength=users)
        self.offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.users = users
        for array in (self.hash, self.user, self.offset):
            array.flags.writeable = False

    def change(
        self, follower: np.ndarray, followee: np.ndarray, added: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add and remove edges; return the (follower, followee) deltas really made as +-1 edges."""
        key = _key(follower, followee)
        known = self._contains(key)
        new, gone = np.unique(key[added & ~known]), np.unique(key[~added & known])
        keys = self._keys
        if len(gone):
            keys = np.delete(keys, np.searchsorted(keys, gone))
        if len(new):
            keys = np.insert(keys, np.searchsorted(keys, new), new)
        if len(new) or len(gone):
            self._set(keys, self.users)
        return new, gone

    def _contains(self, key: np.ndarray) -> np.ndarray:
        if not len(self._keys):
            return np.zeros(len(key), bool)
        at = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return self._keys[at] == key

    def has(self, follower: np.ndarray, followee: np.ndarray) -> np.ndarray:
        """Return whether each pair is tied."""
        return self._contains(_key(follower, followee))

    def follower_counts(self) -> np.ndarray:
        """Return followers per user, (U,) u4."""
        return np.bincount(self.user, minlength=self.users).astype(np.uint32)

    def following_counts(self) -> np.ndarray:
        """Return followees per user, (U,) u4."""
        return np.diff(self.offset).astype(np.uint32)

    def widened(self, users: int) -> "Ties":
        """Return the same edges over a population with more users, who follow nobody."""
        other = Ties.__new__(Ties)
        other._set(self._keys, users)
        return other

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays a snapshot keeps."""
        return {"tie_key": self._keys}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        self._set(state["tie_key"].astype(np.uint64), self.users)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._keys.nbytes + self.hash.nbytes + self.user.nbytes + self.offset.nbytes


def split_key(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return follower and followee of edge keys."""
    low = (key & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return (key >> _SHIFT).astype(np.uint32), low * _inverse()


def _key(follower: np.ndarray, followee: np.ndarray) -> np.ndarray:
    return (follower.astype(np.uint64) << _SHIFT) | ring_position(followee).astype(np.uint64)


def _inverse() -> np.uint32:
    """The multiplier's inverse modulo 2**32."""
    return np.uint32(pow(int(FOLLOWEE_MULTIPLIER), -1, 2**32))
