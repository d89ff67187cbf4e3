"""Distributional effects: quantiles and Lorenz curves of arms, and how they differ."""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from feedtwin.lab.run_data import Array
from feedtwin.lab.statistics import lorenz_verdict, simultaneous
from feedtwin.lab.statistics.distributions import QUANTILES, Bands
from feedtwin.lab.study.distributions import DISTRIBUTIONS
from feedtwin.lab.study.estimating import Cells
from feedtwin.lab.study.measuring import LORENZ_POINTS
from feedtwin.lab.study.plan import Contrast, Study
from feedtwin.lab.study.result import CurvePoint

_AT = {"quantile": QUANTILES, "lorenz": LORENZ_POINTS}


def curves_of(study: Study, cells: Cells, calibration: str) -> tuple[CurvePoint, ...]:
    """Return every point of every distribution that a study compares: of arms, then of contrasts."""
    out: list[CurvePoint] = []
    for name in study.distributions:
        for kind in _AT:
            for arm in study.arms:
                out += _of_arm(study, cells, name, kind, arm, calibration)
            for contrast in study.contrasts:
                out += _of_contrast(study, cells, name, kind, contrast, calibration)
    return tuple(out)


def _points(cells: Cells, name: str, kind: str, contrast: dict[str, float]) -> Array:
    """Weighted curves by distinct replicate, float (n, k); replicates without them are left out."""
    rows = []
    for row in cells.distinct(tuple(contrast)):
        found = {arm: one.curves.get((name, kind)) for arm, one in row.items()}
        known = {arm: np.array(points, np.float64) for arm, points in found.items() if points}
        if len(known) == len(contrast) and all(np.isfinite(one).all() for one in known.values()):
            rows.append(sum(weight * known[arm] for arm, weight in contrast.items()))
    return np.array(rows, np.float64).reshape(len(rows), len(_AT[kind]))


def _of_arm(
    study: Study, cells: Cells, name: str, kind: str, arm: str, calibration: str
) -> Iterator[CurvePoint]:  # fmt: skip
    points = _points(cells, name, kind, {arm: 1.0})
    n = len(points)
    if not n:
        return
    mean = points.mean(axis=0)
    half = None
    if n > 1:
        edge = float(stats.t.ppf(0.5 + study.confidence / 2, n - 1))
        half = edge * points.std(axis=0, ddof=1) / np.sqrt(n)
    about = DISTRIBUTIONS[name]
    for place, at in enumerate(_AT[kind]):
        low = None if half is None else float(mean[place] - half[place])
        high = None if half is None else float(mean[place] + half[place])
        yield CurvePoint(
            name, about.label, about.unit if kind == "quantile" else "share", kind, arm, False, at,
            n, float(mean[place]), low, high, None, "", calibration,
        )  # fmt: skip


def _of_contrast(
    study: Study, cells: Cells, name: str, kind: str, contrast: Contrast, calibration: str
) -> Iterator[CurvePoint]:  # fmt: skip
    differences = _points(cells, name, kind, dict(contrast.weights))
    n = len(differences)
    if not n:
        return
    bands: Bands = simultaneous(
        differences, np.zeros_like(differences), confidence=study.confidence, seed=study.seed
    )
    said = lorenz_verdict(bands) if kind == "lorenz" else bands.verdict
    about = DISTRIBUTIONS[name]
    for place, at in enumerate(_AT[kind]):
        known = bands.p is not None
        yield CurvePoint(
            name, about.label, about.unit if kind == "quantile" else "share", kind, contrast.name,
            True, at, n, float(bands.estimate[place]), float(bands.low[place]) if known else None,
            float(bands.high[place]) if known else None, bands.p, said,
            calibration,
        )  # fmt: skip
