"""Who follows whom, as sorted edges: each user's followees lie in the order of a hash of their id.

That order is the user's own ring of followees, from which retrieval takes windows. Edges are ragged, so
they are kept beside the columns. Source: USR-12.
"""

import numpy as np

from feedtwin.schema.ids import LOW, SHIFT, ring_position, user_at


class Ties:
    """Follow edges of U users: `offset` i8 (U + 1,) and `hash` u4 (E,), both read-only.

    User u follows `user[offset[u]:offset[u + 1]]`, sorted by `hash`, the followees' ring position.
    """

    def __init__(self, follower: np.ndarray, followee: np.ndarray, users: int) -> None:
        """Build from edge lists; repeats and self-ties are dropped."""
        keep = follower != followee
        key = np.unique(_key(follower[keep], followee[keep]))
        counts = np.bincount((key >> SHIFT).astype(np.int64), minlength=users)
        self._set((key & LOW).astype(np.uint32), np.concatenate([[0], np.cumsum(counts)]))

    def _set(self, hashes: np.ndarray, offset: np.ndarray) -> None:
        self.hash, self.offset = hashes, offset.astype(np.int64)
        for array in (self.hash, self.offset):
            array.flags.writeable = False

    @property
    def user(self) -> np.ndarray:
        """Followees in ring order, (E,) u4; computed from their places."""
        return user_at(self.hash)

    @property
    def users(self) -> int:
        """Number of users."""
        return len(self.offset) - 1

    def change(
        self, follower: np.ndarray, followee: np.ndarray, added: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add and remove edges; return the keys of those really made and cut (see `split_key`)."""
        key = _key(follower, followee)
        made, cut = np.unique(key[added]), np.unique(key[~added])
        made_at, known = self._places(made)
        made, made_at = made[~known], made_at[~known]
        cut_at, known = self._places(cut)
        cut, cut_at = cut[known], cut_at[known]
        if not len(made) and not len(cut):
            return made, cut
        hashes = self.hash
        if len(made):
            hashes = np.insert(hashes, made_at, (made & LOW).astype(np.uint32))
        if len(cut):
            hashes = np.delete(hashes, cut_at + np.searchsorted(made_at, cut_at, side="right"))
        change = np.zeros(self.users, np.int64)
        np.add.at(change, (made >> SHIFT).astype(np.int64), 1)
        np.add.at(change, (cut >> SHIFT).astype(np.int64), -1)
        offset = self.offset.copy()
        offset[1:] += np.cumsum(change)
        self._set(hashes, offset)
        return made, cut

    def has(self, follower: np.ndarray, followee: np.ndarray) -> np.ndarray:
        """Return whether each pair is tied."""
        return self._places(_key(follower, followee))[1]

    def _places(self, key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each edge is or would be inserted, and whether it is there; a bisection per edge."""
        follower, wanted = (key >> SHIFT).astype(np.int64), (key & LOW).astype(np.uint32)
        low, end = self.offset[follower], self.offset[follower + 1]
        high = end.copy()
        while np.any(low < high):
            middle = (low + high) >> 1
            below = (low < high) & (self.hash[np.minimum(middle, len(self.hash) - 1)] < wanted)
            high = np.where(below | (low >= high), high, middle)
            low = np.where(below, middle + 1, low)
        inside = low < end
        known = np.zeros(len(key), bool)
        known[inside] = self.hash[low[inside]] == wanted[inside]
        return low, known

    def follower_counts(self) -> np.ndarray:
        """Return followers per user, (U,) u4."""
        return np.bincount(self.user, minlength=self.users).astype(np.uint32)

    def following_counts(self) -> np.ndarray:
        """Return followees per user, (U,) u4."""
        return np.diff(self.offset).astype(np.uint32)

    def widened(self, users: int) -> "Ties":
        """Return the same edges over a population with more users, who follow nobody."""
        other = Ties.__new__(Ties)
        extra = np.full(users - self.users, self.offset[-1])
        other._set(self.hash.copy(), np.concatenate([self.offset, extra]))
        return other

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays a snapshot keeps."""
        return {"tie_hash": self.hash, "tie_offset": self.offset}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore from a snapshot."""
        self._set(np.array(state["tie_hash"], np.uint32), np.array(state["tie_offset"], np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.hash.nbytes + self.offset.nbytes


def split_key(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return follower and followee of edge keys."""
    return (key >> SHIFT).astype(np.uint32), user_at((key & LOW).astype(np.uint32))


def _key(follower: np.ndarray, followee: np.ndarray) -> np.ndarray:
    return (follower.astype(np.uint64) << SHIFT) | ring_position(followee).astype(np.uint64)
