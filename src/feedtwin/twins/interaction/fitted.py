"""The encounter by columns that were fitted to a log: the second form, `interaction.form=fitted`. The NumPy reference.

    skip        log-odds = person + video + moment - skip_match * rest
    watch       if not skipped: a curve of progress, by duration and by index = person + video + moment + index_match * rest
    signal      log-odds = person + video + moment + engage_match * rest + what became of the watch

`rest` is the match beyond what a person's and a video's columns hold already. Draws, sessions and the order of slots are
those of `encounter`; `ft_encounter_fitted` computes the same numbers to the last bit (docs/decisions/0051).

Shapes: R requests, S slots, U users, V items, B duration bins, J index bins, 66 values of a curve.
"""

from types import SimpleNamespace

import numpy as np

from feedtwin.numerics import exp32, log32, logit32
from feedtwin.session import COMMENT, FINISHED, FOLLOW, LIKE, SHARE, SKIP
from feedtwin.twins.interaction.encounter import SKIP_BELOW_S, draw_uniforms, match_of, walk

COLUMNS = ("skip", "watch", "like", "share", "comment", "follow", "match")
"""Columns of `person`, `video` and `moment`, in order; the eighth is spare. "watch" is the index of the tables."""
WIDTH = 8
LEVELS = 64
"""Equally likely parts of a curve; it holds their middles, and the least and the greatest value."""
SHORTEST_S = 3.5
"""Shorter videos count as this long in the scale of progress, as in the fit."""
_SIGNALS = ((2, LIKE), (3, SHARE), (4, COMMENT), (5, FOLLOW))
_F = np.float32


def fitted_reference(a: SimpleNamespace, lo: int, hi: int) -> None:
    """Resolve the slates of requests lo..hi; write outcomes into the output arrays of `a`.

    Inputs beside those of `encounter_reference`: `person` f4 (U, 8), `video` f4 (V, 8) and `moment` f4 (8,) in the order of
    `COLUMNS`; `duration_bin` u1 (V,); `centre` f4 (B, J) middle index of each table, +inf beyond the last; `curves` f4
    (B, J, 66) progress; `skip_curve` f4 (66,) seconds of a skip; `fate` f4 (4, 3) what "begun", "far" and "finish" add to
    like, share, comment and follow. Outputs as there.
    """
    user, row = a.user[lo:hi], a.row[lo:hi]
    served = np.arange(row.shape[1], dtype=np.uint8)[None, :] < a.served_count[lo:hi, None]
    safe = np.where(served, row, 0)
    words = draw_uniforms(a, user, safe, a.meeting[lo:hi])
    odds = log_odds(a, user, safe)
    skipped = logit32(words[0]) < odds[0]
    watch_s, progress = _watch(a, safe, odds[1], skipped, words)
    completion = watch_s / a.duration_s[safe]
    finished = ~skipped & (completion >= _F(1.0))
    fate = np.where(finished, 2, np.where(progress >= a.half_way, 1, 0))
    flags = skipped * SKIP + finished * FINISHED
    for place, (column, bit) in enumerate(_SIGNALS):
        added = np.where(skipped, _F(0.0), a.fate[place][fate])
        flags = flags + (logit32(words[2 + column]) < odds[column] + added) * bit
    watch_ms = (watch_s * _F(1000.0)).astype(np.uint32)
    walk(a, lo, hi, served, flags.astype(np.uint8), watch_ms, completion)


def log_odds(a: SimpleNamespace, user: np.ndarray, row: np.ndarray) -> list[np.ndarray]:
    """Skip's log-odds, the index of the watch, and the signals' log-odds after a skip: six of (R, S)."""
    person, video, moment = a.person[user][:, None, :], a.video[row], a.moment
    rest = match_of(a, user, row) - (person[..., 6] + video[..., 6])
    both = [(person[..., k] + video[..., k]) + moment[k] for k in range(6)]
    lift, label = a.engage_match * rest, a.label[row].astype(np.float32)
    return [
        both[0] - a.skip_match * rest,
        both[1] + a.index_match * rest,
        both[2] + (lift + label * a.label_like),
        both[3] + (lift + label * a.label_share),
        both[4] + lift,
        both[5] + lift,
    ]


def _place(level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where levels in (0, 1) lie among the values of a curve: the value below, and the way to the next one."""
    place = level * _F(LEVELS) + _F(0.5)
    place = np.where(level < _F(0.5 / LEVELS), level * _F(2 * LEVELS), place)
    top = _F((LEVELS - 0.5) / LEVELS)
    place = np.where(level > top, _F(LEVELS) + (level - top) * _F(2 * LEVELS), place)
    below = np.minimum(place.astype(np.int32), LEVELS)
    return below, place - below.astype(np.float32)


def _progress(a: SimpleNamespace, row: np.ndarray, index: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Progress of a watch, between the two nearest tables, at the level of the draw."""
    which = a.duration_bin[row].astype(np.int64)
    centre = a.centre[which]
    low = (centre <= index[..., None]).sum(axis=2) - 1
    low = np.clip(low, 0, a.centre.shape[1] - 2)[..., None]
    here = np.take_along_axis(centre, low, axis=2)[..., 0]
    width = np.take_along_axis(centre, low + 1, axis=2)[..., 0] - here
    weight = (index - here) / np.maximum(width, _F(1e-12))
    weight = np.minimum(np.maximum(weight, _F(0.0)), _F(1.0))
    below, part = _place(u)
    low = low[..., 0]

    def between(level: np.ndarray) -> np.ndarray:
        one, two = a.curves[which, low, level], a.curves[which, low + 1, level]
        return (_F(1.0) - weight) * one + weight * two

    return (_F(1.0) - part) * between(below) + part * between(below + 1)


def _watch(
    a: SimpleNamespace,
    row: np.ndarray,
    index: np.ndarray,
    skipped: np.ndarray,
    words: list[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds watched, and the progress that a watch not skipped makes."""
    duration = a.duration_s[row]
    below, part = _place(words[2])
    swiped = (_F(1.0) - part) * a.skip_curve[below] + part * a.skip_curve[below + 1]
    progress = _progress(a, row, index, words[3])
    span = log32(np.maximum(duration, _F(SHORTEST_S)) / _F(3.0))
    early = _F(3.0) * exp32(np.minimum(progress, _F(1.0)) * span)
    early = np.minimum(early, np.maximum(duration, _F(3.0)))
    late = duration * exp32(np.maximum(progress - _F(1.0), _F(0.0)) * _F(0.69314718))
    watched = np.maximum(np.where(progress < _F(1.0), early, late), _F(3.0))
    return np.where(skipped, np.minimum(swiped, SKIP_BELOW_S), watched), progress
