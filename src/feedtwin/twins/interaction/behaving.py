"""Encounters by a behaviour of a user's own: asked in blocks, checked, then walked like any other.

Which slots are reached is not the behaviour's to say: a user leaves by the session rule.
"""

from types import SimpleNamespace

import numpy as np

from feedtwin.policies.asking import Asking
from feedtwin.policies.encounters import ENGAGEMENTS, UNIFORMS
from feedtwin.policies.interface import BehaviourPolicy, Choices, Encounters
from feedtwin.session import COMMENT, FINISHED, FOLLOW, LIKE, SHARE, SKIP
from feedtwin.twins.hot import REFERENCE_ROWS
from feedtwin.twins.interaction.encounter import SKIP_BELOW_S, draw_uniforms, match_of, walk

ITEM_FEATURES = (
    "duration_s", "hook_strength", "quality", "virality", "completion_prior", "toxicity",
    "category", "label",
)  # fmt: skip
USER_FEATURES = (
    "attention_span_s", "humor_affinity", "toxicity_tolerance", "like_logit", "share_logit",
    "comment_logit", "follow_logit", "energy", "boredom", "satisfaction", "session_impressions",
)  # fmt: skip
LONGEST_WATCH = np.float32(20.0)
"""Largest watch in durations that a behaviour may answer: the upper bound of interaction.loops_max."""
_BITS = {"like": LIKE, "share": SHARE, "comment": COMMENT, "follow": FOLLOW}


def behave(behaviour: BehaviourPolicy, a: SimpleNamespace, rows: int) -> None:
    """Resolve `rows` requests by a behaviour; inputs and outputs in `a` as for `encounter_reference`.

    Raises:
        PolicyError: The behaviour raised, or its answer breaks its contract.
        BoundaryError: It wrote into what it was shown.
    """
    if not len(a.duration_s):
        return  # nothing was ever made, so nothing was served
    for lo in range(0, rows, REFERENCE_ROWS):
        _block(behaviour, a, lo, min(lo + REFERENCE_ROWS, rows))


def _block(behaviour: BehaviourPolicy, a: SimpleNamespace, lo: int, hi: int) -> None:
    user, row = a.user[lo:hi], a.row[lo:hi]
    served = np.arange(row.shape[1], dtype=np.uint8)[None, :] < a.served_count[lo:hi, None]
    row = np.where(served, row, 0)
    shown = _shown(a, user, row, served, a.meeting[lo:hi])
    with Asking(behaviour, a.step, "behaviour.meet") as asking:
        choices = behaviour.meet(shown)
    skip, watch_s = _checked(asking, choices, shown)
    completion = np.where(served, watch_s / shown.items["duration_s"], np.float32(0.0))
    flags = skip * SKIP + (completion >= np.float32(1.0)) * FINISHED
    for name, bit in _BITS.items():
        flags = flags + np.asarray(getattr(choices, name)) * bit
    watch_ms = (watch_s * np.float32(1000.0)).astype(np.uint32)
    walk(a, lo, hi, served, flags.astype(np.uint8), watch_ms, completion.astype(np.float32))


def _shown(
    a: SimpleNamespace, user: np.ndarray, row: np.ndarray, served: np.ndarray, meeting: np.ndarray
) -> Encounters:
    """What a behaviour sees, as copies that cannot be written."""
    shown = Encounters(
        step=a.step,
        user=user.copy(),
        served=served,
        match=match_of(a, user, row),
        meeting=meeting.copy(),
        items={name: getattr(a, name)[row] for name in ITEM_FEATURES},
        users={name: getattr(a, name)[user] for name in USER_FEATURES},
        uniform=dict(zip(UNIFORMS, draw_uniforms(a, user, row, meeting), strict=True)),
    )
    groups = (shown.items, shown.users, shown.uniform)
    arrays = [array for group in groups for array in group.values()]
    for array in (*arrays, shown.user, shown.served, shown.match, shown.meeting):
        array.flags.writeable = False
    return shown


def _checked(asking: Asking, choices: object, shown: Encounters) -> tuple[np.ndarray, np.ndarray]:
    """Return skips and watch times (zero where nothing was served) of an answer that keeps its contract."""
    if not isinstance(choices, Choices):
        raise asking.refuse(f"meet returned a {type(choices).__name__}", "a Choices")
    served = shown.served
    for name in ("skip", *ENGAGEMENTS):
        flag = np.asarray(getattr(choices, name))
        if flag.shape != served.shape or flag.dtype != np.bool_:
            raise asking.refuse(
                f"{name} is {flag.dtype} of shape {flag.shape}", f"bool of shape {served.shape}"
            )
    watch = np.asarray(choices.watch_s)
    if watch.shape != served.shape or watch.dtype.kind not in "fiu":
        raise asking.refuse(
            f"watch_s is {watch.dtype} of shape {watch.shape}", f"numbers of shape {served.shape}"
        )
    watch_s = np.where(served, watch, 0).astype(np.float32)
    skip = np.asarray(choices.skip) & served
    longest = shown.items["duration_s"] * LONGEST_WATCH
    if not (np.isfinite(watch_s) & (watch_s >= 0) & (watch_s <= longest)).all():
        worst = watch_s[~(np.isfinite(watch_s) & (watch_s >= 0) & (watch_s <= longest))][0]
        raise asking.refuse(f"watch_s holds {worst}", "finite seconds from 0 to 20 durations")
    if (skip & (watch_s > SKIP_BELOW_S)).any():
        raise asking.refuse("a skip is watched for 3 s or longer", "less than 3 s (INT-3)")
    for name in ENGAGEMENTS:
        if (skip & np.asarray(getattr(choices, name))).any():
            raise asking.refuse(f"a skip comes with a {name}", "no engagement with what is skipped")
    return skip, watch_s
