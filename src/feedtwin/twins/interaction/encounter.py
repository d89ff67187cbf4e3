"""One user meets one slate: hook, match, watch, engage, swipe on. The NumPy reference.

This file defines the semantics. `ft_encounter` in `kernels/cpu.c` computes the same numbers to the last
bit and is used when it is there. Everything is float32 with a fixed order of operations, integers for
dot products, one keyed uniform per decision.

Shapes: R requests (one slate each), S slots, D = 50 dimensions, U users, V items, K categories.
Sources: INT-2 to INT-8, CON-4 (signatures), USR-13; conflict 1 of the specification (the repaired skip).
"""

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np

from feedtwin.numerics import exp32, logit32, normal_quantile32, uniform32
from feedtwin.randomness import philox4x32
from feedtwin.schema.traits import ENCOUNTER_TRAITS
from feedtwin.session import COMMENT, FINISHED, FOLLOW, LIKE, SHARE, SKIP, keep_active, session_step

HOOK_BLOCK = 15
ENGAGEMENT_BLOCK = 16
Traits = Mapping[str, np.ndarray]
"""Each trait of the categories of the items met, (R, S)."""
SKIP_BELOW_S = np.float32(2.999)
"""An explicit skip is leaving before 3 s (INT-3): the longest watch that still is one."""


def encounter_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Resolve the slates of requests lo..hi; write outcomes into the output arrays of `a`.

    Inputs per request: `user` (R,), `row`/`meeting` (R, S), `served_count` (R,). Per user: `interests`
    int8 (U, D), `attention_span_s`, `like_logit`, `share_logit`, `comment_logit`, `follow_logit`, and the
    session state. Per item: `match_vectors` int8 (V, D), `match_inv_norm`, `category`, `label`,
    `hook_strength`, `quality`, `virality`, `completion_prior`. Per category: `traits` f4 (K, 5), columns as
    in `schema.traits`.

    Outputs: `flags` u1, `watch_ms` u4, `completion` f4, all (R, S) and zero where the slot was not
    reached; `reached_count` u1 (R,).
    """
    user = a.user[lo:hi]
    row = a.row[lo:hi]
    slots = row.shape[1]
    served = np.arange(slots, dtype=np.uint8)[None, :] < a.served_count[lo:hi, None]
    safe = np.where(served, row, 0)
    match = match_of(a, user, safe)
    words = draw_uniforms(a, user, safe, a.meeting[lo:hi])
    trait = dict(zip(ENCOUNTER_TRAITS, np.moveaxis(a.traits[a.category[safe]], 2, 0), strict=True))
    drawn = trait["match_slope"] * (match - a.match_centre)
    skipped = _skips(a, user, safe, drawn, trait, words)
    duration = a.duration_s[safe]
    watch_ms, completion = _watch(a, safe, drawn, trait, duration, skipped, words)
    flags = _engagement(a, user, safe, match, trait, completion, skipped, words)
    walk(a, lo, hi, served, flags, watch_ms, completion)


def match_of(a: SimpleNamespace, user: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Cosine between interests and the item's match vector, (R, S), from an exact integer dot."""
    taste = a.interests[user].astype(np.int32)
    vectors = a.match_vectors[row].astype(np.int32)
    dot = np.einsum("rd,rsd->rs", taste, vectors)
    norm2 = np.maximum(np.einsum("rd,rd->r", taste, taste), 1).astype(np.float32)
    inverse = np.float32(1.0) / np.sqrt(norm2)
    return dot.astype(np.float32) * (a.match_inv_norm[row] * inverse[:, None])


def draw_uniforms(
    a: SimpleNamespace, user: np.ndarray, row: np.ndarray, meeting: np.ndarray
) -> list[np.ndarray]:
    """Eight uniforms per slot, keyed by (user, creator, upload ordinal, n-th meeting)."""
    who = np.broadcast_to(user[:, None], row.shape)
    creator, ordinal = a.creator[row], a.ordinal[row].astype(np.uint32)
    counter = (who, creator, ordinal, meeting.astype(np.uint32))
    hook = philox4x32(*counter, a.seed, a.key_base | HOOK_BLOCK)
    engagement = philox4x32(*counter, a.seed, a.key_base | ENGAGEMENT_BLOCK)
    return [uniform32(word) for word in (*hook, *engagement)]


