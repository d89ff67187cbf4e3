"""How ids are made: items from their creators, and followees' places on rings."""

import numpy as np

SHIFT = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)
FOLLOWEE_MULTIPLIER = np.uint32(2654435761)
"""Knuth's multiplicative hash: a bijection of 32-bit ids that spreads them over a ring."""
FOLLOWEE_INVERSE = np.uint32(pow(2654435761, -1, 2**32))
"""Turns a place on the ring back into the user."""


def item_id(creator: np.ndarray, ordinal: np.ndarray) -> np.ndarray:
    """Return item ids, uint64: creator << 32 | the creator's upload ordinal (decision 0004)."""
    return (creator.astype(np.uint64) << SHIFT) | ordinal.astype(np.uint64)


def split_item(item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return creator and ordinal of item ids, u4."""
    return (item >> SHIFT).astype(np.uint32), (item & LOW).astype(np.uint32)


def ring_position(user: np.ndarray) -> np.ndarray:
    """Return the 32-bit place of users on followee rings."""
    return user.astype(np.uint32) * FOLLOWEE_MULTIPLIER


def user_at(position: np.ndarray) -> np.ndarray:
    """Return the users at places on followee rings."""
    return position * FOLLOWEE_INVERSE


LIVE_ORDINAL = np.uint64(1 << 31)
"""Bit of the ordinal that marks a live room among the items of its host."""
POST_ORDINAL = np.uint64(1 << 30)
"""Bit of the ordinal that marks a post or a comment among the items of its author."""
PRODUCT_ORDINAL = np.uint64(1 << 29)
"""Bit of the ordinal that marks a product among the items of its merchant."""
FIRST_ADVERTISER = 0xFFFF0000
"""Ids from here on are advertisers, who own ads and are no users."""
CATEGORY_QUERY = 1 << 16
"""Bit of a search's query that is for a category, `CATEGORY_QUERY | category`; without it, a hashtag."""
TIER_QUERY = 1 << 17
"""Bit of a search for users that is for a tier, `TIER_QUERY | tier`."""


def is_live(item: np.ndarray) -> np.ndarray:
    """Return whether items (I,) are live rooms."""
    return (item & LIVE_ORDINAL) != 0


def is_upload(item: np.ndarray) -> np.ndarray:
    """Return whether items (I,) are videos or ads: no live rooms, posts, comments or products."""
    return (item & (LIVE_ORDINAL | POST_ORDINAL | PRODUCT_ORDINAL)) == 0
