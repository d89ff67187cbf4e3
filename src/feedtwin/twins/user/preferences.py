"""How watching changes a person: the feedback learner and the two-store memory. NumPy references.

`learn` runs after each slate, in slot order: liked or finished videos pull the short-term `interests`
toward the video, early skips push them away (USR-15), and salient encounters strengthen the memory
trace of their topic (USR-11). `recall` runs when a session starts: short-term interests have faded
toward the long-term `taste`, and once a day what is still remembered is consolidated into `taste`
(USR-10). The C functions `ft_learn` and `ft_recall` equal these bit for bit.

Vectors are integers: int8 `interests` and item vectors (127 = 1.0), int16 `taste` (32,512 = 1.0), so a
nudge has one defined result on every machine.

Shapes: R requests, S slots, D = 50, M traces, U users.
"""

from types import SimpleNamespace

import numpy as np

from feedtwin.numerics import exp32
from feedtwin.session import COMMENT, LIKE, SHARE, SKIP, keep_active, session_step

NO_TOPIC = 0xFFFF
TEACHES_NOTHING = np.uint32(0xFFFFFFFF)
"""Row of an impression that wears and bores like any other but moves neither interests nor memory."""


def learn_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Apply the reached slots of requests lo..hi to their users, slot by slot.

    Writes `interests`, `energy`, `boredom`, `satisfaction`, `session_impressions`, `session_watch_ms`,
    the traces, and the outputs `change` f4 (R,), the L1 move of interests in units of 1.0, and
    `exit_cause` u1 (R,), why the session ends here (0 = it goes on).
    A user has at most one request in a call, so users are independent.
    """
    user = a.user[lo:hi]
    interests = a.interests[user].astype(np.int32)
    before = interests.copy()
    state = (a.energy[user], a.boredom[user], a.satisfaction[user], a.session_impressions[user])
    watched_ms = a.session_watch_ms[user]
    traces = _Traces(a, user)
    cause = np.zeros(len(user), np.uint8)
    for slot in range(a.flags.shape[1]):
        active = slot < a.reached_count[lo:hi]
        flags, watch_ms = a.flags[lo:hi, slot], a.watch_ms[lo:hi, slot]
        completion = a.completion[lo:hi, slot]
        teaches = active & (a.row[lo:hi, slot] != TEACHES_NOTHING)
        row = np.where(teaches, a.row[lo:hi, slot], 0)
        pushed = teaches & ((flags & SKIP) != 0)
        pulled = teaches & ~pushed & ((completion > a.pull_above) | ((flags & LIKE) != 0))
        interests = _nudge(a, interests, a.vectors[row].astype(np.int32), pulled, pushed)
        after, leaves = session_step(a, user, state, flags, watch_ms, completion)
        cause = np.where(active, leaves, cause).astype(np.uint8)
        state = keep_active(active, after, state)
        watched_ms = watched_ms + np.where(active, watch_ms, 0).astype(np.uint32)
        traces.strengthen(pulled, a.category[row], flags)
    a.change[lo:hi] = np.abs(interests - before).sum(axis=1).astype(np.float32) * np.float32(
        1.0 / 127.0
    )
    a.interests[user] = interests.astype(np.int8)
    a.energy[user], a.boredom[user], a.satisfaction[user], a.session_impressions[user] = state
    a.session_watch_ms[user] = watched_ms
    a.exit_cause[lo:hi] = cause
    traces.store()


def _nudge(
    a: SimpleNamespace,
    interests: np.ndarray,
    vector: np.ndarray,
    pulled: np.ndarray,
    pushed: np.ndarray,
) -> np.ndarray:
    """Move interests toward pulled and away from pushed vectors; rates are in 1/256, rounded.

    The literal push subtracts what the pull would add, without bound. The bounded push takes a share of
    the interest in what the video shows, so that interests stay in [0, 1] (spec 1.10 #6).
    """
    toward = interests + (((vector - interests) * a.pull_rate + 128) >> 8)
    apart = vector - interests if a.literal_push else (vector * interests + 64) >> 7
    away = interests - ((apart * a.push_rate + 128) >> 8)
    moved = np.where(pulled[:, None], toward, np.where(pushed[:, None], away, interests))
    return np.clip(moved, a.interest_min, 127)


class _Traces:
    """The topic traces of some users while a slate is applied, (R, M) each."""

    def __init__(self, a: SimpleNamespace, user: np.ndarray) -> None:
        self.a, self.user = a, user
        self.topic = a.trace_topic[user]
        self.strength = a.trace_strength[user]
        self.step = a.trace_step[user]
        self.count = a.trace_count[user]

    def strengthen(self, pulled: np.ndarray, topic: np.ndarray, flags: np.ndarray) -> None:
        """Raise the trace of `topic` for the pulled encounters, or take the weakest slot for it."""
        a = self.a
        retained = retention(a, self.strength, self.step, self.count)
        found = self.topic == topic[:, None]
        weakest = np.where(self.topic == NO_TOPIC, np.float32(-1.0), retained)
        slot = np.where(found.any(axis=1), found.argmax(axis=1), weakest.argmin(axis=1))
        which = np.nonzero(pulled)[0]
        at = (which, slot[which])
        known = found[at]
        gain = np.full(len(which), a.gain_finish, np.float32)
        for bit, value in ((LIKE, a.gain_like), (COMMENT, a.gain_comment), (SHARE, a.gain_share)):
            gain = np.where((flags[which] & bit) != 0, np.maximum(gain, value), gain)
        spaced = (a.step - self.step[at]) >= a.spacing_steps
        count = np.where(
            spaced, np.minimum(self.count[at].astype(np.int32) + 1, 255), self.count[at]
        )
        self.count[at] = np.where(known, count, 1).astype(np.uint8)
        kept = np.where(known, retained[at], np.float32(0.0))
        self.strength[at] = np.minimum(kept + gain, a.strength_max)
        self.step[at] = a.step
        self.topic[at] = topic[which]

    def store(self) -> None:
        """Write the traces back into the user columns."""
        a = self.a
        a.trace_topic[self.user], a.trace_strength[self.user] = self.topic, self.strength
        a.trace_step[self.user], a.trace_count[self.user] = self.step, self.count


def retention(
    a: SimpleNamespace, strength: np.ndarray, step: np.ndarray, count: np.ndarray
) -> np.ndarray:
    """R(t) = S exp(-t / tau), tau growing with the number of spaced accesses (USR-11). float32."""
    elapsed = (a.step - step).astype(np.float32)
    tau = a.trace_tau_steps * (np.float32(1.0) + a.spacing_effect * count.astype(np.float32))
    return strength * exp32(-(elapsed / tau))


def recall_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Wake the users of sessions lo..hi: consolidate once a day, then forget.

    Writes `interests` and `taste`; the caller starts the session's counters.
    """
    user = a.user[lo:hi]
    elapsed = (a.step - a.last_step[user]).astype(np.float32)
    taste = a.taste[user].astype(np.int32)
    if a.consolidation_rate > 0:
        taste = _consolidate(a, user, taste)
        a.taste[user] = taste.astype(np.int16)
    if a.interest_tau_steps > 0:
        kept = (exp32(-(elapsed / a.interest_tau_steps)) * np.float32(256.0)).astype(np.int32)
        anchor = (taste + 128) >> 8
        drift = a.interests[user].astype(np.int32) - anchor
        a.interests[user] = (anchor + ((drift * kept[:, None] + 128) >> 8)).astype(np.int8)


def _consolidate(a: SimpleNamespace, user: np.ndarray, taste: np.ndarray) -> np.ndarray:
    """Move taste toward the topics still remembered; only at the first session of a day."""
    new_day = (a.step // a.steps_per_day) != (a.last_step[user] // a.steps_per_day)
    for slot in range(a.trace_topic.shape[1]):
        topic = a.trace_topic[user, slot]
        retained = retention(
            a, a.trace_strength[user, slot], a.trace_step[user, slot], a.trace_count[user, slot]
        )
        weight = (
            np.minimum(retained, np.float32(1.0)) * (a.consolidation_rate * np.float32(32768.0))
        ).astype(np.int32)
        known = topic != NO_TOPIC
        vector = a.topic_vectors[np.where(known, topic, 0)].astype(np.int32) << 8
        moved = taste + (((vector - taste) * weight[:, None] + 16384) >> 15)
        taste = np.where((new_day & known)[:, None], moved, taste)
    return taste
