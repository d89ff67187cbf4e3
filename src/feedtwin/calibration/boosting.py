"""Gradient boosting by scikit-learn, offline; the only module that loads it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from feedtwin.calibration.forest import Forest
from feedtwin.datasets.adaptor import F8, Flags
from feedtwin.errors import SettingsError

Constants = Mapping[str, Any]


def _library() -> Any:
    try:
        import sklearn.ensemble
    except ImportError:
        raise SettingsError(
            "calibration needs scikit-learn, which is not installed: pip install 'feedtwin[calibration]'. Prediction from a "
            "preset does not need it."
        ) from None
    return sklearn.ensemble


def _estimator(
    binary: bool, loss: str, trees: int, groups: Sequence[set[int]] | None, c: Constants
) -> Any:
    library = _library()
    options = {
        "learning_rate": c["boosting.rate"],
        "max_iter": trees,
        "max_leaf_nodes": int(c["boosting.leaves"]),
        "min_samples_leaf": int(c["boosting.leaf_rows"]),
        "l2_regularization": c["boosting.ridge"],
        "interaction_cst": None if groups is None else [set(g) for g in groups],
        "early_stopping": False,
        "random_state": 0,
    }
    if binary:
        return library.HistGradientBoostingClassifier(**options)
    return library.HistGradientBoostingRegressor(loss=loss, **options)


def fit_forest(
    features: F8,
    outcome: F8,
    binary: bool,
    groups: Sequence[set[int]],
    judge: tuple[F8, F8],
    c: Constants,
) -> tuple[Forest, F8]:
    """Fits trees of which each reads one group of features.

    Args:
        features: (n, F) features, NaN = missing.
        outcome: (n,) 0/1 when `binary`, else any number (squared error).
        binary: whether the link is the logit.
        groups: feature numbers of each group; together all features.
        judge: features and outcomes of people left out.
        c: constants `boosting.*`.

    Returns:
        The forest, which gives what the library predicts (checked), and its summed loss on the judge's rows after each
        tree: log loss when `binary`, else squared error.
    """
    model = _estimator(binary, "squared_error", int(c["boosting.trees_max"]), groups, c)
    model.fit(_filled(features), outcome)
    forest = _export(model, groups)
    some = features[:: max(len(features) // 500, 1)]
    theirs = model.decision_function(some) if binary else model.predict(some)
    ours = forest.constant() + sum(forest.of_group(g, some) for g in range(len(groups)))
    if not np.allclose(ours, theirs, rtol=1e-6, atol=1e-6):
        raise AssertionError("the exported trees do not give what the library predicts")
    rows, truth = judge
    stages = model.staged_decision_function(rows) if binary else model.staged_predict(rows)
    return forest, np.array(
        [_loss(truth, np.asarray(stage).reshape(-1), binary) for stage in stages]
    )


def _filled(features: F8) -> F8:
    """The features with a constant where a column holds no value at all: no tree reads it, and the library refuses it."""
    return np.where(np.isnan(features).all(axis=0), 0.0, features)


def _loss(truth: F8, linear: F8, binary: bool) -> float:
    if not binary:
        return float(np.sum((truth - linear) ** 2))
    return float(np.sum(np.logaddexp(0.0, linear) - truth * linear))


def predict_boosted(
    features: F8, outcome: F8, train: Flags, binary: bool, loss: str, trees: int, c: Constants
) -> F8:
    """Predictions of ordinary gradient boosting, all features together: a baseline, not the model."""
    model = _estimator(binary, loss, trees, None, c)
    model.fit(_filled(features[train]), outcome[train])
    if binary:
        return np.asarray(model.predict_proba(features)[:, 1], dtype=np.float64)
    return np.asarray(model.predict(features), dtype=np.float64)


def _export(model: Any, groups: Sequence[set[int]]) -> Forest:
    group_of = {feature: g for g, members in enumerate(groups) for feature in members}
    trees = [predictor[0].nodes for predictor in model._predictors]
    root = np.cumsum([0] + [len(nodes) for nodes in trees])[:-1]
    nodes = np.concatenate(trees)
    shift = np.repeat(root, [len(t) for t in trees]).astype(np.int64)
    leaf = nodes["is_leaf"].astype(bool)
    feature = np.where(leaf, -1, nodes["feature_idx"]).astype(np.int32)
    return Forest(
        feature=feature,
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]).astype(np.float64),
        left=(nodes["left"].astype(np.int64) + shift).astype(np.int32),
        right=(nodes["right"].astype(np.int64) + shift).astype(np.int32),
        missing_left=nodes["missing_go_to_left"].astype(np.uint8),
        value=nodes["value"].astype(np.float64),
        root=root.astype(np.int32),
        group=np.array([group_of.get(int(feature[r]), -1) for r in root], dtype=np.int32),
        base=np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1)[:1],
    )
