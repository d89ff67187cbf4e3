"""Every question the platform asks a policy, and the check of its answer.

A policy is foreign code: whatever it raises or answers amiss becomes a PolicyError that names it and the
step, before anything of the answer is used. What it is shown it cannot write.
"""

from typing import Any

import numpy as np

from feedtwin.policies.asking import Asking as Asking
from feedtwin.policies.interface import (
    POOL_CODES,
    Block,
    Pool,
    PromotionPolicy,
    Ranking,
    RecommendationPolicy,
    View,
)
from feedtwin.twins.platform.feed.rings import CANDIDATES_MAX

STAGES = 4


def ask_pools(policy: RecommendationPolicy, view: View) -> list[Pool]:
    """Return a policy's pools: known rows, each once, and quotas that give 1 to 128 candidates in all."""
    with Asking(policy, view.step, "recommendation.pools") as asking:
        pools = list(asking.given(policy.pools(view), "a list of Pool objects"))
    for pool in pools:
        if not isinstance(pool, Pool):
            raise asking.refuse(f"pools hold a {type(pool).__name__}", "only Pool objects")
        _check_rows(asking, f"pool {pool.code}", pool.rows, len(view.items))
        _check_once(asking, f"pool {pool.code}", np.asarray(pool.rows), len(view.items))
        if not isinstance(pool.quota, int | np.integer) or pool.quota < 0:
            raise asking.refuse(
                f"pool {pool.code} has quota {pool.quota!r}", "a whole number from 0"
            )
    _check_codes(asking, pools)
    total = sum(int(pool.quota) for pool in pools)
    if not 0 < total <= CANDIDATES_MAX:
        raise asking.refuse(
            f"pools ask for {total} candidates per request",
            f"1 to {CANDIDATES_MAX}: change the pools' quotas",
        )
    return pools


def ask_ranking(policy: RecommendationPolicy, view: View) -> Ranking | None:
    """Return a policy's feature weights: finite numbers, one base per video."""
    with Asking(policy, view.step, "recommendation.ranking") as asking:
        ranking = policy.ranking(view)
    if ranking is None:
        return None
    if not isinstance(ranking, Ranking):
        raise asking.refuse(f"ranking is a {type(ranking).__name__}", "a Ranking or None")
    base = np.asarray(ranking.base)
    if base.shape != (len(view.items),) or base.dtype != np.float32:
        raise asking.refuse(
            f"base is {base.dtype} of shape {base.shape}", f"float32 of shape ({len(view.items)},)"
        )
    if not np.isfinite(base).all():
        row = int(np.nonzero(~np.isfinite(base))[0][0])
        raise asking.refuse(f"base[{row}] is {base[row]}", "finite numbers")
    for name in ("weight_similarity", "weight_followed"):
        weight = getattr(ranking, name)
        if not np.isfinite(np.float32(weight)):
            raise asking.refuse(f"{name} is {weight!r}", "a finite number")
    return ranking


def ask_scores(policy: RecommendationPolicy, view: View, block: Block) -> np.ndarray:
    """Return a policy's scores, float32 (R, C), finite where valid and 0 elsewhere."""
    for array in (block.user, block.request, block.candidate, block.valid):
        array.flags.writeable = False
    with Asking(policy, view.step, "recommendation.scores") as asking:
        score = np.asarray(
            asking.given(policy.scores(view, block), "float32 scores (requests, candidates)")
        )
    if score.shape != block.candidate.shape:
        raise asking.refuse(
            f"scores have shape {score.shape}",
            f"{block.candidate.shape} (requests x candidates)",
        )
    if score.dtype.kind not in "fiu" or not _is_float32(score[block.valid]):
        raise asking.refuse(
            f"scores of type {score.dtype} hold values that are no finite float32 numbers",
            "finite float32 wherever `block.valid`",
        )
    return np.where(block.valid, score, 0).astype(np.float32)


def ask_due(policy: PromotionPolicy, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the stage changes due: rows u4 and stages u1, one stage per distinct row."""
    with Asking(policy, view.step, "promotion.due") as asking:
        due = asking.given(policy.due(view), "StageChanges")
        row, stage = np.asarray(due.row), np.asarray(due.to_stage)
    _check_rows(asking, "stage changes", row, len(view.items))
    if row.shape != stage.shape or len(np.unique(row)) != len(row):
        raise asking.refuse(
            f"stage changes of {row.shape} rows and {stage.shape} stages",
            "one stage per distinct row",
        )
    if len(stage) and (
        stage.dtype.kind not in "iu" or int(stage.min()) < 0 or int(stage.max()) >= STAGES
    ):
        raise asking.refuse(f"stages {np.unique(stage)[:8].tolist()}", f"0 to {STAGES - 1}")
    return row.astype(np.uint32), stage.astype(np.uint8)


def ask_boost(policy: PromotionPolicy, view: View) -> np.ndarray:
    """Return the score that stages add to each video, float32 (V,)."""
    with Asking(policy, view.step, "promotion.boost") as asking:
        boost = np.asarray(asking.given(policy.boost(view), "float32, one per video"))
    if boost.shape != (len(view.items),) or boost.dtype.kind not in "fiu" or not _is_float32(boost):
        raise asking.refuse(
            f"boost is {boost.dtype} of shape {boost.shape}, or holds no finite numbers",
            f"finite float32 of shape ({len(view.items)},)",
        )
    return boost.astype(np.float32)


def _is_float32(values: np.ndarray) -> bool:
    """Whether every number is finite and within the range of float32."""
    limit = np.finfo(np.float32).max
    return bool((np.isfinite(values) & (np.abs(values) <= limit)).all())


def _check_codes(asking: Asking, pools: list[Pool]) -> None:
    """A pool's code keys its chance: one pool per code, and one whose rings are categories."""
    codes = [pool.code for pool in pools]
    if not all(isinstance(c, int | np.integer) and 0 <= c < POOL_CODES for c in codes):
        raise asking.refuse(f"pools have codes {codes}", f"whole numbers below {POOL_CODES}")
    if len(set(codes)) < len(codes) or sum(pool.by_category for pool in pools) > 1:
        raise asking.refuse(
            f"pools have codes {codes}, {sum(pool.by_category for pool in pools)} by category",
            "codes that differ, and at most one pool by category",
        )


def _check_once(asking: Asking, what: str, rows: np.ndarray, items: int) -> None:
    named = np.zeros(items, bool)
    named[rows.astype(np.int64)] = True
    if int(np.count_nonzero(named)) < len(rows):
        values, counts = np.unique(rows, return_counts=True)
        raise asking.refuse(f"{what}: row {int(values[counts.argmax()])} twice", "each row once")


def _check_rows(asking: Asking, what: str, rows: Any, items: int) -> None:
    array = np.asarray(rows)
    if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
        raise asking.refuse(
            f"{what}: rows are {array.dtype} of shape {array.shape}", "integers (N,)"
        )
    if len(array) and (int(array.min()) < 0 or int(array.max()) >= items):
        raise asking.refuse(
            f"{what}: rows from {int(array.min())} to {int(array.max())}",
            f"rows from 0 to {items - 1}",
        )
