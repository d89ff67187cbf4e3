"""Numbers kept by pairs of ids, and what edges say about one side."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feedtwin.edges import Edges, Marks, spans

ids = st.integers(0, 2**32 - 1)
few = st.sampled_from([0, 1, 2, 7, 2**31, 2**32 - 1])
rows = st.lists(st.tuples(few, few, st.integers(0, 5)), max_size=30)


def u4(values):
    return np.array(values, np.uint32)


@given(st.lists(rows, max_size=4))
def test_marks_are_a_mapping_without_zeros(puts):
    marks, model = Marks(), {}
    for put in puts:
        left, right, value = (u4([row[k] for row in put]) for k in range(3))
        marks.put(left, right, value)
        model.update({(a, b): v for a, b, v in put})
    model = {pair: value for pair, value in model.items() if value}
    assert len(marks) == len(model)
    keys = [(int(key) >> 32, int(key) & 0xFFFFFFFF) for key in marks.key]
    assert keys == sorted(model) and [model[key] for key in keys] == marks.value.tolist()
    every = [(a, b) for a in (0, 1, 7, 2**32 - 1) for b in (0, 2, 2**31)]
    got = marks.get(u4([a for a, _ in every]), u4([b for _, b in every]))
    assert got.tolist() == [model.get(pair, 0) for pair in every]


def test_marks_come_back_from_their_state():
    marks, other = Marks(), Marks()
    marks.put(u4([3, 1]), u4([4, 2]), u4([9, 8]))
    other.load_state(marks.state())
    assert other.get(u4([1, 3, 3]), u4([2, 4, 5])).tolist() == [8, 9, 0]


@given(st.lists(st.tuples(few, few), max_size=30), st.lists(few, max_size=6))
def test_rights_of_are_the_pairs_of_each_left(pairs, asked):
    edges = Edges()
    edges.add(u4([a for a, _ in pairs]), u4([b for _, b in pairs]))
    place, right = edges.rights_of(u4(asked))
    expected = [
        (k, b) for k, a in enumerate(asked) for b in sorted({y for x, y in pairs if x == a})
    ]
    assert list(zip(place.tolist(), right.tolist(), strict=True)) == expected


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=10))
def test_spans_are_the_ranges_one_after_the_other(ranges):
    low = np.array([start for start, _ in ranges], np.int64)
    high = np.array([start + count for start, count in ranges], np.int64)
    which, index = spans(low, high)
    expected = [(k, i) for k, (s, c) in enumerate(ranges) for i in range(s, s + c)]
    assert list(zip(which.tolist(), index.tolist(), strict=True)) == expected
