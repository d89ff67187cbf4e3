"""Search results and trend lists: hand-made requests of every kind, served together."""

import numpy as np
import pytest

from feedtwin.policies.interface import SEARCH, TREND, TRENDING
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import FeedKind, ItemKind
from feedtwin.schema.ids import CATEGORY_QUERY
from feedtwin.testing.contracts import USERS
from feedtwin.twins.platform.feed.retrieval import NO_ITEM
from feedtwin.world.build import build

KINDS = (FeedKind.FEED, FeedKind.SEARCH, FeedKind.TREND, FeedKind.SEARCH, FeedKind.TREND)


def asked(world, kinds=KINDS, lanes=None):
    """One request per user, kinds in turn: feed, category search, trends, hashtag search, trending key."""
    items = world.content.table
    user = np.arange(len(world.users.table), dtype=np.uint32)
    turn = user % len(kinds)
    kind = np.array(kinds, np.uint8)[turn]
    public = np.nonzero(items.is_public)[0]
    one = public[user % len(public)]
    category = items.category.astype(np.uint32)
    query = np.where(turn == 1, category[one] | CATEGORY_QUERY, items.hashtags[one, 0])
    query = np.where((turn == 0) | (turn == 2), 0, query).astype(np.uint32)
    columns = {"user": user, "request": user * np.uint32(3), "kind": kind, "query": query}
    if lanes is not None:
        columns = {name: column[lanes] for name, column in columns.items()}
    return EventBatch("FEED_REQUESTED", world.step_count, columns)


def prepared(lab, kernels, sets=(), steps=6):
    world = build(lab.tiny(sets=["population.videos_per_user=3", *sets]), kernels)
    for _ in range(steps):
        world.step()
    world.platform.prepare(steps)
    return world


@pytest.fixture(scope="module")
def world(lab, kernels):
    return prepared(lab, kernels)


def each(world, slates, request):
    for lane in range(len(slates.user)):
        count = slates.served_count[lane]
        yield (
            int(request.kind[lane]), int(request.query[lane]), slates.row[lane, :count],
            slates.pool[lane, :count], slates.propensity[lane, :count],
        )  # fmt: skip


def test_a_search_finds_what_it_is_for_and_a_trend_list_what_trends(world):
    items, request = world.content.table, asked(world)
    slates = world.platform.serve(request)
    found = {"category": 0, "hashtag": 0, "trends": 0, "key": 0}
    trending = world.platform._feeds.now.rings
    segment = len(world.content.categories.vectors) + trending.global_pool.tolist().index(TRENDING)
    fast = set(trending.row[trending.offset[segment] : trending.offset[segment + 1]].tolist())
    for kind, query, rows, pools, _ in each(world, slates, request):
        if kind == FeedKind.FEED:
            assert not np.isin(pools, (SEARCH, TREND)).any()
            continue
        assert (pools == (SEARCH if kind == FeedKind.SEARCH else TREND)).all()
        if query & CATEGORY_QUERY:
            assert (items.category[rows] == query ^ CATEGORY_QUERY).all()
            found["category"] += len(rows)
        elif query:
            assert (items.hashtags[rows] == query).any(axis=1).all()
            found["hashtag" if kind == FeedKind.SEARCH else "key"] += len(rows)
        elif kind == FeedKind.TREND:
            assert set(rows.tolist()) <= fast
            found["trends"] += len(rows)
    assert min(found.values()) > 10


def test_a_request_gets_the_same_list_in_whatever_company_and_order(world):
    whole = world.platform.serve(asked(world))
    lanes = np.arange(len(whole.user))[::-3]
    part = world.platform.serve(asked(world, lanes=lanes))
    for name in ("user", "item", "score", "propensity", "pool", "stage", "meeting", "served_count"):
        np.testing.assert_array_equal(
            getattr(whole, name)[lanes], getattr(part, name), err_msg=name
        )


@pytest.mark.parametrize("policy", ["tiktok", "random"])
def test_lists_are_the_same_on_every_path(lab, kernels, numpy_kernels, policy):
    sets = [f"policies.recommendation={policy}"]
    slates = [
        (made := prepared(lab, path, sets, 3)).platform.serve(asked(made))
        for path in (kernels, numpy_kernels)
    ]
    for name in ("row", "item", "score", "propensity", "pool", "meeting", "served_count"):
        np.testing.assert_array_equal(getattr(slates[0], name), getattr(slates[1], name))


