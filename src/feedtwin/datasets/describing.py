"""Stylised facts of a watch log, each with its number of rows and a 95 % interval over users.

Means have a linearised interval with users as clusters, shares Wilson's at the effective number of rows; concentration and entropy one from the spread over a
bootstrap of users. Facts that the log
cannot give are left out, and a note says which.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import F8, I8, SIGNALS, Flags, WatchLog
from feedtwin.datasets.facts import BUCKETS_S, entropy_bits, gini
from feedtwin.datasets.hashing import uniforms

_Z = 1.959964
HAZARD_STEP_S = 0.5
SURVIVAL = (2, 3, 5, 10, 20, 50)
RETURN_DAYS = (1, 2, 7)


@dataclass(frozen=True, slots=True)
class Fact:
    """A number measured on a log.

    Attributes:
        group: what it is about.
        name: which one.
        value: the number; NaN where there is nothing to measure.
        low, high: 95 % interval; NaN where there is none.
        unit: unit.
        n: rows (or users, sessions, videos) behind it.
    """

    group: str
    name: str
    value: float
    low: float
    high: float
    unit: str
    n: int


def wilson(share: float, error: float, people: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, at as many rows as would give its standard error if they were independent.

    It stays within 0 and 1. Where nothing or everything happened, the standard error is 0 and says nothing: people count
    once each, as if all rows of one person were alike.

    Args:
        share: the share, 0..1.
        error: its standard error, with people as clusters.
        people: number of people.
    """
    spread = share * (1.0 - share)
    rows = spread / error**2 if spread > 0 and error > 0 else float(people)
    middle = (share + _Z**2 / (2 * rows)) / (1 + _Z**2 / rows)
    half = _Z / (1 + _Z**2 / rows) * float(np.sqrt(spread / rows + _Z**2 / (4 * rows**2)))
    # an end that is the share itself, at 0 and 1, must not fall short of it by rounding
    return max(min(middle - half, share), 0.0), min(max(middle + half, share), 1.0)


@dataclass
class _Facts:
    user: I8
    found: list[Fact] = field(default_factory=list)

    def mean(
        self,
        group: str,
        name: str,
        values: Any,
        unit: str,
        within: Flags | None = None,
        user: I8 | None = None,
    ) -> None:
        """Add a mean over rows, with users as clusters."""
        y = np.asarray(values, dtype=np.float64)
        who = self.user if user is None else user
        if within is not None:
            y, who = y[within], who[within]
        if not len(y):
            self.found.append(Fact(group, name, np.nan, np.nan, np.nan, unit, 0))
            return
        mean = float(y.mean())
        _, cluster = np.unique(who, return_inverse=True)
        sums = np.bincount(cluster.reshape(-1), y - mean)
        half = _Z * float(np.sqrt((sums**2).sum())) / len(y) if len(sums) > 1 else np.nan
        low, high = mean - half, mean + half
        if unit.startswith("share") and len(sums) > 1:
            low, high = wilson(mean, half / _Z, len(sums))
        self.found.append(Fact(group, name, mean, low, high, unit, len(y)))

    def other(
        self,
        group: str,
        name: str,
        statistic: Callable[[F8], float],
        unit: str,
        n: int,
        resamples: int,
    ) -> None:
        """Add a statistic of row weights, with a bootstrap of users."""
        distinct, row = np.unique(self.user, return_inverse=True)
        row, count = row.reshape(-1), len(distinct)
        value = statistic(np.ones(len(row)))
        at = (uniforms(np.arange(resamples * count), f"describe/{name}") * count).astype(np.int64)
        drawn = [
            statistic(np.bincount(one, minlength=count)[row].astype(np.float64))
            for one in at.reshape(resamples, count)
        ]
        half = _Z * float(
            np.std(drawn)
        )  # quantiles would be off: a resample meets fewer videos than the log
        self.found.append(Fact(group, name, value, max(value - half, 0.0), value + half, unit, n))


def describe(log: WatchLog, constants: Mapping[str, Any]) -> list[Fact]:
    """Measures a log.

    Args:
        log: the log.
        constants: `log.skip_below_s` and `describe.*` of the section `kuairand_fit`.

    Returns:
        The facts, group by group.
    """
    rows = log.impressions
    facts = _Facts(log.users.key[rows.user])
    skip = rows.watch_s < constants["log.skip_below_s"]
    known = rows.duration_s > 0
    ratio = np.divide(rows.watch_s, rows.duration_s, out=np.zeros(len(rows)), where=known)
    finish = known & (ratio >= 1.0)
    _attention(facts, log, skip, known, ratio, finish)
    _hazard(facts, rows.watch_s, float(constants["log.skip_below_s"]))
    for name in SIGNALS:
        if name in log.recorded:
            happened = getattr(rows, name)
            facts.mean("engagement", name, happened, "share")
            facts.mean("engagement given a finish", name, happened, "share", finish)
            facts.mean("engagement given a skip", name, happened, "share", skip)
    _sessions(facts, log, 60.0 * constants["describe.session_gap_min"])
    _returns(facts, log)
    _concentration(facts, log, constants)
    _uploads(facts, log)
    return facts.found