def _skips(
    a: SimpleNamespace,
    user: np.ndarray,
    row: np.ndarray,
    drawn: np.ndarray,
    trait: Traits,
    words: list[np.ndarray],
) -> np.ndarray:
    """Whether the hook fails: logit(u) below the linear predictor (equation 1, repaired).

    `drawn` is the match above its centre as far as the category lets it count.
    """
    hook = np.float32(1.0) / np.maximum(a.hook_strength[row], a.hook_floor)
    span = np.float32(1.0) / np.maximum(a.attention_span_s[user], a.span_floor_s)
    predictor = a.skip_intercept + a.skip_hook * (hook - a.hook_centre)
    predictor = predictor + trait["span_slope"] * (a.skip_span * (span - a.span_centre))[:, None]
    predictor = predictor - a.skip_match * drawn
    predictor = predictor + a.skip_noise * normal_quantile32(words[1])
    return logit32(words[0]) < predictor


def _watch(
    a: SimpleNamespace,
    row: np.ndarray,
    drawn: np.ndarray,
    trait: Traits,
    duration: np.ndarray,
    skipped: np.ndarray,
    words: list[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Watch time (ms) and uncapped completion: log-normal around the expected completion (INT-7)."""
    uplift = a.watch_match * drawn + a.watch_quality * (a.quality[row] - np.float32(0.5))
    spread = a.watch_sigma * normal_quantile32(words[3]) - a.watch_sigma_half_square
    ratio = a.completion_prior[row] * exp32(uplift + spread)
    over = np.maximum(ratio - np.float32(1.0), np.float32(0.0))
    ratio = ratio + (trait["rewatch"] - np.float32(1.0)) * over
    floor_s = np.minimum(np.float32(3.0), duration)
    watched = np.minimum(np.maximum(ratio * duration, floor_s), duration * a.loops_max)
    swiped = np.minimum(SKIP_BELOW_S, duration) * words[2]
    watch_s = np.where(skipped, swiped, watched)
    watch_ms = (watch_s * np.float32(1000.0)).astype(np.uint32)
    return watch_ms, watch_s / duration


def _engagement(
    a: SimpleNamespace,
    user: np.ndarray,
    row: np.ndarray,
    match: np.ndarray,
    trait: Traits,
    completion: np.ndarray,
    skipped: np.ndarray,
    words: list[np.ndarray],
) -> np.ndarray:
    """Outcome flags; engagement is drawn conditional on the realised watch (INT-8)."""
    capped = np.minimum(completion, np.float32(1.0))
    lift = a.engage_completion * (capped - np.float32(0.5)) + a.engage_match * (
        match - a.match_centre
    )
    quality = a.like_quality * (a.quality[row] - np.float32(0.5))
    viral = a.share_virality * (a.virality[row] - np.float32(0.5))
    label = a.label[row].astype(np.float32)
    reward = np.where(completion >= np.float32(1.0), trait["finish_reward"], np.float32(0.0))
    liking = a.like_logit[user][:, None] + label * a.label_like
    sharing = a.share_logit[user][:, None] + (trait["share_lift"] + label * a.label_share)
    stays = ~skipped
    like = stays & (logit32(words[4]) < ((liking + lift) + quality) + reward)
    share = stays & (logit32(words[5]) < (sharing + lift) + viral)
    comment = stays & (logit32(words[6]) < a.comment_logit[user][:, None] + lift)
    follow = stays & (logit32(words[7]) < a.follow_logit[user][:, None] + lift)
    finished = completion >= np.float32(1.0)
    flags = skipped * SKIP + like * LIKE + share * SHARE + comment * COMMENT
    return (flags + follow * FOLLOW + finished * FINISHED).astype(np.uint8)


def walk(
    a: SimpleNamespace,
    lo: int,
    hi: int,
    served: np.ndarray,
    flags: np.ndarray,
    watch_ms: np.ndarray,
    completion: np.ndarray,
) -> None:
    """Swipe through the slate until the user leaves; blank what was never reached."""
    user = a.user[lo:hi]
    state = (a.energy[user], a.boredom[user], a.satisfaction[user], a.session_impressions[user])
    cause = np.zeros(len(user), np.uint8)
    reached = np.zeros(served.shape, bool)
    for slot in range(served.shape[1]):
        active = served[:, slot] & (cause == 0)
        reached[:, slot] = active
        after, leaves = session_step(
            a, user, state, flags[:, slot], watch_ms[:, slot], completion[:, slot]
        )
        state = keep_active(active, after, state)
        cause = np.where(active, leaves, cause).astype(np.uint8)
    a.flags[lo:hi] = np.where(reached, flags, 0)
    a.watch_ms[lo:hi] = np.where(reached, watch_ms, 0)
    a.completion[lo:hi] = np.where(reached, completion, np.float32(0.0))
    a.reached_count[lo:hi] = reached.sum(axis=1, dtype=np.uint8)
