"""The stages of one impression by a fitted encounter: which columns and tables gave it, as `explaining` does for equations."""

from types import SimpleNamespace

import numpy as np

from feedtwin.errors import DeterminismError
from feedtwin.numerics import logistic32
from feedtwin.session import COMMENT, FINISHED, FOLLOW, LIKE, SHARE, SKIP
from feedtwin.twins.interaction.encounter import draw_uniforms, match_of
from feedtwin.twins.interaction.fitted import COLUMNS, fitted_reference, log_odds
from feedtwin.world.explaining import Explained

_BITS = {"like": LIKE, "share": SHARE, "comment": COMMENT, "follow": FOLLOW}
_MATCH = COLUMNS.index("match")
_FATES = ("begun", "far", "finish")


def explain_fitted(a: SimpleNamespace, slot: int) -> Explained:
    """Return the stages of one slot, each with its terms and its draw, and how it came out.

    Raises:
        DeterminismError: The terms do not add up to the outcome of the reference.
    """
    fitted_reference(a, 0, 1)
    row, user = int(a.row[0, slot]), int(a.user[0])
    one = (a.user[:1], a.row[:1, slot : slot + 1])
    odds = [float(values[0, 0]) for values in log_odds(a, *one)]
    words = draw_uniforms(a, *one, a.meeting[:1, slot : slot + 1])
    draws = [float(values[0, 0]) for values in words]
    match = np.float32(match_of(a, *one)[0, 0])
    rest = match - (a.person[user, _MATCH] + a.video[row, _MATCH])
    flags, watch_ms = int(a.flags[0, slot]), int(a.watch_ms[0, slot])
    reached = slot < int(a.reached_count[0])
    terms = _terms(a, user, row, float(rest))
    skipped = draws[0] < float(logistic32(np.float32(odds[0])))
    found: Explained = {
        "reached": reached,
        "form": "fitted",
        "match": float(match),
        "match_beyond_columns": float(rest),
        "hook": {
            "terms": terms["skip"],
            "log_odds": odds[0],
            "probability": float(logistic32(np.float32(odds[0]))),
            "draw": draws[0],
            "skipped": skipped,
        },
        "watch": {
            "draw": draws[2] if skipped else draws[3],
            "duration_s": float(a.duration_s[row]),
            "duration_bin": int(a.duration_bin[row]),
            "index": odds[1],
            "index_terms": terms["watch"],
            "watch_ms": watch_ms,
            "completion": float(a.completion[0, slot]),
        },
        "engagement": {},
    }
    if reached:
        fate = _fate_of(a, row, watch_ms, flags)
        found["engagement"] = {
            name: _signal(a, name, (odds, draws), terms[name], fate) for name in _BITS
        }
        happened = [bool(flags & bit) for bit in _BITS.values()]
        ours = [one["happened"] for one in found["engagement"].values()]
        if skipped != bool(flags & SKIP) or ours != happened:
            raise DeterminismError(
                f"trace of user {user}, slot {slot}: the columns give {skipped} and {ours}; the encounter gives "
                f"{bool(flags & SKIP)} and {happened}. The trace does not know this encounter's mechanism: add its term to "
                "world/explaining_fitted.py"
            )
    return found


def _terms(a: SimpleNamespace, user: int, row: int, rest: float) -> dict[str, dict[str, float]]:
    """Terms of every outcome's number, without what becomes of the watch."""
    slopes = {"skip": -a.skip_match, "watch": a.index_match}
    label = float(a.label[row])
    labels = {"like": a.label_like, "share": a.label_share}
    found = {}
    for column, name in enumerate(COLUMNS[:_MATCH]):
        found[name] = {
            "person": float(a.person[user, column]),
            "video": float(a.video[row, column]),
            "moment": float(a.moment[column]),
            "match": float(slopes.get(name, a.engage_match)) * rest,
        }
        if name in labels:
            found[name]["label"] = label * float(labels[name])
    return found


def _fate_of(a: SimpleNamespace, row: int, watch_ms: int, flags: int) -> int | None:
    """Which of "begun", "far" and "finish" a watch came to; None for a skip."""
    if flags & SKIP:
        return None
    if flags & FINISHED:
        return 2
    span = np.log(max(float(a.duration_s[row]), 3.5) / 3.0)
    return int(np.log(max(watch_ms / 1000.0, 3.0) / 3.0) / span >= float(a.half_way))


def _signal(
    a: SimpleNamespace,
    name: str,
    known: tuple[list[float], list[float]],
    terms: dict[str, float],
    fate: int | None,
) -> Explained:
    odds, draws = known
    column, place = COLUMNS.index(name), list(_BITS).index(name)
    added = 0.0 if fate is None else float(a.fate[place, fate])
    total = odds[column] + added
    chance = float(logistic32(np.float32(total)))
    became = {"skipped": 0.0} if fate is None else {_FATES[fate]: added}
    return {
        "terms": {**terms, **became},
        "log_odds": total,
        "probability": chance,
        "draw": draws[2 + column],
        "happened": draws[2 + column] < chance,
    }
