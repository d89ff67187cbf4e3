"""Why a request is shown what it is shown: every candidate with its pool, score, chance and fate.

Computed anew with the NumPy references from what serving reads, so it must equal what was served; nothing
of it is kept during a run. Source: REC-6 (diagnostic traces), decision 13.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from feedtwin.policies.interface import POOL_NAMES, View
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import FeedKind, Stage
from feedtwin.schema.ids import item_id
from feedtwin.twins.platform.feed import serving
from feedtwin.twins.platform.feed.feeds import Feeds, as_feed
from feedtwin.twins.platform.feed.ranking import (
    POOL_INSERTED,
    follows,
    gumbels,
    race,
    score_reference,
    seen_recently,
    select_reference,
    similarity,
)
from feedtwin.twins.platform.feed.retrieval import (
    NO_ITEM,
    drop_repeats,
    gated,
    hidden_from,
    muted,
    windows,
)

Row = dict[str, Any]
_BEHIND = 1 << 30


def explain(
    feeds: Feeds, one: EventBatch, view: Callable[[int], View], inserts: np.ndarray | None
) -> list[Row]:
    """Return one mapping per candidate of a batch of one request: what is shown first, then by key.

    Each has `item`, `row`, `creator`, `category`, `stage`, `pool`; `score` and its `terms` by name; `gumbel` and
    `key` (the greatest key wins: score / temperature + gumbel, or the score where nothing is drawn); `share`, the
    chance of the first slot; `slot` and `propensity`, None where it is not shown; and `reason`: shown, inserted,
    own, muted, gated (kept from minors), seen (among the last `no_repeat`), creator cap, category cap, or outdrawn.

    Args:
        feeds: The serving index, prepared for the request's step.
        one: A FEED_REQUESTED batch of one row.
        view: What policies may see at a step.
        inserts: Content rows that rules placed, u4 (1, S), or None.
    """
    a = _arguments(feeds, one, inserts)
    if int(one.kind[0]) != FeedKind.FEED and _is_empty(a):
        a = _arguments(feeds, as_feed(one), inserts)  # the list holds nothing: the feed went on
    row = np.where(a.raw == NO_ITEM, 0, a.raw)
    creator = a.creator[row]
    fate = {
        "own": creator == a.user[:, None],
        "muted": muted(a, a.user, creator),
        "gated": gated(a, a.user, row),
    }
    hidden = fate["own"] | fate["muted"] | fate["gated"]
    a.candidate = drop_repeats(np.where(hidden, NO_ITEM, a.raw))
    terms = _score(feeds, one, view, a, row)
    fate["seen"] = seen_recently(a, a.user, a.candidate)
    select_reference(a, 0, 1)
    return sorted([*_candidates(a, row, terms, fate), *_inserted(a)], key=_order)


def _arguments(feeds: Feeds, one: EventBatch, inserts: np.ndarray | None) -> SimpleNamespace:
    """Everything that the references read, for one request; `raw` are the candidates before any filter."""
    read, scalars, _ = feeds.read_by(one)
    slate = serving.slate_arrays(1, feeds.slate_size, inserts)
    index = {name: array for name, array in read.items() if name not in slate}
    a = SimpleNamespace(**index, **scalars, **slate, user=one.user, request=one.request)
    a.raw, pools = windows(a, 0, 1)
    a.candidate_pool = np.broadcast_to(pools, a.raw.shape)
    return a


def _is_empty(a: SimpleNamespace) -> bool:
    """Whether a request's rings hold nothing that its user may see."""
    row = np.where(a.raw == NO_ITEM, 0, a.raw)
    return bool(((a.raw == NO_ITEM) | hidden_from(a, a.user, row)).all())


