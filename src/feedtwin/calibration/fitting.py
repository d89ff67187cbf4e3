"""The encounter fitted to a log, stage by stage; a stage that is done is kept, so that a fit can be taken up again."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from feedtwin.calibration.design import encoding_of
from feedtwin.calibration.effects import logistic_fit
from feedtwin.calibration.head import Head, fit_head
from feedtwin.calibration.material import Material, median_duration
from feedtwin.calibration.model import SIGNALS, EncounterModel
from feedtwin.calibration.tables import WatchTables, fit_tables, progress
from feedtwin.datasets.adaptor import F8, Flags
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.errors import DataError

Constants = Mapping[str, Any]
Arrays = dict[str, np.ndarray]
Stage = Callable[[str, Callable[[], Arrays]], Arrays]
"""Gives the arrays of a stage: kept ones, or those that the function computes."""


def stages_of(log: EncounterLog) -> tuple[str, ...]:
    """Names of the stages of a fit to a log."""
    return ("skip", "watch", *(name for name in SIGNALS if name in log.recorded), "tables")


def fit_encounter(
    log: EncounterLog, rows: Flags, constants: Constants, stage: Stage
) -> EncounterModel:
    """Fits the encounter.

    Randomly exposed impressions are in the fit like others; what is confounded by exposure is said in
    docs/concepts/calibration.md.

    Args:
        log: the log; it must hold watch times.
        rows: (n,) rows of the fit.
        constants: the section `calibration`.
        stage: keeps what a stage computed.

    Returns:
        The model.

    Raises:
        DataError: The log holds no watch times, or too few rows.
    """
    if "watch" not in log.recorded:
        raise DataError(
            f"{log.provenance.name}: the log holds no watch times; calibration needs them."
        )
    if rows.sum() < constants["boosting.events_min"]:
        raise DataError(
            f"{log.provenance.name}: {int(rows.sum())} rows are left for the fit; at least "
            f"{constants['boosting.events_min']} are expected."
        )
    material = Material(log, encoding_of(log), constants, median_duration(log))
    impressions = log.rows
    skip = impressions.watch_s < 3.0
    stay = rows & ~skip
    heads, unseen = {}, {}
    scores = _normal_scores(progress(impressions.watch_s, material.duration_s), material, stay)
    for name in stages_of(log)[:-1]:
        outcome = {"skip": skip, "watch": scores}.get(name)
        if outcome is None:
            outcome = getattr(impressions, name)
        arrays = stage(
            name, _head_stage(material, outcome, stay if name == "watch" else rows, name, constants)
        )
        unseen[name] = arrays.pop("unseen")
        heads[name] = Head.from_arrays(arrays)

    def tables() -> Arrays:
        found = fit_tables(
            unseen["watch"],
            impressions.watch_s,
            material.duration_s,
            impressions.surface,
            skip,
            rows,
            constants,
        ).arrays()
        fate = _fates(impressions.watch_s, material.duration_s, constants)
        for name in heads:
            if name in SIGNALS:
                found[f"fate.{name}"] = _fate_line(
                    getattr(impressions, name)[rows], unseen[name][rows], fate[rows]
                )
        return found

    arrays = stage("tables", tables)
    return model_of(material, heads, arrays)


def model_of(
    material: Material, heads: Mapping[str, Head], arrays: Mapping[str, np.ndarray]
) -> EncounterModel:
    """The model of fitted heads and tables."""
    return EncounterModel(
        material.encoding,
        material.constants,
        material.median_s,
        heads,
        WatchTables(**{f.name: arrays[f.name] for f in fields(WatchTables)}),
        {name: arrays[f"fate.{name}"] for name in heads if name in SIGNALS},
        material.films[np.argsort(material.log.videos.key, kind="stable")],
    )


def _head_stage(
    material: Material, outcome: np.ndarray, rows: Flags, name: str, c: Constants
) -> Callable[[], Arrays]:
    def compute() -> Arrays:
        others = [y for other, y in _past_outcomes(material).items() if other != name]
        fitted = fit_head(material, outcome.astype(np.float64), rows, name != "watch", others, c)
        return {**fitted.head.arrays(), "unseen": fitted.unseen}

    return compute


def _past_outcomes(material: Material) -> dict[str, F8]:
    """Outcomes whose past the trees of every head may read."""
    rows = material.log.rows
    return {
        "skip": (rows.watch_s < 3.0).astype(np.float64),
        "seconds": np.log1p(rows.watch_s),
        "like": rows.like.astype(np.float64),
    }


def _normal_scores(at: F8, material: Material, stay: Flags) -> F8:
    """Normal score of each watch's progress among those of its duration bin, (n,); 0 for skips."""
    edges = np.array(material.constants["watch.duration_edges_s"])
    which = np.searchsorted(edges, material.duration_s, side="left")
    found = np.zeros(len(at))
    for b in np.unique(which[stay]).tolist():
        rows = np.flatnonzero(stay & (which == b))
        rank = np.empty(len(rows))
        rank[np.argsort(at[rows], kind="stable")] = np.arange(len(rows))
        found[rows] = normal_quantile((rank + 0.5) / len(rows))
    return found


def normal_quantile(p: F8) -> F8:
    """Quantile of the standard normal distribution (Giles' polynomials, in single precision)."""
    from feedtwin.numerics import normal_quantile32

    return np.asarray(
        normal_quantile32(np.clip(p, 1e-6, 1 - 1e-6).astype(np.float32)), dtype=np.float64
    )


def _fates(watch_s: F8, duration_s: F8, c: Constants) -> F8:
    """Indicators of "begun", "far" and "finish", (n, 3)."""
    at, skip = progress(watch_s, duration_s), watch_s < 3.0
    finish = ~skip & (at >= 1.0)
    far = ~skip & ~finish & (at >= c["watch.half_way"])
    begun = ~skip & ~finish & ~far
    return np.stack([begun, far, finish], axis=1).astype(np.float64)


def _fate_line(outcome: Flags, linear: F8, fate: F8) -> F8:
    """Intercept, slope and fates of one signal, (5,)."""
    design = np.concatenate([np.ones((len(linear), 1)), linear[:, None], fate], axis=1)
    return logistic_fit(outcome.astype(np.float64), design)