def test_propensities_of_lists_follow_the_product_rule(world):
    """Recomputed in float64 from the candidates of each list and their scores."""
    platform, request, checked = world.platform, asked(world), 0
    slates = platform.serve(request)
    items = world.content.table
    heat = 1.0 / platform.levers.temperature
    for lane in np.nonzero(request.kind != FeedKind.FEED)[0][:40]:
        rows = {r["row"]: r for r in platform.explain(request, int(lane))}
        left = {k: r["score"] for k, r in rows.items() if r["share"] > 0}
        for slot in range(int(slates.served_count[lane])):
            best = max(left.values())
            weight = {k: np.exp((s - best) * heat) for k, s in left.items()}
            row = int(slates.row[lane, slot])
            law = weight[row] / sum(weight.values())
            assert float(slates.propensity[lane, slot]) == pytest.approx(law, rel=1e-4)
            checked += 1
            left = {k: s for k, s in left.items() if items.creator[k] != items.creator[row]}
            picked = items.category[slates.row[lane, : slot + 1]]
            full = {int(c) for c in picked if (picked == c).sum() >= platform.levers.category_cap}
            left = {k: s for k, s in left.items() if int(items.category[k]) not in full}
    assert checked > 50


def test_a_list_shows_again_what_the_feed_would_not(world):
    slates = world.platform.serve(asked(world))
    feed = asked(world).kind == FeedKind.FEED
    served = np.arange(slates.row.shape[1]) < slates.served_count[:, None]
    recent = world.platform.config.no_repeat
    seen = world.platform.history.seen_row
    count = world.platform.accounts.seen_count
    met = 0
    for lane in range(len(slates.user)):
        used = min(int(count[lane]), seen.shape[1], recent)
        ring = [(int(count[lane]) - 1 - k) % seen.shape[1] for k in range(used)]
        both = np.isin(slates.row[lane][served[lane]], seen[lane, ring]).sum()
        assert not (feed[lane] and both)
        met += both
    assert met > 0


def test_a_query_that_nothing_matches_is_answered_by_the_feed(world):
    user = np.arange(4, dtype=np.uint32)
    columns = {
        "user": user, "request": user, "kind": np.full(4, FeedKind.SEARCH, np.uint8),
        "query": np.array([0, 65535, CATEGORY_QUERY | 999, 64000], np.uint32),
    }  # fmt: skip
    request = EventBatch("FEED_REQUESTED", world.step_count, columns)
    slates = world.platform.serve(request)
    zero = {"kind": np.zeros(4, np.uint8), "query": np.zeros(4, np.uint32)}
    feed = world.platform.serve(EventBatch("FEED_REQUESTED", world.step_count, {**columns, **zero}))
    assert slates.served_count.all()
    for name in ("item", "pool", "propensity"):
        np.testing.assert_array_equal(getattr(slates, name), getattr(feed, name))
    shown = [one["item"] for one in world.platform.explain(request, 0) if one["slot"] is not None]
    assert shown == slates.item[0, : slates.served_count[0]].tolist()


def test_a_search_that_finds_nothing_ends_no_session(lab, kernels):
    """Everybody searches for what nobody makes; before, every session ended as if the feed were empty."""
    world = build(lab.tiny(sets=["population.videos_per_user=3"]), kernels)
    ask = world.users.ask

    def in_vain(step):
        request = ask(step)
        columns = {**request.columns, "kind": np.full(request.rows, FeedKind.SEARCH, np.uint8)}
        columns["query"] = np.full(request.rows, 65535, np.uint32)
        return EventBatch(request.event, step, columns)

    world.users.ask = in_vain
    for _ in range(3):
        world.step()
    totals = world.platform.telemetry.as_dict()
    assert totals["impressions"] > 100
    assert totals["exits_feed_exhausted"] < 0.2 * totals["sessions"]


def test_no_ad_is_found_or_retrieved(lab, kernels):
    """Ads have a place among the items, and come by insertion only."""
    world = build(lab.tiny(users=USERS), kernels)
    with world.content.writing():
        world.content._columns.kind[::2] = ItemKind.AD
    world.platform.prepare(0)
    for kinds in ((FeedKind.FEED,), KINDS):
        slates = world.platform.serve(asked(world, kinds))
        rows = slates.row[slates.row != NO_ITEM]
        assert len(rows) > 50
        # An ad on a wall would be an upload of its advertiser, who is followed by nobody.
        owners = np.isin(rows, world.platform.accounts.latest_row)
        assert (world.content.table.kind[rows[~owners]] == ItemKind.VIDEO).all()


def test_lists_in_whole_worlds_fold_into_one_digest_on_every_path(
    lab, kernels, numpy_kernels, monkeypatch
):
    """Users who ask for lists in turn, step after step."""
    chains = []
    for path in (kernels, numpy_kernels):
        world = build(lab.tiny(), path)
        ask = world.users.ask

        def in_turn(step, ask=ask, world=world):
            request = ask(step)
            kind = (request.request % 3).astype(np.uint8)
            category = world.content.table.category[request.user % 40].astype(np.uint32)
            query = np.where(kind == 1, category | CATEGORY_QUERY, 0).astype(np.uint32)
            return EventBatch(
                request.event, step, {**request.columns, "kind": kind, "query": query}
            )

        monkeypatch.setattr(world.users, "ask", in_turn)
        links = []
        for _ in range(6):
            world.step()
            links.append(world.digest)
        chains.append(links)
    assert chains[0] == chains[1]
