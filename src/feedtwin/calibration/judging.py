"""How well the held-out fit of a preset does on what it never saw: scores beside baselines, curves and distances."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from feedtwin.calibration.baselines import NAMES, point_baselines, rate_baselines
from feedtwin.calibration.model import EncounterModel
from feedtwin.calibration.predicting import predict
from feedtwin.calibration.scores import (
    BETTER,
    Resamples,
    calibration_curve,
    distance,
    point_scores,
    rate_scores,
)
from feedtwin.calibration.split import Split
from feedtwin.datasets.adaptor import F8, Flags
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.facts import BUCKETS_S

Constants = Mapping[str, Any]
TWIN = "twin"
RIVALS = ("boosting", "additive")
ALL, FEED = "all", "feed"
"""Where scores are taken: on all surfaces, and on the one with most impressions; where it is the only one, there alone."""
_SAMPLES = 4
"""Outcomes drawn per impression where distributions are compared."""


def judge(
    model: EncounterModel,
    log: EncounterLog,
    split: Split,
    constants: Constants,
    on_stage: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Judges a model on the held-out parts of its log.

    Args:
        model: a fit to `split.train`.
        log: the whole log.
        split: which rows were held out.
        constants: the section `calibration`.
        on_stage: told what is being done.

    Returns:
        A plain mapping: per part and surface the scores (`scores`), per part the calibration curves (`curves`) and
        distances (`distances`), and the verdicts (`verdicts`).
    """
    on_stage("predicting")
    found = predict(model, log, _SAMPLES)
    material, rows = model.material(log), log.rows
    skip = rows.watch_s < 3.0
    guesses: dict[str, dict[str, F8]] = {}
    on_stage("watch time: baselines")
    guesses["watch"] = point_baselines(material, rows.watch_s, split.train, constants)
    guesses["watch"][TWIN] = found["watch_s_median"]
    truths: dict[str, Flags] = {"skip": skip}
    if "like" in log.recorded:
        truths["like"] = rows.like
    for name, truth in truths.items():
        on_stage(f"{name}: baselines")
        guesses[name] = rate_baselines(material, truth, split.train, constants)
        guesses[name][TWIN] = found[f"{name}_p"]
    feed = int(np.bincount(rows.surface).argmax())
    parts = {"later days": split.days, "other people": split.people}
    report: dict[str, Any] = {
        "feed": feed,
        "scores": [],
        "curves": [],
        "distances": [],
        "means": [],
    }
    for part, whole in parts.items():
        if not whole.any():
            continue
        on_stage(f"scoring {part}")
        on_feed = whole & (rows.surface == feed)
        places = {FEED: on_feed} if on_feed.sum() == whole.sum() else {ALL: whole, FEED: on_feed}
        for place, chosen in places.items():
            _score(report, f"{part}, {place}", chosen, log, guesses, truths, constants)
        _curves(report, part, whole, log, guesses, truths, constants)
        _distances(report, part, on_feed, log, material.duration_s, found, constants)
    report["verdicts"] = _verdicts(report)
    return report


def _draws(log: EncounterLog, chosen: Flags, c: Constants) -> Resamples:
    users = log.users.key[log.rows.user[chosen]]
    return Resamples.of(users, int(c["judge.resamples"]), float(c["judge.confidence"]))


def _score(
    report: dict[str, Any],
    where: str,
    chosen: Flags,
    log: EncounterLog,
    guesses: Mapping[str, Mapping[str, F8]],
    truths: Mapping[str, Flags],
    c: Constants,
) -> None:
    draws = _draws(log, chosen, c)
    for outcome, methods in guesses.items():
        of = {name: values[chosen] for name, values in methods.items()}
        if outcome == "watch":
            scores = point_scores(draws, log.rows.watch_s[chosen], of)
        else:
            scores = rate_scores(draws, truths[outcome][chosen], of)
        for score, values in scores.items():
            row: dict[str, Any] = {
                "where": where, "n": int(chosen.sum()), "outcome": outcome, "score": score, "better": BETTER[score],
            }  # fmt: skip
            row |= {name: float(values[name][0]) for name in (TWIN, *NAMES)}
            for rival in RIVALS:
                gap = draws.estimate(values[TWIN] - values[rival])
                row[f"against_{rival}"] = [gap.value, gap.low, gap.high]
            report["scores"].append(row)


