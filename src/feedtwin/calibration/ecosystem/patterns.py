"""Summary patterns of an impression log: one function for real logs and for what a world produced.

Every pattern is comparable at a matched number of impressions per person (`seen.thinned`); concentration over videos
moreover depends on the number of impressions, so it is taken at one volume. People without impressions are in no log and count
nowhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from feedtwin.calibration.ecosystem.seen import Pool, Seen
from feedtwin.datasets.adaptor import F8, I8
from feedtwin.datasets.facts import entropy_bits, gini
from feedtwin.datasets.hashing import uniforms

EVENING: Final = 18
"""First hour of the evening, which ends at midnight."""
_DAYS: Final = 64
"""More than any log's days here: user * _DAYS + day is one number."""


@dataclass(frozen=True)
class Look:
    """A log, with what several patterns need.

    Attributes:
        seen: impressions.
        pool: the videos.
        days: number of days of the log.
        constants: `ecosystem.*` without the section's name.
        user: (n,) people numbered 0..U-1.
        active: (U, days) whether there is an impression.
    """

    seen: Seen
    pool: Pool
    days: int
    constants: Mapping[str, Any]
    user: I8
    active: np.ndarray

    @staticmethod
    def at(seen: Seen, pool: Pool, days: int, constants: Mapping[str, Any]) -> "Look":
        """Look at a log."""
        people, user = np.unique(seen.user, return_inverse=True)
        user = user.reshape(-1)
        active = np.zeros((len(people), days), np.bool_)
        active[user, seen.day] = True
        return Look(seen, pool, days, constants, user, active)

    def matched(self, label: str) -> list[I8]:
        """Several random subsets of the impressions, each of the matched volume (or all, where there are fewer)."""
        volume, count = int(self.constants["volume"]), int(self.constants["subsets"])
        rows = np.arange(len(self.seen))
        if len(rows) <= volume:
            return [rows]
        return [
            np.argsort(uniforms(rows, f"ecosystem/{label}/{k}"), kind="stable")[:volume]
            for k in range(count)
        ]

    def concentrated(self, item: I8, statistic: Callable[[F8], float]) -> float:
        """Mean of a statistic of the counts of what was met, over the subsets of matched volume."""
        found = []
        for rows in self.matched("volume"):
            counts = np.bincount(item[self.seen.video[rows]])
            found.append(statistic(counts[counts > 0].astype(np.float64)))
        return float(np.mean(found))


def _per_person(look: Look) -> I8:
    return np.bincount(look.user).astype(np.int64)


def _counts(*codes: I8) -> I8:
    """How often each distinct combination occurs."""
    whole = codes[0].astype(np.int64)
    for code in codes[1:]:
        whole = whole * _DAYS + code
    return np.unique(whole, return_counts=True)[1]


def _back(look: Look, after: int) -> float:
    could, there = look.active[:, :-after], look.active[:, after:]
    return float((could & there).sum() / max(could.sum(), 1))


def _long_gaps(look: Look) -> float:
    """Of the gaps between two active days of a person, the share longer than the constant says."""
    person, day = np.nonzero(look.active)
    gaps = np.diff(day)[np.diff(person) == 0]
    return float(np.mean(gaps > look.constants["long_gap_days"])) if len(gaps) else np.nan


def _personal_entropy(look: Look) -> float:
    """Mean entropy of the categories of a few impressions of each person who has as many."""
    few = int(look.constants["personal_impressions"])
    rows = np.argsort(uniforms(np.arange(len(look.user)), "ecosystem/personal"), kind="stable")
    rows = rows[np.argsort(look.user[rows], kind="stable")]
    user = look.user[rows]
    place = np.arange(len(user)) - np.searchsorted(user, user)
    enough = np.bincount(look.user)[user] >= few
    chosen = rows[enough & (place < few)]
    if not len(chosen):
        return np.nan
    category = look.pool.category[look.seen.video[chosen]].reshape(-1, few)
    same = (category[:, :, None] == category[:, None, :]).sum(axis=2)
    # sum over categories of p log p is the mean over impressions of log p
    return float(-np.log2(same / few).mean())


def _never_like(look: Look) -> float:
    count = _per_person(look)
    likes = np.bincount(look.user, look.seen.like)
    often = count >= look.constants["often_impressions"]
    return float(np.mean(likes[often] == 0)) if often.any() else np.nan


