"""An emulator of every pattern: a plane and, on what is left, a Gaussian process (scikit-learn)."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedtwin.datasets.adaptor import F8
from feedtwin.errors import SettingsError

_LENGTH = (0.1, 20.0)
"""Bounds of the length scales, in units of the prior's range; at the upper end a parameter does nothing."""
_NOISE = (1e-4, 4.0)
"""Bounds of the noise variance, in units of the variance that the plane leaves."""


def _library() -> Any:
    try:
        from sklearn import gaussian_process
    except ImportError:
        raise SettingsError(
            "the ecosystem level needs scikit-learn, which is not installed: pip install 'feedtwin[calibration]'."
        ) from None
    return gaussian_process


@dataclass(frozen=True)
class Emulator:
    """Fitted emulators; P patterns over a d-dimensional unit cube.

    Attributes:
        plane: (d + 1, P) intercept and slopes.
        scale: (P,) standard deviation that the plane leaves.
        models: a Gaussian process per pattern; None where the plane leaves nothing.
        noise: (P,) variance of one world's pattern about its expectation.
    """

    plane: F8
    scale: F8
    models: tuple[Any, ...]
    noise: F8

    def predict(self, unit: F8) -> tuple[F8, F8]:
        """Expected patterns and the emulator's own variance at points (m, d): two arrays (m, P)."""
        mean = _with_one(unit) @ self.plane
        variance = np.zeros_like(mean)
        for k, model in enumerate(self.models):
            if model is not None:
                rest, sd = model.predict(unit, return_std=True)
                mean[:, k] += self.scale[k] * rest
                about = np.maximum(sd**2 - self.noise[k] / self.scale[k] ** 2, 0.0)
                variance[:, k] = self.scale[k] ** 2 * about
        return mean, variance


def fit_emulator(unit: F8, patterns: F8) -> Emulator:
    """Fits the emulators.

    Args:
        unit: (n, d) points.
        patterns: (n, P) what one world gave at each.

    Returns:
        The emulators; noise is estimated, as points are not repeated.
    """
    gp = _library()
    kernels = gp.kernels
    plane: F8 = np.asarray(np.linalg.lstsq(_with_one(unit), patterns, rcond=None)[0], np.float64)
    rest = patterns - _with_one(unit) @ plane
    scale = np.asarray(rest.std(axis=0), np.float64)
    noise: F8 = np.zeros(len(scale))
    models: list[Any] = []
    for k, spread in enumerate(scale.tolist()):
        if spread <= 1e-9 * max(1.0, float(np.abs(patterns[:, k]).max())):
            models.append(None)
            continue
        kernel = kernels.ConstantKernel(0.5, (1e-3, 1e2)) * kernels.Matern(
            np.ones(unit.shape[1]), _LENGTH, nu=2.5
        ) + kernels.WhiteKernel(0.5, _NOISE)
        model = gp.GaussianProcessRegressor(kernel, random_state=0)
        with (
            warnings.catch_warnings()
        ):  # a length scale at its bound is a parameter that does nothing
            warnings.simplefilter("ignore", UserWarning)
            model.fit(unit, rest[:, k] / spread)
        noise[k] = float(model.kernel_.k2.noise_level) * spread**2
        models.append(model)
    return Emulator(plane, scale, tuple(models), noise)


def _with_one(unit: F8) -> F8:
    return np.concatenate([np.ones((len(unit), 1)), unit - 0.5], axis=1)