def _score(
    feeds: Feeds, one: EventBatch, view: Callable[[int], View], a: SimpleNamespace, row: np.ndarray
) -> dict[str, np.ndarray]:
    """Score the candidates; return the terms of their scores, float32 (1, C) each."""
    now = feeds.now
    a.score = np.zeros(row.shape, np.float32)
    if now.ranking is None:
        a.score[:] = feeds.scores(one, view, vars(a), {}, {"candidate": a.candidate})
        terms = {"policy": np.where(a.candidate == NO_ITEM, 0, a.score - now.base[row])}
    else:
        score_reference(SimpleNamespace(**{**vars(a), "candidate": a.raw}), 0, 1)
        followed = follows(a, a.user, a.creator[row])
        named = now.ranking.terms or {"base": now.ranking.base}
        terms = {
            "similarity": a.weight_similarity * similarity(a, a.user, row),
            **{name: values[row] for name, values in named.items()},
            "social": np.where(followed, a.weight_followed, np.float32(0.0)),
        }
    terms["stage_boost"] = now.boost[row]
    if now.odds is not None:
        terms["governance"] = now.odds[row]
    return terms


def _candidates(
    a: SimpleNamespace,
    row: np.ndarray,
    terms: dict[str, np.ndarray],
    fate: dict[str, np.ndarray],
) -> list[Row]:
    """One mapping per distinct candidate that no rule inserted."""
    placed = np.isin(a.raw, a.insert_row)
    eligible = (a.candidate != NO_ITEM) & ~fate["seen"] & ~placed
    key, weight = race(a, a.user, a.request, row, a.score, eligible)
    noise = gumbels(a, a.user, a.request, row)
    total = int(np.where(eligible, weight, 0).sum(dtype=np.uint64))
    slots = {int(value): slot for slot, value in enumerate(a.row[0, : a.served_count[0]])}
    _, first = np.unique(a.raw[0], return_index=True)
    found = []
    for at in first.tolist():
        content_row = int(a.raw[0, at])
        if content_row == NO_ITEM or placed[0, at]:
            continue
        slot = slots.get(content_row)
        why = next((name for name, mask in fate.items() if mask[0, at]), None)
        found.append(
            {
                **_facts(a, content_row, int(a.candidate_pool[0, at])),
                "score": float(a.score[0, at]),
                "terms": {name: float(values[0, at]) for name, values in terms.items()},
                "gumbel": float(noise[0, at]),
                "key": float(key[0, at]),
                "share": int(weight[0, at]) / total if eligible[0, at] else 0.0,
                "slot": slot,
                "propensity": None if slot is None else float(a.propensity[0, slot]),
                "reason": why or ("shown" if slot is not None else _passed_over(a, content_row)),
            }
        )
    return found


def _passed_over(a: SimpleNamespace, content_row: int) -> str:
    """Why an eligible candidate is not in the slate."""
    drawn = a.row[0, : a.served_count[0]][a.inserted[0, : a.served_count[0]] == 0]
    if np.count_nonzero(a.creator[drawn] == a.creator[content_row]) >= a.creator_cap:
        return "creator cap"
    if np.count_nonzero(a.category[drawn] == a.category[content_row]) >= a.category_cap:
        return "category cap"
    return "outdrawn"


def _inserted(a: SimpleNamespace) -> list[Row]:
    """One mapping per slot that a rule filled."""
    return [
        {
            **_facts(a, int(a.row[0, slot]), POOL_INSERTED),
            "score": 0.0, "terms": {}, "gumbel": None, "key": None, "share": 0.0, "slot": slot,
            "propensity": 1.0, "reason": "inserted",
        }
        for slot in range(int(a.served_count[0]))
        if a.inserted[0, slot]
    ]  # fmt: skip


def _facts(a: SimpleNamespace, row: int, pool: int) -> Row:
    return {
        "item": int(item_id(a.creator[row], a.ordinal[row])),
        "row": row,
        "creator": int(a.creator[row]),
        "category": int(a.category[row]),
        "stage": Stage(int(a.stage[row])).name,
        "pool": _pool_name(pool),
    }


def _pool_name(code: int) -> str:
    if code == POOL_INSERTED:
        return "inserted"
    return POOL_NAMES[code] if code < len(POOL_NAMES) else f"pool {code}"


def _order(row: Row) -> tuple[int, int, float, int]:
    """Shown first, slot by slot; then what could have been, the greatest key first; then the rest."""
    slot = _BEHIND if row["slot"] is None else row["slot"]
    return slot, int(row["share"] == 0), -(row["key"] or 0.0), row["item"]
