"""From a watch log to the tables of a world: a light empirical-Bayes fit.

What is fitted, on the kept impressions whose duration is known:

* skipping: base + duration bin + category + video + person, logit link;
* completion of watches not skipped: the same factors, identity link;
* engagement given a watch not skipped: one beta distribution of rates over people for each signal;
* affinities: see `feedtwin.datasets.interests`.

A person or video with few rows has a wide posterior. Its mean would make people too alike (four watches without a like
do not make an average liker), so one draw keyed by the source's id is taken from the posterior instead
(`people.draw_from_posterior`). The draw belongs to the data: it is the same for every seed.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from feedtwin.datasets import facts
from feedtwin.datasets.adaptor import (
    F4,
    F8,
    I4,
    I8,
    Accounts,
    Catalogue,
    Categories,
    People,
    RealWorld,
    WatchLog,
)
from feedtwin.datasets.constants import Constants
from feedtwin.datasets.fit_input import FitInput, prepare
from feedtwin.datasets.hashing import normals, uniforms
from feedtwin.datasets.interests import fit_affinity
from feedtwin.datasets.shrink import (
    Effects,
    beta_binomial,
    beta_logits,
    crossed_effects,
    logistic,
    logit_variance,
    relative_rates,
    upload_prior,
)

SIGNALS = ("like", "comment", "share", "follow")


def rounded(values: npt.ArrayLike) -> F4:
    """Four decimals, as float32: last-bit differences between NumPy builds end here."""
    return np.round(np.asarray(values, dtype=np.float64), 4).astype(np.float32)


def fit_world(log: WatchLog, constants: Constants) -> RealWorld:
    """Fits the tables of a world to a log.

    Args:
        log: the log.
        constants: the fit's constants.

    Returns:
        The world's tables, with the facts measured on the log.

    Raises:
        DataError: No impression has a known duration.
    """
    data = prepare(log, constants)
    skipping = _skipping(data, constants)
    stayed = ~data.skip
    watching = crossed_effects(data.completion[stayed], data.factors(stayed), constants)
    people, expected = _people(log, data, skipping, constants)
    catalogue = _catalogue(log, data, skipping, watching, expected, constants)
    offsets = people.skip_offset[data.person] + catalogue.hook_logit[data.item]
    skip_logit = _centre(offsets.astype(np.float64), float(data.skip.mean()), skipping.base)
    hours = np.bincount(data.rows.hour, minlength=24) + 1.0
    return RealWorld(
        people=people,
        accounts=_accounts(log, data, constants),
        catalogue=catalogue,
        categories=_categories(log, data, watching, constants),
        hashtags=data.labels.hashtag_names,
        diurnal=rounded(24.0 * hours / hours.sum()),
        skip_rate=float(data.skip.mean()),
        skip_logit=round(skip_logit, 4),
        rates=facts.measure(log, constants),
        provenance=replace(
            log.provenance, notes=(*log.provenance.notes, *_notes(log, data, constants))
        ),
    )


def _skipping(data: FitInput, constants: Constants) -> Effects:
    """Crossed effects on the skip logit, with variances carried over from the linear fit."""
    skip = data.skip.astype(np.float64)
    mean = float(np.clip(skip.mean(), 0.001, 0.999))
    linear = crossed_effects(skip, data.factors(), constants)
    variances = [logit_variance(v, mean, constants) for v in linear.variances]
    return crossed_effects(skip, data.factors(), constants, logit_variances=variances)


def _notes(log: WatchLog, data: FitInput, constants: Constants) -> list[str]:
    how = (
        "one keyed draw from the posterior"
        if constants["people.draw_from_posterior"]
        else "posterior means"
    )
    return [
        f"{len(log.users.key) - len(data.users)} users without a usable impression are left out of the people.",
        f"{len(log.videos.key) - len(data.videos)} videos of unknown duration are left out of the catalogue.",
        f"fitted: offsets, rates, hooks and completions are empirical-Bayes estimates ({how} per person and video).",
        "engagement rates are given a watch that was not skipped; the few signals on skipped watches are not modelled.",
    ]


def _draw(effects: Effects, factor: int, keys: I8, label: str, constants: Constants) -> F8:
    """Effects of one factor's levels: a draw from each posterior, or the means."""
    if not constants["people.draw_from_posterior"]:
        return effects.means[factor]
    drawn: F8 = effects.means[factor] + effects.sds[factor] * normals(keys, label)
    return drawn