def _attention(
    facts: _Facts, log: WatchLog, skip: Flags, known: Flags, ratio: F8, finish: Flags
) -> None:
    rows = log.impressions
    facts.mean("attention", "watch time", rows.watch_s, "s")
    facts.mean("attention", "completion, capped at 1", np.minimum(ratio, 1.0), "share", known)
    facts.mean("attention", "finished", finish, "share", known)
    facts.mean("attention", "skipped before 3 s", skip, "share")
    bucket = np.searchsorted(np.array(BUCKETS_S), rows.duration_s, side="left")
    for b in range(len(BUCKETS_S) + 1):
        name = f"up to {BUCKETS_S[b]:g} s" if b < len(BUCKETS_S) else f"over {BUCKETS_S[-1]:g} s"
        inside = known & (bucket == b)
        facts.mean("watch time by duration", name, rows.watch_s, "s", inside)
        facts.mean("completion by duration", name, np.minimum(ratio, 1.0), "share", inside)
        facts.mean("skips by duration", name, skip, "share", inside)


def _hazard(facts: _Facts, watch_s: F8, end_s: float) -> None:
    for start in np.arange(0.0, end_s - 1e-9, HAZARD_STEP_S).tolist():
        leaves = watch_s < start + HAZARD_STEP_S
        name = f"{start:g} to {start + HAZARD_STEP_S:g} s"
        facts.mean("skip hazard", name, leaves, "share of those left", watch_s >= start)


def sessions_of(user: I8, time_s: F8, watch_s: F8, gap_s: float) -> tuple[I8, I8]:
    """User and number of impressions of every session; a session ends with a pause longer than the gap."""
    order = np.lexsort((time_s, user))
    who, at, watched = user[order], time_s[order], watch_s[order]
    pause = at[1:] - (at[:-1] + watched[:-1])
    starts = np.concatenate([[True], (who[1:] != who[:-1]) | (pause > gap_s)])
    first = np.flatnonzero(starts)
    return who[first], np.diff(np.concatenate([first, [len(who)]]))


def _sessions(facts: _Facts, log: WatchLog, gap_s: float) -> None:
    rows = log.impressions
    who, length = sessions_of(facts.user, rows.time_s, rows.watch_s, gap_s)
    facts.mean("sessions", "logged impressions per session", length, "impressions", user=who)
    for least in SURVIVAL:
        facts.mean(
            "session survival", f"at least {least} impressions", length >= least, "share", user=who
        )


def _returns(facts: _Facts, log: WatchLog) -> None:
    days = log.provenance.days
    active = np.unique(np.stack([facts.user, log.impressions.day.astype(np.int64)], axis=1), axis=0)
    there = {(int(u), int(d)) for u, d in active.tolist()}
    for after in RETURN_DAYS:
        could = active[active[:, 1] + after < days]
        back = [(int(u), int(d) + after) in there for u, d in could.tolist()]
        facts.mean("return", f"active again {after} d later", back, "share", user=could[:, 0])


def _concentration(facts: _Facts, log: WatchLog, c: Mapping[str, Any]) -> None:
    rows = log.impressions
    volume, resamples = int(c["describe.matched_impressions"]), int(c["describe.resamples"])
    kept = np.argsort(uniforms(np.arange(len(rows)), "describe/matched"), kind="stable")[:volume]
    matched = np.zeros(len(rows))
    matched[kept] = 1.0
    _, author = np.unique(log.videos.author, return_inverse=True)
    of_author = author.reshape(-1)[rows.video]
    for name, item in (("videos", rows.video), ("authors", of_author)):
        for label, base in (
            ("all impressions", np.ones(len(rows))),
            (f"{len(kept):,} impressions", matched),
        ):

            def concentrated(weight: F8, item: Any = item, base: F8 = base) -> float:
                views = np.bincount(item, weight * base)
                return gini(views[views > 0])

            facts.other(
                "view concentration",
                f"Gini of {name}, {label}",
                concentrated,
                "1",
                int(base.sum()),
                resamples,
            )
    if log.videos.tag_names:
        category = log.videos.tags[rows.video, 0] + 1
        facts.other(
            "diversity", "entropy of categories shown", lambda w: entropy_bits(np.bincount(category, w)), "bits",
            len(rows), resamples,
        )  # fmt: skip


def _uploads(facts: _Facts, log: WatchLog) -> None:
    authors, uploads = np.unique(log.videos.author, return_counts=True)
    facts.mean("uploads", "videos of the table per author", uploads, "videos", user=authors)
    facts.mean("uploads", "authors with one video", uploads == 1, "share", user=authors)
    top = np.sort(uploads)[::-1][: max(len(uploads) // 100, 1)].sum() / uploads.sum()
    facts.found.append(
        Fact(
            "uploads",
            "top 1 % of authors, share of videos",
            float(top),
            np.nan,
            np.nan,
            "share",
            len(uploads),
        )
    )
