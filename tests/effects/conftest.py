"""Does a mechanism move the number it should? Paired worlds that share all chance, with an interval."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from feedtwin.kernels.binding import Kernels, load
from feedtwin.schema.settings import resolve
from feedtwin.world.build import build
from feedtwin.world.world import World

Measure = Callable[[World], float]


@dataclass(frozen=True)
class Effect:
    """Mean difference (treated - base) over replicates, with its 95 % Student interval."""

    mean: float
    low: float
    high: float
    differences: np.ndarray

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def run(sets: Sequence[str], replicate: int, kernels: Kernels, **shape: Any) -> World:
    """One small world, run to its last step; `prepare` of the shape gets it before the first."""
    world = build(
        resolve(
            shape.get("world", "synthetic"), users=shape.get("users", 400), seed=11,
            replicate=replicate, sets=sets,
        ),
        kernels,
    )  # fmt: skip
    shape.get("prepare", lambda world: None)(world)
    for _ in range(shape.get("steps", 24)):
        world.step()
    return world


def effect(
    measure: Measure,
    base: Sequence[str],
    treated: Sequence[str],
    kernels: Kernels,
    replicates: int = 12,
    **shape: Any,
) -> Effect:
    """The paired effect of `treated` against `base` (texts as for --set) on `measure`."""
    pairs = [
        measure(run(treated, r, kernels, **shape)) - measure(run(base, r, kernels, **shape))
        for r in range(replicates)
    ]
    return interval(pairs)


def interval(pairs: Sequence[float]) -> Effect:
    """The mean of paired differences with its 95 % Student interval."""
    differences = np.asarray(pairs, float)
    count = len(differences)
    mean, error = differences.mean(), differences.std(ddof=1) / np.sqrt(count)
    half = float(stats.t.ppf(0.975, count - 1) * error)
    return Effect(float(mean), float(mean) - half, float(mean) + half, differences)


def same_digest(
    base: Sequence[str], placebo: Sequence[str], kernels: Kernels, **shape: Any
) -> bool:
    """Whether a change without a causal path leaves the world as it is."""
    return run(base, 0, kernels, **shape).digest == run(placebo, 0, kernels, **shape).digest


@pytest.fixture(scope="session")
def kernels() -> Kernels:
    return load("auto")


@pytest.fixture(scope="session")
def paired() -> SimpleNamespace:
    """The helpers above: `effect`, `interval`, `same_digest` and `run`."""
    return SimpleNamespace(effect=effect, interval=interval, same_digest=same_digest, run=run)