def _centre(offsets: F8, rate: float, start: float) -> float:
    """The base at which the mean of logistic(base + offset) equals the rate."""
    base = start
    for _ in range(20):
        p = logistic(base + offsets)
        base += (rate - float(p.mean())) / max(float(np.mean(p * (1.0 - p))), 1e-9)
    return base


def _people(
    log: WatchLog, data: FitInput, skipping: Effects, constants: Constants
) -> tuple[People, Mapping[str, F8]]:
    """The people, and each person's expected rate of every signal given a watch (posterior mean)."""
    keys = log.users.key[data.users]
    count = len(keys)
    watches = np.bincount(data.person[~data.skip], minlength=count)
    limits = (constants["people.logit_low"], constants["people.logit_high"])
    logits, expected = {}, {}
    for name in SIGNALS:
        happened = getattr(data.rows, name) & ~data.skip
        events = np.bincount(data.person[happened], minlength=count)
        a, b = beta_binomial(events, watches, constants)
        at = uniforms(keys, f"{name} rate") if constants["people.draw_from_posterior"] else None
        logits[name] = rounded(beta_logits(events, watches, (a, b), at, limits))
        expected[name] = (a + events) / (a + b + watches)
    people = People(
        key=keys,
        activity=_activity(np.bincount(data.person, minlength=count), constants),
        skip_offset=rounded(_draw(skipping, 3, keys, "skip offset", constants)),
        like_logit=logits["like"],
        comment_logit=logits["comment"],
        share_logit=logits["share"],
        follow_logit=logits["follow"],
        affinity=rounded(fit_affinity(log, data, constants)),
        follow_count=log.users.follow_count[data.users],
        is_creator=log.users.is_creator[data.users],
    )
    return people, expected


def _activity(impressions: I8, constants: Constants) -> F4:
    """Relative activity: gamma-Poisson posterior mean, moments of the counts as prior; mean 1."""
    mean = float(impressions.mean())
    surplus = max(float(impressions.var()) - mean, 1e-3 * mean)
    shape = mean * mean / surplus
    activity = relative_rates(impressions / mean, np.full(len(impressions), 1.0), shape / mean)
    activity = np.maximum(activity / activity.mean(), constants["people.activity_low"])
    return rounded(activity / activity.mean())


def _mid_ranks(score: F8) -> F8:
    """Rank of each score as a share in (0, 1); equal scores share their middle rank."""
    _, inverse, frequency = np.unique(score, return_inverse=True, return_counts=True)
    middle = np.cumsum(frequency) - 0.5 * frequency
    ranks: F8 = middle[inverse.reshape(-1)] / len(score)
    return ranks


def _virality(data: FitInput, expected: Mapping[str, F8], constants: Constants) -> F8:
    count, categories = len(data.videos), len(data.labels.categories)
    category = data.labels.category
    stayed = ~data.skip
    logs = {}
    for name in ("like", "share"):
        events = np.bincount(data.item[stayed], getattr(data.rows, name)[stayed], count)
        due = np.bincount(data.item[stayed], expected[name][data.person[stayed]], count)
        wide = relative_rates(
            np.bincount(category, events, categories),
            np.bincount(category, due, categories),
            constants["catalogue.category_shape"],
        )
        narrow = relative_rates(
            events, due, constants["catalogue.engagement_shape"], wide[category]
        )
        logs[name] = np.log(narrow)
    weight = constants["catalogue.share_weight"]
    score: F8 = np.round((1.0 - weight) * logs["like"] + weight * logs["share"], 9)
    return _mid_ranks(score)


