"""Turn a policy's pools and scores into slates: retrieve, score, select.

The kernel serves feature-weight policies in one pass (`serve_fused`). Otherwise the three steps are taken one
after the other, with candidates and scores in between: on the NumPy path, and where a policy scores by itself. Source: REC-1 to REC-6, decisions 13
and 20.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from feedtwin.kernels.binding import Kernels
from feedtwin.policies.interface import Block, RecommendationPolicy, View
from feedtwin.schema.batches import EventBatch, SlateBatch
from feedtwin.twins.hot import run
from feedtwin.twins.platform.feed.asking import ask_scores
from feedtwin.twins.platform.feed.ranking import score_reference, select_reference
from feedtwin.twins.platform.feed.retrieval import NO_ITEM, retrieve_reference

MAY_SEE = ("mute_offset", "mute_key", "minor", "restricted")
"""What restricts users; left out of an index where nothing does."""
OWN = ("own_ring", "own_pool")
"""The ring of each request that has one of its own: a list."""
_RETRIEVE = (
    "query", "topic_vectors", "topic_inv_norm", "ring_offset", "ring_hash", "ring_row",
    "global_pool", "global_quota", "follow_offset", "follow_hash", "latest_row", *MAY_SEE, *OWN,
    "creator",
)  # fmt: skip
_RETRIEVE_SCALARS = (
    "seed", "key_base", "categories_count", "category_picks", "category_quota",
    "category_sharpness", "followed_quota", "community_quota",
)  # fmt: skip
_SCORE = ("query", "vectors", "inv_norm", "base", "creator", "follow_offset", "follow_hash")
_SCORE_SCALARS = ("weight_similarity", "weight_followed")
_SELECT = ("seen_row", "seen_count", "creator", "ordinal", "category", "stage")
_CARDS = ("cards", "ring_cards")
"""Packed copies of the score's columns, which spare the fused kernel most of its cache misses."""
_SELECT_SCALARS = (
    "seed", "key_base", "inverse_temperature", "no_repeat", "creator_cap", "category_cap",
)  # fmt: skip

BLOCK_ROWS = 4096
"""Requests a scores policy is asked about at once."""

Arrays = Mapping[str, np.ndarray]
Scalars = Mapping[str, Any]


def serve_fused(
    kernels: Kernels,
    asked: EventBatch,
    index: Arrays,
    scalars: Scalars,
    slate_size: int,
    inserts: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """Serve feature-weight slates natively; return the (R,) and (R, S) arrays of a SlateBatch."""
    out = slate_arrays(asked.rows, slate_size, inserts)
    names = dict.fromkeys((*_RETRIEVE, *_SCORE, *_SELECT, *_CARDS))
    arrays = {**_who(asked), **_taken(index, names), **out}
    wanted = dict.fromkeys((*_RETRIEVE_SCALARS, *_SCORE_SCALARS, *_SELECT_SCALARS))
    kernels.call("serve", arrays, {name: scalars[name] for name in wanted}, asked.rows)
    return out


def retrieve(
    kernels: Kernels, asked: EventBatch, index: Arrays, scalars: Scalars, candidates: int
) -> dict[str, np.ndarray]:
    """Return the candidates of feed requests: `candidate` u4 and `candidate_pool` u1, (R, C)."""
    chosen: dict[str, np.ndarray] = {
        "candidate": np.full((asked.rows, candidates), NO_ITEM, np.uint32),
        "candidate_pool": np.zeros((asked.rows, candidates), np.uint8),
    }
    arrays = {**_who(asked), **_taken(index, _RETRIEVE), **chosen}
    wanted = {name: scalars[name] for name in _RETRIEVE_SCALARS}
    run(kernels, "retrieve", retrieve_reference, arrays, wanted, asked.rows)
    return chosen


def score_weights(
    kernels: Kernels, asked: EventBatch, index: Arrays, scalars: Scalars, chosen: Arrays
) -> np.ndarray:
    """Return feature-weight scores of candidates, float32 (R, C)."""
    score = np.zeros(chosen["candidate"].shape, np.float32)
    arrays = {**_who(asked), **_taken(index, _SCORE), "score": score}
    del arrays["request"]
    arrays["candidate"] = chosen["candidate"]
    wanted = {name: scalars[name] for name in _SCORE_SCALARS}
    run(kernels, "score", score_reference, arrays, wanted, asked.rows)
    return score


def score_asking(
    policy: RecommendationPolicy, view: View, asked: EventBatch, index: Arrays, chosen: Arrays
) -> np.ndarray:
    """Return scores that the policy computes itself, plus what stages add, float32 (R, C)."""
    score = np.zeros(chosen["candidate"].shape, np.float32)
    for low in range(0, asked.rows, BLOCK_ROWS):
        part = slice(low, min(low + BLOCK_ROWS, asked.rows))
        candidate = chosen["candidate"][part]
        valid = candidate != NO_ITEM
        block = Block(asked.user[part], asked.request[part], np.where(valid, candidate, 0), valid)
        score[part] = ask_scores(policy, view, block) + index["base"][block.candidate]
    return score


def select(
    kernels: Kernels,
    asked: EventBatch,
    index: Arrays,
    scalars: Scalars,
    chosen: Arrays,
    score: np.ndarray,
    slate_size: int,
    inserts: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """Draw slates from scored candidates; return the (R,) and (R, S) arrays of a SlateBatch."""
    out = slate_arrays(asked.rows, slate_size, inserts)
    arrays = {**_who(asked), **_taken(index, _SELECT), **chosen, "score": score, **out}
    wanted = {name: scalars[name] for name in _SELECT_SCALARS}
    run(kernels, "select", select_reference, arrays, wanted, asked.rows)
    return out


def _who(asked: EventBatch) -> dict[str, np.ndarray]:
    return {"user": asked.user, "request": asked.request}


def _taken(index: Arrays, names: Any) -> dict[str, np.ndarray]:
    return {name: index[name] for name in names if name in index}


def slate_arrays(rows: int, slots: int, inserts: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return what selection reads and writes of slates: `insert_row` u4 (R, S), and empty outputs."""
    if inserts is None:
        inserts = np.full((rows, slots), NO_ITEM, np.uint32)
    return {
        "insert_row": inserts,
        "row": np.full((rows, slots), NO_ITEM, np.uint32),
        "item": np.zeros((rows, slots), np.uint64),
        "slot_score": np.zeros((rows, slots), np.float32),
        "propensity": np.zeros((rows, slots), np.float32),
        "pool": np.zeros((rows, slots), np.uint8),
        "stage_out": np.zeros((rows, slots), np.uint8),
        "meeting": np.zeros((rows, slots), np.uint16),
        "inserted": np.zeros((rows, slots), np.uint8),
        "served_count": np.zeros(rows, np.uint8),
    }


def slate_batch(asked: EventBatch, out: Mapping[str, np.ndarray], policy: int) -> SlateBatch:
    """Return served arrays as the batch that crosses to the other twins."""
    return SlateBatch(
        step=asked.step,
        user=asked.user,
        request=asked.request,
        served_count=out["served_count"],
        item=out["item"],
        score=out["slot_score"],
        propensity=out["propensity"],
        pool=out["pool"],
        inserted=out["inserted"],
        stage=out["stage_out"],
        meeting=out["meeting"],
        policy=policy,
        row=out["row"],
    )
