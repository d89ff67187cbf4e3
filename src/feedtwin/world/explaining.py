"""The stages of one impression, recomputed by the NumPy references: plain mappings of what went into each.

Each function takes the arguments of a hot function cut to one request (`watching.one_lane`). What it says adds
up to what the reference computes, and it refuses to say anything that does not.
"""

from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from feedtwin.errors import DeterminismError
from feedtwin.numerics import exp32, logistic32, logit32, normal_quantile32
from feedtwin.randomness import Draws, Stream
from feedtwin.session import COMMENT, FOLLOW, LIKE, SHARE, SKIP
from feedtwin.twins.interaction.encounter import SKIP_BELOW_S, encounter_reference
from feedtwin.twins.platform.estimates import estimate_reference
from feedtwin.twins.user.preferences import NO_TOPIC, learn_reference, retention

Explained = dict[str, Any]
_ENGAGEMENTS: Final = (
    ("like", LIKE, Stream.LIKE, "like_logit"),
    ("share", SHARE, Stream.SHARE, "share_logit"),
    ("comment", COMMENT, Stream.COMMENT, "comment_logit"),
    ("follow", FOLLOW, Stream.FOLLOW, "follow_logit"),
)
_SESSION: Final = (
    "energy", "boredom", "satisfaction", "session_impressions", "session_watch_ms"
)  # fmt: skip
_CAUSES: Final = ("goes on", "boredom", "energy", "cap on impressions")
_TOP_DIMENSIONS: Final = 5


def draws_of(a: SimpleNamespace) -> Draws:
    """Return the chance of the run whose kernel arguments these are."""
    return Draws(int(a.seed), int(a.key_base) >> 12)


def explain_encounter(a: SimpleNamespace, slot: int) -> Explained:
    """Return the stages of one slot of an encounter, each with its draw, and how it came out.

    Raises:
        DeterminismError: The stages do not give the outcome of the reference.
    """
    encounter_reference(a, 0, 1)
    row, user, meeting = int(a.row[0, slot]), int(a.user[0]), int(a.meeting[0, slot])
    draws = draws_of(a)
    key = (user, int(a.creator[row]), int(a.ordinal[row]), meeting)

    def draw(stream: Stream) -> np.float32:
        return np.float32(draws.uniform(stream, *key))

    match = _match(a, user, row)
    reached = slot < int(a.reached_count[0])
    hook = _hook(a, user, row, match, draw(Stream.HOOK), draw(Stream.HOOK_NOISE))
    watch = _watch(a, row, match, hook["skipped"], draw(Stream.SKIP_TIME), draw(Stream.WATCH_TIME))
    engagement = {
        name: _engage(a, user, row, match, watch, column, draw(stream), name)
        for name, _, stream, column in _ENGAGEMENTS
    }
    found: Explained = {
        "reached": reached,
        "match": float(match),
        "hook": hook,
        "watch": watch,
        "engagement": {} if hook["skipped"] else engagement,
    }
    if reached:
        flags = int(a.flags[0, slot])
        happened = [bool(flags & bit) for _, bit, _, _ in _ENGAGEMENTS]
        ours = [not hook["skipped"] and engagement[name]["happened"] for name, *_ in _ENGAGEMENTS]
        same = ours == happened and hook["skipped"] == bool(flags & SKIP)
        if not same or watch["watch_ms"] != int(a.watch_ms[0, slot]):
            raise DeterminismError(
                f"trace of user {user}, slot {slot}: the stages give {hook['skipped']}, "
                f"{watch['watch_ms']} ms and {ours}; the encounter gives {bool(flags & SKIP)}, "
                f"{int(a.watch_ms[0, slot])} ms and {happened}. The trace does not know this encounter's "
                "mechanism: add its term to world/explaining.py"
            )
    return found


def _match(a: SimpleNamespace, user: int, row: int) -> np.float32:
    taste = a.interests[user].astype(np.int32)
    dot = np.float32((taste * a.match_vectors[row].astype(np.int32)).sum())
    norm2 = np.float32(max(int((taste * taste).sum()), 1))
    return dot * (a.match_inv_norm[row] * (np.float32(1.0) / np.sqrt(norm2)))


def _hook(
    a: SimpleNamespace, user: int, row: int, match: np.float32, u: np.float32, noise: np.float32
) -> Explained:
    """The skip's log-odds, term by term, in the order in which the encounter adds them."""
    hook = np.float32(1.0) / np.maximum(a.hook_strength[row], a.hook_floor)
    span = np.float32(1.0) / np.maximum(a.attention_span_s[user], a.span_floor_s)
    terms = {
        "intercept": a.skip_intercept,
        "hook": a.skip_hook * (hook - a.hook_centre),
        "attention_span": a.skip_span * (span - a.span_centre),
        "match": -(a.skip_match * (match - a.match_centre)),
        "noise": a.skip_noise * normal_quantile32(noise),
    }
    odds = np.float32(0.0)
    for term in terms.values():
        odds = odds + term
    return {
        "terms": {name: float(term) for name, term in terms.items()},
        "log_odds": float(odds),
        "probability": float(logistic32(odds)),
        "draw": float(u),
        "skipped": bool(logit32(u) < odds),
    }


