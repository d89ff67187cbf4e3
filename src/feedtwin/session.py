"""How one impression moves a session: energy, boredom, satisfaction, and the wish to leave.

The Interaction twin needs this rule to know when a user stops swiping, and the User twin needs it to
write the new state down. Twins do not import each other, so the rule is a pure function of arrays
beside `numerics`; `ft_session_step` in `kernels/encounter.h` equals it bit for bit.

Source: USR-13 (energy decays non-linearly with watch time, boredom triggers the exit, satisfaction is a
rolling window); the functional forms are ours (docs/decisions/0008).
"""

from types import SimpleNamespace

import numpy as np

BOREDOM, ENERGY, CAP, FEED_EXHAUSTED = 1, 2, 3, 4
"""Causes of a session's end."""
SKIP, LIKE, SHARE, COMMENT, FOLLOW, FINISHED = 1, 2, 4, 8, 16, 32
"""Bits of an outcome's flags."""

State = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def keep_active(active: np.ndarray, after: State, before: State) -> State:
    """Return the new state of active users and the old one of the rest."""
    energy, boredom, satisfaction, count = (
        np.where(active, new, old) for new, old in zip(after, before, strict=True)
    )
    return energy, boredom, satisfaction, count


def session_step(
    a: SimpleNamespace,
    user: np.ndarray,
    state: State,
    flags: np.ndarray,
    watch_ms: np.ndarray,
    completion: np.ndarray,
) -> tuple[State, np.ndarray]:
    """Return the session state after one impression per user, and the cause of an exit (0 = stays).

    Args:
        a: Columns `stamina_s` f4 and `patience` u1 (U,), and the scalars `swipe_s`, `fatigue_base`,
            `fatigue_slope`, `energy_exit`, `bored_below`, `pleased_above`, `relief`,
            `satisfaction_weight`, `impressions_max`.
        user: User of each impression, (I,).
        state: energy f4 in [0, 1], boredom u1, satisfaction f4 in [0, 1], session impressions u2.
        flags: Outcome bits (1 skip, 2 like), (I,).
        watch_ms: Watch time in milliseconds, (I,).
        completion: Uncapped watch / duration, (I,).

    Returns:
        The four new state arrays and the exit cause, all (I,). When several causes hold, energy
        outranks boredom and boredom outranks the cap.
    """
    energy, boredom, satisfaction, count = state
    skipped = (flags & SKIP) != 0
    capped = np.minimum(completion, np.float32(1.0))
    spent_s = watch_ms.astype(np.float32) * np.float32(0.001) + a.swipe_s
    drain = (spent_s / a.stamina_s[user]) * (
        a.fatigue_base + a.fatigue_slope * (np.float32(1.0) - energy)
    )
    new_energy = np.maximum(energy - drain, np.float32(0.0))
    dull = skipped | (capped < a.bored_below)
    pleased = ~dull & (capped > a.pleased_above)
    wide = boredom.astype(np.int32)
    wide = np.where(dull, np.minimum(wide + 1, 255), wide)
    wide = np.where(pleased, np.maximum(wide - a.relief, 0), wide)
    value = np.where((flags & LIKE) != 0, np.float32(1.0), capped)
    value = np.where(skipped, np.float32(0.0), value)
    new_satisfaction = satisfaction + a.satisfaction_weight * (value - satisfaction)
    new_count = count.astype(np.int32) + 1
    cause = np.where(new_count >= a.impressions_max, CAP, 0)
    cause = np.where(wide >= a.patience[user], BOREDOM, cause)
    cause = np.where(new_energy <= a.energy_exit, ENERGY, cause)
    after = (new_energy, wide.astype(np.uint8), new_satisfaction, new_count.astype(np.uint16))
    return after, cause.astype(np.uint8)
