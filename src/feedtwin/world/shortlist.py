"""Why a slate is what it is: every candidate of a request with its pool, score terms, draw and place.

Recomputed by the NumPy references from the arguments of the serving kernel, cut to one request.
"""

from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from feedtwin.errors import DeterminismError
from feedtwin.randomness import Stream
from feedtwin.twins.platform.ranking import follows, score_reference, select_reference
from feedtwin.twins.platform.retrieval import NO_ITEM, retrieve_reference
from feedtwin.world.explaining import draws_of

POOL_NAMES: Final = ("interest", "trending", "recent", "followed", "all", "community")
POOL_INSERTED: Final = 255
_RINGS: Final = ("category_quota", "global_quota")


def pool_name(code: int) -> str:
    """Return what a pool is called; policies of one's own have numbers."""
    if code == POOL_INSERTED:
        return "inserted by a rule"
    return POOL_NAMES[code] if code < len(POOL_NAMES) else f"pool {code}"


def explain_slate(a: SimpleNamespace, name: str) -> dict[str, Any]:
    """Return candidates and slate of a request.

    Args:
        a: Arguments of the kernel `serve` (feature weights), or `select` (a policy that scores by itself).
        name: Which of the two.

    Returns:
        `candidates`, best race key first: item, row, pool, score, its terms, gumbel, key, why it could not
        win, and the slot it won; `slate`: item, score and propensity of each slot.
    """
    if name == "serve":
        _retrieve_and_score(a)
    select_reference(a, 0, 1)
    slate: list[dict[str, Any]] = [
        {
            "slot": slot,
            "item": int(a.item[0, slot]),
            "row": int(a.row[0, slot]),
            "pool": pool_name(int(a.pool[0, slot])),
            "score": float(a.slot_score[0, slot]),
            "propensity": float(a.propensity[0, slot]),
            "inserted": bool(a.inserted[0, slot]),
            "stage": int(a.stage_out[0, slot]),
            "meeting": int(a.meeting[0, slot]),
        }
        for slot in range(int(a.served_count[0]))
    ]
    won = {one["row"]: one["slot"] for one in slate}
    candidates = _candidates(a, name, won)
    return {
        "candidates": candidates,
        "slate": slate,
        "temperature": 0.0 if not a.inverse_temperature else float(1 / a.inverse_temperature),
        "pools": _pools(a, candidates),
    }


def _retrieve_and_score(a: SimpleNamespace) -> None:
    columns = a.category_picks * a.category_quota + int(a.global_quota.sum())
    columns += sum(  # pools that are no rings, such as followed creators
        int(quota)
        for name, quota in vars(a).items()
        if name.endswith("_quota") and name not in _RINGS
    )
    a.candidate = np.empty((1, columns), np.uint32)
    a.candidate_pool = np.empty((1, columns), np.uint8)
    a.score = np.empty((1, columns), np.float32)
    retrieve_reference(a, 0, 1)
    score_reference(a, 0, 1)


def _candidates(a: SimpleNamespace, name: str, won: dict[int, int]) -> list[dict[str, Any]]:
    at = np.nonzero(a.candidate[0] != NO_ITEM)[0]
    row = a.candidate[0, at]
    score = a.score[0, at]
    terms = _terms(a, row, score) if name == "serve" else {"policy": score}
    user, request = int(a.user[0]), int(a.request[0])
    if a.inverse_temperature:
        gumbel = draws_of(a).gumbel(
            Stream.RANKING, user, a.creator[row], a.ordinal[row].astype(np.uint32), request
        )
    else:
        gumbel = np.zeros(len(row), np.float32)
    key = score * a.inverse_temperature + gumbel if a.inverse_temperature else score
    seen = set(_seen_lately(a, user).tolist())
    item = (a.creator[row].astype(np.uint64) << np.uint64(32)) | a.ordinal[row].astype(np.uint64)
    order = np.lexsort((item, -key))
    return [
        {
            "item": int(item[k]),
            "row": int(row[k]),
            "pool": pool_name(int(a.candidate_pool[0, at[k]])),
            "score": float(score[k]),
            "terms": {term: float(values[k]) for term, values in terms.items()},
            "gumbel": float(gumbel[k]),
            "key": float(key[k]),
            "slot": won.get(int(row[k])),
            "left_out": _left_out(a, int(row[k]), won, seen),
        }
        for k in order
    ]


def _terms(a: SimpleNamespace, row: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
    """The terms of a feature-weight score, checked against it bit for bit."""
    user = a.user[:1]
    query = a.query[int(user[0])].astype(np.int64)
    inverse = np.float32(1.0) / np.sqrt(np.float32(max(int((query**2).sum()), 1)))
    dot = (a.vectors[row].astype(np.int64) * query).sum(axis=1).astype(np.float32)
    similarity = a.weight_similarity * (dot * (inverse * a.inv_norm[row]))
    followed = np.where(
        follows(a, user, a.creator[row][None, :])[0], a.weight_followed, np.float32(0.0)
    )
    base = a.base[row]
    if ((similarity + base) + followed).tobytes() != score.tobytes():
        raise DeterminismError(
            f"trace of user {int(user[0])}: the score's terms do not add up to it; the trace does not know "
            "this score: add its term to world/shortlist.py"
        )
    return {"similarity": similarity, "video": base, "followed": followed}


def _seen_lately(a: SimpleNamespace, user: int) -> np.ndarray:
    """Content rows among the user's latest `no_repeat` impressions."""
    width, count = a.seen_row.shape[1], int(a.seen_count[user])
    latest = np.arange(max(count - min(int(a.no_repeat), width), 0), count)
    return a.seen_row[user][latest % width]


def _left_out(a: SimpleNamespace, row: int, won: dict[int, int], seen: set[int]) -> str:
    """Why a candidate is not in the slate, as far as a rule says so."""
    if row in won:
        return ""
    if row in seen:
        return "seen"
    taken = np.asarray(sorted(won), np.int64)
    if int((a.creator[taken] == a.creator[row]).sum()) >= a.creator_cap:
        return "creator cap"
    if int((a.category[taken] == a.category[row]).sum()) >= a.category_cap:
        return "category cap"
    return "lower key"


def _pools(a: SimpleNamespace, candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many places each pool had, and how many different videos it put in them."""
    codes, places = np.unique(a.candidate_pool[0], return_counts=True)
    return [
        {
            "pool": pool_name(int(code)),
            "places": int(count),
            "candidates": sum(one["pool"] == pool_name(int(code)) for one in candidates),
            "served": sum(
                one["pool"] == pool_name(int(code)) and one["slot"] is not None
                for one in candidates
            ),
        }
        for code, count in zip(codes, places, strict=True)
    ]