def _lasting(look: Look) -> float:
    """Correlation of log(1 + views) of a video in the first and in the second half, over videos met at all."""
    found = []
    early = look.seen.day < look.days / 2
    size = len(look.pool.author)
    for rows in look.matched("halves"):
        first = np.bincount(look.seen.video[rows[early[rows]]], minlength=size)
        second = np.bincount(look.seen.video[rows[~early[rows]]], minlength=size)
        met = (first + second) > 0
        a, b = np.log1p(first[met]), np.log1p(second[met])
        spread = float(a.std() * b.std())
        found.append(float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread else np.nan)
    return float(np.mean(found))


def _top_tenth(counts: F8) -> float:
    ordered = np.sort(counts)[::-1]
    return float(ordered[: max(len(ordered) // 10, 1)].sum() / ordered.sum())


def _busiest(look: Look) -> float:
    """Active people on the busiest day over the mean day."""
    people = look.active.sum(axis=0)
    return float(people.max() / max(people.mean(), 1e-12))


MEASURES: Final[Mapping[str, Callable[[Look], float]]] = {
    "days_active": lambda look: float(look.active.sum(axis=1).mean()),
    "impressions_per_hour": lambda look: float(
        _counts(look.user, look.seen.day, look.seen.hour).mean()
    ),
    "return_next_day": lambda look: _back(look, 1),
    "one_day_people": lambda look: float(np.mean(look.active.sum(axis=1) == 1)),
    "gini_of_people": lambda look: gini(_per_person(look)),
    "personal_entropy": _personal_entropy,
    "gini_of_videos": lambda look: look.concentrated(np.arange(len(look.pool.author)), gini),
    "lasting_popularity": _lasting,
    "skips": lambda look: float(np.mean(look.seen.watch_s < look.constants["skip_below_s"])),
    "finishes": lambda look: float(
        np.mean(look.seen.watch_s >= look.pool.duration_s[look.seen.video])
    ),
    "watch_log_mean": lambda look: float(np.mean(np.log1p(look.seen.watch_s))),
    "likes": lambda look: float(look.seen.like.mean()),
    "people_who_never_like": _never_like,
    "gini_of_likes": lambda look: gini(np.bincount(look.user, look.seen.like)),
    "return_next_week": lambda look: _back(look, 7) if look.days > 7 else np.nan,
    "long_gaps": _long_gaps,
    "gini_of_user_days": lambda look: gini(_counts(look.user, look.seen.day)),
    "evening_share": lambda look: float(np.mean(look.seen.hour >= EVENING)),
    "gini_of_authors": lambda look: look.concentrated(look.pool.author, gini),
    "top_tenth_of_videos": lambda look: look.concentrated(
        np.arange(len(look.pool.author)), _top_tenth
    ),
    "category_entropy": lambda look: look.concentrated(look.pool.category, entropy_bits),
    "busiest_day": _busiest,
}
"""Every pattern by name; `plan.yaml` says what each is used for."""


def measure(seen: Seen, pool: Pool, days: int, constants: Mapping[str, Any]) -> dict[str, float]:
    """Every pattern of a log.

    Args:
        seen: the impressions.
        pool: the videos.
        days: number of days of the log; days count from 0.
        constants: `ecosystem.*` without the section's name.

    Returns:
        Value by name, in the units of `plan.yaml`; NaN where the log is too short or too small for a pattern.
    """
    look = Look.at(seen, pool, days, constants)
    return {name: one(look) for name, one in MEASURES.items()}


def spread(seen: Seen, pool: Pool, days: int, constants: Mapping[str, Any]) -> dict[str, float]:
    """Standard error of every pattern, by a bootstrap of people: somebody drawn twice is two people."""
    people, user = np.unique(seen.user, return_inverse=True)
    user = user.reshape(-1)
    order = np.argsort(user, kind="stable")
    count = np.bincount(user)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    found = []
    for k in range(int(constants["resamples"])):
        drawn = (uniforms(np.arange(len(people)), f"ecosystem/resample/{k}") * len(people)).astype(
            np.int64
        )
        size = count[drawn]
        inside = np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
        rows = order[np.repeat(first[drawn], size) + inside]
        again = seen.take(rows)
        again.user[:] = np.repeat(np.arange(len(people)), size)
        found.append(list(measure(again, pool, days, constants).values()))
    sd = np.std(np.array(found), axis=0, ddof=1)
    return dict(zip(MEASURES, sd.tolist(), strict=True))
