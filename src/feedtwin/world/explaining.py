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
from feedtwin.schema.traits import ENCOUNTER_TRAITS
from feedtwin.session import COMMENT, FOLLOW, LIKE, SHARE, SKIP
from feedtwin.twins.interaction.encounter import SKIP_BELOW_S, encounter_reference
from feedtwin.twins.platform.estimates import estimate_reference
from feedtwin.twins.user.preferences import NO_TOPIC, TEACHES_NOTHING, learn_reference, retention

Explained = dict[str, Any]
Traits = dict[str, np.float32]
_ENGAGEMENTS: Final = (
    ("like", LIKE, Stream.LIKE),
    ("share", SHARE, Stream.SHARE),
    ("comment", COMMENT, Stream.COMMENT),
    ("follow", FOLLOW, Stream.FOLLOW),
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

    match, trait = _match(a, user, row), _traits(a, row)
    reached = slot < int(a.reached_count[0])
    hook = _hook(a, user, row, match, trait, draw(Stream.HOOK), draw(Stream.HOOK_NOISE))
    watch = (
        _swiped(a, row, draw(Stream.SKIP_TIME))
        if hook["skipped"]
        else _watch(a, row, match, trait, draw(Stream.WATCH_TIME))
    )
    engagement = {
        name: _engage(name, _engagement_terms(a, user, row, match, trait, watch), draw(stream))
        for name, _, stream in _ENGAGEMENTS
    }
    found: Explained = {
        "reached": reached,
        "match": float(match),
        "traits": {name: float(value) for name, value in trait.items()},
        "hook": hook,
        "watch": watch,
        "engagement": {} if hook["skipped"] else engagement,
    }
    if reached:
        flags = int(a.flags[0, slot])
        happened = [bool(flags & bit) for _, bit, _ in _ENGAGEMENTS]
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


def _traits(a: SimpleNamespace, row: int) -> Traits:
    """What the category of a video does to its encounters."""
    return dict(zip(ENCOUNTER_TRAITS, a.traits[int(a.category[row])], strict=True))


def _hook(
    a: SimpleNamespace,
    user: int,
    row: int,
    match: np.float32,
    trait: Traits,
    u: np.float32,
    noise: np.float32,
) -> Explained:
    """The skip's log-odds, term by term, in the order in which the encounter adds them."""
    hook = np.float32(1.0) / np.maximum(a.hook_strength[row], a.hook_floor)
    span = np.float32(1.0) / np.maximum(a.attention_span_s[user], a.span_floor_s)
    drawn = trait["match_slope"] * (match - a.match_centre)
    terms = {
        "intercept": a.skip_intercept,
        "hook": a.skip_hook * (hook - a.hook_centre),
        "attention_span": trait["span_slope"] * (a.skip_span * (span - a.span_centre)),
        "match": -(a.skip_match * drawn),
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


def _swiped(a: SimpleNamespace, row: int, u: np.float32) -> Explained:
    """The watch of a skipped video."""
    duration = a.duration_s[row]
    watch_s = np.minimum(SKIP_BELOW_S, duration) * u
    return {"draw": float(u), **_watched(watch_s, duration)}


def _watch(
    a: SimpleNamespace, row: int, match: np.float32, trait: Traits, u: np.float32
) -> Explained:
    """The watch of a video that was not skipped, log-normal around what is expected."""
    duration, prior = a.duration_s[row], a.completion_prior[row]
    drawn = trait["match_slope"] * (match - a.match_centre)
    terms = {
        "match": a.watch_match * drawn,
        "quality": a.watch_quality * (a.quality[row] - np.float32(0.5)),
    }
    uplift = terms["match"] + terms["quality"]
    spread = a.watch_sigma * normal_quantile32(u) - a.watch_sigma_half_square
    ratio = prior * exp32(uplift + spread)
    over = np.maximum(ratio - np.float32(1.0), np.float32(0.0))
    ratio = ratio + (trait["rewatch"] - np.float32(1.0)) * over
    floor_s = np.minimum(np.float32(3.0), duration)
    watch_s = np.minimum(np.maximum(ratio * duration, floor_s), duration * a.loops_max)
    return {
        "draw": float(u),
        "completion_prior": float(prior),
        "log_terms": {name: float(term) for name, term in terms.items()},
        "log_spread": float(spread),
        "expected_completion": float(prior * exp32(uplift)),
        **_watched(watch_s, duration),
    }


def _watched(watch_s: np.float32, duration: np.float32) -> Explained:
    return {
        "duration_s": float(duration),
        "watch_ms": int(np.uint32(watch_s * np.float32(1000.0))),
        "completion": float(watch_s / duration),
    }


def _engagement_terms(
    a: SimpleNamespace, user: int, row: int, match: np.float32, trait: Traits, watch: Explained
) -> dict[str, dict[str, np.float32]]:
    """The terms of each engagement's log-odds, conditional on the realised watch."""
    completion = np.float32(watch["completion"])
    capped = np.minimum(completion, np.float32(1.0))
    lift = {
        "completion": a.engage_completion * (capped - np.float32(0.5)),
        "match": a.engage_match * (match - a.match_centre),
    }
    label = np.float32(a.label[row])
    finished = completion >= np.float32(1.0)
    return {
        "like": {
            "tendency": a.like_logit[user], "label": label * a.label_like, **lift,
            "quality": a.like_quality * (a.quality[row] - np.float32(0.5)),
            "finished": trait["finish_reward"] if finished else np.float32(0.0),
        },
        "share": {
            "tendency": a.share_logit[user], "category": trait["share_lift"],
            "label": label * a.label_share, **lift,
            "virality": a.share_virality * (a.virality[row] - np.float32(0.5)),
        },
        "comment": {"tendency": a.comment_logit[user], **lift},
        "follow": {"tendency": a.follow_logit[user], **lift},
    }  # fmt: skip


def _engage(name: str, of_all: dict[str, dict[str, np.float32]], u: np.float32) -> Explained:
    """One engagement's odds and how it came out, added up in the order in which the encounter does."""
    terms = of_all[name]
    lift = terms["completion"] + terms["match"]
    zero = np.float32(0.0)
    if name == "share":
        odds = (terms["tendency"] + (terms["category"] + terms["label"]) + lift) + terms["virality"]
    else:
        odds = (terms["tendency"] + terms.get("label", zero)) + lift
        odds = (odds + terms.get("quality", zero)) + terms.get("finished", zero)
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
    row = int(a.row[0, slot])
    teaches = row != int(TEACHES_NOTHING)
    topic = int(a.category[row]) if teaches else int(NO_TOPIC)
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
            "towards": _towards(moved, a.vectors[row]) if teaches else "an ad teaches nothing",
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
            "topic": topic if teaches else None,
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
