"""The study `random-exposure`: what becomes of outcomes when everybody meets every video of the pool with equal chance.

    ratio = mean over people of the rate under random exposure / mean over the same people of the rate under the recommender

Three estimates, each containing the one before:

    additive    columns only: persons and videos as fitted, any person with any video
    visible     and the matching that can be seen in who met what (`matching`, `response`)
    estimate    and what more there would be to see with unlimited meetings: the shift by matching, as a function of the
                share of meetings that the score is built from, carried on to the end of its curve

The interval is the union of two things that are also given apart. `parameter`: resampled people, with the response fitted anew in each
resample. `matching`: from nothing beyond the visible to a platform whose own score tells an exposed video from another of the
same day with probability `exposure.auc_most`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

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
    WATCHED,
    expected,
    from_link,
    metrics_of,
    observed,
)
from feedtwin.calibration.exposure.response import SLOPE, Designs, designs, respond
from feedtwin.calibration.model import EncounterModel
from feedtwin.datasets.adaptor import F8
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.hashing import uniforms
from feedtwin.errors import DataError

Constants = Mapping[str, Any]
OnStage = Callable[[str], None]
ADDITIVE, VISIBLE, CENTRAL, STRONGEST = range(4)
"""How much matching: none, the visible, extrapolated, the most that the band allows."""
CURVE: Final = WATCHED[:3]
"""Metrics whose shift by matching is followed along the share of meetings: the frequent ones."""


@dataclass(frozen=True)
class Material:
    """Everything that does not depend on the resample.

    Attributes:
        log: the log.
        groups: whose ratios are asked for.
        shares: shares of the meetings, ascending, the last is 1.
        scores, designs: of each share.
        outcome: metric -> (n,).
        logged, random: metric -> what the columns say, (n,) and (n, k), on the link's scale.
        met: (M,) meetings of each video.
        constants: the section `calibration`.
    """

    log: EncounterLog
    groups: list[Group]
    shares: tuple[float, ...]
    scores: list[Matching]
    designs: list[Designs]
    outcome: Mapping[str, F8]
    logged: Mapping[str, F8]
    random: Mapping[str, F8]
    met: F8
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
    shares = tuple(float(share) for share in c["exposure.shares"])
    scores, columns = [], []
    for share in shares:
        on_stage(f"scoring pairs from {share:.0%} of the meetings")
        scores.append(matching(log, own, other, share, c))
        columns.append(designs(scores[-1], own, other, met, c))
    return Material(
        log, groups_of(log), shares, scores, columns, outcome, logged, random, met, c
    )


def estimate(
    model: EncounterModel, log: EncounterLog, constants: Constants, on_stage: OnStage = lambda _: None
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
    factors = np.full((count + 1, 2), np.nan)
    slopes = np.full((count + 1, len(names)), np.nan)
    start: dict[tuple[int, str], F8] = {}
    balance = _balance(material)
    for r in range(count + 1):
        if r % 20 == 0:
            on_stage(f"resample {r} of {count}")
        weight = weights(r)
        fits = _fits(material, weight, start)
        factors[r] = _factors(material, fits, weight)
        for m, name in enumerate(names):
            beta = fits[len(material.shares) - 1, name]
            slopes[r, m] = beta[SLOPE]
            rates[r, m], robust[r, m] = _rates(
                material, name, beta, fits[-1, name], factors[r], weight, balance
            )
        if r == 0:
            start = fits
    return _result(material, names, rates, robust, factors, slopes, balance)


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
    material: Material, weight: F8, start: Mapping[tuple[int, str], F8]
) -> dict[tuple[int, str], F8]:
    """Coefficients by place of the share and metric; -1 = without the score."""
    whole, last = material.groups[0].weight, len(material.shares) - 1
    rows = weight * whole * len(weight) / whole.sum()
    ridge = np.full(5, float(material.constants["exposure.ridge"]))
    ridge[0] = 0.0
    alone = ridge.copy()
    alone[1:4] = 1e9
    found = {}
    for name, outcome in material.outcome.items():
        for place in range(-1, last + 1):
            if place not in (-1, last) and name not in CURVE:
                continue
            columns = material.designs[last if place < 0 else place].logged
            found[place, name] = respond(
                name, outcome, columns, material.logged[name], rows,
                alone if place < 0 else ridge, start.get((place, name), np.zeros(5)),
            )  # fmt: skip
    return found


def _factors(material: Material, fits: Mapping[tuple[int, str], F8], weight: F8) -> F8:
    """By how much the visible shift is multiplied: at the end of the curve, and at the band's end."""
    c, shares = material.constants, np.array(material.shares)
    whole = weight * material.groups[0].weight
    shift = np.zeros(len(shares))
    for place, one in enumerate(material.designs):
        gap = float(np.average(one.gap, weights=whole))
        shift[place] = np.mean([fits[place, name][SLOPE] for name in CURVE]) * gap
    visible = float(np.clip(material.scores[-1].auc, 0.5 + 1e-3, 1.0 - 1e-6))
    room = float((ndtri(c["exposure.auc_most"]) / ndtri(visible)) ** 2)
    most = float(np.clip(room, 1.0, c["exposure.factor_most"]))
    return np.array([min(_end_of_curve(shares, shift), most), most])


