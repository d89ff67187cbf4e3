"""How people choose: windows of a board, races, and ties that go to the lower id."""

import numpy as np

from feedtwin.twins.board import board_of, most, newest_by_author
from feedtwin.twins.user.choosing import best, best_of
from feedtwin.twins.user.wishing import Wishes

INF = np.float32(np.inf)


def test_a_window_goes_round_the_ring_and_never_shows_a_thing_twice():
    board = board_of(np.array([50, 10, 30], np.uint32), np.array([5, 1, 3], np.uint64))
    shown = board.window(np.array([0, 11, 31, 99], np.uint32), 2)
    assert shown.tolist() == [[1, 3], [3, 5], [5, 1], [1, 3]]
    assert board.window(np.array([0], np.uint32), 9).tolist() == [[1, 3, 5]]
    empty = board_of(np.zeros(0, np.uint32), np.zeros(0, np.uint64))
    assert empty.window(np.array([4], np.uint32), 3).shape == (1, 0)


def test_a_new_thing_on_the_board_is_seen_only_by_those_it_comes_before():
    place, thing = np.array([10, 20, 30, 40], np.uint32), np.arange(1, 5, dtype=np.uint64)
    entry = np.arange(0, 50, 7, dtype=np.uint32)
    before = board_of(place, thing).window(entry, 2)
    more = board_of(np.append(place, np.uint32(25)), np.append(thing, np.uint64(9)))
    after = more.window(entry, 2)
    same = (before == after).all(axis=1)
    assert same.tolist() == [(9 not in row) for row in after.tolist()]
    assert 0 < same.sum() < len(entry)


def test_the_newest_of_each_author_is_the_last_ordinal():
    item = np.array([2 << 32 | 3, 1 << 32 | 7, 2 << 32 | 9, 1 << 32 | 1], np.uint64)
    board = board_of(np.zeros(0, np.uint32), item[:0], newest_by_author(item))
    author = np.array([[1, 2, 3]], np.uint32)
    assert board.newest_of(author).tolist() == [[1 << 32 | 7, 2 << 32 | 9, 0]]


def test_the_most_popular_come_first_and_ties_by_id():
    chosen = most(np.array([3, 9, 3, 1], np.uint32), np.array([8, 4, 2, 1]), 3)
    assert chosen.tolist() == [1, 2, 0]


def test_the_best_is_the_highest_score_ties_by_id_and_nothing_where_nothing_fits():
    score = np.array([[1, 2, 2], [-INF, -INF, -INF], [0, -INF, -INF]], np.float32)
    thing = np.array([[7, 9, 4], [1, 2, 3], [5, 6, 7]], np.uint64)
    assert best(score, thing).tolist() == [4, 0, 5]
    assert best(score[:, :0], thing[:, :0]).tolist() == [0, 0, 0]


def test_the_best_of_each_owner():
    owner = np.array([4, 1, 4, 1, 1])
    score = np.array([1, 5, 3, 5, 2], np.float32)
    people, chosen = best_of(owner, score, np.array([10, 20, 30, 15, 40]))
    assert (people.tolist(), chosen.tolist()) == ([1, 4], [15, 30])


def test_each_action_is_wanted_at_its_rate_and_independently_of_the_others(draws):
    user = np.arange(20_000, dtype=np.uint32)
    rates = {"LIKE_POST": 0.3, "CREATE_POST": 0.0, "REPOST": 0.1}
    found = {one.action: one for one in Wishes(rates, draws).of(user, user % 5)}
    assert set(found) == {"LIKE_POST", "REPOST"}
    # four standard errors: a false alarm in 16,000 runs of another seed
    assert abs(len(found["LIKE_POST"].user) / 20_000 - 0.3) < 0.013
    assert abs(len(found["REPOST"].user) / 20_000 - 0.1) < 0.0085
    alone = next(iter(Wishes({"REPOST": 0.1}, draws).of(user, user % 5)))
    assert alone.user.tolist() == found["REPOST"].user.tolist()
    assert not Wishes({"LIKE_POST": 0.0}, draws)
