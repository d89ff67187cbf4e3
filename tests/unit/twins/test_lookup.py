"""Rows of items by their ids, whatever order they came in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtwin.kernels.binding import load
from feedtwin.schema.ids import FIRST_ADVERTISER, LIVE_ORDINAL, item_id
from feedtwin.schema.settings import resolve
from feedtwin.twins.lookup import ItemLookup, Lookup
from feedtwin.world.build import build

CREATORS = st.one_of(st.integers(0, 9), st.sampled_from([FIRST_ADVERTISER, FIRST_ADVERTISER + 3]))
UPLOADS = st.lists(CREATORS, max_size=40)


def ids_of(creators: list[int], have: dict[int, int], gap: int = 0) -> np.ndarray:
    """The next item of each creator in turn; with a `gap`, ordinals are not dense."""
    made = []
    for creator in creators:
        have[creator] = have.get(creator, 0) + 1 + gap
        made.append((creator << 32) | (have[creator] - 1))
    return np.array(made, np.uint64)


@given(st.lists(UPLOADS, min_size=1, max_size=5), st.sampled_from([0, 0, 2]))
def test_items_are_found_in_their_rows_however_many_batches_brought_them(batches, gap) -> None:
    have: dict[int, int] = {}
    known = ids_of(batches[0], have, gap)
    lookup = ItemLookup(known)
    for creators in batches[1:]:
        more = ids_of(creators, have, gap)
        order = np.argsort(more)
        lookup.enter(more[order], len(known) + order)
        known = np.concatenate([known, more])
    assert lookup.find(known).tolist() == list(range(len(known)))
    strange = item_id(np.arange(12, dtype=np.uint32), np.full(12, 999)) | LIVE_ORDINAL
    assert (lookup.find(strange) == -1).all()


@pytest.mark.parametrize("kind", [Lookup, ItemLookup])
def test_an_empty_index_finds_nothing(kind) -> None:
    lookup = kind(np.zeros(0, np.uint64))
    assert lookup.find(np.array([0, 5, 1 << 40], np.uint64)).tolist() == [-1, -1, -1]


def test_a_world_refuses_items_that_it_does_not_have() -> None:
    world = build(resolve("synthetic", users=50, seed=1), load("auto"))
    with pytest.raises(IndexError, match="creator 7, upload 4000"):
        world.content.rows_of(np.array([(7 << 32) | 4000], np.uint64))
