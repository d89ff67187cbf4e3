"""Affinities: how much more a person watches of a category than others do, and how well those watches go.

affinity = baseline x lift^exposure_gain x exp(response_gain x advantage), capped at 1.

* lift: gamma-Poisson posterior mean of a person's watches of a category (now and before the log; long views and likes
  count more) over those expected from the category's share in the whole population. It carries what the platform's
  recommender believed, which is evidence, and biased evidence: the log has no randomly exposed rows.
* advantage: the person-by-category effect on completion (a skip counts as what was watched) beyond duration, category,
  video and person, in standard deviations; 0 where the person met nothing of the category.
"""

import numpy as np

from feedtwin.datasets.adaptor import F8, WatchLog
from feedtwin.datasets.constants import Constants
from feedtwin.datasets.fit_input import FitInput
from feedtwin.datasets.shrink import crossed_effects, interaction, lift_shape


def fit_affinity(log: WatchLog, data: FitInput, constants: Constants) -> F8:
    """Affinity of each person for each category.

    Args:
        log: the log, with what was watched before it.
        data: the rows of the fit.
        constants: the fit's constants.

    Returns:
        (U, K) in 0..1.
    """
    lift = _lift(log, data, constants)
    advantage = _advantage(data, constants)
    affinity = (
        constants["affinity.baseline"]
        * lift ** constants["affinity.exposure_gain"]
        * np.exp(constants["affinity.response_gain"] * advantage)
    )
    return np.asarray(np.clip(affinity, 0.0, 1.0))


def _lift(log: WatchLog, data: FitInput, constants: Constants) -> F8:
    users, categories = len(data.users), len(data.labels.categories)
    person_of = np.full(len(log.users.key), -1, dtype=np.int64)
    person_of[data.users] = np.arange(users)
    before = log.earlier
    stayed = ~data.skip
    person = np.concatenate([person_of[before.user], data.person[stayed]])
    category = np.concatenate(
        [data.labels.log_category[before.video], data.labels.category[data.item[stayed]]]
    )
    long_view = np.concatenate([before.long_view, data.rows.long_view[stayed]])
    like = np.concatenate([before.like, data.rows.like[stayed]])
    usable = (person >= 0) & (category >= 0)
    cell = (person * categories + category)[usable]
    weight = (
        constants["affinity.watch_weight"]
        + constants["affinity.long_view_weight"] * long_view
        + constants["affinity.like_weight"] * like
    )[usable]
    counts = np.bincount(cell, minlength=users * categories).reshape(users, categories)
    weights = np.bincount(cell, weight, users * categories).reshape(users, categories)
    due = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / max(int(counts.sum()), 1)
    some = due > 0
    limits = (constants["affinity.shape_low"], constants["affinity.shape_high"])
    shape = lift_shape(counts[some], due[some], limits) if some.any() else limits[1]
    total = float(weights.sum())
    if total <= 0.0:
        return np.ones((users, categories))
    pseudo = shape * total / float(counts.sum())
    expected = weights.sum(axis=1, keepdims=True) * weights.sum(axis=0) / total
    lift: F8 = (weights + pseudo) / (expected + pseudo)
    return lift


def _advantage(data: FitInput, constants: Constants) -> F8:
    users, categories = len(data.users), len(data.labels.categories)
    cell = data.person.astype(np.int64) * categories + data.labels.category[data.item]
    effects = crossed_effects(data.completion, data.factors(), constants)
    cells, means, variance = interaction(
        data.completion - effects.fitted,
        effects.means[3][data.person],
        cell,
        data.person,
        effects.noise,
        constants["effects.variance_low"],
    )
    advantage = np.zeros(users * categories)
    advantage[cells] = means / np.sqrt(variance)
    return advantage.reshape(users, categories)
