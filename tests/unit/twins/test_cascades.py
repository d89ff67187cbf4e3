"""The cascade tracker against trees built one by one, and the shapes of known trees."""

from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtwin.lab.cascades import share_trees
from feedtwin.lab.metrics.cascades import shape
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.twins.platform.governance import Cascades
from feedtwin.twins.platform.governance.table import LEVELS
from feedtwin.twins.platform.telemetry import Telemetry

ITEM = (3 << 32) | 1


def tracker():
    made = Cascades(active=True)
    made.bind(SimpleNamespace(telemetry=Telemetry()))
    return made


def shared(step, rows, kind=SocialActivityKind.VIDEO_SHARED):
    """Rows of (item, user, sharer or None) as the sharing of videos publishes them."""
    columns = {
        "user": np.array([user for _, user, _ in rows], np.uint32),
        "ordinal": np.zeros(len(rows), np.uint32),
        "kind": np.full(len(rows), kind, np.uint8),
        "item": np.array([item for item, _, _ in rows], np.uint64),
        "parent": np.array([0 if s is None else (s << 32) | 1 for _, _, s in rows], np.uint64),
        "group": np.zeros(len(rows), np.uint32),
        "text": np.zeros(len(rows), np.uint32),
    }
    return EventBatch("SOCIAL_ACTIVITY", step, columns)


def tracked(*steps):
    made = tracker()
    for step, rows in enumerate(steps):
        with made.writing():
            made.on_social_activity(shared(step, rows))
    return made


def numbers(made, place=0):
    c = made.table
    return {
        "size": int(c.size[place]),
        "roots": int(c.roots[place]),
        "depth": int(c.depth[place]),
        "breadth": int(c.levels[place].max()),
        "parents": int(c.parents[place]),
    }


def test_a_star_and_a_path():
    star = tracked([(ITEM, user, None) for user in range(5)])
    assert numbers(star) == {"size": 5, "roots": 5, "depth": 1, "breadth": 5, "parents": 0}
    path = tracked(*([(ITEM, user, user - 1 if user else None)] for user in range(5)))
    assert numbers(path) == {"size": 5, "roots": 1, "depth": 5, "breadth": 1, "parents": 4}
    assert (path.table.first_step[0], path.table.last_step[0]) == (0, 4)


def test_a_user_counts_once_per_video_with_the_first_share():
    made = tracked([(ITEM, 1, None)], [(ITEM, 2, 1)], [(ITEM, 2, None), (ITEM, 1, 2)])
    assert numbers(made) == {"size": 2, "roots": 1, "depth": 2, "breadth": 1, "parents": 1}


def test_a_sharer_who_is_not_in_the_tree_counts_as_nobody():
    assert numbers(tracked([(ITEM, 1, 99)]))["roots"] == 1


def test_shares_of_one_step_that_name_each_other_are_roots():
    assert numbers(tracked([(ITEM, 1, 2), (ITEM, 2, 1), (ITEM, 3, 3)])) == {
        "size": 3, "roots": 3, "depth": 1, "breadth": 3, "parents": 0,
    }  # fmt: skip


def test_a_parent_of_the_same_step_is_found_whatever_the_order_of_users():
    made = tracked([(ITEM, 1, 9), (ITEM, 5, 1), (ITEM, 9, None)])
    assert numbers(made) == {"size": 3, "roots": 1, "depth": 3, "breadth": 1, "parents": 2}


def test_other_social_activity_is_no_share():
    made = tracker()
    with made.writing():
        made.on_social_activity(shared(0, [(ITEM, 1, None)], SocialActivityKind.VIDEO_SAVED))
    assert len(made.table) == 0


def test_depths_beyond_the_counted_levels_count_in_the_last():
    length = LEVELS + 5
    made = tracked(*([(ITEM, user, user - 1 if user else None)] for user in range(length)))
    assert numbers(made)["depth"] == length
    assert made.table.levels[0].tolist() == [1] * (LEVELS - 1) + [6]


rows = st.tuples(
    st.sampled_from([ITEM, ITEM + 1, ITEM + 2]),
    st.integers(0, 12),
    st.one_of(st.none(), st.integers(0, 14)),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(rows, max_size=9), max_size=6))
def test_the_tracker_equals_trees_built_from_the_log(steps):
    """Two ways to the same trees: columns that grow, and dictionaries over the whole log."""
    steps = [sorted(batch, key=lambda one: (one[1], one[0])) for batch in steps]
    made = tracked(*steps)
    log = [
        (item, user, 0 if sharer is None else (sharer << 32) | 1, step)
        for step, batch in enumerate(steps)
        for item, user, sharer in batch
    ]
    log.sort(key=lambda one: (one[0], one[3], one[1]))
    columns = [np.array(column, np.uint64) for column in zip(*log, strict=True)] or [
        np.zeros(0)
    ] * 4
    trees = dict(share_trees(*columns))
    found = {int(item): place for place, item in enumerate(made.table.item)}
    assert found.keys() == trees.keys()
    for item, tree in trees.items():
        expected, ours = shape(tree), numbers(made, found[item])
        level = np.bincount(_levels(tree))[1:]
        assert ours["size"] == expected.size - 1
        assert ours["depth"] == expected.depth
        assert ours["breadth"] == level.max()
        assert ours["roots"] == level[0]
        assert ours["parents"] == len(set(tree[1:].tolist()) - {0})


def _levels(tree):
    level = []
    for above in tree.tolist():
        level.append(0 if above < 0 else level[above] + 1)
    return level


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=25))
def test_structural_virality_equals_the_mean_distance_over_all_pairs(seeds):
    tree = [-1, *(seed % (place + 1) for place, seed in enumerate(seeds))]
    near = [[] for _ in tree]
    for node, above in enumerate(tree):
        if above >= 0:
            near[node].append(above)
            near[above].append(node)
    total = 0
    for start in range(len(tree)):
        distance, queue = {start: 0}, deque([start])
        while queue:
            node = queue.popleft()
            for other in near[node]:
                if other not in distance:
                    distance[other] = distance[node] + 1
                    queue.append(other)
        total += sum(distance.values())
    n = len(tree)
    found = shape(np.array(tree)).structural_virality
    assert found == pytest.approx(total / (n * (n - 1)), rel=1e-12)


def test_a_tracker_restored_from_its_tables_goes_on_as_before():
    first, second = [(ITEM, 1, None), (ITEM, 4, None)], [(ITEM, 2, 1), (ITEM + 7, 2, None)]
    ours = tracked(first, second)
    copy = tracker()
    copy.load_state(tracked(first).state())
    with copy.writing():
        copy.on_social_activity(shared(1, second))
    for name, array in ours.state().items():
        np.testing.assert_array_equal(array, copy.state()[name], err_msg=name)