def _watch(
    a: SimpleNamespace,
    row: int,
    match: np.float32,
    skipped: bool,
    skip_draw: np.float32,
    watch_draw: np.float32,
) -> Explained:
    duration = a.duration_s[row]
    if skipped:
        watch_s = np.minimum(SKIP_BELOW_S, duration) * skip_draw
        found: Explained = {"draw": float(skip_draw)}
    else:
        terms = {
            "match": a.watch_match * (match - a.match_centre),
            "quality": a.watch_quality * (a.quality[row] - np.float32(0.5)),
        }
        uplift = terms["match"] + terms["quality"]
        spread = a.watch_sigma * normal_quantile32(watch_draw) - a.watch_sigma_half_square
        ratio = a.completion_prior[row] * exp32(uplift + spread)
        floor_s = np.minimum(np.float32(3.0), duration)
        watch_s = np.minimum(np.maximum(ratio * duration, floor_s), duration * a.loops_max)
        found = {
            "draw": float(watch_draw),
            "completion_prior": float(a.completion_prior[row]),
            "log_terms": {name: float(term) for name, term in terms.items()},
            "log_spread": float(spread),
            "expected_completion": float(a.completion_prior[row] * exp32(uplift)),
        }
    return {
        **found,
        "duration_s": float(duration),
        "watch_ms": int(np.uint32(watch_s * np.float32(1000.0))),
        "completion": float(watch_s / duration),
    }


def _engage(
    a: SimpleNamespace,
    user: int,
    row: int,
    match: np.float32,
    watch: Explained,
    column: str,
    u: np.float32,
    name: str,
) -> Explained:
    """One engagement's log-odds, conditional on the realised watch."""
    capped = np.minimum(np.float32(watch["completion"]), np.float32(1.0))
    by_watch = a.engage_completion * (capped - np.float32(0.5))
    by_match = a.engage_match * (match - a.match_centre)
    terms = {"tendency": getattr(a, column)[user], "completion": by_watch, "match": by_match}
    odds = getattr(a, column)[user] + (by_watch + by_match)
    if name == "like":
        terms["quality"] = a.like_quality * (a.quality[row] - np.float32(0.5))
        odds = odds + terms["quality"]
    if name == "share":
        terms["virality"] = a.share_virality * (a.virality[row] - np.float32(0.5))
        odds = odds + terms["virality"]
    return {
        "terms": {key: float(term) for key, term in terms.items()},
        "log_odds": float(odds),
        "probability": float(logistic32(odds)),
        "draw": float(u),
        "happened": bool(logit32(u) < odds),
    }


def explain_learning(a: SimpleNamespace, slot: int) -> Explained:
    """Return what one slot did to the user: session state, interests and the memory of its topic."""
    before, after = _after(learn_reference, a, slot), _after(learn_reference, a, slot + 1)
    row, topic = int(a.row[0, slot]), int(a.category[int(a.row[0, slot])])
    moved = after.interests[0].astype(np.int32) - before.interests[0].astype(np.int32)
    top = np.argsort(-np.abs(moved), kind="stable")[:_TOP_DIMENSIONS]
    return {
        "session": {
            "before": {name: getattr(before, name)[0].item() for name in _SESSION},
            "after": {name: getattr(after, name)[0].item() for name in _SESSION},
            "then": _CAUSES[int(after.exit_cause[0])],
        },
        "interests": {
            "change": float(np.abs(moved).sum() / 127),
            "towards": _towards(moved, a.vectors[row]),
            "largest": [
                {
                    "dimension": int(dim),
                    "before": before.interests[0, dim] / 127,
                    "after": after.interests[0, dim] / 127,
                }
                for dim in top
                if moved[dim]
            ],
        },
        "memory": {
            "topic": topic,
            "before": _trace(a, before, topic),
            "after": _trace(a, after, topic),
        },
    }


def explain_estimate(a: SimpleNamespace, slot: int) -> Explained:
    """Return what one slot taught the platform about the user."""
    before, after = _after(estimate_reference, a, slot), _after(estimate_reference, a, slot + 1)
    vector = a.vectors[int(a.row[0, slot])]
    moved = after.estimate[0].astype(np.int32) - before.estimate[0].astype(np.int32)
    return {
        "change": float(np.abs(moved).sum() / 32512),
        "similarity_before": _cosine(before.estimate[0], vector),
        "similarity_after": _cosine(after.estimate[0], vector),
        "impressions_filed": int(after.seen_count[0]),
    }


def _after(reference: Any, a: SimpleNamespace, slots: int) -> SimpleNamespace:
    """Run a learner over the first `slots` slots only; the arguments are left as they are."""
    copy = SimpleNamespace(
        **{k: v.copy() if isinstance(v, np.ndarray) else v for k, v in vars(a).items()}
    )
    copy.reached_count[0] = min(slots, int(a.reached_count[0]))
    reference(copy, 0, 1)
    return copy


def _towards(moved: np.ndarray, vector: np.ndarray) -> str:
    along = int((moved * vector.astype(np.int32)).sum())
    if not moved.any():
        return "stays"
    return "towards the video" if along > 0 else "away from the video"


def _trace(a: SimpleNamespace, state: SimpleNamespace, topic: int) -> Explained | None:
    """The memory trace of a topic, or None where there is none."""
    place = np.nonzero((state.trace_topic[0] == topic) & (state.trace_topic[0] != NO_TOPIC))[0]
    if not len(place):
        return None
    k = int(place[0])
    columns = (state.trace_strength[0], state.trace_step[0], state.trace_count[0])
    strength, step, count = (column[k : k + 1] for column in columns)
    return {
        "strength": float(strength[0]),
        "retained": float(retention(a, strength, step, count)[0]),
        "accesses": int(count[0]),
    }


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    first, second = a.astype(np.float64), b.astype(np.float64)
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / size if size else 0.0