def _end_of_curve(share: F8, shift: F8) -> float:
    """What the shift tends to, as a multiple of the last one, under shift = end x share / (share + half).

    1 where there is no shift to follow (it changes its sign or grows with fewer meetings).
    """
    if np.any(shift * shift[-1] <= 0.0):
        return 1.0
    line = np.stack([np.ones_like(share), 1.0 / share], axis=1)
    level = float(np.linalg.lstsq(line, shift[-1] / shift, rcond=None)[0][0])
    return max(1.0 / level, 1.0) if level > 0.0 else np.inf


def _rates(
    material: Material, name: str, beta: F8, without: F8, factors: F8, weight: F8, balance: F8
) -> tuple[F8, float]:
    """Rates of every group: recommender, then random at each strength, (G, 5); and the doubly robust rate of all."""
    one = material.designs[-1]
    at = one.logged @ beta + material.logged[name]
    random = material.random[name]
    plain = random + one.random @ without
    seen = random + one.random @ beta
    whole = weight * material.groups[0].weight
    more = beta[SLOPE] * float(np.average(one.gap, weights=whole))
    draws = len(random) // len(at)
    arms = [from_link(name, at)]
    for linear in (plain, seen, seen + (factors[0] - 1.0) * more, seen + (factors[1] - 1.0) * more):
        arms.append(from_link(name, linear).reshape(-1, draws).mean(axis=1))
    stack = np.stack(arms, axis=1)
    by_group = np.stack([group.weight * weight for group in material.groups])
    total = np.maximum(by_group.sum(axis=1, keepdims=True), 1e-300)
    rates = by_group @ stack / total
    left = weight * balance
    residual = float(np.sum(left * (material.outcome[name] - arms[0])) / np.sum(left))
    return rates, float(rates[0, 1 + VISIBLE]) + residual


def _balance(material: Material) -> F8:
    """Weights that make the exposures look like random ones: of people alike, over videos and scores, (n,); cut at a quantile."""
    c, log = material.constants, material.log
    rows = np.bincount(log.rows.video, minlength=len(log.videos.key))
    often = rows[log.rows.video] + float(c["exposure.video_rows"])
    weight = np.exp(-material.designs[-1].logged[:, SLOPE]) / often
    weight = np.minimum(weight, np.quantile(weight, 1.0 - c["exposure.edge"]))
    return weight * material.groups[0].weight


def _result(
    material: Material, names: tuple[str, ...], rates: F8, robust: F8, factors: F8, slopes: F8, balance: F8
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
        ends = [span(own[:, k]) for k in (VISIBLE, CENTRAL, STRONGEST)]
        points = [float(own[0, k]) for k in (VISIBLE, CENTRAL, STRONGEST)]
        return {
            "estimate": points[1],
            "low": min(low for low, _ in ends),
            "high": max(high for _, high in ends),
            "parameter": {"low": ends[1][0], "high": ends[1][1]},
            "matching": {"low": min(points), "high": max(points)},
            "additive": float(own[0, ADDITIVE]),
            "visible": points[0],
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
    gap = float(np.average(material.designs[-1].gap, weights=material.groups[0].weight))
    own, other = material.scores[-1].logged, material.scores[-1].random
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
            "auc": material.scores[-1].auc,
            "strength_nats": material.scores[-1].strength,
            "strength_by_share": {
                f"{share:g}": score.strength
                for share, score in zip(material.shares, material.scores, strict=True)
            },
            "factor": float(factors[0, 0]),
            "factor_interval": span(factors[:, 0]),
            "factor_most": float(factors[0, 1]),
            "shift_link": {name: float(slopes[0, m]) * gap for m, name in enumerate(names)},
            "shift_link_interval": {
                name: span(slopes[:, m] * gap) for m, name in enumerate(names)
            },
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