def _curves(
    report: dict[str, Any],
    part: str,
    chosen: Flags,
    log: EncounterLog,
    guesses: Mapping[str, Mapping[str, F8]],
    truths: Mapping[str, Flags],
    c: Constants,
) -> None:
    draws = _draws(log, chosen, c)
    for outcome, truth in truths.items():
        for point in calibration_curve(draws, truth[chosen], guesses[outcome][TWIN][chosen]):
            allowed = c["judge.calibration_points"] + 2.0 * point["se"]
            gap = point["observed"] - point["predicted"]
            report["curves"].append({
                "where": part, "outcome": outcome, **point, "gap": gap, "allowed": allowed,
                "passes": abs(gap) <= allowed,
            })  # fmt: skip


def _distances(
    report: dict[str, Any],
    part: str,
    chosen: Flags,
    log: EncounterLog,
    duration_s: F8,
    found: Mapping[str, np.ndarray],
    c: Constants,
) -> None:
    names = [f"up to {edge:g} s" for edge in BUCKETS_S] + [f"over {BUCKETS_S[-1]:g} s"]
    bucket = np.searchsorted(np.array(BUCKETS_S), duration_s, side="left")
    samples = [f"sample_{k}_watch_s" for k in range(1, _SAMPLES + 1)]
    for b, name in [(-1, "all"), *enumerate(names)]:
        rows = chosen & (log.rows.duration_s > 0) & ((bucket == b) | (b < 0))
        count = int(rows.sum())
        if count < 2:
            continue
        real = log.rows.watch_s[rows]
        drawn = np.concatenate([found[k][rows] for k in samples])
        span = duration_s[rows]
        allowed = c["judge.distance"] + c["judge.distance_noise"] / np.sqrt(count)
        for what, one, two in (
            ("watch time", drawn, real),
            ("watch ratio", drawn / np.tile(span, _SAMPLES), real / span),
        ):
            far = distance(one, two)
            report["distances"].append({
                "where": part, "durations": name, "what": what, "n": count, "distance": far,
                "allowed": float(allowed), "passes": bool(far <= allowed),
            })  # fmt: skip


def _verdicts(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The promises, each with how many of its parts hold."""

    def sign(row: Mapping[str, Any]) -> float:
        return 1.0 if row["better"] == "low" else -1.0

    def no_worse(row: Mapping[str, Any]) -> bool:
        low, high = row["against_boosting"][1:]
        return bool((low if sign(row) > 0 else -high) <= 0.0)

    def beats(row: Mapping[str, Any]) -> bool:
        low, high = row["against_additive"][1:]
        return bool((high if sign(row) > 0 else -low) < 0.0)

    # Likes are promised in their order alone. On surfaces that show covers, predicting 0 wins SMAPE.
    scored = [
        r
        for r in report["scores"]
        if (r["outcome"], r["score"]) != ("like", "log_loss")
        and not (r["score"] == "smape" and r["where"].endswith(ALL))
    ]
    checks = {
        "no worse than gradient boosting (the interval of the difference reaches 0 or better)": [no_worse(r) for r in scored],
        "better than the additive model (the whole interval)": [beats(r) for r in scored],
        "calibration curves within 2 points and two standard errors": [r["passes"] for r in report["curves"]],
        "watch time and watch ratio within the stated distance": [r["passes"] for r in report["distances"]],
    }  # fmt: skip
    return [{"promise": name, "holds": sum(held), "of": len(held)} for name, held in checks.items()]
