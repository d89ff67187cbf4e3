"""The study `random-exposure`: what becomes of outcomes when everybody meets every video of the pool with equal chance.

    ratio = mean over people of the rate under random exposure / mean over the same people of the rate under the recommender

How strongly the platform matched people and videos is counted in nats: by how much the log of a pair's chance to be shown exceeds that
of a pair at random, on average. Three estimates, each containing the one before:

    additive    columns only: persons and videos as fitted, any person with any video
    visible     and the matching that can be seen in who met what, and what each nat of it does (`matching`, `response`)
    estimate    and as much unseen matching as lies half-way between the visible and the strongest (their geometric mean), each nat doing
                what a visible one does

The strongest matching is that of a platform whose own score tells an exposed video from another of the same day with probability
`exposure.auc_most`; for normal scores that is 2 quantile(auc)^2 nats. The interval is the union of two things that are also given
apart. `parameter`: people resampled and the response fitted anew each time. `matching`: from none at all to the strongest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from feedtwin.calibration.exposure.groups import Group, groups_of
from feedtwin.calibration.exposure.matching import (
    Matching,
    Pairs,
    matching,
    random_pairs,
)
from feedtwin.calibration.exposure.metrics import (
    METRICS,
    expected,
    from_link,
    metrics_of,
    observed,
)
from feedtwin.calibration.exposure.response import SLOPE, Designs, designs, respond
from feedtwin.calibration.model import EncounterModel
from feedtwin.datasets.adaptor import F8
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.hashing import normals, uniforms
from feedtwin.errors import DataError

Constants = Mapping[str, Any]
OnStage = Callable[[str], None]
ADDITIVE, VISIBLE, CENTRAL, STRONGEST = range(4)
"""How much matching: none, the visible, half-way to the strongest, the strongest that the band allows."""


@dataclass(frozen=True)
class Material:
    """Everything that does not depend on the resample.

    Attributes:
        log: the log.
        groups: whose ratios are asked for.
        score: of the pairs.
        design: of the response.
        nats: (STRONGEST + 1,) matching of each estimate; the first two are the visible one.
        outcome: metric -> (n,).
        logged, random: metric -> what the columns say, (n,) and (n, k), on the link's scale.
        constants: the section `calibration`.
    """

    log: EncounterLog
    groups: list[Group]
    score: Matching
    design: Designs
    nats: F8
    outcome: Mapping[str, F8]
    logged: Mapping[str, F8]
    random: Mapping[str, F8]
    constants: Constants


def prepare(
    model: EncounterModel, log: EncounterLog, constants: Constants, on_stage: OnStage
) -> Material:
    """Reads both arms off the model and scores their pairs.

    Raises:
        DataError: The log holds randomly exposed impressions, no watch times, or fewer than two videos or people.
    """
    c = constants
    name = log.provenance.name
    exposed = int(log.rows.random.sum())
    if exposed:
        raise DataError(
            f"{name}: {exposed} of {len(log.rows)} impressions were exposed at random; expected a log of a recommender alone, "
            "because a fit that has seen the answer predicts nothing. Take these rows out and calibrate again."
        )
    if "watch" not in log.recorded:
        raise DataError(f"{name}: the log holds no watch times; the study needs them.")
    people, films = len(np.unique(log.rows.user)), len(log.videos.key)
    if min(people, films) < c["exposure.fewest"]:
        raise DataError(
            f"{name}: {people} people and a pool of {films} videos; expected at least {c['exposure.fewest']} of each. "
            "Use a longer log."
        )
    folds = int(c["exposure.folds"])
    own = Pairs.of(log, log.rows.user, log.rows.video, folds)
    other, random_log = random_pairs(log, int(c["exposure.draws"]), folds)
    on_stage("reading both arms off the fitted encounter")
    outcome = observed(log, model.material(log))
    logged = expected(model, log)
    random = expected(model, random_log)
    met = np.bincount(own.video, minlength=films).astype(np.float64)
    if log.met is not None:
        met += np.bincount(log.met[1], minlength=films)
    on_stage("scoring pairs by who met what")
    score = matching(log, own, other, c)
    return Material(
        log, groups_of(log), score, designs(score, own, other, met, c), _nats(score, c),
        outcome, logged, random, c,
    )  # fmt: skip


def _nats(score: Matching, c: Constants) -> F8:
    """How strongly the platform matched, by estimate."""
    visible = 2.0 * float(ndtri(np.clip(score.auc, 0.5, 1.0 - 1e-6))) ** 2
    most = max(2.0 * float(ndtri(c["exposure.auc_most"])) ** 2, visible)
    return np.array([visible, visible, (visible * most) ** 0.5, most])


def estimate(
    model: EncounterModel,
    log: EncounterLog,
    constants: Constants,
    on_stage: OnStage = lambda _: None,
) -> dict[str, Any]:
    """Estimates the ratios.

    Args:
        model: an encounter fitted to this very log.
        log: impressions that a recommender chose; the pool is its table of videos.
        constants: the section `calibration`.
        on_stage: told what is being done.

    Returns:
        Plain data: `ratios`, `segments` and `surfaces` (each metric with `estimate`, `low`, `high`, `parameter`, `matching` and
        the rates), and `matching`, `overlap` on what they rest on.

    Raises:
        DataError: As `prepare`.
    """
    material = prepare(model, log, constants, on_stage)
    count = int(constants["exposure.resamples"])
    names = metrics_of(log)
    weights = _resamples(material, count)
    groups = material.groups
    rates = np.full((count + 1, len(names), len(groups), 2 + STRONGEST), np.nan)
    robust = np.full((count + 1, len(names)), np.nan)
    slopes = np.full((count + 1, len(names)), np.nan)
    start: dict[tuple[str, bool], F8] = {}
    balance = _balance(material)
    for r in range(count + 1):
        if r % 20 == 0:
            on_stage(f"resample {r} of {count}")
        weight = weights(r)
        fits = _fits(material, weight, r, start)
        for m, name in enumerate(names):
            beta = fits[name, True]
            slopes[r, m] = beta[SLOPE]
            rates[r, m], robust[r, m] = _rates(
                material, name, (beta, fits[name, False]), weight, balance
            )
        start = start or fits
    return _result(material, names, rates, robust, slopes, balance)


def _resamples(material: Material, count: int) -> Callable[[int], F8]:
    """Weight of every impression's person in a resample: 1 in the first, else exponential (Rubin's Bayesian bootstrap, 1981)."""
    user = material.log.rows.user
    people = len(material.log.users.key)

    def weight(number: int) -> F8:
        if number == 0:
            return np.ones(len(user))
        drawn = -np.log(uniforms(np.arange(people) + number * people, "exposure/resample"))
        return np.asarray(drawn[user], dtype=np.float64)

    return weight


def _fits(
    material: Material, weight: F8, number: int, start: Mapping[tuple[str, bool], F8]
) -> dict[tuple[str, bool], F8]:
    """Coefficients by metric, with the score and without it.

    Each resample has another centre of the prior, drawn from it: where the log says little, the spread of the prior stays in the
    interval instead of a point at its middle.
    """
    c, whole = material.constants, material.groups[0].weight
    rows = weight * whole * len(weight) / whole.sum()
    sd = np.array([np.inf, c["exposure.slope_sd"], *[c["exposure.mean_sd"]] * 3])
    without = np.array([0.0, 1e9, 1e9, 1e9, sd[-1] ** -2])
    found = {}
    for place, (name, outcome) in enumerate(material.outcome.items()):
        drawn = normals(np.arange(5) + 5 * (number * len(METRICS) + place), "exposure/prior")
        centre = np.where(np.isfinite(sd), sd, 0.0) * drawn if number else np.zeros(5)
        for is_scored in (True, False):
            prior = (centre, sd**-2.0) if is_scored else (np.zeros(5), without)
            found[name, is_scored] = respond(
                name, outcome, material.design.logged, material.logged[name], rows, prior,
                start.get((name, is_scored), np.zeros(5)),
            )  # fmt: skip
    return found


def _rates(
    material: Material, name: str, fits: tuple[F8, F8], weight: F8, balance: F8
) -> tuple[F8, float]:
    """Rates of every group: recommender, then random at each strength, (G, 5); and the doubly robust rate of all."""
    (beta, without), one, nats = fits, material.design, material.nats
    at = one.logged @ beta + material.logged[name]
    plain = material.random[name] + one.random @ without
    seen = material.random[name] + one.random @ beta
    draws = len(seen) // len(at)
    arms = [from_link(name, at)]
    unseen = [seen - beta[SLOPE] * (more - nats[VISIBLE]) for more in nats[VISIBLE:]]
    for linear in (plain, *unseen):
        arms.append(from_link(name, linear).reshape(-1, draws).mean(axis=1))
    stack = np.stack(arms, axis=1)
    by_group = np.stack([group.weight * weight for group in material.groups])
    rates = by_group @ stack / np.maximum(by_group.sum(axis=1, keepdims=True), 1e-300)
    left = weight * balance
    residual = float(np.sum(left * (material.outcome[name] - arms[0])) / np.sum(left))
    return rates, float(rates[0, 1 + VISIBLE]) + residual


def _balance(material: Material) -> F8:
    """Weights that make the exposures look like random ones: of people alike, over videos and scores, (n,); cut at a quantile."""
    c, log = material.constants, material.log
    rows = np.bincount(log.rows.video, minlength=len(log.videos.key))
    often = rows[log.rows.video] + float(c["exposure.video_rows"])
    weight = np.exp(-material.design.logged[:, SLOPE]) / often
    weight = np.minimum(weight, np.quantile(weight, 1.0 - c["exposure.edge"]))
    return weight * material.groups[0].weight


def _result(
    material: Material, names: tuple[str, ...], rates: F8, robust: F8, slopes: F8, balance: F8
) -> dict[str, Any]:
    tail = (1.0 - float(material.constants["judge.confidence"])) / 2.0

    def span(values: F8) -> list[float]:
        return [float(x) for x in np.nanquantile(values[1:], [tail, 1.0 - tail])]

    ratio = rates[..., 1:] / np.maximum(rates[..., :1], 1e-300)
    raw = {
        group.name: {
            name: float(np.average(material.outcome[name], weights=group.weight)) for name in names
        }
        for group in material.groups
    }

    def one(m: int, g: int) -> dict[str, Any]:
        own = ratio[:, m, g, :]
        ends = [span(own[:, k]) for k in range(STRONGEST + 1)]
        points = [float(x) for x in own[0]]
        return {
            "estimate": points[CENTRAL],
            "low": min(low for low, _ in ends),
            "high": max(high for _, high in ends),
            "parameter": {"low": ends[CENTRAL][0], "high": ends[CENTRAL][1]},
            "matching": {"low": min(points), "high": max(points)},
            "additive": points[ADDITIVE],
            "visible": points[VISIBLE],
            "rate_recommender": float(rates[0, m, g, 0]),
            "rate_random": float(rates[0, m, g, 1 + CENTRAL]),
            "rate_logged": raw[material.groups[g].name][names[m]],
        }

    def of_kind(kind: str) -> dict[str, Any]:
        return {
            group.name: {
                "users": group.users,
                "impressions": group.rows,
                "ratios": {name: one(m, g) for m, name in enumerate(names)},
            }
            for g, group in enumerate(material.groups)
            if group.kind == kind
        }

    base = rates[0, :, 0, 0]
    total = float(balance.sum()) ** 2 / float((balance**2).sum())
    own, other = material.score.logged, material.score.random
    low = float(np.quantile(own, material.constants["exposure.edge"]))
    return {
        "users": material.groups[0].users,
        "impressions": material.groups[0].rows,
        "pool": len(material.log.videos.key),
        "pool_seen": int(np.count_nonzero(np.bincount(material.log.rows.video))),
        "ratios": {name: one(m, 0) for m, name in enumerate(names)},
        "segments": of_kind("segment"),
        "surfaces": of_kind("surface"),
        "matching": {
            "auc": material.score.auc,
            "nats_visible": float(material.nats[VISIBLE]),
            "nats_estimate": float(material.nats[CENTRAL]),
            "nats_most": float(material.nats[STRONGEST]),
            "per_nat": {name: float(slopes[0, m]) for m, name in enumerate(names)},
            "per_nat_interval": {name: span(slopes[:, m]) for m, name in enumerate(names)},
        },
        "overlap": {
            "effective_impressions": total,
            "random_pairs_below_exposed": float(np.mean(other < low)),
            "doubly_robust": {
                name: {
                    "ratio": float(robust[0, m] / base[m]),
                    "low": span(robust[:, m] / rates[:, m, 0, 0])[0],
                    "high": span(robust[:, m] / rates[:, m, 0, 0])[1],
                }
                for m, name in enumerate(names)
            },
        },
    }
