"""Turn a policy's pools and scores into slates: retrieve, score, select.

The kernel serves feature-weight policies in one pass. A policy that scores by itself is asked between
retrieval and selection, block by block. Source: REC-1 to REC-6, decisions 13 and 20.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from feedtwin.kernels.binding import Kernels
from feedtwin.policies.interface import Block, RecommendationPolicy, View
from feedtwin.schema.batches import EventBatch, SlateBatch
from feedtwin.twins.hot import run
from feedtwin.twins.platform.asking import ask_scores
from feedtwin.twins.platform.ranking import score_reference, select_reference
from feedtwin.twins.platform.retrieval import NO_ITEM, retrieve_reference

_RETRIEVE = (
    "query", "topic_vectors", "topic_inv_norm", "ring_offset", "ring_hash", "ring_row",
    "global_pool", "global_quota", "follow_offset", "follow_hash", "latest_row",
    "creator",
)  # fmt: skip
_RETRIEVE_SCALARS = (
    "seed", "key_base", "categories_count", "category_picks", "category_quota",
    "category_sharpness", "followed_quota",
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


def serve(
    kernels: Kernels,
    asked: EventBatch,
    index: Arrays,
    scalars: Scalars,
    slate_size: int,
    candidates: int,
    inserts: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Serve feature-weight slates; return the (R,) and (R, S) arrays of a SlateBatch."""
    rows = asked.rows
    out = _slate_arrays(rows, slate_size, inserts)
    common = {"user": asked.user, "request": asked.request}
    if kernels.native:
        names = dict.fromkeys((*_RETRIEVE, *_SCORE, *_SELECT, *_CARDS))
        arrays = {**common, **{name: index[name] for name in names if name in index}, **out}
        wanted = dict.fromkeys((*_RETRIEVE_SCALARS, *_SCORE_SCALARS, *_SELECT_SCALARS))
        kernels.call("serve", arrays, {name: scalars[name] for name in wanted}, rows)
        return out
    chosen = _candidate_arrays(rows, candidates)
    _retrieve(kernels, common, index, scalars, chosen, rows)
    score = np.zeros((rows, candidates), np.float32)
    arrays = {**common, **{n: index[n] for n in _SCORE}, "score": score}
    arrays["candidate"] = chosen["candidate"]
    run(kernels, "score", score_reference, arrays, {n: scalars[n] for n in _SCORE_SCALARS}, rows)
    _select(kernels, common, index, scalars, chosen, score, out, rows)
    return out


def serve_scored(
    kernels: Kernels,
    asked: EventBatch,
    index: Arrays,
    scalars: Scalars,
    slate_size: int,
    candidates: int,
    policy: RecommendationPolicy,
    view: View,
    inserts: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Serve slates whose scores the policy computes itself."""
    rows = asked.rows
    out = _slate_arrays(rows, slate_size, inserts)
    common = {"user": asked.user, "request": asked.request}
    chosen = _candidate_arrays(rows, candidates)
    _retrieve(kernels, common, index, scalars, chosen, rows)
    score = np.zeros((rows, candidates), np.float32)
    for low in range(0, rows, BLOCK_ROWS):
        part = slice(low, min(low + BLOCK_ROWS, rows))
        candidate = chosen["candidate"][part]
        valid = candidate != NO_ITEM
        block = Block(asked.user[part], asked.request[part], np.where(valid, candidate, 0), valid)
        score[part] = ask_scores(policy, view, block) + index["base"][block.candidate]  # stages
    _select(kernels, common, index, scalars, chosen, score, out, rows)
    return out


def _slate_arrays(rows: int, slots: int, inserts: np.ndarray | None) -> dict[str, np.ndarray]:
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


def _candidate_arrays(rows: int, candidates: int) -> dict[str, np.ndarray]:
    return {
        "candidate": np.full((rows, candidates), NO_ITEM, np.uint32),
        "candidate_pool": np.zeros((rows, candidates), np.uint8),
    }


def _retrieve(
    kernels: Kernels,
    common: Arrays,
    index: Arrays,
    scalars: Scalars,
    chosen: dict[str, np.ndarray],
    rows: int,
) -> None:
    arrays = {**common, **{name: index[name] for name in _RETRIEVE}, **chosen}
    wanted = {name: scalars[name] for name in _RETRIEVE_SCALARS}
    run(kernels, "retrieve", retrieve_reference, arrays, wanted, rows)


def _select(
    kernels: Kernels,
    common: Arrays,
    index: Arrays,
    scalars: Scalars,
    chosen: dict[str, np.ndarray],
    score: np.ndarray,
    out: dict[str, np.ndarray],
    rows: int,
) -> None:
    arrays = {**common, **{name: index[name] for name in _SELECT}, **chosen, "score": score, **out}
    wanted = {name: scalars[name] for name in _SELECT_SCALARS}
    run(kernels, "select", select_reference, arrays, wanted, rows)


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
