"""Sensitivity of a number that worlds give: Morris' elementary effects, then Sobol indices of the most active.

A number from a simulation is noisy, and noise looks like an effect. So one input is idle: it changes a world's chance and nothing
else, and what it seems to do is what chance does. A parameter is told from it only where its interval lies above the idle
input's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from feedtwin.calibration.ecosystem.design import ROUND
from feedtwin.datasets.adaptor import F8, I8
from feedtwin.datasets.hashing import uniforms

IDLE: Final = "(idle: chance alone)"
_LEVELS: Final = 4
_STEP: Final = _LEVELS / (2.0 * (_LEVELS - 1.0))
"""Morris (1991): levels of the grid, and the step that visits all of them equally often."""


@dataclass(frozen=True)
class Indices:
    """A measure per input, (d,) each, with its bootstrap interval."""

    value: F8
    low: F8
    high: F8


def morris_points(trajectories: int, dimensions: int, seed: int) -> F8:
    """Points of the trajectories, (trajectories, dimensions + 1, dimensions) in [0, 1].

    Two points that follow each other differ in one input, and every input changes once per trajectory.
    """
    out = np.empty((trajectories, dimensions + 1, dimensions))
    low = _LEVELS // 2
    for k in range(trajectories):
        word = f"report/morris/{k}"
        keys = np.arange(dimensions)
        start = np.floor(uniforms(keys, f"{word}/start", seed) * low) / (_LEVELS - 1.0)
        up = uniforms(keys, f"{word}/up", seed) < 0.5
        point = np.where(up, start, start + _STEP)
        out[k, 0] = point
        for row, i in enumerate(np.argsort(uniforms(keys, f"{word}/order", seed)), start=1):
            point = point.copy()
            point[i] += _STEP if up[i] else -_STEP
            out[k, row] = point
    result: F8 = np.round(out, ROUND)
    return result


def elementary_effects(points: F8, values: F8) -> F8:
    """Change of the number per whole range of an input, (trajectories, d); values are (trajectories, d + 1)."""
    steps = np.diff(points, axis=1)
    moved = np.argmax(np.abs(steps), axis=2)
    size = np.take_along_axis(steps, moved[..., None], axis=2)[..., 0]
    slopes = np.diff(values, axis=1) / size
    out = np.empty((len(points), points.shape[2]))
    np.put_along_axis(out, moved, slopes, axis=1)
    return out


def morris(effects: F8, resamples: int, confidence: float) -> Indices:
    """Mean size of the elementary effects (mu*, Campolongo et al. 2007), resampling trajectories."""
    size = np.abs(effects)
    drawn = np.stack([size[rows].mean(axis=0) for rows in _draws(len(size), resamples, "morris")])
    return _interval(size.mean(axis=0), drawn, confidence)


def most_active(found: Indices, names: list[str], count: int) -> list[int]:
    """Places of the inputs with the largest effects, the idle one left out."""
    order = np.argsort(-found.value, kind="stable").tolist()
    return [k for k in order if names[k] != IDLE][:count]


def is_active(found: Indices, names: list[str]) -> list[bool]:
    """Whether each input's interval lies above the whole interval of the idle input."""
    idle = float(found.high[names.index(IDLE)])
    return [name != IDLE and bool(low > idle) for name, low in zip(names, found.low, strict=True)]


def sobol_points(count: int, dimensions: int, seed: int) -> F8:
    """Points of A, B and A with each column from B, (dimensions + 2, count, dimensions); count is a power of two."""
    sampler = stats.qmc.Sobol(2 * dimensions, scramble=True, rng=seed)
    whole = np.round(sampler.random(count), ROUND)
    a, b = whole[:, :dimensions], whole[:, dimensions:]
    mixed = []
    for i in range(dimensions):
        one = a.copy()
        one[:, i] = b[:, i]
        mixed.append(one)
    return np.stack([a, b, *mixed])


def sobol_indices(values: F8, resamples: int, confidence: float) -> tuple[Indices, Indices] | None:
    """First-order and total indices from values (d + 2, n) at `sobol_points`; None where nothing varies.

    Estimators of Saltelli et al. (2010), by SciPy.
    """
    if not np.ptp(values[:2]) > 0:
        return None
    first, total = _indices(values)
    drawn = [_indices(values[:, rows]) for rows in _draws(values.shape[1], resamples, "sobol")]
    firsts, totals = (np.stack([one[side] for one in drawn]) for side in (0, 1))
    return _interval(first, firsts, confidence), _interval(total, totals, confidence)


def _indices(values: F8) -> tuple[F8, F8]:
    if not np.ptp(values[:2]) > 0:  # a resample of one point: it says nothing
        nothing = np.full(len(values) - 2, np.nan)
        return nothing, nothing
    found = stats.sobol_indices(
        func={"f_A": values[0][None], "f_B": values[1][None], "f_AB": values[2:, None, :]},
        n=values.shape[1],
    )
    return np.ravel(found.first_order), np.ravel(found.total_order)


def _draws(count: int, resamples: int, label: str) -> list[I8]:
    keys = np.arange(resamples * count)
    drawn = (uniforms(keys, f"report/{label}") * count).astype(np.int64)
    return list(drawn.reshape(resamples, count))


def _interval(value: F8, drawn: F8, confidence: float) -> Indices:
    tail = (1.0 - confidence) / 2.0
    return Indices(
        value, np.nanquantile(drawn, tail, axis=0), np.nanquantile(drawn, 1.0 - tail, axis=0)
    )
