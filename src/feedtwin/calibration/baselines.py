"""Predictors that the twin must not lose against: means, an additive model, and gradient boosting on the same inputs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from feedtwin.calibration.boosting import predict_boosted
from feedtwin.calibration.effects import fit_effects, logistic
from feedtwin.calibration.material import Material
from feedtwin.datasets.adaptor import F8, I4, Flags

Constants = Mapping[str, Any]
NAMES = ("global", "item", "user", "additive", "boosting")
_PSEUDO_ROWS = 10.0
"""Rows at the global mean that an item's or a user's mean is shrunk by."""


def point_baselines(material: Material, watch_s: F8, train: Flags, c: Constants) -> dict[str, F8]:
    """Watch times by every baseline, (n,) seconds each; fitted on log(1 + s), boosting by absolute error."""
    y = np.log1p(watch_s)
    found = _means(material, y, train)
    found["global"] = np.full(len(y), float(np.median(y[train])))
    found["additive"] = _additive(material, y, train, False, c)
    features = _with_means(material, {"y": y, "skip": (watch_s < 3.0).astype(np.float64)}, train, c)
    found["boosting"] = predict_boosted(
        features, y, train, False, "absolute_error", int(c["judge.trees"]), c
    )
    return {name: np.maximum(np.expm1(values), 0.0) for name, values in found.items()}


def rate_baselines(material: Material, outcome: Flags, train: Flags, c: Constants) -> dict[str, F8]:
    """Probabilities of a yes-or-no outcome by every baseline, (n,) each."""
    y = outcome.astype(np.float64)
    found = _means(material, y, train)
    found["additive"] = logistic(_additive(material, y, train, True, c))
    features = _with_means(material, {"y": y}, train, c)
    found["boosting"] = predict_boosted(
        features, y, train, True, "log_loss", int(c["judge.trees"]), c
    )
    return found


def _means(material: Material, y: F8, train: Flags) -> dict[str, F8]:
    overall = float(y[train].mean())
    levels = dict(zip(("user", "item"), material.factors()[:2], strict=True))
    found = {name: _mean_of(y, train, *levels[name], overall)[levels[name][0]] for name in levels}
    found["global"] = np.full(len(y), overall)
    return found


def _mean_of(y: F8, train: Flags, level: I4, count: int, overall: float) -> F8:
    total = np.bincount(level[train], y[train], count)
    rows = np.bincount(level[train], minlength=count)
    result: F8 = (total + _PSEUDO_ROWS * overall) / (rows + _PSEUDO_ROWS)
    return result


def _additive(material: Material, y: F8, train: Flags, binary: bool, c: Constants) -> F8:
    factors = [*material.factors()[:2], (material.log.rows.surface.astype(np.int32), 256)]
    chosen = [(level[train], count) for level, count in factors]
    fitted = fit_effects(y[train], np.zeros(int(train.sum())), chosen, binary, c)
    return fitted.of([level for level, _ in factors])


def _with_means(material: Material, outcomes: Mapping[str, F8], train: Flags, c: Constants) -> F8:
    """The features with out-of-fold means of the outcomes by user, video and author; NaN where there is none."""
    fold = material.row_fold(int(c["effects.folds"]))
    columns = [material.matrix()]
    for y in outcomes.values():
        overall = float(y[train].mean())
        for level, count in material.factors():
            column = np.full(len(train), np.nan)
            for number in range(int(c["effects.folds"])):
                other = train & (fold != number)
                own = train & (fold == number)
                column[own] = _seen_mean(y, other, level, count, overall)[level[own]]
            column[~train] = _seen_mean(y, train, level, count, overall)[level[~train]]
            columns.append(column[:, None])
    return np.concatenate(columns, axis=1)


def _seen_mean(y: F8, rows: Flags, level: I4, count: int, overall: float) -> F8:
    mean = _mean_of(y, rows, level, count, overall)
    return np.where(np.bincount(level[rows], minlength=count) > 0, mean, np.nan)
