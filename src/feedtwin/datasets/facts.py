"""Stylised facts of a watch log, measured as its data card measures them."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from feedtwin.datasets.adaptor import F8, WatchLog
from feedtwin.datasets.constants import Constants

QUANTILES = (5, 10, 25, 50, 75, 90, 95, 99)
BUCKETS_S = (7.0, 15.0, 30.0, 60.0, 120.0, 240.0)


def gini(counts: npt.ArrayLike) -> float:
    """Gini coefficient of non-negative counts; 0 when all are equal or none is positive."""
    x = np.sort(np.asarray(counts, dtype=np.float64))
    total = float(x.sum())
    if not len(x) or total <= 0.0:
        return 0.0
    ranks = np.arange(1, len(x) + 1)
    return float(2.0 * np.sum(ranks * x) / (len(x) * total) - (len(x) + 1.0) / len(x))


def entropy_bits(counts: npt.ArrayLike) -> float:
    """Shannon entropy of counts, in bits."""
    x = np.asarray(counts, dtype=np.float64)
    x = x[x > 0]
    shares = x / x.sum()
    return float(-np.sum(shares * np.log2(shares)))


def _share(mask: npt.ArrayLike, within: npt.NDArray[np.bool_] | None = None) -> float:
    values = np.asarray(mask, dtype=np.float64)
    values = values if within is None else values[within]
    return float(values.mean()) if len(values) else 0.0


def measure(log: WatchLog, constants: Constants) -> Mapping[str, float]:
    """Facts of all kept impressions, those of unknown duration included unless the fact needs a duration.

    Args:
        log: the log.
        constants: the fit's constants (`log.skip_below_s`, `facts.heavy_impressions`).

    Returns:
        Name -> value; times in seconds, rates as shares, entropy in bits.
    """
    rows = log.impressions
    skip = rows.watch_s < constants["log.skip_below_s"]
    finish = (rows.watch_s >= rows.duration_s) & (rows.duration_s > 0)
    facts = {
        "impressions": float(len(rows)),
        "users": float(len(np.unique(rows.user))),
        "videos": float(len(np.unique(rows.video))),
        "authors": float(len(np.unique(log.videos.author[rows.video]))),
        "skip": _share(skip),
        "finish": _share(finish),
        "zero_watch": _share(rows.watch_s == 0),
        "watch_mean_s": float(rows.watch_s.mean()),
    }
    for name in ("long_view", "like", "comment", "share", "follow", "not_interested", "profile"):
        facts[name] = _share(getattr(rows, name))
    for name in ("like", "comment", "share", "follow"):
        facts[f"{name}_given_watch"] = _share(getattr(rows, name), ~skip)
        facts[f"{name}_given_finish"] = _share(getattr(rows, name), finish)
        facts[f"{name}_given_skip"] = _share(getattr(rows, name), skip)
    for q in QUANTILES:
        facts[f"watch_p{q:02d}_s"] = float(np.quantile(rows.watch_s, q / 100.0))
    facts.update(_by_duration(rows.watch_s, rows.duration_s, skip))
    facts.update(_concentration(log, int(constants["facts.heavy_impressions"])))
    return facts


def _by_duration(watch_s: F8, duration_s: F8, skip: npt.NDArray[np.bool_]) -> dict[str, float]:
    known = duration_s > 0
    completion = np.minimum(watch_s[known] / duration_s[known], 1.0)
    facts = {
        "completion_mean": float(completion.mean()) if len(completion) else 0.0,
        "completion_given_watch": _share(completion, ~skip[known]),
        "duration_mean_s": float(duration_s[known].mean()) if len(completion) else 0.0,
    }
    bucket = np.searchsorted(np.array(BUCKETS_S), duration_s[known], side="left")
    for b in range(len(BUCKETS_S) + 1):
        name = f"upto_{BUCKETS_S[b]:.0f}s" if b < len(BUCKETS_S) else "longer"
        facts[f"completion_{name}"] = _share(completion, bucket == b)
        facts[f"skip_{name}"] = _share(skip[known], bucket == b)
    return facts


def _concentration(log: WatchLog, heavy: int) -> dict[str, float]:
    rows = log.impressions
    per_user = np.bincount(rows.user)
    likes = np.bincount(rows.user, rows.like, len(per_user))
    met = per_user > 0
    many = per_user >= heavy
    _, author = np.unique(log.videos.author, return_inverse=True)
    views = np.bincount(rows.video)
    authored = np.bincount(author.reshape(-1)[rows.video])
    category = log.videos.tags[rows.video, 0]
    top = np.sort(views[views > 0])[::-1]
    return {
        "gini_views_video": gini(views[views > 0]),
        "gini_views_author": gini(authored[authored > 0]),
        "gini_impressions_user": gini(per_user[met]),
        "gini_likes_user": gini(likes[met]),
        "heavy_users": float(many.sum()),
        "heavy_never_like": _share(likes == 0, many),
        "top_tenth_videos": float(top[: max(len(top) // 10, 1)].sum() / top.sum()),
        "category_entropy_bits": entropy_bits(np.bincount(category + 1)),
    }