def _ordinals(account: I4, upload_day: I4, key: I8) -> I4:
    """0.. within each account, by upload day, then key."""
    order = np.lexsort((key, upload_day, account))
    sorted_account = account[order]
    first = np.searchsorted(sorted_account, sorted_account, side="left")
    ordinal = np.empty(len(account), dtype=np.int32)
    ordinal[order] = np.arange(len(account)) - first
    return ordinal


def _item_effects(effects: Effects, data: FitInput) -> F8:
    """Sum of the duration bin's and the category's effects of each catalogue video."""
    both: F8 = effects.means[0][data.duration_bin] + effects.means[1][data.labels.category]
    return both


def _catalogue(
    log: WatchLog,
    data: FitInput,
    skipping: Effects,
    watching: Effects,
    expected: Mapping[str, F8],
    constants: Constants,
) -> Catalogue:
    videos = log.videos
    key = videos.key[data.videos]
    _, inverse = np.unique(videos.author[data.videos], return_inverse=True)
    account = inverse.reshape(-1).astype(np.int32)
    upload_day = videos.upload_day[data.videos]
    residual = _draw(watching, 2, key, "completion", constants)
    completion = np.clip(
        watching.base + _item_effects(watching, data) + residual,
        constants["catalogue.completion_low"],
        constants["catalogue.completion_high"],
    )
    hook = _item_effects(skipping, data) + _draw(skipping, 2, key, "hook", constants)
    return Catalogue(
        key=key,
        account=account,
        ordinal=_ordinals(account, upload_day, key),
        category=data.labels.category,
        hashtags=data.labels.hashtags,
        sound=data.labels.sound,
        duration_s=rounded(videos.duration_s[data.videos]),
        hook_logit=rounded(hook),
        completion_prior=rounded(completion),
        quality=rounded(_mid_ranks(np.round(residual, 9))),
        virality=rounded(_virality(data, expected, constants)),
        age_h=rounded(np.maximum(-24.0 * upload_day - constants["log.upload_hour"], 0.0)),
    )


def _categories(
    log: WatchLog, data: FitInput, watching: Effects, constants: Constants
) -> Categories:
    category, names = data.labels.category, data.labels.categories
    logs = np.log(log.videos.duration_s[data.videos])
    weight = constants["catalogue.category_pseudo_videos"]
    count = np.bincount(category, minlength=len(names)).astype(np.float64)
    mean = (np.bincount(category, logs, len(names)) + weight * logs.mean()) / (count + weight)
    squares = np.bincount(category, (logs - mean[category]) ** 2, len(names))
    sd = np.sqrt((squares + weight * logs.var()) / (count + weight))
    level = watching.base + _item_effects(watching, data)
    completion = (np.bincount(category, level, len(names)) + weight * level.mean()) / (
        count + weight
    )
    low, high = constants["catalogue.completion_low"], constants["catalogue.completion_high"]
    return Categories(
        names=names,
        duration_log_mean=rounded(mean),
        duration_log_sd=rounded(np.maximum(sd, 0.05)),
        completion_prior=rounded(np.clip(completion, low, high)),
        share_of_uploads=(count / count.sum()).astype(np.float32),
    )


def _accounts(log: WatchLog, data: FitInput, constants: Constants) -> Accounts:
    key, account = np.unique(log.videos.author[data.videos], return_inverse=True)
    account = account.reshape(-1)
    upload_day = log.videos.upload_day[data.videos]
    days = float(upload_day.max() - upload_day.min() + 1)
    uploads = np.bincount(account)
    shape, rate = upload_prior(uploads, days, constants)
    stayed = ~data.skip
    watches = np.bincount(account[data.item[stayed]], minlength=len(key))
    follows = np.bincount(account[data.item[stayed]], data.rows.follow[stayed], len(key))
    pseudo = constants["accounts.follow_pseudo_watches"]
    overall = (follows.sum() + 0.5) / (watches.sum() + 1.0)
    weight = (watches + 1.0) * (follows + pseudo * overall) / (watches + pseudo)
    return Accounts(
        key=key.astype(np.int64),
        upload_rate_per_day=rounded((shape + uploads) / (rate + days)),
        follower_weight=rounded(weight / weight.mean()),
    )
